//! What the server sent on a stream, as far as it matters for what became of the call.
//!
//! In: header blocks of the answer, and where it ends. Out: its status, and whether it told early that the call
//! failed.

use std::borrow::Cow;
use std::sync::Arc;

use super::foreign_answer::ForeignAnswer;
use super::{FromServer, Known, MAX_VALUE, interned};
use crate::decode::grpc::{self, Messages, WireFormat};
use crate::decode::http2::hpack::{FieldName, HeaderBlock};

/// How much of a `grpc-message` is kept, in bytes: enough for a sentence in a report.
pub(in crate::inspect) const MAX_MESSAGE: usize = 512;

/// What the server sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    /// Whether anything of it was seen.
    pub(crate) begun: bool,
    /// Its END_STREAM.
    pub(crate) ended: Option<FromServer>,
    /// Whether a header block or END_STREAM of it may have been sent before it was captured.
    pub(crate) sent_again: bool,
    /// What its `content-type` says: how gRPC is carried, or that it is none.
    pub(crate) content: Known<Option<WireFormat>>,
    content_length: Option<u64>,
    /// Bytes of its body so far.
    body: u64,
    pub(crate) http_status: Known<u16>,
    /// OK is no text of its own: most answers say it.
    pub(crate) grpc_status: Known<Cow<'static, [u8]>>,
    /// Whether that was inferred, and not read.
    pub(crate) status_inferred: bool,
    pub(crate) grpc_message: Option<Box<[u8]>>,
    pub(crate) messages: Messages,
    /// Of an answer that is not gRPC's, with another HTTP status than 200.
    pub(crate) foreign: Option<Box<ForeignAnswer>>,
    /// The header block that tells a gRPC client that the call failed, whatever may follow: an HTTP status
    /// other than 200, a content that is not gRPC (grpc/grpc, doc/http-grpc-status-mapping.md), or an error
    /// without an answer.
    pub(super) tells_failure: Option<FromServer>,
}

/// A header block of an answer, beside its fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BlockContext {
    /// Where it ends.
    pub(crate) end: FromServer,
    /// Whether it carries END_STREAM.
    pub(crate) ends_stream: bool,
    /// How the request carries gRPC, if it does.
    pub(crate) request: Option<WireFormat>,
}

/// What the fields of one block say.
#[derive(Debug, Default)]
struct Fields<'a> {
    server: Option<&'a [u8]>,
    /// `:status`, unless it is informational.
    http_status: Known<Option<u16>>,
    informational: bool,
    content: Known<&'a [u8]>,
    content_length: Option<u64>,
    grpc_status: Known<&'a [u8]>,
    grpc_message: Option<&'a [u8]>,
    /// Whether any field may hide behind a name that cannot be known.
    hidden: bool,
}

impl Answer {
    /// Reads a header block of the answer: informational, final, or trailers. The connection's first
    /// `server` header goes into `server`.
    pub(crate) fn read(
        &mut self,
        block: &HeaderBlock,
        context: BlockContext,
        server: &mut Option<Arc<[u8]>>,
    ) {
        let fields = Fields::of(block);
        if server.is_none() {
            *server = fields.server.map(|value| interned::cut(value).into());
        }
        if fields.informational {
            return;
        }
        let is_head = fields.http_status != Known::Absent;
        match fields.http_status {
            Known::Value(status) => {
                self.http_status = status.map_or(Known::Absent, Known::Value);
            }
            Known::Hidden => self.http_status = Known::Hidden,
            Known::Absent => {}
        }
        match fields.content {
            Known::Value(content) => self.learn_content(WireFormat::of(content)),
            Known::Hidden if is_head => self.content = Known::Hidden,
            Known::Hidden | Known::Absent => {}
        }
        self.content_length = self.content_length.or(fields.content_length);
        // A status that is not the last word is none; gRPC-Web may have it in the first.
        let format = self.content.value().copied().flatten();
        let format = format.or(context.request);
        if context.ends_stream || matches!(format, Some(WireFormat::Web | WireFormat::WebText)) {
            self.read_status(&fields);
        }
        if fields.hidden {
            self.hide(context.ends_stream);
        }
        if is_head {
            self.note_foreign(fields.content, context.ends_stream);
        }
        if is_head && self.tells_grpc_failure(context.ends_stream) {
            self.tells_failure.get_or_insert(context.end);
        }
    }

    fn note_foreign(&mut self, content: Known<&[u8]>, ends_stream: bool) {
        let other_status = matches!(self.http_status, Known::Value(status) if status != 200);
        if !other_status || self.is_grpc(None) || self.foreign.is_some() {
            return;
        }
        let content_type = content.value().map(|value| {
            let kept = value.get(..MAX_VALUE).unwrap_or(value);
            kept.into()
        });
        self.foreign = Some(Box::new(ForeignAnswer::of_head(content_type, ends_stream)));
    }

