//! What a client's header block says: the call, and what distinguishes it from other calls.
//!
//! In: the header blocks of one connection's requests, in order. Out: a [`Request`] of each, and what they say
//! together: the client's software, and methods that cannot be read.

use std::sync::Arc;
use std::time::Duration;

use super::MAX_VALUE;
use super::fingerprint::Fingerprint;
use super::foreign_answer::ForeignAnswer;
use super::inferred_path::{InferredPaths, PathsByShape, PseudoFields, Shape};
use super::interned::{self, Interned};
use super::rpc::RequestedHeader;
use crate::decode::grpc::{self, Messages, WireFormat};
use crate::decode::http2::hpack::{FieldName, HeaderBlock};
use crate::inspect::options::Options;

/// How many values of a requested header are kept. More than one is rare, and a header table lets a
/// peer repeat one for a byte each.
const MAX_VALUES: usize = 16;

/// What the client sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Request {
    pub(crate) method: Option<Arc<[u8]>>,
    pub(crate) authority: Option<Arc<[u8]>>,
    /// What it begins with, where its method cannot be read.
    pub(crate) shape: Option<Shape>,
    /// How it carries gRPC, if it does.
    pub(crate) format: Option<WireFormat>,
    pub(crate) timeout: Option<Duration>,
    /// Whether a browser sent it, and no proxy between.
    pub(crate) from_browser: bool,
    /// Fields of it cannot be known: one of them may be a timeout.
    pub(crate) hidden: bool,
    pub(crate) headers: Vec<RequestedHeader>,
    pub(crate) messages: Messages,
    pub(crate) fingerprint: Fingerprint,
}

impl Request {
    /// Whether it may be gRPC's for all that can be read of it.
    pub(crate) const fn may_be_grpc_unseen(&self) -> bool {
        self.hidden && self.format.is_none()
    }
}

/// Reads the requests of one connection.
#[derive(Clone, Debug, Default)]
pub(crate) struct RequestReader {
    interned: Interned,
    /// The `:path` and the `:authority` of the latest request: most repeat them.
    latest: Latest,
    paths: InferredPaths,
    user_agent: Option<Arc<[u8]>>,
}

/// Texts of the latest request, as they are shared.
#[derive(Clone, Debug, Default)]
struct Latest {
    path: Option<Arc<[u8]>>,
    authority: Option<Arc<[u8]>>,
}

/// A text as all requests share it, which is not looked up where it is the `latest`.
fn shared(
    latest: &mut Option<Arc<[u8]>>,
    interned: &mut Interned,
    text: &[u8],
    short: bool,
) -> Arc<[u8]> {
    match latest {
        Some(latest) if **latest == *text => Arc::clone(latest),
        _ => Arc::clone(latest.insert(interned.share(text, short))),
    }
}

