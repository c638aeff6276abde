//! One side of a TLS connection whose secrets are known: its records, its keys, and what became of them.
//!
//! In: the parts of its TCP stream, from the first byte on. Out: [`TlsOutput`]s.

use super::alert::Alert;
use super::early_data::EarlyData;
use super::hello::{EncryptedExtensions, FINISHED, split_message};
use super::key_log::KeyLog;
use super::protection::{Carries, Protection};
use super::records::{Part, RecordHeader, RecordReader, TlsRecord};
use super::renegotiation::Renegotiation;
use super::version::Version;
use crate::decode::carrier::Carrier;
use crate::decode::direction::Direction;
use crate::decode::stream_part::{StreamPart, TlsRecordSpan};

/// What a session gives.
#[derive(Debug)]
pub(in crate::decode) enum TlsOutput<'a> {
    /// The next part of what a side sent under protection.
    Text(StreamPart<'a>),
    /// A side gave up before it sent any application data, other than by closing in good order.
    Failed { alert: Alert, carrier: Carrier },
    /// A side said that it sends no more: close_notify (RFC 8446, section 6.1). `position` is where it said so in its
    /// TCP stream.
    Closed { position: u64, carrier: Carrier },
    /// Something odd, such as an alert after application data.
    Odd { text: String, carrier: Carrier },
}

/// What one side sends: its records, its keys, and what became of them.
#[derive(Debug)]
pub(super) struct TlsDirection {
    pub(super) records: RecordReader,
    pub(super) protection: Protection,
    /// What the client sent before the server has said whether it takes that.
    pub(super) early: EarlyData,
    /// How many bytes of text were given out.
    pub(super) position: u64,
    /// Bytes that are missing and were not told of yet.
    pub(super) missing: u64,
    /// Text was lost, and none given out since.
    pub(super) torn: bool,
    pub(super) spoke: bool,
    /// It ended its handshake.
    pub(super) finished: bool,
    /// Any of its records opened.
    pub(super) opened: bool,
    /// No more is read.
    pub(super) stopped: bool,
}

/// What a half needs to know of its session.
#[derive(Clone, Copy)]
pub(super) struct RecordContext {
    pub(super) version: Version,
    pub(super) by: Direction,
}

/// What handshakes under protection go by, and what they tell.
pub(super) struct HandshakeContext<'a> {
    pub(super) keys: &'a KeyLog,
    pub(super) extensions: Option<EncryptedExtensions>,
    pub(super) renegotiation: &'a mut Renegotiation,
}

impl TlsDirection {
    pub(super) const fn new(protection: Protection) -> Self {
        Self {
            records: RecordReader::new(),
            protection,
            early: EarlyData::None,
            position: 0,
            missing: 0,
            torn: false,
            spoke: false,
            finished: false,
            opened: false,
            stopped: false,
        }
    }

