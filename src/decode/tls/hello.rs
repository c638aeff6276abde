//! The hellos: what a client asks for and what its server chose (RFC 8446, sections 4.1.2 and 4.1.3).

use super::cipher_suite::{CipherSuite, MacOrder};
use super::records::{RecordHeader, records};
use super::version::Version;

/// What a ClientHello offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Its random, which key logs name connections by.
    pub random: [u8; 32],
    /// Whether `h2` is among the application protocols (RFC 7301; RFC 9113, section 3.3).
    pub offers_h2: bool,
    /// Whether other protocols are: what the client can go on with where the server takes one of them.
    pub offers_others: bool,
    /// Whether it sends data before the server has answered (RFC 8446, section 4.2.10).
    pub early_data: bool,
    /// The server's name, where given (RFC 6066, section 3).
    pub server_name: Option<String>,
}

/// What a ServerHello chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::decode) struct ServerHello {
    pub(in crate::decode) random: [u8; 32],
    pub(in crate::decode) version: Version,
    pub(in crate::decode) cipher: CipherSuite,
    pub(in crate::decode) mac_order: MacOrder,
    /// TLS 1.3 has it in EncryptedExtensions instead.
    pub(in crate::decode) alpn: Option<Box<[u8]>>,
}

/// How far a reading came.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::decode) enum ClientHelloRead {
    Hello(ClientHello),
    Incomplete,
    NotOne,
}

/// Types of handshake messages.
pub(super) const CLIENT_HELLO: u8 = 1;
pub(super) const SERVER_HELLO: u8 = 2;
pub(super) const FINISHED: u8 = 20;
const ENCRYPTED_EXTENSIONS: u8 = 8;

/// Types of extensions.
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPT_THEN_MAC: u16 = 22;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

/// The random of a ServerHello that only asks for another ClientHello: SHA-256 of
/// `HelloRetryRequest` (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

impl ClientHello {
    /// Reads a hello at the beginning of `bytes`. One that is split over several records is read as
    /// far as they are there.
    ///
    /// ```text
    /// record     type (1) = 22  version (2)  length (2)
    /// handshake  type (1) = 1   length (3)
    /// hello      version (2)  random (32)  session id <1>  cipher suites <2>
    ///            compression methods <1>  extensions <2>
    /// ```
    pub(in crate::decode) fn read(bytes: &[u8]) -> ClientHelloRead {
        let [kind, major, rest @ ..] = bytes else {
            return ClientHelloRead::NotOne;
        };
        if *kind != RecordHeader::HANDSHAKE || *major != 3 {
            return ClientHelloRead::NotOne;
        }
        let Some(header) = bytes.first_chunk() else {
            return ClientHelloRead::Incomplete;
        };
        let begins = rest.get(3).is_none_or(|kind| *kind == CLIENT_HELLO);
        if !begins || RecordHeader::parse(header).is_none() {
            return ClientHelloRead::NotOne;
        }
        let mut message = Vec::new();
        for (header, payload) in records(bytes) {
            if header.kind != RecordHeader::HANDSHAKE {
                break;
            }
            message.extend_from_slice(payload);
            if let Some((CLIENT_HELLO, body, _)) = split_message(&message) {
                return ClientHelloRead::Hello(Self::parse(body).unwrap_or_default());
            }
        }
        ClientHelloRead::Incomplete
    }

    /// Reads a message's body.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (_version, rest) = body.split_first_chunk::<2>()?;
        let (random, rest) = rest.split_first_chunk()?;
        let mut hello = Self {
            random: *random,
            ..Self::default()
        };
        for (kind, body) in extensions_of_client(rest).unwrap_or_default() {
            match kind {
                ALPN => {
                    for protocol in Protocols::of(body) {
                        let is_h2 = protocol == b"h2";
                        hello.offers_h2 |= is_h2;
                        hello.offers_others |= !is_h2;
                    }
                }
                EARLY_DATA => hello.early_data = true,
                SERVER_NAME => hello.server_name = server_name(body),
                _ => {}
            }
        }
        Some(hello)
    }
}

fn extensions_of_client(rest: &[u8]) -> Option<Extensions<'_>> {
    let (_session, rest) = vector8(rest)?;
    let (_suites, rest) = vector16(rest)?;
    let (_compression, rest) = vector8(rest)?;
    Extensions::of(rest)
}