impl RequestReader {
    /// Reads a request's header block, in one walk; trailers say nothing of it.
    pub(crate) fn read(&mut self, request: &mut Request, block: &HeaderBlock, options: &Options) {
        if request.method.is_some() {
            self.note_user_agent(block);
            return;
        }
        request.ask_for(&options.headers);
        let mut user_agent = None;
        let mut forwarded = false;
        let mut pseudo = PseudoFields::default();
        let mut target = request.fingerprint.begin();
        for (place, field) in block.unread_fields().enumerate() {
            pseudo.add(place, field);
            // These say nothing of the call.
            if matches!(
                field.known_name(),
                FieldName::Method | FieldName::Scheme | FieldName::Te
            ) && request.headers.is_empty()
            {
                continue;
            }
            let field = field.read();
            let Some(name) = field.name else {
                request.guess_timeout(field.value);
                request.hidden |= field.value.is_none();
                continue;
            };
            if !request.headers.is_empty() {
                request.keep_asked_for(name, field.value);
            }
            if field.known_name == FieldName::Other {
                forwarded |= is_of_proxy(name);
            }
            let Some(value) = field.value else {
                if field.known_name == FieldName::UserAgent {
                    user_agent.get_or_insert(None);
                    request.from_browser = false;
                }
                continue;
            };
            match field.known_name {
                FieldName::UserAgent => {
                    user_agent.get_or_insert(Some(value));
                    request.from_browser = is_browser(value);
                }
                FieldName::Path => {
                    let (latest, interned) = (&mut self.latest.path, &mut self.interned);
                    request.method = Some(shared(latest, interned, value, options.short_texts));
                }
                FieldName::Authority => {
                    let (latest, interned) = (&mut self.latest.authority, &mut self.interned);
                    request.authority = Some(shared(latest, interned, value, options.short_texts));
                }
                FieldName::ContentType => {
                    request.format = WireFormat::of(value);
                    if let Some(format) = request.format {
                        request.messages.carry_as(format);
                    }
                }
                FieldName::GrpcTimeout => request.timeout = grpc::timeout(value),
                _ => {}
            }
            let ignored = &options.not_identifying;
            request
                .fingerprint
                .add(&mut target, (field.known_name, name), value, ignored);
        }
        request.fingerprint.end(target);
        request.from_browser &= !forwarded;
        if self.user_agent.is_none() {
            self.user_agent = user_agent
                .flatten()
                .map(|value| interned::cut(value).into());
        }
        request.shape = self.paths.add(&pseudo, request.method.as_ref());
    }

    /// Looks for the client's software in a block that says nothing else.
    pub(crate) fn note_user_agent(&mut self, block: &HeaderBlock) {
        if self.user_agent.is_none() {
            self.user_agent = first_value(block, b"user-agent");
        }
    }

    /// Keeps what comes of the body of an answer that is not gRPC's, among the connection's texts.
    pub(crate) fn keep_body(&mut self, answer: &mut ForeignAnswer, bytes: &[u8]) {
        answer.push(bytes, &mut self.interned);
    }

    /// How many bytes the texts of its requests take.
    pub(crate) const fn texts(&self) -> usize {
        self.interned.bytes()
    }

    /// The first `user-agent` seen.
    pub(crate) fn user_agent(&self) -> Option<&Arc<[u8]>> {
        self.user_agent.as_ref()
    }

    /// The methods that could not be read, where the requests leave only one.
    pub(crate) fn inferred_paths(&self) -> PathsByShape {
        self.paths.infer()
    }
}

impl Request {
    fn ask_for(&mut self, names: &[Arc<[u8]>]) {
        let headers = names.iter().map(|name| RequestedHeader {
            name: Arc::clone(name),
            values: Vec::new(),
        });
        self.headers = headers.collect();
    }

    fn keep_asked_for(&mut self, name: &[u8], value: Option<&[u8]>) {
        let headers = self.headers.iter_mut();
        for header in
            headers.filter(|header| *header.name == *name && header.values.len() < MAX_VALUES)
        {
            let value = value.map(|value| value.get(..MAX_VALUE).unwrap_or(value).into());
            header.values.push(value);
        }
    }

    /// A timeout may hide behind a name that cannot be known: its value looks like nothing else.
    fn guess_timeout(&mut self, value: Option<&[u8]>) {
        self.timeout = self.timeout.or_else(|| grpc::timeout(value?));
    }
}

/// Whether a `user-agent` is a browser's: they all begin alike.
fn is_browser(user_agent: &[u8]) -> bool {
    user_agent.starts_with(b"Mozilla/5.0 ")
}

/// Whether a header is one that proxies add to the requests that they pass on.
fn is_of_proxy(name: &[u8]) -> bool {
    matches!(name, b"via" | b"forwarded" | b"x-real-ip")
        || name.starts_with(b"x-forwarded-")
        || name.starts_with(b"x-envoy-")
}

/// The value of the first field with a name, as much of it as is kept.
pub(crate) fn first_value(block: &HeaderBlock, name: &[u8]) -> Option<Arc<[u8]>> {
    let field = block.fields().find(|field| field.name == Some(name))?;
    field.value.map(|value| interned::cut(value).into())
}
