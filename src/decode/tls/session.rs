//! Both directions of a TLS connection whose secrets are known.
//!
//! In: the parts of its TCP streams, from the first byte on. Out: [`TlsOutput`]s: the text that its
//! records protect, alerts, and what was odd. Whether the text is HTTP/2 is for the caller to see.

use super::Facts;
use super::alert::Alert;
use super::cipher_suite::CipherSuite;
use super::crypto::Key;
use super::early_data::EarlyData;
use super::hello::{
    CLIENT_HELLO, ClientHello, EncryptedExtensions, FINISHED, SERVER_HELLO, ServerHello,
    split_message,
};
use super::key_log::{ConnectionSecrets, KeyLog};
use super::protection::{Carries, Epoch, Protection};
use super::reached::Reached;
use super::records::{Part, RecordHeader, RecordReader, TlsRecord};
use super::version::Version;
use crate::capture::Stamp;
use crate::decode::carrier::Carrier;
use crate::decode::direction::{Direction, PerSide};
use crate::decode::stream_part::{StreamPart, TlsRecordSpan};

/// Both hellos.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Hellos<'a> {
    pub(in crate::decode) client: &'a ClientHello,
    pub(in crate::decode) server: &'a ServerHello,
}

/// Why a connection stays encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decode) enum Undecryptable {
    /// The key log does not know its client random.
    NoSecrets,
    /// It knows other secrets of the connection than those needed.
    SecretsIncomplete,
    /// The version is not one that can be read.
    Version(Version),
    /// The suite is not one that can be read.
    Cipher(CipherSuite),
}

/// What a session gives.
#[derive(Debug)]
pub(in crate::decode) enum TlsOutput<'a> {
    /// The next part of what a side sent under protection.
    Text(StreamPart<'a>),
    /// A side gave up before it sent any application data, other than by closing in good order.
    Failed { alert: Alert, carrier: Carrier },
    /// Something odd, such as an alert after application data.
    Odd { text: String, carrier: Carrier },
}

/// One TLS connection.
#[derive(Debug)]
pub(in crate::decode) struct Session {
    directions: PerSide<TlsDirection>,
    facts: Facts,
    version: Version,
    /// Whether what the server chose was seen: TLS 1.3 has it under protection.
    chosen: bool,
}

/// What one side sends: its records, its keys, and what became of them.
#[derive(Debug)]
struct TlsDirection {
    records: RecordReader,
    protection: Protection,
    /// What the client sent before the server has said whether it takes that.
    early: EarlyData,
    /// How many bytes of text were given out.
    position: u64,
    /// Bytes that are missing and were not told of yet.
    missing: u64,
    /// Text was lost, and none given out since.
    torn: bool,
    spoke: bool,
    /// It ended its handshake.
    finished: bool,
    /// Any of its records opened.
    opened: bool,
    /// No more is read.
    stopped: bool,
}

impl<'a> Hellos<'a> {
    /// What both say of the connection.
    pub(in crate::decode) fn facts(self) -> Facts {
        Facts {
            version: Some(self.server.version),
            cipher: Some(self.server.cipher),
            alpn: self.server.alpn.clone(),
            server_name: self.client.server_name.clone(),
            offers_h2: self.client.offers_h2,
            offers_others: self.client.offers_others,
            reached: Reached::Unknown,
        }
    }

    fn secrets(self, keys: &'a KeyLog) -> Result<&'a ConnectionSecrets, Undecryptable> {
        keys.of(&self.client.random).ok_or(Undecryptable::NoSecrets)
    }
}

impl Undecryptable {
    /// Why, as a sentence without a full stop.
    pub(in crate::decode) fn reason(self) -> String {
        match self {
            Self::NoSecrets => {
                "the key log has no secrets for its client random: it stays encrypted".to_owned()
            }
            Self::SecretsIncomplete => {
                "the key log lacks secrets of application data for it: it stays encrypted"
                    .to_owned()
            }
            Self::Version(version) => format!("{version} is not decrypted"),
            Self::Cipher(cipher) => {
                format!("cipher suite {cipher} is not supported: it stays encrypted")
            }
        }
    }
}

impl Session {
    /// A session after both hellos; everything from the first byte on is to be pushed.
    pub(in crate::decode) fn new(hellos: Hellos<'_>, keys: &KeyLog) -> Result<Self, Undecryptable> {
        let ServerHello {
            version,
            cipher,
            random,
            ..
        } = *hellos.server;
        let secrets = hellos.secrets(keys)?;
        let protections = match version {
            Version::TLS_1_3 => tls13(cipher, secrets)?,
            Version::TLS_1_2 => {
                let master = secrets.master.as_ref();
                let master = master.ok_or(Undecryptable::SecretsIncomplete)?;
                let keys = Key::of_master(cipher, master, &hellos.client.random, &random);
                let keys = keys.ok_or(Undecryptable::Cipher(cipher))?;
                keys.map(|key| Protection::tls12(cipher, Epoch::of_master(key)))
            }
            version => return Err(Undecryptable::Version(version)),
        };
        let mut directions = protections.map(TlsDirection::new);
        if hellos.client.early_data {
            directions.client.early = EarlyData::awaiting(secrets.early.is_some());
        }
        Ok(Self {
            directions,
            facts: hellos.facts(),
            version,
            chosen: version != Version::TLS_1_3,
        })
    }

