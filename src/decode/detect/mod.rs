//! Which protocol a connection speaks, by its first bytes.
//!
//! In: the first bytes of both sides, as many as the caller chooses to keep. Out: a [`Detection`].

mod http1;
mod proxy;

use super::event::UnexpectedProtocol;
use super::http2::boundary::{self, Chain};
use super::http2::hpack::HeaderBlock;
use super::http2::{FrameHeader, FrameType, StreamId};
use super::tcp::{PerEnd, Side};
use super::tls::{self, ClientHello};

/// What a client begins with (RFC 9113, section 3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The first bytes of one side.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    /// The bytes, from the first captured one to the first gap.
    pub bytes: &'a [u8],
    /// Where in `bytes` segments began.
    pub segments: &'a [usize],
    /// Whether they are the first the side sent.
    pub complete: bool,
    /// Whether the other side acknowledged bytes of it, and the capture has none.
    pub uncaptured: bool,
}

/// What the first bytes say.
#[derive(Clone, Debug)]
pub enum Detection {
    /// Too few bytes to tell.
    Undecided,
    /// HTTP/2, by its preface, an upgrade or convincing frames.
    Http2(Http2),
    /// TLS, begun by `client`.
    Tls {
        /// The side that sent the ClientHello.
        client: Side,
        /// What its ClientHello offered.
        hello: ClientHello,
    },
    /// TLS whose handshake was not captured.
    TlsUnderWay,
    /// HTTP/1.x, and no upgrade.
    Http1,
    /// None of these protocols.
    Other,
}

/// HTTP/2, and where in each side's bytes it begins.
#[derive(Clone, Debug)]
pub struct Http2 {
    /// Who the client is, if that could be told.
    pub client: Option<Side>,
    /// Offset of the first frame of the first and the second side; `None` where it must be searched.
    pub frames_at: PerEnd<Option<usize>>,
    /// Whether the client's preface was seen.
    pub preface: bool,
    /// The request of stream 1, if it came as HTTP/1.1.
    pub upgraded: Option<HeaderBlock>,
}

impl Http2 {
    /// HTTP/2 whose frames must be searched, but for those of a server that begins as one does.
    #[must_use]
    pub fn without_preface(client: Side, of_server: Prefix<'_>) -> Self {
        let mut frames_at = PerEnd::default();
        frames_at[client.peer()] = begins_with_settings(of_server).then_some(0);
        Self {
            client: Some(client),
            frames_at,
            preface: false,
            upgraded: None,
        }
    }
}

