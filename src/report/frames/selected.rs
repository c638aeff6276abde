//! Which frames are asked for.

use std::collections::BTreeSet;

use crate::capture::Timestamp;
use crate::decode::Direction;
use crate::decode::http2::hpack::{HeaderBlock, Value};
use crate::decode::http2::{Frame, Payload};
use crate::inspect::{Filter, PassedOver};

/// How many streams that called the method are remembered, some 30 MB.
const MAX_CALLERS: usize = 1 << 20;

/// Picks frames one by one; with a method in the filter it remembers the streams that called it.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    filter: Filter,
    callers: BTreeSet<(u32, u32)>,
    passed_over: PassedOver,
}

impl Selected {
    /// Picks what `filter` asks for.
    pub(super) fn new(filter: Filter) -> Self {
        Self {
            filter,
            callers: BTreeSet::new(),
            passed_over: PassedOver::default(),
        }
    }

    /// Whether a frame is asked for; `epoch` is the capture's first packet.
    pub(super) fn wants(&mut self, connection: u32, frame: &Frame<'_>, epoch: Timestamp) -> bool {
        let stream = frame.header.stream.0;
        self.filter.wants_connection(connection)
            && self.filter.wants_stream(stream)
            && self.wants_method(connection, frame)
            && self.filter.wants_time(frame.whole.time, epoch)
    }

    /// The calls whose method is not what was asked for.
    pub(super) fn take_passed_over(&mut self) -> PassedOver {
        std::mem::take(&mut self.passed_over)
    }

    /// Whether a connection is asked for.
    pub(super) fn wants_connection(&self, number: u32) -> bool {
        self.filter.wants_connection(number)
    }

    /// A connection is over: nothing of its streams will be asked.
    pub(super) fn forget(&mut self, connection: u32) {
        let of = (connection, 0)..=(connection, u32::MAX);
        let gone: Vec<_> = self.callers.range(of).copied().collect();
        for caller in gone {
            self.callers.remove(&caller);
        }
    }

    fn wants_method(&mut self, connection: u32, frame: &Frame<'_>) -> bool {
        if self.filter.method.is_none() {
            return true;
        }
        let caller = (connection, frame.header.stream.0);
        if let Some(block) = request(frame)
            && let Value::Known(path) = block.value(b":path")
        {
            if !self.filter.wants_method(Some(path)) {
                self.passed_over.add(caller.1, Some(&path.into()));
                return false;
            }
            self.callers.insert(caller);
            // The oldest streams of the oldest connections are the least likely to be still open.
            if self.callers.len() > MAX_CALLERS {
                self.callers.pop_first();
            }
        }
        self.callers.contains(&caller)
    }
}

fn request<'a>(frame: &Frame<'a>) -> Option<&'a HeaderBlock> {
    match frame.payload {
        _ if frame.direction == Direction::ServerToClient => None,
        Payload::Headers { block, .. } => block,
        Payload::Continuation { block } => block.map(|ended| ended.block),
        _ => None,
    }
}