    /// Whether its head tells a gRPC client that the call failed.
    fn tells_grpc_failure(&self, trailers_only: bool) -> bool {
        let other_status = matches!(self.http_status, Known::Value(status) if status != 200);
        let error = matches!(&self.grpc_status, Known::Value(status) if **status != *b"0");
        other_status || self.content == Known::Value(None) || (trailers_only && error)
    }

    fn learn_content(&mut self, format: Option<WireFormat>) {
        self.content = Known::Value(format);
        if let Some(format) = format {
            self.messages.carry_as(format);
        }
    }

    fn read_status(&mut self, fields: &Fields<'_>) {
        match fields.grpc_status {
            Known::Value(status) => self.learn_status(status),
            Known::Hidden => self.grpc_status = Known::Hidden,
            Known::Absent => {}
        }
        if let Some(message) = fields.grpc_message {
            self.learn_message(message);
        }
    }

    fn learn_status(&mut self, status: &[u8]) {
        let kept = status.get(..MAX_VALUE.min(status.len())).unwrap_or(status);
        self.grpc_status = Known::Value(match kept {
            b"0" => Cow::Borrowed(b"0"),
            other => Cow::Owned(other.to_vec()),
        });
        if self.content == Known::Absent {
            self.content = Known::Value(Some(WireFormat::Http2));
        }
    }

    /// The status is this by all that the connection's habits leave, where it could not be read.
    pub(crate) fn infer_status(&mut self, status: u8) {
        if self.ended.is_some() && self.grpc_status == Known::Hidden {
            self.learn_status(status.to_string().as_bytes());
            self.status_inferred = true;
        }
    }

    fn learn_message(&mut self, message: &[u8]) {
        let mut message = grpc::message(message);
        message.truncate(MAX_MESSAGE);
        self.grpc_message = Some(message.into());
    }

    /// END_STREAM: of gRPC-Web, whose trailers stand in the body, they are whole now.
    pub(crate) fn end(&mut self, end: FromServer) {
        self.ended = Some(end);
        let trailers = self.messages.trailers();
        let trailers: Vec<_> = trailers
            .map(|(name, value)| (name, value.to_vec()))
            .collect();
        for (name, value) in trailers {
            match name.as_slice() {
                b"grpc-status" => self.learn_status(&value),
                b"grpc-message" => self.learn_message(&value),
                _ => {}
            }
        }
    }

    /// DATA of it, without padding.
    pub(crate) fn data(&mut self, length: u32) {
        self.body = self.body.saturating_add(length.into());
    }

    /// What its `content-length` announces, and the length of its body, where that is another (RFC 9113,
    /// section 8.1.1).
    pub(crate) fn body_mismatch(&self) -> Option<(u64, u64)> {
        let announced = self.content_length?;
        (self.ended.is_some() && announced != self.body).then_some((announced, self.body))
    }

    /// A block of the answer could not be read, or not all of it.
    pub(crate) fn hide(&mut self, ends_stream: bool) {
        if ends_stream && self.grpc_status == Known::Absent {
            self.grpc_status = Known::Hidden;
        }
        if self.http_status == Known::Absent {
            self.http_status = Known::Hidden;
        }
        if self.content == Known::Absent {
            self.content = Known::Hidden;
        }
    }

    /// Whether its head cannot be read whole: it may have told a failure.
    pub(crate) fn head_is_hidden(&self) -> bool {
        self.tells_failure.is_none()
            && (self.http_status == Known::Hidden || self.content == Known::Hidden)
    }

    /// Whether no head of it was seen that has a status.
    pub(crate) fn lacks_head(&self) -> bool {
        self.tells_failure.is_none() && self.http_status == Known::Absent
    }

    /// Whether what it carries is gRPC, as it says itself, or as the request does where its own word was
    /// not seen.
    pub(crate) fn is_grpc(&self, request: Option<WireFormat>) -> bool {
        match self.content {
            Known::Value(format) => format.is_some(),
            Known::Absent | Known::Hidden => request.is_some(),
        }
    }
}

impl<'a> Fields<'a> {
    fn of(block: &'a HeaderBlock) -> Self {
        let mut fields = Self::default();
        for field in block.fields() {
            fields.hidden |= field.name.is_none();
            let value = field.value;
            match field.known_name {
                FieldName::Server => fields.server = fields.server.or(value),
                FieldName::Status => match value.map(number) {
                    // The answer's status is still to come (RFC 9110, section 15.2).
                    Some(Some(100..200)) => fields.informational = true,
                    Some(status) => fields.http_status = Known::Value(status),
                    None => fields.http_status = Known::Hidden,
                },
                FieldName::ContentType => {
                    fields.content = value.map_or(Known::Hidden, Known::Value)
                }
                FieldName::ContentLength => fields.content_length = value.and_then(number),
                FieldName::GrpcStatus => {
                    fields.grpc_status = value.map_or(Known::Hidden, Known::Value)
                }
                FieldName::GrpcMessage => fields.grpc_message = value,
                _ => {}
            }
        }
        fields
    }
}

fn number<T: std::str::FromStr>(value: &[u8]) -> Option<T> {
    std::str::from_utf8(value).ok()?.parse().ok()
}