    pub(super) fn push(
        &mut self,
        context: RecordContext,
        part: StreamPart<'_>,
        handshake: &mut HandshakeContext<'_>,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        if self.stopped {
            if let StreamPart::Gap {
                length, carrier, ..
            } = part
            {
                self.missing += length;
                self.tear(carrier, sink);
            }
            return;
        }
        let mut records = std::mem::replace(&mut self.records, RecordReader::new());
        // Kept no longer than this: of many open connections few are read at a time.
        let mut buffer = Vec::new();
        records.push(part, &mut |part| match part {
            Part::Record(_) if self.stopped => false,
            Part::Record(record) => self.read(context, &record, &mut buffer, handshake, sink),
            Part::Lost {
                bytes,
                missing,
                carrier,
            } => {
                self.missing = self.missing.saturating_add(missing);
                self.protection.lose(bytes);
                if self.protection.carries_data() {
                    self.tear(carrier, sink);
                }
                false
            }
        });
        self.records = records;
    }

    /// Reads a record; whether it opened.
    fn read(
        &mut self,
        context: RecordContext,
        record: &TlsRecord<'_>,
        buffer: &mut Vec<u8>,
        handshake: &mut HandshakeContext<'_>,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) -> bool {
        let kind = record.header.kind;
        let is_tls12 = context.version == Version::TLS_1_2;
        match kind {
            RecordHeader::APPLICATION_DATA => {}
            RecordHeader::CHANGE_CIPHER_SPEC if !is_tls12 => return false,
            RecordHeader::CHANGE_CIPHER_SPEC if self.protection.has_begun() => {
                self.renegotiate(context, handshake, record.completed, sink);
                return false;
            }
            RecordHeader::CHANGE_CIPHER_SPEC => {
                self.protection.advance();
                return false;
            }
            _ if is_tls12 && self.protection.has_begun() => {}
            RecordHeader::ALERT if record.payload.len() == Alert::LENGTH => {
                self.alert(context, record.payload, record, sink);
                return false;
            }
            _ => return false,
        }
        let Some(opened) = self.protection.open(record, buffer) else {
            self.fail(context, record, sink);
            return false;
        };
        self.opened = true;
        let (kind, text) = if is_tls12 {
            (kind, opened.text)
        } else {
            // The type stands behind the text, and padding behind that (RFC 8446, section 5.2).
            let Some(end) = opened.text.iter().rposition(|byte| *byte != 0) else {
                return true;
            };
            let text = opened.text.get(..end).unwrap_or_default();
            (opened.text.get(end).copied().unwrap_or_default(), text)
        };
        let (carries, sequence) = (opened.carries, opened.sequence);
        self.finished |= carries == Carries::Data;
        let data_kind = kind == RecordHeader::APPLICATION_DATA;
        if data_kind && carries == Carries::EarlyData && self.early.hold(text, record) {
            return true;
        }
        if opened.after_loss || (data_kind && self.torn && !self.spoke) {
            sink(TlsOutput::Text(StreamPart::Break {
                missing: std::mem::take(&mut self.missing),
                carrier: record.began,
            }));
        }
        match kind {
            RecordHeader::APPLICATION_DATA if carries.is_data() && !text.is_empty() => {
                self.speak(text, record.began, record.span(), sink);
            }
            RecordHeader::ALERT => {
                self.alert(context, text, record, sink);
            }
            RecordHeader::HANDSHAKE if is_tls12 && sequence > 0 => {
                handshake.renegotiation.take(context.by, text);
            }
            RecordHeader::HANDSHAKE if carries == Carries::Handshake => {
                self.finished |= has_finished(text);
                if handshake.extensions.is_none() {
                    handshake.extensions = EncryptedExtensions::read(text);
                }
            }
            // Whose early data was not taken does not end it.
            RecordHeader::HANDSHAKE if carries == Carries::EarlyData => {
                self.early_data_answered(true, record.completed, sink);
            }
            _ => {}
        }
        true
    }

    /// Gives out what a record protected.
    fn speak(
        &mut self,
        text: &[u8],
        carrier: Carrier,
        span: TlsRecordSpan,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        sink(TlsOutput::Text(StreamPart::Bytes {
            position: self.position,
            data: text,
            carrier,
            whole: span.whole,
            record: Some(span),
        }));
        self.position += text.len() as u64;
        self.torn = false;
        self.spoke = true;
    }

    /// The server took the early data, or did not: then the client sends it again.
    pub(super) fn early_data_answered(
        &mut self,
        taken: bool,
        carrier: Carrier,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        match self.early.answered(taken) {
            Some(held) => {
                for held in held {
                    self.speak(&held.text, held.carrier, held.span, sink);
                }
            }
            None => {
                let text = "early data of the client is not decrypted: its first frames are lost";
                sink(TlsOutput::Odd {
                    text: text.to_owned(),
                    carrier,
                });
                self.tear(carrier, sink);
            }
        }
    }

    /// A record did not open. In the handshake that is no wonder: keys are missing, or the client
    /// sent early data.
    fn fail(
        &mut self,
        context: RecordContext,
        record: &TlsRecord<'_>,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        let hopeless = self.protection.is_hopeless();
        if self.protection.carries_data() {
            self.protection.lose(record.ends - record.begins);
            self.tear(record.began, sink);
        }
        if hopeless {
            self.stopped = true;
            let sender = context.by.sender();
            sink(TlsOutput::Odd {
                text: format!(
                    "records of the {sender} do not open with the keys given: reading them stops here"
                ),
                carrier: record.began,
            });
            self.tear(record.began, sink);
        }
    }

    /// A ChangeCipherSpec under protection: other keys follow.
    fn renegotiate(
        &mut self,
        context: RecordContext,
        handshake: &HandshakeContext<'_>,
        carrier: Carrier,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        let sender = context.by.sender();
        let keys = handshake.renegotiation.keys_of(context.by, handshake.keys);
        let what = match (&keys, self.spoke) {
            (None, _) => "and the key log has no secrets for that: reading it stops here",
            (Some(_), true) => "which HTTP/2 prohibits once it has begun",
            (Some(_), false) => "",
        };
        if !what.is_empty() {
            let text = format!("the {sender} renegotiates TLS, {what}");
            sink(TlsOutput::Odd { text, carrier });
        }
        match keys {
            Some((suite, epoch)) => {
                self.protection.renegotiate(suite, epoch);
                self.protection.advance();
            }
            None => {
                self.stopped = true;
                self.tear(carrier, sink);
            }
        }
    }

    fn alert(
        &self,
        context: RecordContext,
        payload: &[u8],
        record: &TlsRecord<'_>,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        let Some(alert) = Alert::read(payload) else {
            return;
        };
        let carrier = record.completed;
        if alert == Alert::CLOSE_NOTIFY && self.opened {
            let position = record.begins;
            sink(TlsOutput::Closed { position, carrier });
        }
        if alert.is_closure() {
            return;
        }
        sink(match self.spoke {
            false => TlsOutput::Failed { alert, carrier },
            true => TlsOutput::Odd {
                text: format!("the {} sent the TLS alert {alert}", context.by.sender()),
                carrier,
            },
        });
    }

    /// Tells that text is lost, once until there is text again, and how many bytes are missing.
    fn tear(&mut self, carrier: Carrier, sink: &mut impl FnMut(TlsOutput<'_>)) {
        let missing = std::mem::take(&mut self.missing);
        if !self.torn || missing > 0 {
            sink(TlsOutput::Text(StreamPart::Break { missing, carrier }));
        }
        self.torn = true;
    }
}

/// Whether messages of a handshake end it.
fn has_finished(mut messages: &[u8]) -> bool {
    while let Some((kind, _, rest)) = split_message(messages) {
        if kind == FINISHED {
            return true;
        }
        messages = rest;
    }
    false
}
