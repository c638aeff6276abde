//! Everything a report tells.

use crate::capture::{FileSummary, Timestamp};
use crate::decode::anomaly::Anomaly;
use crate::decode::{GivenUp, Tally};
use crate::inspect::Analysis;

/// What a run over one or several captures found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The captures, in the order given.
    pub files: Vec<FileSummary>,
    /// Packets in all of them.
    pub packets: u64,
    /// Bytes of packets in all of them, as captured.
    pub bytes: u64,
    /// The earliest packet.
    pub first_packet: Option<Timestamp>,
    /// The latest packet.
    pub last_packet: Option<Timestamp>,
    /// What was found out.
    pub analysis: Analysis,
    /// What was odd.
    pub anomalies: Vec<Anomaly>,
    /// What was found beside HTTP/2.
    pub tally: Tally,
    /// What decoding gave up to stay within its limits.
    pub given_up: GivenUp,
}
