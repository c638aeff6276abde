//! What a client sends before the server has answered (RFC 8446, section 2.3), until it is known whether the server
//! takes it.
//!
//! ```text
//! None                         the client sends none
//! Awaiting --taken----> Taken      what was held is given out, the rest as it comes
//!          --not taken--> Refused  what was held is dropped: the client sends it again
//! ```

use super::records::TlsRecord;
use crate::decode::carrier::Carrier;
use crate::decode::stream_part::TlsRecordSpan;

/// How much is held at most; servers take no more than 16 KiB by default.
const MAX_HELD: usize = 64 << 10;

/// A client's early data.
#[derive(Debug)]
pub(super) enum EarlyData {
    None,
    /// The server has not said yet.
    Awaiting {
        held: Vec<HeldText>,
        /// Whether all of it could be read and held.
        whole: bool,
    },
    Taken,
    Refused,
}

/// The text of a record that waits.
#[derive(Debug)]
pub(super) struct HeldText {
    pub(super) text: Vec<u8>,
    pub(super) carrier: Carrier,
    pub(super) span: TlsRecordSpan,
}

impl EarlyData {
    /// That of a client which says that it sends some; `readable` if its secret is known.
    pub(super) const fn awaiting(readable: bool) -> Self {
        Self::Awaiting {
            held: Vec::new(),
            whole: readable,
        }
    }

    /// Holds a record's text, or drops it; `false` where it is to be given out.
    pub(super) fn hold(&mut self, text: &[u8], record: &TlsRecord<'_>) -> bool {
        let size = self.held();
        let Self::Awaiting { held, whole } = self else {
            return matches!(self, Self::Refused);
        };
        if size + text.len() > MAX_HELD {
            *whole = false;
        } else {
            held.push(HeldText {
                text: text.to_vec(),
                carrier: record.began,
                span: record.span(),
            });
        }
        true
    }

    /// The server's answer: gives what is to be given out now, and `None` if something of it was lost.
    pub(super) fn answered(&mut self, taken: bool) -> Option<Vec<HeldText>> {
        let Self::Awaiting { held, whole } = self else {
            return Some(Vec::new());
        };
        let (held, whole) = (std::mem::take(held), *whole);
        *self = if taken { Self::Taken } else { Self::Refused };
        match (taken, whole) {
            (false, _) => Some(Vec::new()),
            (true, true) => Some(held),
            (true, false) => None,
        }
    }

    /// How many bytes wait.
    pub(super) fn held(&self) -> usize {
        match self {
            Self::Awaiting { held, .. } => held.iter().map(|held| held.text.len()).sum(),
            Self::None | Self::Taken | Self::Refused => 0,
        }
    }
}
