//! What a filter leaves out.
//!
//! In: calls and connections that are not asked for. Out: how many there are, and what they are called, so that
//! whoever asked for nothing that exists can be told what does.

use std::sync::Arc;

use rustc_hash::FxHashMap;

/// How many methods are told apart: more than anybody reads, in less than a megabyte.
const MAX_METHODS: usize = 1_000;

/// What a filter leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PassedOver {
    /// Calls.
    pub calls: u64,
    /// Connections, by their number.
    pub connections: u64,
    /// The lowest and the highest stream of such a call.
    pub streams: Option<(u32, u32)>,
    methods: FxHashMap<Arc<[u8]>, u64>,
}

impl PassedOver {
    /// A call of this method, if it is known, on a stream.
    pub(crate) fn add(&mut self, stream: u32, method: Option<&Arc<[u8]>>) {
        self.calls += 1;
        self.note_streams((stream, stream));
        if let Some(method) = method {
            self.note_method(method, 1);
        }
    }

    /// A whole connection with so many calls.
    pub(crate) fn add_connection(&mut self, calls: u64) {
        self.connections += 1;
        self.calls += calls;
    }

    /// Whether nothing was left out.
    pub(crate) const fn is_empty(&self) -> bool {
        self.calls == 0 && self.connections == 0
    }

    /// The same of another part of the capture.
    pub(crate) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.connections += other.connections;
        if let Some(streams) = other.streams {
            self.note_streams(streams);
        }
        for (method, calls) in &other.methods {
            self.note_method(method, *calls);
        }
    }

    /// The methods by the number of their calls, most first.
    #[must_use]
    pub fn methods(&self) -> Vec<(&[u8], u64)> {
        let methods = self.methods.iter();
        let mut methods: Vec<_> = methods.map(|(name, calls)| (&**name, *calls)).collect();
        methods.sort_unstable_by(|(a, more), (b, calls)| calls.cmp(more).then(a.cmp(b)));
        methods
    }

    fn note_streams(&mut self, (first, last): (u32, u32)) {
        let (low, high) = self.streams.unwrap_or((first, last));
        self.streams = Some((low.min(first), high.max(last)));
    }

    fn note_method(&mut self, method: &Arc<[u8]>, calls: u64) {
        if let Some(known) = self.methods.get_mut(method) {
            *known += calls;
        } else if self.methods.len() < MAX_METHODS {
            self.methods.insert(Arc::clone(method), calls);
        }
    }
}
