//! What a capture at the server's end adds to a call.

use crate::capture::Timestamp;

/// What was lost between the two ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostOnTheWay {
    /// The request left its client and never came to the server.
    Request,
    /// The answer left the server and never came to the client.
    Answer,
}

impl LostOnTheWay {
    /// Its name in reports, in snake case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Answer => "answer",
        }
    }
}

/// How a call looks at the server's end, by the clock of the capture there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AtServer {
    /// When the segment came that first carried the beginning of its HEADERS; `None` if it did not, or that capture
    /// lacks it.
    pub arrived: Option<Timestamp>,
    /// When the server had answered to the end; `None` if it did not.
    pub answered: Option<Timestamp>,
    /// What of it was lost on the way, proved by both captures.
    pub lost: Option<LostOnTheWay>,
}
