//! What the attempts of one call have in common.
//!
//! A transparent retry carries no mark. What it repeats is the method, the authority, the message
//! and the metadata; what it shares with no other call, if anything, is a request id or the moment
//! at which its deadline runs out.

use std::hash::{DefaultHasher, Hasher as _};

use rustc_hash::FxHasher;

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

/// How many ids of a request are kept each for itself: a caller's, and those that proxies add.
const MAX_IDS: usize = 3;

/// What of a request a proxy passes on as it is. Authority and other headers it may change, ids it may add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct PassedOn {
    /// A hash of its `:path`.
    pub(crate) path: u32,
    /// A hash of its `:path` and its body.
    pub(crate) content: u32,
    /// Hashes of its ids, zero where there are no more, those of its call before those of a trace.
    ids: [u32; MAX_IDS],
    /// How many of the ids are its call's own.
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

    /// A call's own ids stand first, and stay where there is no room for more.
    fn add_id(&mut self, id: u64, kind: IdKind) {
        let id = upper_half(id).max(1);
        let own = usize::from(self.own);
        let place = match kind {
            IdKind::Request => own,
            IdKind::Trace => self.ids.iter().position(|id| *id == 0).unwrap_or(MAX_IDS),
        };
        let Some(behind) = self.ids.get_mut(place..) else {
            return;
        };
        if let Some(last) = behind.last_mut() {
            *last = id;
            behind.rotate_right(1);
            self.own += u8::from(kind == IdKind::Request);
        }
    }
}

/// The half of a hash that is mixed best.
const fn upper_half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// Collects what identifies a call as its request passes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fingerprint {
    /// Hashes are kept as numbers where they are complete; a hasher takes ten times as much.
    target: u64,
    body: DefaultHasher,
    body_length: u64,
    call_id: Option<(u64, IdKind)>,
    passed_on: PassedOn,
    /// How many attempts went before it, as it says.
    pub(crate) previous_attempts: Option<u8>,
    known: bool,
}

/// What identifies a call, once its request has passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Method, authority and body.
    pub(crate) request: u64,
    /// A hash of its ids with method and authority, and what kind of id was among them.
    pub(crate) call_id: Option<(u64, IdKind)>,
    /// Length of the body in bytes.
    pub(crate) body_length: u64,
    /// Whether it says itself that it is a retry.
    pub(crate) is_retry: bool,
    /// What a proxy passes on of it.
    pub(crate) passed_on: PassedOn,
}

impl Fingerprint {
    /// A header block of the request begins.
    pub(super) fn begin(&self) -> DefaultHasher {
        let mut target = DefaultHasher::default();
        target.write_u64(self.target);
        target
    }

    /// Takes a field of it. `ignored` are names of headers to leave out of account.
    pub(super) fn add(
        &mut self,
        target: &mut DefaultHasher,
        name: &[u8],
        value: &[u8],
        ignored: &[Box<[u8]>],
    ) {
        match name {
            b":path" => {
                self.known = true;
                target.write(value);
                let mut path = FxHasher::default();
                path.write(value);
                self.passed_on.path = upper_half(path.finish());
            }
            b":authority" => target.write(value),
            b"grpc-previous-rpc-attempts" => {
                let number = std::str::from_utf8(value).ok().map(str::parse);
                self.previous_attempts = Some(number.and_then(Result::ok).unwrap_or(u8::MAX));
            }
            _ if ignored.iter().any(|ignored| **ignored == *name) => {}
            b"traceparent" => self.add_call_id(value.get(TRACE_ID).unwrap_or(value), IdKind::Trace),
            _ if CALL_ID_ENDINGS.iter().any(|ending| name.ends_with(ending)) => {
                self.add_call_id(value, IdKind::Request);
            }
            _ => {}
        }
    }

    /// The block ends.
    pub(super) fn end(&mut self, target: &DefaultHasher) {
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
        let mut request = DefaultHasher::default();
        request.write_u64(self.target);
        let body = self.body.finish();
        request.write_u64(body);
        request.write_u64(self.body_length);
        let mut content = FxHasher::default();
        content.write_u32(self.passed_on.path);
        content.write_u64(body);
        content.write_u64(self.body_length);
        Some(Identity {
            request: request.finish(),
            call_id: self.call_id.map(|(id, kind)| {
                // Two methods may be called with one id.
                (id ^ self.target.rotate_left(1), kind)
            }),
            body_length: self.body_length,
            is_retry: self.previous_attempts.is_some(),
            passed_on: PassedOn {
                content: upper_half(content.finish()),
                ..self.passed_on
            },
        })
    }

    fn add_call_id(&mut self, value: &[u8], kind: IdKind) {
        let mut alone = DefaultHasher::default();
        alone.write(value);
        self.passed_on.add_id(alone.finish(), kind);
        let (hash, first) = self.call_id.get_or_insert((0, kind));
        let mut hasher = DefaultHasher::default();
        hasher.write_u64(*hash);
        hasher.write(value);
        *hash = hasher.finish();
        if kind == IdKind::Request {
            *first = kind;
        }
    }
}
