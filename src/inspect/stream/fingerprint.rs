//! What the attempts of one call have in common.
//!
//! A transparent retry carries no mark. What it repeats is the method, the authority, the message
//! and the metadata; what it shares with no other call, if anything, is a request id or the moment
//! at which its deadline runs out.

use super::text_hash::{self, TextHash};
use crate::decode::http2::hpack::FieldName;

/// How much of a request's body is compared, in bytes: enough to distinguish calls, little enough
/// that uploads cost nothing.
const MAX_COMPARED: u64 = 16 << 10;

/// Headers that stay the same over the attempts of a call and differ between calls, by the end of
/// their name.
const CALL_ID_ENDINGS: [&[u8]; 4] = [
    b"request-id",
    b"correlation-id",
    b"idempotency-key",
    b"rpc-id",
];

/// What kind of id attempts of a call share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IdKind {
    /// A call's own.
    Request,
    /// That of a trace, in which there may be several equal calls.
    Trace,
}

impl IdKind {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Request => "request id",
            Self::Trace => "trace id",
        }
    }
}

/// A traceparent's trace id (W3C Trace Context, section 3.2.2): the same for all attempts, unlike
/// the span id behind it.
const TRACE_ID: std::ops::Range<usize> = 3..35;

/// How many ids of a request are kept each for itself: its caller's, and one that a proxy may have added before it.
const MAX_IDS: usize = 2;

/// The ids of a request, which a proxy passes on as they are, though it may add others: each a hash that holds the
/// `:path` too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassedOn {
    /// Zero where there are no more, those of its call before those of a trace.
    ids: [u32; MAX_IDS],
    /// How many are its call's own.
    own: u8,
}

impl PassedOn {
    /// Its ids, each with what kind it is.
    pub(crate) fn ids(&self) -> impl Iterator<Item = (u32, IdKind)> + use<> {
        let own = usize::from(self.own);
        let ids = self.ids.into_iter().enumerate();
        ids.filter(|(_, id)| *id != 0).map(move |(place, id)| {
            let kind = match place < own {
                true => IdKind::Request,
                false => IdKind::Trace,
            };
            (id, kind)
        })
    }
}

/// The half of a hash that is mixed best.
const fn upper_half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Collects what identifies a call as its request passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fingerprint {
    /// Hashes are kept as numbers where they are complete; what hashes takes three times as much.
    target: u64,
    body: TextHash,
    body_length: u64,
    call_id: Option<(u64, IdKind)>,
    /// Hashes of its ids, those of its call before those of a trace, and how many are its call's.
    ids: [u32; MAX_IDS],
    own_ids: u8,
    /// A hash of its `:path`.
    path: u32,
    /// How many attempts went before it, as it says.
    pub(crate) previous_attempts: Option<u8>,
    known: bool,
}

/// What identifies a call, once its request has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Method, authority and body.
    pub(crate) request: u64,
    /// A hash of its ids with method and authority.
    ids: u64,
    /// What kind of id is among them; `None` if it has none. Beside the hash, where it costs a byte.
    id_kind: Option<IdKind>,
    /// Length of the body in bytes.
    pub(crate) body_length: u64,
    /// Whether it says itself that it is a retry.
    pub(crate) is_retry: bool,
    /// What a proxy passes on of its headers.
    pub(crate) passed_on: PassedOn,
    /// A hash of its `:path` and its body, which a proxy passes on too.
    pub(crate) content: u32,
}

impl Identity {
    /// A hash of its ids with method and authority, and what kind of id is among them.
    pub(crate) fn call_id(&self) -> Option<(u64, IdKind)> {
        self.id_kind.map(|kind| (self.ids, kind))
    }
}

#[cfg(test)]
impl Identity {
    /// That of a request without an id.
    pub(crate) fn bare(request: u64, body_length: u64) -> Self {
        Self {
            request,
            ids: 0,
            id_kind: None,
            body_length,
            is_retry: false,
            passed_on: PassedOn::default(),
            content: 0,
        }
    }

