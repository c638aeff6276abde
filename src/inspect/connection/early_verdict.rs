//! What is certain of a connection that has not ended: the calls that are lost already.
//!
//! Verdicts are those of [`verdict::of`](crate::inspect::stream::verdict::of); here it is only known when one is certain before
//! the connection ends. The answers that may still overtake a verdict are those on the way:
//!
//! ```text
//!                        GOAWAY last=3                    + SETTLED
//! server  -----------------+--------------------------------+------>
//!                          | an answer to 5 may still come  | 5 is lost
//! ```
//!
//! A reset or a close is final at once, for whatever comes after it no longer counts.

use super::shutdown::Shutdown;
use crate::capture::Timestamp;
use crate::inspect::stream::Stream;
use crate::inspect::stream::rpc::Verdict;

/// Whether nothing that may still come can change the verdict on a call that is lost.
pub(super) fn is_certain(
    verdict: Verdict,
    stream: &Stream,
    shutdown: &Shutdown,
    now: Timestamp,
) -> bool {
    let reset = stream.reset_by_client.is_some() || stream.reset_by_server.is_some();
    match verdict {
        // Reported when the answer is delivered, or never.
        Verdict::Ok | Verdict::Status | Verdict::Unknown | Verdict::Unanswered => false,
        _ if reset || shutdown.is_over() => true,
        _ => shutdown.grace_ends().is_some_and(|ends| now >= ends),
    }
}
