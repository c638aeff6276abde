//! What became of clients' connects.
//!
//! In: all connections. Out: whether a client that lost a call found its server again at once.

use std::net::{IpAddr, SocketAddr};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::capture::Timestamp;
use crate::decode::{Direction, Transport};
use crate::inspect::connection::record::{ConnectionRecord, Finished};
use crate::inspect::stream::rpc::Rpc;

/// When clients connected to servers, and whether they were refused.
pub(super) struct Connects(FxHashMap<(IpAddr, SocketAddr), Vec<(Timestamp, bool)>>);

impl Connects {
    pub(super) fn of(connections: &[Finished]) -> Self {
        // Where nobody was refused there is nothing to look up.
        let refusing = connections.iter().map(|finished| &finished.record);
        let refusing: FxHashSet<_> = refusing
            .filter(|record| record.transport == Transport::None)
            .map(|record| record.server)
            .collect();
        let mut connects: FxHashMap<_, Vec<_>> = FxHashMap::default();
        for Finished { record, .. } in connections {
            let Some(opened) = record.opened.filter(|_| refusing.contains(&record.server)) else {
                continue;
            };
            let by_server = record
                .close
                .is_some_and(|close| close.by == Direction::ServerToClient);
            let refused = record.transport == Transport::None && by_server;
            let ends = (record.client.ip(), record.server);
            connects
                .entry(ends)
                .or_default()
                .push((opened.time, refused));
        }
        for connects in connects.values_mut() {
            connects.sort_unstable();
        }
        Self(connects)
    }

    /// Whether the client's next connect after the end of a call was refused.
    pub(super) fn next_is_refused(&self, rpc: &Rpc, record: &ConnectionRecord) -> bool {
        let ends = (record.client.ip(), record.server);
        let (Some(ended), Some(connects)) = (rpc.ended, self.0.get(&ends)) else {
            return false;
        };
        let later = connects.partition_point(|(opened, _)| *opened < ended.time);
        connects.get(later).is_some_and(|(_, refused)| *refused)
    }
}
