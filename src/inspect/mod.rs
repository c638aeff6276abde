//! Events to understanding: what became of each call, and why.
//!
//! In: [`Event`](crate::decode::Event)s, each with the number of its connection. Out: an [`Analysis`]
//! of plain data. What never happens here: a word fit to print, or a byte from the wire unread.

pub mod diagnosis;

mod analysis;
mod connection;
mod fingerprint;
mod goaway;
mod judge;
mod kept;
mod methods;
mod opened;
mod pings;
mod record;
mod retry;
mod rpc;
mod stream;
mod watch;

pub use analysis::{Analysis, Inspector, Server};
pub use connection::{Connection, Interest, MAX_OPEN_STREAMS};
pub use goaway::GoAway;
pub use methods::{MAX_METHODS, Method, Methods};
pub use pings::PingCounts;
pub use record::{Close, ConnectionRecord, Finished, Missing, VerdictCounts};
pub use rpc::{CallId, Link, Outcome, Processed, Race, RequestedHeader, Rpc, Verdict};
pub use watch::{Ends, GivenUp, MAX_KEPT, News};
