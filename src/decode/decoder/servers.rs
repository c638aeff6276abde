//! What is known across connections: which servers speak HTTP/2, and the failed connects that wait to
//! learn whether theirs does.
//!
//! In: server addresses as they show it, and connects that failed. Out: those connects once they count.

use std::collections::VecDeque;
use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use crate::decode::connection::{ConnectionDecoder, Unrelated};
use crate::decode::tcp::{Flow, Side};

/// Connects that failed are kept until their server is known to speak HTTP/2, the latest of them at
/// most this many: a port scan must not grow memory.
const MAX_FAILED_CONNECTS: usize = 4_096;

/// How many server addresses are remembered to speak HTTP/2. The services of a large cluster fit
/// several times; beyond it, failed connects to further ones are not reported.
const MAX_KNOWN_SERVERS: usize = 1 << 16;

/// The servers of a capture.
#[derive(Debug)]
pub(super) struct Servers<C> {
    /// Addresses of connections that spoke HTTP/2.
    known: FxHashSet<SocketAddr>,
    failed: VecDeque<(Flow, ConnectionDecoder<C>)>,
}

impl<C> Default for Servers<C> {
    fn default() -> Self {
        Self {
            known: FxHashSet::default(),
            failed: VecDeque::new(),
        }
    }
}

impl<C> Servers<C> {
    pub(super) const fn known(&self) -> &FxHashSet<SocketAddr> {
        &self.known
    }

    /// An address speaks HTTP/2; whether that is new.
    pub(super) fn learn(&mut self, server: SocketAddr) -> bool {
        self.known.len() < MAX_KNOWN_SERVERS && self.known.insert(server)
    }

    /// Whether the server that a flow connected to is known to speak HTTP/2.
    pub(super) fn speak_http2(&self, flow: &Flow) -> bool {
        self.known.contains(&server_of(flow))
    }

    /// Keeps a connect that failed; what has to go for it counts as what is returned.
    pub(super) fn suspend(
        &mut self,
        flow: Flow,
        connection: ConnectionDecoder<C>,
    ) -> Option<Unrelated> {
        self.failed.push_back((flow, connection));
        if self.failed.len() <= MAX_FAILED_CONNECTS {
            return None;
        }
        let (_, oldest) = self.failed.pop_front()?;
        Some(oldest.unrelated())
    }

    /// The failed connects whose server is known by now, in the order in which they failed.
    pub(super) fn take_known(&mut self) -> VecDeque<(Flow, ConnectionDecoder<C>)> {
        let known = &self.known;
        let is_known = |flow: &Flow| known.contains(&server_of(flow));
        if !self.failed.iter().any(|(flow, _)| is_known(flow)) {
            return VecDeque::new();
        }
        let (counting, failed) = std::mem::take(&mut self.failed)
            .into_iter()
            .partition(|(flow, _)| is_known(flow));
        self.failed = failed;
        counting
    }

    /// What all that still wait count as.
    pub(super) fn take_failed(&mut self) -> Vec<Unrelated> {
        let failed = std::mem::take(&mut self.failed);
        failed
            .into_iter()
            .map(|(_, connection)| connection.unrelated())
            .collect()
    }
}

fn server_of(flow: &Flow) -> SocketAddr {
    flow.address(flow.opened_by().unwrap_or(Side::First).peer())
}
