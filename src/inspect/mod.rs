//! Events to understanding: what became of each call, and why.
//!
//! In: [`Event`](crate::decode::Event)s, each with the number of its connection. Out: an [`Analysis`]
//! of plain data. What never happens here: a word fit to print, or a byte from the wire unread.

pub mod diagnosis;

mod analysis;
mod app_error;
mod bursts;
mod concurrency;
mod connection;
mod figure;
mod filter;
mod fingerprint;
mod flow_control;
mod goaway;
mod goodbye;
mod idleness;
mod interest;
mod interned;
mod judge;
mod keepalive;
mod kept;
mod limits;
mod losses;
mod methods;
mod opened;
mod overdue;
mod passage;
mod ping_kind;
mod pings;
mod record;
mod retry;
mod rpc;
mod seldom;
mod server;
mod stack;
#[cfg(test)]
pub(crate) mod story;
mod stream;
#[cfg(test)]
mod tests;
mod traffic;
mod unseen_paths;
mod watch;

pub use analysis::{Analysis, Inspector};
pub use bursts::{Abuse, Burst};
pub use concurrency::AtLimit;
pub use connection::Connection;
pub use filter::{Filter, Moment};
pub use flow_control::{Stall, Waits, Window};
pub use goaway::GoAway;
pub use goodbye::{Cause, Goodbye};
pub use idleness::Farewell;
pub use interest::Interest;
pub use keepalive::{KeepaliveRecord, Ping, PingWaits, Unanswered};
pub use kept::MAX_KEPT;
pub use limits::{
    Limits, MAX_FOLLOWED_STREAMS, MAX_LISTED_CONNECTIONS, MAX_LISTED_RPCS, MAX_OPEN_STREAMS,
};
pub use methods::{MAX_METHODS, Method, Methods};
pub use overdue::{BothOverdue, Overdue};
pub use passage::{Passage, Passages, Passing};
pub use ping_kind::{PingKind, PingKinds, Purpose};
pub use pings::PingCounts;
pub use record::{Close, ConnectionRecord, Finished, Lack, Missing, VerdictCounts};
pub use rpc::{CallId, Doubt, Link, Outcome, Processed, Race, RequestedHeader, Rpc, Verdict};
pub use seldom::{Blank, Seldom};
pub use server::{Estimate, Inferred, Server};
pub use stack::Stack;
pub use traffic::Traffic;
pub use watch::{Ends, GivenUp, News};
