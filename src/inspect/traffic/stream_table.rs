//! The streams of one connection that are followed, and which ones the client ever opened.
//!
//! A stream has two lives, which begin together but end apart, and one place in the table for both:
//!
//! ```text
//!            HEADERS        END_STREAM of both, RST_STREAM     ACK of the answer, connection's end
//!   flow        |----------------------|                                  |
//!   call        |---------------------------------------------------------|
//! ```
//!
//! Its flow ends as RFC 9113, section 5.1 has it: from then on it has no windows and does not count as open.
//! Its call ends when it is known what became of it. A client that goes on sending after the answer was
//! delivered leaves a flow without a call.

use std::collections::VecDeque;
use std::collections::hash_map::{Entry, OccupiedEntry};

use rustc_hash::FxHashMap;

use super::flow_control::StreamFlow;
use crate::capture::Timestamp;
use crate::decode::Carrier;
use crate::decode::http2::StreamId;
use crate::inspect::options::limits::MAX_OPEN_STREAMS;
use crate::inspect::stream::Stream;
use crate::inspect::stream::id_set::StreamIdSet;

/// How many delivered answers wait to be thrown away, at most.
const MAX_DELIVERED: usize = 128;

/// The streams of a connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct StreamTable {
    streams: FxHashMap<u32, Parts>,
    counts: Counts,
    opened: StreamIdSet,
    /// Answered streams that wait for the client's acknowledgement: where the answer ends in the server's
    /// byte stream, and the stream, in the order of answers.
    answered: VecDeque<(u64, u32)>,
    /// Streams whose answer was delivered, and when: their clients may still throw it away.
    delivered: VecDeque<(Timestamp, u32)>,
}

/// What is known of one stream.
#[derive(Clone, Debug, Default)]
struct Parts {
    /// In a place of its own: half of the map is empty, and a call that is over is handed on without being moved.
    call: Option<Box<Stream>>,
    flow: Option<StreamFlow>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    calls: usize,
    flows: usize,
}

/// A stream found in the table.
pub(crate) struct Followed<'a> {
    entry: OccupiedEntry<'a, u32, Parts>,
    counts: &'a mut Counts,
}

/// As what a stream is to be followed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FollowAs {
    pub(crate) call: bool,
    pub(crate) flow: bool,
}

/// What a client's HEADERS opened.
pub(crate) struct Opening<'a> {
    /// The stream, if it is followed.
    pub(crate) stream: Option<Followed<'a>>,
    /// Whether they opened a call.
    pub(crate) call: bool,
    /// Whether nothing of that call was seen before.
    pub(crate) first_seen: bool,
    /// Whether they opened a flow.
    pub(crate) flow: bool,
}

