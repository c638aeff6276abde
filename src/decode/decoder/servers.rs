//! What is known across connections: which servers speak HTTP/2, and the failed connects that wait to
//! learn whether theirs does.
//!
//! In: connects that failed, and servers as they show what they speak. Out: those connects once they count.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use crate::decode::connection::{ConnectionDecoder, Unrelated};
use crate::decode::tcp::{Flow, Side};

/// Connects that failed are kept until their server is known to speak HTTP/2, the latest of them at
/// most this many: a port scan must not grow memory.
const MAX_FAILED_CONNECTS: usize = 4_096;

/// How many server addresses are remembered to speak HTTP/2. The services of a large cluster fit
/// several times; beyond it, failed connects to further ones are not reported.
const MAX_KNOWN_SERVERS: usize = 1 << 16;

/// Server addresses of connections that spoke HTTP/2, each with how many packets came before that was seen.
pub(super) type KnownServers = FxHashMap<SocketAddr, u64>;

/// A connect that failed.
#[derive(Debug)]
pub(super) struct FailedConnect<C> {
    pub(super) flow: Flow,
    pub(super) connection: ConnectionDecoder<C>,
    /// How many packets came before the one at which it was given up.
    pub(super) packets_before: u64,
}

impl<C> FailedConnect<C> {
    /// How many packets came before it was known to have failed at a server that speaks HTTP/2, if it is.
    pub(super) fn counts_after(&self, known: &KnownServers) -> Option<u64> {
        let server = self.flow.opened_by().unwrap_or(Side::First).peer();
        let learned = known.get(&self.flow.address(server))?;
        Some(self.packets_before.max(*learned))
    }
}

/// Connects that failed, each with its part.
#[derive(Debug)]
pub(super) struct FailedConnects<C> {
    /// Those whose server is not known to speak HTTP/2.
    waiting: VecDeque<(usize, FailedConnect<C>)>,
    /// The others.
    counting: VecDeque<(usize, FailedConnect<C>)>,
}

impl<C> Default for FailedConnects<C> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            counting: VecDeque::new(),
        }
    }
}

impl<C> FailedConnects<C> {
    /// Takes the next one; what has to go for it counts as what is returned.
    pub(super) fn push(
        &mut self,
        part: usize,
        failed: FailedConnect<C>,
        known: &KnownServers,
    ) -> Option<Unrelated> {
        if failed.counts_after(known).is_some() {
            self.counting.push_back((part, failed));
            return None;
        }
        self.waiting.push_back((part, failed));
        if self.waiting.len() <= MAX_FAILED_CONNECTS {
            return None;
        }
        let (_, oldest) = self.waiting.pop_front()?;
        Some(oldest.connection.unrelated())
    }

    /// There are more `known` servers than before.
    pub(super) fn learn(&mut self, known: &KnownServers) {
        let counts = |failed: &FailedConnect<C>| failed.counts_after(known).is_some();
        if !self.waiting.iter().any(|(_, failed)| counts(failed)) {
            return;
        }
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        let (counting, waiting) = waiting.partition(|(_, failed)| counts(failed));
        self.waiting = waiting;
        self.counting.extend::<VecDeque<_>>(counting);
    }

    /// Whether some count.
    pub(super) fn has_counting(&self) -> bool {
        !self.counting.is_empty()
    }

    /// Those that count.
    pub(super) fn take_counting(&mut self) -> VecDeque<(usize, FailedConnect<C>)> {
        std::mem::take(&mut self.counting)
    }

    /// What all that still wait count as.
    pub(super) fn take_waiting(&mut self) -> impl Iterator<Item = Unrelated> + use<C> {
        let waiting = std::mem::take(&mut self.waiting).into_iter();
        waiting.map(|(_, failed)| failed.connection.unrelated())
    }
}

/// Takes note that a server speaks HTTP/2, as was seen after so many packets; whether that is new.
pub(super) fn learn(known: &mut KnownServers, server: SocketAddr, packets_before: u64) -> bool {
    if let Some(learned) = known.get_mut(&server) {
        *learned = packets_before.min(*learned);
        return false;
    }
    known.len() < MAX_KNOWN_SERVERS && known.insert(server, packets_before).is_none()
}