impl ServerHello {
    /// Reads a message's body; `None` for one that cannot be read, or only asks for another
    /// ClientHello.
    ///
    /// ```text
    /// version (2)  random (32)  session id <1>  cipher suite (2)  compression (1)  [extensions <2>]
    /// ```
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let (version, rest) = body.split_first_chunk()?;
        let (random, rest) = rest.split_first_chunk()?;
        let (_session, rest) = vector8(rest)?;
        let (cipher, rest) = rest.split_first_chunk()?;
        let (_compression, rest) = rest.split_first()?;
        let mut hello = Self {
            random: *random,
            version: Version(u16::from_be_bytes(*version)),
            cipher: CipherSuite(u16::from_be_bytes(*cipher)),
            mac_order: MacOrder::default(),
            alpn: None,
        };
        for (kind, body) in Extensions::of(rest).unwrap_or_default() {
            match (kind, body.first_chunk()) {
                (SUPPORTED_VERSIONS, Some(version)) => {
                    hello.version = Version(u16::from_be_bytes(*version));
                }
                (ALPN, _) => hello.alpn = first_protocol(body),
                (ENCRYPT_THEN_MAC, _) => hello.mac_order = MacOrder::EncryptThenMac,
                _ => {}
            }
        }
        (hello.random != RETRY).then_some(hello)
    }
}

/// What EncryptedExtensions say (RFC 8446, section 4.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct EncryptedExtensions {
    pub(super) alpn: Option<Box<[u8]>>,
    /// The server took the client's early data.
    pub(super) early_data: bool,
}

impl EncryptedExtensions {
    /// Reads them from a record's payload, which they begin: they are the first message there.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        let (ENCRYPTED_EXTENSIONS, body, _) = split_message(payload)? else {
            return None;
        };
        let mut read = Self::default();
        for (kind, body) in Extensions::of(body)? {
            match kind {
                ALPN => read.alpn = first_protocol(body),
                EARLY_DATA => read.early_data = true,
                _ => {}
            }
        }
        Some(read)
    }
}

/// A handshake message at the beginning of `bytes`: its type, its body and what follows it; `None`
/// unless it is whole.
///
/// ```text
/// type (1)  length (3)  body
/// ```
pub(super) fn split_message(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let ([kind, l0, l1, l2], rest) = bytes.split_first_chunk()?;
    let length = u32::from_be_bytes([0, *l0, *l1, *l2]);
    let (body, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    Some((*kind, body, rest))
}

/// A list of extensions, as far as it is whole.
#[derive(Default)]
struct Extensions<'a>(&'a [u8]);

impl<'a> Extensions<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let (declared, rest) = bytes.split_first_chunk()?;
        let declared = usize::from(u16::from_be_bytes(*declared));
        Some(Self(rest.get(..declared).unwrap_or(rest)))
    }
}

impl<'a> Iterator for Extensions<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, rest) = self.0.split_first_chunk()?;
        let (body, rest) = vector16(rest)?;
        self.0 = rest;
        Some((u16::from_be_bytes(*kind), body))
    }
}

/// The protocols of an ALPN extension (RFC 7301, section 3.1), as far as they are whole.
struct Protocols<'a>(&'a [u8]);

impl<'a> Protocols<'a> {
    fn of(body: &'a [u8]) -> Self {
        Self(vector16(body).map_or(&[], |(protocols, _)| protocols))
    }
}

impl<'a> Iterator for Protocols<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let (protocol, rest) = vector8(self.0)?;
        self.0 = rest;
        Some(protocol)
    }
}

fn first_protocol(body: &[u8]) -> Option<Box<[u8]>> {
    Protocols::of(body).next().map(Box::from)
}

fn server_name(body: &[u8]) -> Option<String> {
    let (list, _) = vector16(body)?;
    let (kind, rest) = list.split_first()?;
    let (name, _) = vector16(rest)?;
    (*kind == 0).then(|| String::from_utf8_lossy(name).into_owned())
}

fn vector8(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first()?;
    rest.split_at_checked(usize::from(*length))
}

fn vector16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
