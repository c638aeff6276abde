//! Events to understanding: what became of each call, and why.
//!
//! In: the [`Event`](crate::decode::Event)s of each connection, to its [`Connection`]. Out: an [`Analysis`] of
//! plain data, in which only findings, and what applications will have been told, are sentences. A module
//! uses only those before it in this order: threads, options, usual_times, stream, traffic, connection, proxies, retry, peer, server,
//! diagnosis, live, report, naming, follower, inspector.

mod connection;
pub mod diagnosis;
mod follower;
mod inspector;
mod live;
pub(crate) mod naming;
mod options;
mod peer;
mod proxies;
pub mod report;
mod retry;
mod server;
mod stream;
mod threads;
mod traffic;
mod two_ends;
mod usual_times;

pub use connection::Connection;
pub use connection::capture_gaps::{CaptureGaps, GapCount};
pub use connection::control_frames::{ControlFrame, ControlFrameKind, ControlFrameLog};
pub use connection::goaway::GoAway;
pub use connection::late_opens::{LateOpen, LateOpens};
pub use connection::recent_frames::SentFrame;
pub use connection::record::{
    Close, ConnectionRecord, EndNames, Finished, GraceEnd, Instead, VerdictCounts,
};
pub use connection::sparse::{Sparse, SparseDefault};
pub use follower::Follower;
pub use inspector::{Connections, Inspector};
pub use live::methods::{MAX_METHODS, Method, Methods};
pub use live::recent::MAX_RECENT;
pub use live::{News, Unlisted};
pub use options::filter::{Filter, Moment};
pub use options::limits::{
    ListLimits, MAX_FOLLOWED_STREAMS, MAX_LISTED_CONNECTIONS, MAX_LISTED_RPCS, MAX_OPEN_STREAMS,
};
pub use options::passed_over::PassedOver;
pub use options::{Options, StatusMessages, UnlistedCalls};
pub use peer::server::{ServerStack, Stack};
pub use proxies::{HopTime, Upstream};
pub use report::{Analysis, CallList};
pub use server::goaway_cause::{Cause, GoAwayCause};
pub use server::{Estimate, Inferred, Server};
pub(crate) use stream::answer_status::{AnswerStatus, GRPC_STATUSES};
pub use stream::at_server::{AtServer, LostOnTheWay};
pub use stream::crossing::{BothEnds, Crossing, CrossingEnd, CrossingKind};
pub use stream::foreign_answer::{ForeignAnswer, ForeignBody};
pub use stream::hops::{FailedHop, ForwardedCall, Hops, UpstreamFailure};
pub use stream::large_message::LargeMessage;
pub use stream::progress::CallProgress;
pub use stream::rpc::{
    CallId, Contradiction, Doubt, Link, Outcome, Processed, Race, RequestedHeader, Rpc, TakenBack,
    Verdict,
};
pub use threads::Threads;
pub use traffic::Traffic;
pub use traffic::ack_stall::AckStall;
pub use traffic::concurrency::AtLimit;
pub use traffic::conformance::{
    Complaint, Conformance, LargeList, Occurrence, Violation, ViolationDetail, ViolationKind,
};
pub use traffic::floods::{Burst, FloodKind};
pub use traffic::flow_control::{ShutBy, Stall, Waits, Window};
pub use traffic::idle::FirstGoAway;
pub use traffic::ping::PingCounts;
pub use traffic::ping::keepalive::{
    KeepaliveRecord, OutstandingPings, Ping, PingWaits, Unanswered,
};
pub use traffic::ping::kind::{PingKind, PingKinds, Purpose};
pub use traffic::quiet::QuietClose;
pub use traffic::window_holders::Parties;
pub use two_ends::ServerEnd;
pub use usual_times::UsualTimes;
