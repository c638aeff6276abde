//! How long calls take that are answered well: what the wait of one that is not answered is measured by.
//!
//! In: the times of each connection, by method. Out: those of each server.

use std::net::SocketAddr;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::capture::TimeDelta;

/// Of how many methods of all servers it is known how long they take.
const MAX_METHODS: usize = 4_096;

/// How long calls of one method took that were answered well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::inspect) struct UsualTime {
    /// Their `:path`.
    pub(in crate::inspect) method: Arc<[u8]>,
    /// How many they were.
    pub(in crate::inspect) calls: u64,
    /// How long the longest of them took.
    pub(in crate::inspect) longest: TimeDelta,
}

/// How long calls take, by server and method; of the first methods only.
#[derive(Clone, Debug, Default)]
pub struct UsualTimes(FxHashMap<MethodOfServer, (u64, TimeDelta)>);

type MethodOfServer = (SocketAddr, Arc<[u8]>);

impl UsualTimes {
    pub(in crate::inspect) fn add(&mut self, server: SocketAddr, times: Vec<UsualTime>) {
        for time in times {
            let full = self.0.len() >= MAX_METHODS;
            let key = (server, time.method);
            if full && !self.0.contains_key(&key) {
                continue;
            }
            let (calls, longest) = self.0.entry(key).or_default();
            *calls += time.calls;
            *longest = time.longest.max(*longest);
        }
    }

    /// How many calls of a method a server answered well, and how long the longest of them took.
    #[must_use]
    pub fn of(&self, server: SocketAddr, method: &Arc<[u8]>) -> Option<(u64, TimeDelta)> {
        self.0.get(&(server, Arc::clone(method))).copied()
    }
}
