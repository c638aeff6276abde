//! How much inspection keeps, whatever a capture holds.

/// How many streams of a connection are followed at a time. Far above any server's
/// MAX_CONCURRENT_STREAMS; a client that opens more without an answer is an attack.
pub const MAX_OPEN_STREAMS: usize = 1 << 16;

/// How many streams of all connections together are followed at a time: more than 10,000 connections
/// with 25 open calls each, in some 150 MB. Beyond it the oldest ones of connections with many are evicted.
pub const MAX_FOLLOWED_STREAMS: usize = 1 << 18;

/// How many calls a report lists unless said otherwise, some 100 MB; the others are counted. Nobody
/// reads that many, and a script that wants more can say so.
pub const MAX_LISTED_RPCS: usize = 200_000;

/// How many connections a report lists, some 150 MB; the calls of the others are counted.
pub const MAX_LISTED_CONNECTIONS: usize = 100_000;

/// How many bytes methods and authorities take: those of real captures take some kilobytes, each text once a
/// connection.
pub(crate) const MAX_TEXTS: usize = 32 << 20;

/// How much inspection keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListLimits {
    /// Calls that a report lists; the first ones.
    pub rpcs: usize,
    /// Bytes that the methods and authorities of calls take, of all connections together; beyond it only their
    /// beginnings are kept.
    pub texts: usize,
}

impl Default for ListLimits {
    fn default() -> Self {
        Self {
            rpcs: MAX_LISTED_RPCS,
            texts: MAX_TEXTS,
        }
    }
}
