//! Answers that a capture shows no acknowledgement of, and whether that leaves open what became of the call.
//!
//! In: a stream, the event that decides as far as seen, and what is known of its connection. Out: whether its answer may
//! have been delivered though the event says that it was not, or the other way round.

use super::Stream;
use super::connection_context::ConnectionContext;
use super::verdict::{Deadline, EndedBy, EndingEvent, SETTLED};
use crate::capture::Stamp;

/// Whether it is open if the client took the answer to a call.
pub(super) fn is_delivery_in_doubt(
    stream: &Stream,
    event: &EndingEvent,
    deadline: Option<Deadline>,
    connection: &ConnectionContext,
) -> bool {
    match event.by {
        EndedBy::Closed => is_perhaps_delivered(stream, event, connection),
        EndedBy::Answered | EndedBy::ToldFailure => {
            is_perhaps_undelivered(stream, event, deadline, connection)
        }
        _ => false,
    }
}

/// Whether the client may have received an answer, acknowledged it and closed, none of which was captured: its end was
/// gone when it answered something that the server sent later, and did not answer this. What has not been acknowledged
/// for long was not received.
fn is_perhaps_delivered(
    stream: &Stream,
    event: &EndingEvent,
    connection: &ConnectionContext,
) -> bool {
    let by_client = connection
        .closed_by_client
        .is_some_and(|closed| closed.stamp == event.stamp);
    let answered_before = |gone: Stamp| {
        let answer = stream.answer.ended;
        answer.is_some_and(|answer| {
            answer.stamp < gone && event.stamp.time - answer.stamp.time < SETTLED
        })
    };
    by_client && connection.found_gone.is_some_and(answered_before)
}

/// Whether a capture ends before the client has acknowledged an answer that its server sends again, or that came when
/// the client's time had passed: whoever does not wait any more does not take it.
fn is_perhaps_undelivered(
    stream: &Stream,
    event: &EndingEvent,
    deadline: Option<Deadline>,
    connection: &ConnectionContext,
) -> bool {
    let open = connection.closed_by_client.is_none() && connection.closed_by_server.is_none();
    let acknowledged = connection.acknowledged;
    let overdue = deadline.map_or(stream.request.hidden, |deadline| {
        deadline.passes < event.stamp.time
    });
    open && (overdue || connection.resent_in_vain)
        && acknowledged.is_some_and(|upto| upto < event.end())
}