    /// What is known of it by now.
    pub(in crate::decode) fn facts(&self) -> Facts {
        let client = &self.directions.client;
        let reached = match () {
            () if client.spoke => Reached::Used,
            () if client.finished => Reached::Unused,
            () if client.stopped || client.torn => Reached::Unknown,
            () => Reached::Unfinished,
        };
        Facts {
            reached,
            ..self.facts.clone()
        }
    }

    /// The application protocol that the server chose.
    pub(in crate::decode) fn alpn(&self) -> Option<&[u8]> {
        self.facts.alpn.as_deref()
    }

    /// Whether it was seen what the server chose, if anything.
    pub(in crate::decode) const fn has_chosen(&self) -> bool {
        self.chosen
    }

    /// Whether a side cannot be read any further.
    pub(in crate::decode) const fn has_stopped(&self) -> bool {
        self.directions.client.stopped || self.directions.server.stopped
    }

    /// Whether any record opened.
    pub(in crate::decode) const fn has_opened(&self) -> bool {
        self.directions.client.opened || self.directions.server.opened
    }

    /// How many bytes of memory it takes to read on.
    pub(in crate::decode) fn held(&self) -> usize {
        let sides = self
            .directions
            .iter()
            .map(|(_, side)| side.records.held() + side.early.held());
        sides.sum()
    }