/// Detects the protocol by the first bytes of the first and the second side.
#[must_use]
pub fn detect(sides: [Prefix<'_>; 2]) -> Detection {
    let [first, second] = sides;
    for (client, own, other) in [(Side::First, first, second), (Side::Second, second, first)] {
        let from = proxy::header_length(own.bytes);
        let Some(bytes) = from.and_then(|from| own.bytes.get(from..)) else {
            return Detection::Undecided;
        };
        let offset = own.bytes.len() - bytes.len();
        if bytes.is_empty() {
            continue;
        }
        if bytes.starts_with(PREFACE) {
            // The request that this upgrades may have come before the capture began.
            let Some(switching) = http1::switching_length(other.bytes) else {
                return Detection::Undecided;
            };
            return Detection::Http2(Http2 {
                client: Some(client),
                frames_at: place(client, offset + PREFACE.len(), switching),
                preface: true,
                upgraded: None,
            });
        }
        if PREFACE.starts_with(bytes) {
            return Detection::Undecided;
        }
        match ClientHello::read(bytes) {
            tls::ClientHelloRead::Hello(hello) => return Detection::Tls { client, hello },
            tls::ClientHelloRead::Incomplete => return Detection::Undecided,
            tls::ClientHelloRead::NotOne => {}
        }
        match http1::upgrade(bytes, other.bytes) {
            http1::Upgrade::Granted(granted) => {
                return Detection::Http2(Http2 {
                    client: Some(client),
                    frames_at: place(
                        client,
                        offset + granted.client_frames,
                        granted.server_frames,
                    ),
                    preface: granted.preface,
                    upgraded: Some(granted.request),
                });
            }
            http1::Upgrade::Pending => return Detection::Undecided,
            http1::Upgrade::Refused => return Detection::Http1,
            http1::Upgrade::NotHttp1 => {}
        }
    }
    mid_connection(sides)
}

/// Offsets for the client's and the server's frames, in the order of sides.
fn place(client: Side, of_client: usize, of_server: usize) -> PerEnd<Option<usize>> {
    let mut frames_at = PerEnd::default();
    frames_at[client] = Some(of_client);
    frames_at[client.peer()] = Some(of_server);
    frames_at
}

/// Looks for frames where the beginning was not captured.
fn mid_connection(sides: [Prefix<'_>; 2]) -> Detection {
    let [first, second] = sides;
    let frames_at = PerEnd {
        first: frames_begin(first).or_else(|| servers_first(first, second)),
        second: frames_begin(second).or_else(|| servers_first(second, first)),
    };
    if frames_at.iter().all(Option::is_none) {
        if [first, second].into_iter().any(is_tls_under_way) {
            return Detection::TlsUnderWay;
        }
        let hopeless = |side: Prefix<'_>| side.complete && !side.bytes.is_empty();
        return if hopeless(first) && hopeless(second) {
            Detection::Other
        } else {
            Detection::Undecided
        };
    }
    let client = role(first, frames_at.first)
        .map(|role| role.side(Side::First))
        .or_else(|| role(second, frames_at.second).map(|role| role.side(Side::Second)));
    Detection::Http2(Http2 {
        client,
        frames_at,
        preface: false,
        upgraded: None,
    })
}

/// What answers a ClientHello if not TLS.
#[must_use]
pub fn instead_of_tls(bytes: &[u8]) -> UnexpectedProtocol {
    let settings = bytes.first_chunk().map(FrameHeader::parse);
    match bytes {
        [b'H', b'T', b'T', b'P', ..] => UnexpectedProtocol::Http1,
        _ if settings.is_some_and(|header| header.kind == FrameType::SETTINGS) => {
            UnexpectedProtocol::CleartextHttp2
        }
        _ => UnexpectedProtocol::Other,
    }
}

/// Whether a side whose beginning was not captured sends protected records.
fn is_tls_under_way(side: Prefix<'_>) -> bool {
    let records = |offset: &usize| {
        let bytes = side.bytes.get(*offset..).unwrap_or_default();
        tls::is_protected(bytes)
    };
    !side.complete && side.segments.iter().any(records)
}

/// Where convincing frames begin: at the beginning of a segment whose beginning they fit.
fn frames_begin(side: Prefix<'_>) -> Option<usize> {
    if side.complete {
        return None;
    }
    let convincing = |offset: &&usize| {
        let bytes = side.bytes.get(**offset..).unwrap_or_default();
        Chain::along(bytes, boundary::UNSEEN_MAX_FRAME_SIZE).is_some_and(Chain::is_convincing)
    };
    side.segments.iter().find(convincing).copied()
}

/// Where a server's frames begin whose client was not captured: with SETTINGS (RFC 9113, section 3.4).
fn servers_first(own: Prefix<'_>, client: Prefix<'_>) -> Option<usize> {
    let convincing = || {
        Chain::along(own.bytes, boundary::UNSEEN_MAX_FRAME_SIZE).is_some_and(Chain::is_convincing)
    };
    (client.uncaptured && begins_with_settings(own) && convincing()).then_some(0)
}

/// Whether a side begins as an HTTP/2 server does.
fn begins_with_settings(side: Prefix<'_>) -> bool {
    let header = side.bytes.first_chunk().map(FrameHeader::parse);
    let settings = header.is_some_and(|header| {
        header.kind == FrameType::SETTINGS && header.stream == StreamId::CONNECTION
    });
    side.complete && settings
}

#[derive(Clone, Copy)]
enum Role {
    Client,
    Server,
}

impl Role {
    /// Which side is the client if `own` plays this role.
    const fn side(self, own: Side) -> Side {
        match self {
            Self::Client => own,
            Self::Server => own.peer(),
        }
    }
}

/// Tells client from server by the first field of a header block: requests begin with a pseudo-header
/// field of the static table's entries 1 to 7, answers with one of 8 to 14 (RFC 7541, appendix A).
fn role(side: Prefix<'_>, frames_at: Option<usize>) -> Option<Role> {
    let mut rest = side.bytes.get(frames_at?..)?;
    while let Some(first) = rest.first_chunk() {
        let header = FrameHeader::parse(first);
        let payload = rest.get(FrameHeader::LENGTH..)?;
        if header.kind == FrameType::PUSH_PROMISE {
            return Some(Role::Server);
        }
        if header.kind == FrameType::HEADERS
            && let Some(role) = role_of_block(header, payload)
        {
            return Some(role);
        }
        rest = payload.get(header.length as usize..)?;
    }
    None
}

fn role_of_block(header: FrameHeader, payload: &[u8]) -> Option<Role> {
    use super::http2::Flags;
    let padded = usize::from(header.flags.contains(Flags::PADDED));
    let priority = if header.flags.contains(Flags::PRIORITY) {
        5
    } else {
        0
    };
    let block = payload.get(padded + priority..)?;
    if header.stream.0.is_multiple_of(2) || header.stream == StreamId::CONNECTION {
        return None;
    }
    // Table size updates may come first (RFC 7541, section 4.2).
    let field = block.iter().find(|byte| **byte & 0xe0 != 0x20)?;
    let index = match field {
        0x80.. => field & 0x7f,
        0x40..0x80 => field & 0x3f,
        _ => field & 0x0f,
    };
    match index {
        1..=7 => Some(Role::Client),
        8..=14 => Some(Role::Server),
        _ => None,
    }
}
