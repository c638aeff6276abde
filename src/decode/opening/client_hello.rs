//! The first flight of TLS: enough of a ClientHello to see what it asks for (RFC 8446, section 4.1.2).

/// What a ClientHello offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Whether `h2` is among the application protocols (RFC 7301; RFC 9113, section 3.3).
    pub offers_h2: bool,
    /// The server's name, where given (RFC 6066, section 3).
    pub server_name: Option<String>,
}

/// How far a reading came.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reading {
    Hello(ClientHello),
    Incomplete,
    NotOne,
}

const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;

/// Longest record payload (RFC 8446, section 5.1); a hello split over several records is judged by
/// its first.
const MAX_RECORD: usize = 1 << 14;

impl ClientHello {
    /// Reads a hello at the beginning of `bytes`.
    ///
    /// ```text
    /// record     type (1) = 22  version (2)  length (2)
    /// handshake  type (1) = 1   length (3)
    /// hello      version (2)  random (32)  session id <1>  cipher suites <2>
    ///            compression methods <1>  extensions <2>
    /// ```
    pub(super) fn read(bytes: &[u8]) -> Reading {
        let [kind, major, rest @ ..] = bytes else {
            return Reading::NotOne;
        };
        if *kind != HANDSHAKE || *major != 3 {
            return Reading::NotOne;
        }
        let [_minor, high, low, payload @ ..] = rest else {
            return Reading::Incomplete;
        };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if length > MAX_RECORD || payload.first().is_some_and(|kind| *kind != CLIENT_HELLO) {
            return Reading::NotOne;
        }
        match payload.get(..length) {
            Some(record) => Reading::Hello(parse(record).unwrap_or_default()),
            None => Reading::Incomplete,
        }
    }
}

fn parse(record: &[u8]) -> Option<ClientHello> {
    let mut hello = ClientHello::default();
    let rest = record.get(4 + 2 + 32..)?;
    let (_session, rest) = vector8(rest)?;
    let (_suites, rest) = vector16(rest)?;
    let (_compression, rest) = vector8(rest)?;
    let declared = usize::from(u16::from_be_bytes(*rest.first_chunk()?));
    let rest = rest.get(2..)?;
    let mut extensions = rest.get(..declared).unwrap_or(rest);
    while let Some((kind, rest)) = extensions.split_first_chunk() {
        let Some((body, after)) = vector16(rest) else {
            break;
        };
        match u16::from_be_bytes(*kind) {
            ALPN => hello.offers_h2 = offers_h2(body).unwrap_or(false),
            SERVER_NAME => hello.server_name = server_name(body),
            _ => {}
        }
        extensions = after;
    }
    Some(hello)
}

fn offers_h2(body: &[u8]) -> Option<bool> {
    let (mut protocols, _) = vector16(body)?;
    while !protocols.is_empty() {
        let (protocol, rest) = vector8(protocols)?;
        if protocol == b"h2" {
            return Some(true);
        }
        protocols = rest;
    }
    Some(false)
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
