//! What may hide among frames that were lost in a stream's time: whether it would have decided.
//!
//! In: a stream, the event that decides as far as seen, and what is missing of its connection. Out: whether another
//! event may have come before.

use super::Stream;
use super::client_gaps::{AnswerSent, HiddenReset};
use super::connection_context::ConnectionContext;
use super::verdict::{DEADLINE_TOLERANCE, Deadline, EndedBy, EndingEvent};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;

/// Whether something that would have decided may hide among frames that were lost in a stream's time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Uncertainty {
    pub(super) of_client: bool,
    pub(super) of_server: bool,
    of_deadline: bool,
}

impl Uncertainty {
    pub(super) fn of(stream: &Stream, connection: &ConnectionContext) -> Self {
        let gaps = &connection.gaps;
        let Some(opened) = stream.opened else {
            // Its HEADERS were lost, or came before the capture began.
            let lost = connection.begun || gaps.any();
            return Self {
                of_client: lost,
                of_server: lost,
                of_deadline: lost,
            };
        };
        Self {
            of_client: gaps.since(Direction::ClientToServer, opened.stamp),
            of_server: gaps.since(Direction::ServerToClient, opened.stamp),
            of_deadline: gaps.any() && stream.request.hidden && stream.request.timeout.is_none(),
        }
    }

    pub(super) fn shakes(self, by: EndedBy, stream: &Stream) -> bool {
        match by {
            // The deadline may have passed before, if there was one among what was lost.
            EndedBy::Closed
            | EndedBy::ResetByClient(ErrorCode::CANCEL)
            | EndedBy::Rejected(ErrorCode::CANCEL)
                if self.of_deadline =>
            {
                true
            }
            // It may have been answered before the capture began.
            EndedBy::ResetByServer(_) | EndedBy::ResetByClient(_) if stream.opened.is_none() => {
                true
            }
            // A RST_STREAM of the client may have come before; after a whole answer the server has
            // nothing to add.
            EndedBy::Answered | EndedBy::ToldFailure => self.of_client,
            // Both were seen, and nothing comes between; but a head may have told a failure before, if it cannot be
            // read, or the request that would have been gRPC's.
            EndedBy::Rejected(_) => {
                stream.answer.head_is_hidden()
                    || self.of_server && stream.answer.lacks_head()
                    || stream.opened.is_none()
                    || stream.request.may_be_grpc_unseen()
            }
            // The answer, or the other side's reset, may have come before.
            EndedBy::ResetByServer(_)
            | EndedBy::ResetByClient(_)
            | EndedBy::Condemned
            | EndedBy::Closed => self.of_client || self.of_server,
        }
    }
}

/// Whether nothing that the server sent behind an event can come before it. An answer to a condemned call does;
/// and where a client's end has no acknowledgement of its own, one that was not captured may have been before it.
pub(super) fn is_placed(event: &EndingEvent, connection: &ConnectionContext) -> bool {
    match event.by {
        EndedBy::Condemned => false,
        EndedBy::Closed => connection
            .reset_by_client
            .is_none_or(|reset| reset.stamp != event.stamp),
        _ => true,
    }
}

/// Whether the client may have reset a call, among what is missing, before an answer to it.
pub(super) fn may_be_reset_unseen(
    stream: &Stream,
    answer: &EndingEvent,
    deadline: Option<Deadline>,
    connection: &ConnectionContext,
) -> HiddenReset {
    let Some(opened) = stream.opened else {
        return HiddenReset::Possible;
    };
    let passed = |deadline: Deadline| deadline.passes <= answer.stamp.time + DEADLINE_TOLERANCE;
    let answer = AnswerSent {
        end: answer.end(),
        stamp: answer.stamp,
        original: !stream.answer.sent_again,
        overdue: deadline.map_or(stream.request.hidden, passed),
    };
    connection.gaps.may_hide_reset(opened.stamp, answer)
}
