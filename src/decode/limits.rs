//! How much decoding keeps at a time, whatever a capture holds, and what that cost.

use super::anomaly::{Anomalies, LimitKind};

/// How many connections are followed at a time unless said otherwise: as many as one client address has
/// ports for to one server. At some 1.4 kB each they take 90 MB, which only a scan or a flood ever
/// does; those in HTTP/2 take some ten more.
pub const MAX_CONNECTIONS: usize = 1 << 16;

/// How many bytes all connections together may hold unless said otherwise: behind holes, undecided,
/// in frames and header blocks begun, in header tables. Thirty-two fast paths with a hole at the same
/// time, or 25,000 gRPC connections with the header tables they usually have.
pub const MAX_HELD_IN_ALL: usize = 128 << 20;

/// How much decoding keeps at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are followed; beyond it the most silent ones go, those first that do not
    /// count.
    pub connections: usize,
    /// Bytes that they hold; beyond it the most silent ones of those that hold much give it up.
    pub held_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: MAX_CONNECTIONS,
            held_bytes: MAX_HELD_IN_ALL,
        }
    }
}

/// What was given up to stay within the limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct GivenUp {
    /// Connections in HTTP/2 that were evicted.
    pub connections: u64,
    /// Other TCP connections that were evicted.
    pub others: u64,
    /// How often connections waited no longer for bytes that were missing.
    pub holes: u64,
    /// How often connections were decided about before they had shown what they speak.
    pub undecided: u64,
    /// How often connections in HTTP/2 lost frames begun and header tables.
    pub sessions: u64,
}

impl GivenUp {
    /// Says what was given up, as anomalies.
    pub(in crate::decode) fn note_in(self, limits: Limits, anomalies: &mut Anomalies) {
        let GivenUp {
            connections,
            others,
            holes,
            undecided,
            sessions,
        } = self;
        let most = limits.connections;
        let crowded = format!("more than {most} connections at a time");
        let bytes = human(limits.held_bytes);
        let heavy = format!("more than {bytes} held at a time");
        let all = [
            (
                LimitKind::Connections,
                connections,
                format!("{crowded}: the most silent were let go, with what they had open"),
            ),
            (
                LimitKind::Connections,
                others,
                format!("{crowded}: the most silent that showed no HTTP/2 were let go"),
            ),
            (
                LimitKind::HeldBytes,
                holes,
                format!("{heavy}: missing bytes were given up before their time"),
            ),
            (
                LimitKind::HeldBytes,
                undecided,
                format!("{heavy}: connections were judged before they had shown what they speak"),
            ),
            (
                LimitKind::HeldBytes,
                sessions,
                format!("{heavy}: frames and header tables of silent connections were given up"),
            ),
        ];
        for (limit, count, text) in all.into_iter().filter(|(_, count, _)| *count > 0) {
            anomalies.note_limit(limit, text, count);
        }
    }
}

/// A size as options take it.
fn human(bytes: usize) -> String {
    match bytes {
        _ if bytes.is_multiple_of(1 << 20) => format!("{} MiB", bytes >> 20),
        _ if bytes.is_multiple_of(1 << 10) => format!("{} KiB", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}
