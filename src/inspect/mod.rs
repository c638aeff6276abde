//! Events to understanding: what became of each call, and why.
//!
//! In: [`Event`](crate::decode::Event)s, each with the number of its connection. Out: an [`Analysis`]
//! of plain data. What never happens here: a word fit to print, or a byte from the wire unread.

pub mod diagnosis;

mod analysis;
mod app_error;
mod connection;
mod filter;
mod fingerprint;
mod goaway;
mod judge;
mod losses;
mod opened;
mod passage;
mod pings;
mod record;
mod retry;
mod rpc;
#[cfg(test)]
pub(crate) mod story;
mod stream;
#[cfg(test)]
mod tests;

pub use analysis::{Analysis, Inspector, Server};
pub use connection::{Connection, Interest, MAX_OPEN_STREAMS};
pub use filter::{Filter, Moment};
pub use goaway::GoAway;
pub use passage::{Passage, Passages, Passing};
pub use pings::PingCounts;
pub use record::{Close, ConnectionRecord, Finished, Missing, VerdictCounts};
pub use rpc::{CallId, Link, Outcome, Processed, Race, RequestedHeader, Rpc, Verdict};
