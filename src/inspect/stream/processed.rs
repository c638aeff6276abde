//! Whether the server can have run a call: what decides whether a retry is safe.
//!
//! In: a stream, and what is known of its connection. Out: [`Processed`]. RFC 9113 lets a server say that it
//! did not process a stream, by REFUSED_STREAM (section 8.7) and by a last stream id below it (section 6.8).
//! That word counts as long as nothing on the wire contradicts it:
//!
//! ```text
//! HEADERS ------ answer begun, or its body taken: it was processed
//!    |
//!    +---------- refused within what a refusal needs: not processed
//!    +---------------------------------- refused late: something waited for it, and may have run it
//! ```

use super::connection_context::ConnectionContext;
use super::rpc::{Contradiction, Processed};
use super::{FromServer, Known, Stream, success};
use crate::capture::TimeDelta;
use crate::decode::http2::ErrorCode;

/// A server that refuses a stream without having looked at it does so within this time.
const PROMPT: TimeDelta = TimeDelta::from_millis(100);

/// The same, in round trips of its connection: the longer of the two counts.
const PROMPT_ROUND_TRIPS: i64 = 10;

/// Whether the server can have run a call, and what takes its word that it did not; `condemned` if the call is
/// above the last stream id.
pub(super) fn of(
    stream: &Stream,
    connection: &ConnectionContext,
    condemned: bool,
) -> (Processed, Option<Contradiction>) {
    if stream.answer.ended.is_some() && success::of(stream, &connection.gaps) == Known::Value(true)
    {
        return (Processed::Yes, None);
    }
    let refusal = stream
        .reset_by_server
        .filter(|(_, code)| *code == ErrorCode::REFUSED_STREAM);
    if refusal.is_none() && !condemned {
        return (Processed::Maybe, None);
    }
    let late = || refusal.is_some_and(|(reset, _)| !is_prompt(stream, reset, connection));
    let contradiction = match () {
        () if stream.answer.begun => Contradiction::AnswerBegun,
        () if stream.body_taken => Contradiction::BodyTaken,
        () if connection.broke_its_word => Contradiction::WordBroken,
        () if !condemned && late() => Contradiction::RefusedLate,
        () => return (Processed::No, None),
    };
    (Processed::Maybe, Some(contradiction))
}

/// Whether a refusal came as soon as one comes that looks at nothing but the number of streams. At the limit
/// of open streams a server may count for longer.
fn is_prompt(stream: &Stream, refusal: FromServer, connection: &ConnectionContext) -> bool {
    if stream.at_limit {
        return true;
    }
    let Some(opened) = stream.opened else {
        return false;
    };
    let round_trips = connection.round_trip.unwrap_or_default() * PROMPT_ROUND_TRIPS;
    refusal.stamp.time - opened.stamp.time <= round_trips.max(PROMPT)
}