impl StreamTable {
    /// A stream, if it is followed.
    pub(crate) fn find(&mut self, id: StreamId) -> Option<Followed<'_>> {
        let Entry::Occupied(entry) = self.streams.entry(id.0) else {
            return None;
        };
        let counts = &mut self.counts;
        Some(Followed { entry, counts })
    }

    /// A stream's call, if it is followed.
    pub(crate) fn call_mut(&mut self, id: StreamId) -> Option<&mut Stream> {
        self.streams.get_mut(&id.0)?.call.as_deref_mut()
    }

    /// The client's HEADERS, which first came with `began`. They open a call and a flow, as far as asked
    /// for, unless they are trailers of a stream that was opened before.
    pub(crate) fn open(
        &mut self,
        id: StreamId,
        began: Carrier,
        asked_for: FollowAs,
    ) -> Opening<'_> {
        let mut opening = Opening {
            stream: None,
            call: false,
            first_seen: false,
            flow: false,
        };
        if !id.is_client_initiated() {
            return opening;
        }
        let counts = &mut self.counts;
        let fresh = asked_for.call && self.opened.insert(id.0);
        let open_flow = asked_for.flow && counts.flows < MAX_OPEN_STREAMS;
        let open_call = fresh && counts.calls < MAX_OPEN_STREAMS;
        let mut entry = match self.streams.entry(id.0) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) if open_flow || open_call => entry.insert_entry(Parts::default()),
            Entry::Vacant(_) => return opening,
        };
        let parts = entry.get_mut();
        match &mut parts.call {
            // An answer to it was seen before.
            Some(call) if asked_for.call && call.opened.is_none() => {
                call.opened = Some(began);
                opening.call = true;
            }
            None if open_call => {
                let call = parts.call.insert(Box::default());
                call.opened = Some(began);
                counts.calls += 1;
                opening.call = true;
                opening.first_seen = true;
            }
            _ => {}
        }
        if open_flow && parts.flow.is_none() {
            parts.flow = Some(StreamFlow::new(began.stamp.time));
            counts.flows += 1;
            opening.flow = true;
        }
        opening.stream = Some(Followed { entry, counts });
        opening
    }

    /// The stream that a server's frame answers on; the call of one that was opened before the capture
    /// began, or in a part that is lost, is first seen here.
    pub(crate) fn answered_on(&mut self, id: StreamId) -> Option<Followed<'_>> {
        let counts = &mut self.counts;
        let opened = &self.opened;
        let room = counts.calls < MAX_OPEN_STREAMS;
        let unseen = || room && id.is_client_initiated() && !opened.contains(id.0);
        let mut entry = match self.streams.entry(id.0) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) if unseen() => entry.insert_entry(Parts::default()),
            Entry::Vacant(_) => return None,
        };
        if entry.get().call.is_none() && unseen() {
            entry.get_mut().call = Some(Box::default());
            counts.calls += 1;
        }
        Some(Followed { entry, counts })
    }

    /// The answer to a call is complete; it ends here in the server's byte stream.
    pub(crate) fn answer_ends(&mut self, id: StreamId, end: u64) {
        self.answered.push_back((end, id.0));
    }

    /// The client has received the server's bytes up to `upto`, and with them answers.
    pub(crate) fn delivered(&mut self, upto: u64, now: Timestamp) {
        let whole = |(end, _): &&(u64, u32)| *end <= upto;
        while let Some((_, id)) = self.answered.front().filter(whole).copied() {
            self.answered.pop_front();
            self.delivered.push_back((now, id));
        }
    }

    /// The next call whose answer was delivered by then, so that its client has accepted it; the next one at all
    /// without a time. One that the client reset, or whose HEADERS are missing, stays:
    /// without them it cannot be distinguished from a new one should they come late.
    pub(crate) fn take_accepted(&mut self, by: Option<Timestamp>) -> Option<(u32, Box<Stream>)> {
        while let Some((delivered, id)) = self.delivered.front().copied() {
            let waits = by.is_some_and(|by| delivered > by);
            if waits && self.delivered.len() <= MAX_DELIVERED {
                return None;
            }
            self.delivered.pop_front();
            let Some(followed) = self.find(StreamId(id)) else {
                continue;
            };
            let accepted = |call: &Stream| call.opened.is_some() && call.reset_by_client.is_none();
            if followed.entry.get().call.as_deref().is_some_and(accepted)
                && let Some(call) = followed.take_call()
            {
                return Some((id, call));
            }
        }
        None
    }

    /// The ids of all calls that are followed, in order.
    pub(crate) fn call_ids(&self) -> Vec<u32> {
        let with_call = self
            .streams
            .iter()
            .filter(|(_, parts)| parts.call.is_some());
        let mut ids: Vec<_> = with_call.map(|(id, _)| *id).collect();
        ids.sort_unstable();
        ids
    }

    /// All calls but the `keep` opened last, in order; those are not followed any longer.
    pub(crate) fn take_calls(&mut self, keep: usize) -> Vec<(u32, Box<Stream>)> {
        if keep == 0 {
            return self.take_all_calls();
        }
        let mut ids = self.call_ids();
        ids.truncate(ids.len().saturating_sub(keep));
        let taken = ids.into_iter().filter_map(|id| {
            let call = self.find(StreamId(id))?.take_call()?;
            Some((id, call))
        });
        let taken = taken.collect();
        let has_call = |id: &u32| {
            self.streams
                .get(id)
                .is_some_and(|parts| parts.call.is_some())
        };
        self.answered.retain(|(_, id)| has_call(id));
        self.answered.shrink_to_fit();
        self.delivered.retain(|(_, id)| has_call(id));
        self.delivered.shrink_to_fit();
        self.streams.shrink_to_fit();
        taken
    }

    fn take_all_calls(&mut self) -> Vec<(u32, Box<Stream>)> {
        let mut taken = Vec::with_capacity(self.counts.calls);
        self.streams.retain(|id, parts| {
            taken.extend(parts.call.take().map(|call| (*id, call)));
            parts.flow.is_some()
        });
        taken.sort_unstable_by_key(|(id, _)| *id);
        self.counts.calls = 0;
        self.answered = VecDeque::new();
        self.delivered = VecDeque::new();
        self.streams.shrink_to_fit();
        taken
    }

    /// Follows calls only from here on.
    pub(crate) fn drop_flows(&mut self) {
        if self.counts.flows == 0 {
            return;
        }
        self.counts.flows = 0;
        self.streams.retain(|_, parts| {
            parts.flow = None;
            parts.call.is_some()
        });
    }

    /// All flows, in no order.
    pub(crate) fn flows_mut(&mut self) -> impl Iterator<Item = (u32, &mut StreamFlow)> {
        self.streams
            .iter_mut()
            .filter_map(|(id, parts)| Some((*id, parts.flow.as_mut()?)))
    }

    /// All flows, in the order of their ids.
    pub(crate) fn flows(&self) -> Vec<(u32, &StreamFlow)> {
        let flows = self.streams.iter();
        let flows = flows.filter_map(|(id, parts)| Some((*id, parts.flow.as_ref()?)));
        let mut flows: Vec<_> = flows.collect();
        flows.sort_unstable_by_key(|(id, _)| *id);
        flows
    }

    /// How many calls are followed.
    pub(crate) const fn call_count(&self) -> usize {
        self.counts.calls
    }

    /// How many streams are open, as far as that is known.
    pub(crate) const fn flow_count(&self) -> usize {
        self.counts.flows
    }

    /// The streams that the client ever opened.
    pub(crate) const fn opened(&self) -> &StreamIdSet {
        &self.opened
    }
}

impl Followed<'_> {
    /// Its call.
    pub(crate) fn call(&mut self) -> Option<&mut Stream> {
        self.entry.get_mut().call.as_deref_mut()
    }

    /// Its flow.
    pub(crate) fn flow(&mut self) -> Option<&mut StreamFlow> {
        self.entry.get_mut().flow.as_mut()
    }

    /// How many streams of its connection are open.
    pub(crate) const fn flow_count(&self) -> usize {
        self.counts.flows
    }

    /// Ends its flow; gives it, and how many streams are left open.
    pub(crate) fn take_flow(mut self) -> Option<(StreamFlow, usize)> {
        let parts = self.entry.get_mut();
        let flow = parts.flow.take()?;
        self.counts.flows -= 1;
        if parts.call.is_none() {
            self.entry.remove();
        }
        Some((flow, self.counts.flows))
    }

    fn take_call(mut self) -> Option<Box<Stream>> {
        let parts = self.entry.get_mut();
        let call = parts.call.take()?;
        self.counts.calls -= 1;
        if parts.flow.is_none() {
            self.entry.remove();
        }
        Some(call)
    }
}
