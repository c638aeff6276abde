//! Answers that are not gRPC's: pages and words of proxies, mostly.
//!
//! In: the head of an answer with an HTTP status other than 200, and its body as it comes. Out: what a client library
//! repeats of it to its application.

use std::sync::Arc;

use super::interned::Interned;

/// How much of a body is kept, in bytes: as much as grpc-go repeats.
const MAX_BODY: usize = 1024;

/// A body that comes in more pieces before that is not kept: each costs what came before it.
const MAX_PIECES: u8 = 8;

/// An answer that is not gRPC's, with an HTTP status other than 200.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ForeignAnswer {
    /// Its `content-type`, cut to a bound; `None` where it has none.
    pub content_type: Option<Box<[u8]>>,
    /// What followed its head.
    pub body: ForeignBody,
    pieces: u8,
}

/// The body of an answer that is not gRPC's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ForeignBody {
    /// The head carried END_STREAM.
    #[default]
    None,
    /// Its first 1,024 bytes: all of it, if it is shorter and the stream was ended.
    Beginning(Arc<[u8]>),
    /// Some of them were not captured, or too many different ones are kept already.
    Unknown,
}

impl ForeignAnswer {
    /// One of which the head was read.
    pub(super) fn of_head(content_type: Option<Box<[u8]>>, ends_stream: bool) -> Self {
        let body = match ends_stream {
            true => ForeignBody::None,
            false => ForeignBody::Beginning(Arc::default()),
        };
        Self {
            content_type,
            body,
            pieces: 0,
        }
    }

    /// The next bytes of its body came; equal bodies of a connection are kept once.
    pub(crate) fn push(&mut self, bytes: &[u8], interned: &mut Interned) {
        let ForeignBody::Beginning(known) = &self.body else {
            return;
        };
        let room = MAX_BODY.saturating_sub(known.len());
        let piece = bytes.get(..room).unwrap_or(bytes);
        if piece.is_empty() {
            return;
        }
        self.pieces += 1;
        let whole = [known, piece].concat();
        let shared = interned.share(&whole, false);
        self.body = if self.pieces <= MAX_PIECES && shared.len() == whole.len() {
            ForeignBody::Beginning(shared)
        } else {
            ForeignBody::Unknown
        };
    }

    /// Bytes of its body were not captured.
    pub(crate) fn lose(&mut self) {
        self.body = ForeignBody::Unknown;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body_of<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> ForeignBody {
        let mut answer = ForeignAnswer::of_head(None, false);
        let mut interned = Interned::default();
        for piece in pieces {
            answer.push(piece, &mut interned);
        }
        answer.body
    }

    #[test]
    fn the_beginning_of_a_body_is_kept_however_it_comes() {
        assert_eq!(
            body_of([&b"no "[..], b"upstream"]),
            ForeignBody::Beginning((*b"no upstream").into())
        );
        assert_eq!(
            body_of([&[b'x'; 900][..], &[b'x'; 900]]),
            ForeignBody::Beginning([b'x'; 1024].into())
        );
        assert_eq!(body_of([]), ForeignBody::Beginning(Arc::default()));
    }

    #[test]
    fn what_comes_byte_by_byte_or_not_at_all_is_not_known() {
        assert_eq!(body_of([&b"x"[..]; 9]), ForeignBody::Unknown);
        let mut answer = ForeignAnswer::of_head(None, false);
        answer.lose();
        answer.push(b"the end", &mut Interned::default());
        assert_eq!(answer.body, ForeignBody::Unknown);
        assert_eq!(ForeignAnswer::of_head(None, true).body, ForeignBody::None);
    }

    #[test]
    fn different_long_bodies_are_not_all_kept() {
        let mut interned = Interned::default();
        let mut kept = Vec::new();
        for number in 0..1_000_u32 {
            let mut answer = ForeignAnswer::of_head(None, false);
            answer.push(
                &[&number.to_be_bytes()[..], &[0; 1_000]].concat(),
                &mut interned,
            );
            kept.push(answer.body);
        }
        let unknown = kept.iter().filter(|body| **body == ForeignBody::Unknown);
        assert!((600..900).contains(&unknown.count()));
        assert!(interned.bytes() < 600 << 10);
    }
}