    /// Takes the next part of one direction; what it gives is of the side that it names.
    pub(in crate::decode) fn push(
        &mut self,
        direction: Direction,
        part: StreamPart<'_>,
        sink: &mut impl FnMut(Direction, TlsOutput<'_>),
    ) {
        let context = RecordContext {
            version: self.version,
            sender: direction.sender(),
        };
        let mut extensions = None;
        let mut own = |output: TlsOutput<'_>| sink(direction, output);
        self.directions[direction].push(context, part, &mut extensions, &mut own);
        if direction == Direction::ServerToClient
            && let Some(EncryptedExtensions { alpn, early_data }) = extensions
        {
            self.facts.alpn = alpn;
            self.chosen = true;
            let mut of_client = |output: TlsOutput<'_>| sink(Direction::ClientToServer, output);
            let client = &mut self.directions.client;
            client.early_data_answered(early_data, part.carrier(), &mut of_client);
        }
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

fn tls13(
    cipher: CipherSuite,
    secrets: &ConnectionSecrets,
) -> Result<PerSide<Protection>, Undecryptable> {
    if cipher.protection(Version::TLS_1_3).is_none() {
        return Err(Undecryptable::Cipher(cipher));
    }
    let early = secrets.early.as_ref();
    let protection = |side, early: Option<Epoch>| {
        let handshake = handshake_epoch(cipher, secrets, side);
        let data = secrets.traffic[side]
            .clone()
            .and_then(|secret| Epoch::of_traffic(cipher, secret));
        let data = data.ok_or(Undecryptable::SecretsIncomplete)?;
        let epochs = [early, handshake, Some(data)].into_iter().flatten();
        Ok(Protection::tls13(cipher, epochs))
    };
    let early = early.and_then(|secret| Epoch::of_early_data(cipher, secret));
    Ok(PerSide {
        client: protection(Direction::ClientToServer, early)?,
        server: protection(Direction::ServerToClient, None)?,
    })
}

fn handshake_epoch(
    cipher: CipherSuite,
    secrets: &ConnectionSecrets,
    side: Direction,
) -> Option<Epoch> {
    let secret = secrets.handshake[side].as_ref()?;
    Epoch::of_handshake(cipher, secret)
}

/// The protected alert with which a client gave up a TLS 1.3 handshake, where the secrets of the handshake are
/// known; there are no others then.
pub(in crate::decode) fn protected_alert(
    hellos: Hellos<'_>,
    keys: &KeyLog,
    of_client: &[u8],
) -> Option<Alert> {
    let secrets = hellos.secrets(keys).ok()?;
    let cipher = hellos.server.cipher;
    let handshake = handshake_epoch(cipher, secrets, Direction::ClientToServer)?;
    let mut direction = TlsDirection::new(Protection::tls13(cipher, [handshake]));
    let context = RecordContext {
        version: Version::TLS_1_3,
        sender: Direction::ClientToServer.sender(),
    };
    let mut gave_up = None;
    let part = StreamPart::Bytes {
        position: 0,
        data: of_client,
        carrier: Carrier::default(),
        whole: Stamp::default(),
        record: None,
    };
    direction.push(context, part, &mut None, &mut |output| {
        if let TlsOutput::Failed { alert, .. } = output {
            gave_up = Some(alert);
        }
    });
    gave_up
}

/// What a half needs to know of its session.
#[derive(Clone, Copy)]
struct RecordContext {
    version: Version,
    sender: &'static str,
}

impl TlsDirection {
    const fn new(protection: Protection) -> Self {
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

    fn push(
        &mut self,
        context: RecordContext,
        part: StreamPart<'_>,
        extensions: &mut Option<EncryptedExtensions>,
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
            Part::Record(record) => self.read(context, &record, &mut buffer, extensions, sink),
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
        extensions: &mut Option<EncryptedExtensions>,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) -> bool {
        let kind = record.header.kind;
        let is_tls12 = context.version == Version::TLS_1_2;
        match kind {
            RecordHeader::APPLICATION_DATA => {}
            RecordHeader::CHANGE_CIPHER_SPEC if !is_tls12 => return false,
            RecordHeader::CHANGE_CIPHER_SPEC if self.protection.has_begun() => {
                self.stop_renegotiating(context, record.completed, sink);
                return false;
            }
            RecordHeader::CHANGE_CIPHER_SPEC => {
                self.protection.advance();
                return false;
            }
            _ if is_tls12 && self.protection.has_begun() => {}
            RecordHeader::ALERT if record.payload.len() == Alert::LENGTH => {
                self.alert(context, record.payload, record.completed, sink);
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
                let span = TlsRecordSpan {
                    begins: record.begins,
                    ends: record.ends,
                    completed: record.completed,
                    whole: record.whole,
                };
                self.speak(text, record.began, span, sink);
            }
            RecordHeader::ALERT => {
                self.alert(context, text, record.completed, sink);
            }
            RecordHeader::HANDSHAKE if is_tls12 && sequence > 0 => {
                // HelloRequest may go unanswered; a hello begins another handshake.
                let begins = split_message(text).map(|(kind, ..)| kind);
                if matches!(begins, Some(CLIENT_HELLO | SERVER_HELLO)) {
                    self.stop_renegotiating(context, record.completed, sink);
                }
            }
            RecordHeader::HANDSHAKE if carries == Carries::Handshake => {
                self.finished |= has_finished(text);
                if extensions.is_none() {
                    *extensions = EncryptedExtensions::read(text);
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
    fn early_data_answered(
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
            let sender = context.sender;
            sink(TlsOutput::Odd {
                text: format!(
                    "records of the {sender} do not open with the keys given: reading them stops here"
                ),
                carrier: record.began,
            });
            self.tear(record.began, sink);
        }
    }

    fn stop_renegotiating(
        &mut self,
        context: RecordContext,
        carrier: Carrier,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        self.stopped = true;
        let sender = context.sender;
        sink(TlsOutput::Odd {
            text: format!(
                "the {sender} renegotiates, which HTTP/2 prohibits: reading it stops here"
            ),
            carrier,
        });
        self.tear(carrier, sink);
    }

    fn alert(
        &self,
        context: RecordContext,
        payload: &[u8],
        carrier: Carrier,
        sink: &mut impl FnMut(TlsOutput<'_>),
    ) {
        let Some(alert) = Alert::read(payload).filter(|alert| !alert.is_closure()) else {
            return;
        };
        sink(match self.spoke {
            false => TlsOutput::Failed { alert, carrier },
            true => TlsOutput::Odd {
                text: format!("the {} sent the TLS alert {alert}", context.sender),
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
