//! Both directions of a TLS connection whose secrets are known.
//!
//! In: the parts of its TCP streams, from the first byte on. Out: [`TlsOutput`]s: the text that its
//! records protect, alerts, and what was odd. Whether the text is HTTP/2 is for the caller to see.

use super::Facts;
use super::alert::Alert;
use super::cipher_suite::CipherSuite;
use super::crypto::Key;
use super::early_data::EarlyData;
use super::hello::{ClientHello, EncryptedExtensions, ServerHello};
use super::key_log::{ConnectionSecrets, KeyLog};
use super::protection::{Epoch, Protection};
use super::reached::Reached;
use super::renegotiation::Renegotiation;
use super::side::{HandshakeContext, RecordContext, TlsDirection, TlsOutput};
use super::version::Version;
use crate::capture::Stamp;
use crate::decode::carrier::Carrier;
use crate::decode::direction::{Direction, PerSide};
use crate::decode::stream_part::StreamPart;

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

/// One TLS connection.
#[derive(Debug)]
pub(in crate::decode) struct Session {
    directions: PerSide<TlsDirection>,
    facts: Facts,
    version: Version,
    /// Whether what the server chose was seen: TLS 1.3 has it under protection.
    chosen: bool,
    /// Whether it is read from the middle on.
    joined: bool,
    renegotiation: Renegotiation,
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
            client_random: Some(Box::new(self.client.random)),
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
            mac_order,
            random,
            ..
        } = *hellos.server;
        let secrets = hellos.secrets(keys)?;
        let protections = match version {
            Version::TLS_1_3 => tls13(cipher, secrets)?,
            Version::TLS_1_2 => {
                let master = secrets.master.as_ref();
                let master = master.ok_or(Undecryptable::SecretsIncomplete)?;
                let keys =
                    Key::of_master((cipher, mac_order), master, &hellos.client.random, &random);
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
            joined: false,
            renegotiation: Renegotiation::default(),
        })
    }

    /// One in TLS 1.3 that is read from the middle on.
    pub(super) fn joined(directions: PerSide<TlsDirection>, facts: Facts) -> Self {
        Self {
            directions,
            facts,
            version: Version::TLS_1_3,
            chosen: false,
            joined: true,
            renegotiation: Renegotiation::default(),
        }
    }

    /// Whether it is read from the middle on.
    pub(in crate::decode) const fn is_joined(&self) -> bool {
        self.joined
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
        keys: &KeyLog,
        sink: &mut impl FnMut(Direction, TlsOutput<'_>),
    ) {
        let context = RecordContext {
            version: self.version,
            by: direction,
        };
        let mut handshake = HandshakeContext {
            keys,
            extensions: None,
            renegotiation: &mut self.renegotiation,
        };
        let mut own = |output: TlsOutput<'_>| sink(direction, output);
        self.directions[direction].push(context, part, &mut handshake, &mut own);
        if direction == Direction::ServerToClient
            && let Some(EncryptedExtensions { alpn, early_data }) = handshake.extensions
        {
            self.facts.alpn = alpn;
            self.chosen = true;
            let mut of_client = |output: TlsOutput<'_>| sink(Direction::ClientToServer, output);
            let client = &mut self.directions.client;
            client.early_data_answered(early_data, part.carrier(), &mut of_client);
        }
    }
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
        by: Direction::ClientToServer,
    };
    let mut renegotiation = Renegotiation::default();
    let mut handshake = HandshakeContext {
        keys,
        extensions: None,
        renegotiation: &mut renegotiation,
    };
    let mut gave_up = None;
    let part = StreamPart::Bytes {
        position: 0,
        data: of_client,
        carrier: Carrier::default(),
        whole: Stamp::default(),
        record: None,
    };
    direction.push(context, part, &mut handshake, &mut |output| {
        if let TlsOutput::Failed { alert, .. } = output {
            gave_up = Some(alert);
        }
    });
    gave_up
}