    /// The same with the id of a call.
    pub(crate) const fn give_id(&mut self, id: u64) {
        (self.ids, self.id_kind) = (id, Some(IdKind::Request));
    }
}

impl Fingerprint {
    /// A header block of the request begins.
    pub(super) fn begin(&self) -> TextHash {
        let mut target = TextHash::default();
        target.write(&self.target.to_le_bytes());
        target
    }

    /// Takes a field of it. `ignored` are names of headers to leave out of account.
    pub(super) fn add(
        &mut self,
        target: &mut TextHash,
        (known_name, name): (FieldName, &[u8]),
        value: &[u8],
        ignored: &[Box<[u8]>],
    ) {
        match known_name {
            FieldName::Path => {
                self.known = true;
                target.write(value);
                let mut path = TextHash::default();
                path.write(value);
                self.path = upper_half(path.finish());
            }
            FieldName::Authority => target.write(value),
            FieldName::GrpcPreviousRpcAttempts => {
                let number = std::str::from_utf8(value).ok().map(str::parse);
                self.previous_attempts = Some(number.and_then(Result::ok).unwrap_or(u8::MAX));
            }
            _ if ignored.iter().any(|ignored| **ignored == *name) => {}
            FieldName::TraceParent => {
                self.add_call_id(value.get(TRACE_ID).unwrap_or(value), IdKind::Trace);
            }
            FieldName::Other if CALL_ID_ENDINGS.iter().any(|ending| name.ends_with(ending)) => {
                self.add_call_id(value, IdKind::Request);
            }
            _ => {}
        }
    }

    /// The block ends.
    pub(super) fn end(&mut self, target: TextHash) {
        self.target = target.finish();
    }

    /// Takes the next bytes of the body.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let room = MAX_COMPARED.saturating_sub(self.body_length);
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        // Raw writes are hashed as one stream of bytes, however DATA was cut.
        self.body
            .write(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        self.body_length += bytes.len() as u64;
    }

    /// Learns that bytes of the body were not captured: nothing can be compared any more.
    pub(crate) const fn lose(&mut self) {
        self.known = false;
    }

    /// What identifies the call; `None` where its request is not fully known.
    pub(crate) fn identity(&self) -> Option<Identity> {
        if !self.known {
            return None;
        }
        let body = self.body.finish();
        let path = u64::from(self.path);
        let content = text_hash::of_numbers(&[path, body, self.body_length]);
        Some(Identity {
            request: text_hash::of_numbers(&[self.target, body, self.body_length]),
            // Two methods may be called with one id.
            ids: self
                .call_id
                .map_or(0, |(ids, _)| ids ^ self.target.rotate_left(1)),
            id_kind: self.call_id.map(|(_, kind)| kind),
            body_length: self.body_length,
            is_retry: self.previous_attempts.is_some(),
            passed_on: PassedOn {
                ids: self
                    .ids
                    .map(|id| if id == 0 { 0 } else { (id ^ self.path).max(1) }),
                own: self.own_ids,
            },
            content: upper_half(content),
        })
    }

    /// A call's own ids stand first, and stay where there is no room for more.
    fn keep_id(&mut self, id: u64, kind: IdKind) {
        let own = usize::from(self.own_ids);
        let place = match kind {
            IdKind::Request => own,
            IdKind::Trace => self.ids.iter().position(|id| *id == 0).unwrap_or(MAX_IDS),
        };
        let behind = self.ids.get_mut(place..).unwrap_or_default();
        if let Some(last) = behind.last_mut() {
            *last = upper_half(id).max(1);
            behind.rotate_right(1);
            self.own_ids += u8::from(kind == IdKind::Request);
        }
    }

    fn add_call_id(&mut self, value: &[u8], kind: IdKind) {
        let mut id = TextHash::default();
        id.write(value);
        let id = id.finish();
        self.keep_id(id, kind);
        let (hash, first) = self.call_id.get_or_insert((0, kind));
        *hash = text_hash::of_numbers(&[*hash, id]);
        if kind == IdKind::Request {
            *first = kind;
        }
    }
}
