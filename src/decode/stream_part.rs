//! A part of what one side sent, in order: from TCP as it is, or out of TLS records.

use super::carrier::Carrier;
use crate::capture::Stamp;

/// What comes next in a byte stream, whatever carries the stream, with its bytes as a `B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamPartOf<B> {
    /// Bytes, and the segment that first carried them.
    Bytes {
        /// Position of the first one in the stream.
        position: u64,
        /// The bytes; never none.
        data: B,
        /// What carried the first one: of bytes out of a TLS record, the record's first byte.
        carrier: Carrier,
        /// The packet with which the stream was whole up to them: what carried them, or what filled the hole behind
        /// which they had waited.
        whole: Stamp,
        /// The TLS record they were protected in, if any; then `position` counts the bytes that were
        /// protected.
        record: Option<TlsRecordSpan>,
    },
    /// Bytes that the capture does not hold.
    Gap {
        /// Position of the first one in the stream.
        position: u64,
        /// How many.
        length: u64,
        /// What showed that they are missing.
        carrier: Carrier,
    },
    /// Bytes that cannot be had, and nobody knows how many: they were protected, or were given up to
    /// save memory. TCP itself knows the length of every gap.
    Break {
        /// How many bytes of the TCP stream are missing from the capture because of which, as far as
        /// no part before has counted them.
        missing: u64,
        /// What showed it.
        carrier: Carrier,
    },
}

/// What comes next in a byte stream, with its bytes where they lie.
pub type StreamPart<'a> = StreamPartOf<&'a [u8]>;

impl<B> StreamPartOf<B> {
    /// The same from `bytes` bytes further on, where its bytes were cut at the front.
    #[must_use]
    pub(super) fn advanced_by(mut self, bytes: usize) -> Self {
        if let Self::Bytes { position, .. } = &mut self {
            *position += bytes as u64;
        }
        self
    }

    /// The same with its bytes as `convert` makes them, if it holds any.
    pub fn map<D>(self, convert: impl FnOnce(B) -> D) -> StreamPartOf<D> {
        match self {
            Self::Bytes {
                position,
                data,
                carrier,
                whole,
                record,
            } => StreamPartOf::Bytes {
                position,
                data: convert(data),
                carrier,
                whole,
                record,
            },
            Self::Gap {
                position,
                length,
                carrier,
            } => StreamPartOf::Gap {
                position,
                length,
                carrier,
            },
            Self::Break { missing, carrier } => StreamPartOf::Break { missing, carrier },
        }
    }

    /// What carried it, or showed that it is missing.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        match self {
            Self::Bytes { carrier, .. }
            | Self::Gap { carrier, .. }
            | Self::Break { carrier, .. } => *carrier,
        }
    }
}

/// The place of a TLS record in its TCP stream. The receiver has the bytes in it only once it has all
/// of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsRecordSpan {
    /// Position of its first byte.
    pub begins: u64,
    /// Position after its last byte.
    pub ends: u64,
    /// What carried its last byte.
    pub completed: Carrier,
    /// The packet with which the stream was whole up to that.
    pub whole: Stamp,
}
