//! An HTTP/1.1 request that asks for `h2c`, and the answer that grants it (RFC 7540, section 3.2).

use super::super::http2::hpack::HeaderBlock;
use super::PREFACE;

/// What became of an upgrade.
#[derive(Debug)]
pub(super) enum Upgrade {
    /// Granted: frames follow.
    Granted(GrantedUpgrade),
    /// An HTTP/1 request whose end or answer is still to come.
    Pending,
    /// HTTP/1, and it stays that.
    Refused,
    /// The client's bytes are no HTTP/1 request.
    NotHttp1,
}

/// A granted upgrade.
#[derive(Debug)]
pub(super) struct GrantedUpgrade {
    /// Offset of the client's first frame.
    pub(super) client_frames: usize,
    /// Offset of the server's first frame.
    pub(super) server_frames: usize,
    /// Whether the client's preface was seen.
    pub(super) preface: bool,
    /// The request in HTTP/2's terms.
    pub(super) request: HeaderBlock,
}

/// The methods by which a request is known for one (RFC 9110, section 9; RFC 5789; WebDAV left out).
const METHODS: [&[u8]; 9] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"PUT ",
    b"DELETE ",
    b"OPTIONS ",
    b"PATCH ",
    b"TRACE ",
    b"CONNECT ",
];

const BLANK_LINE: &[u8] = b"\r\n\r\n";
const SWITCHING: &[u8] = b"HTTP/1.1 101 ";

pub(super) fn upgrade(client: &[u8], server: &[u8]) -> Upgrade {
    if !METHODS.iter().any(|method| client.starts_with(method)) {
        return Upgrade::NotHttp1;
    }
    let Some(request) = head(client) else {
        return Upgrade::Pending;
    };
    if !asks_for_h2c(request) {
        return Upgrade::Refused;
    }
    let granted = server.get(..SWITCHING.len());
    match granted {
        Some(status) if status == SWITCHING => {}
        Some(_) => return Upgrade::Refused,
        None => return Upgrade::Pending,
    }
    let Some(answer) = head(server) else {
        return Upgrade::Pending;
    };
    // A body may stand between the request's head and the preface.
    let after_head = client.get(request.len()..).unwrap_or_default();
    let Some(body) = after_head
        .windows(PREFACE.len())
        .position(|bytes| bytes == PREFACE)
    else {
        return Upgrade::Pending;
    };
    Upgrade::Granted(GrantedUpgrade {
        client_frames: request.len() + body + PREFACE.len(),
        server_frames: answer.len(),
        preface: true,
        request: translate(request),
    })
}

/// How many bytes of a server's are the answer that grants an upgrade: 0 without one, `None` while
/// its end is still to come.
pub(super) fn switching_length(server: &[u8]) -> Option<usize> {
    if !server.starts_with(SWITCHING) {
        return Some(0);
    }
    head(server).map(<[u8]>::len)
}

/// The bytes up to and with the blank line.
fn head(bytes: &[u8]) -> Option<&[u8]> {
    let end = bytes
        .windows(BLANK_LINE.len())
        .position(|window| window == BLANK_LINE)?;
    bytes.get(..end + BLANK_LINE.len())
}

fn asks_for_h2c(request: &[u8]) -> bool {
    fields(request).any(|(name, value)| {
        name.eq_ignore_ascii_case(b"upgrade")
            && value
                .split(|byte| *byte == b',')
                .any(|token| token.trim_ascii() == b"h2c")
    })
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n')
        .map(<[u8]>::trim_ascii_end)
}

fn fields(head: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    lines(head).skip(1).filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((line.get(..colon)?, line.get(colon + 1..)?.trim_ascii()))
    })
}

/// The request as HTTP/2 would have sent it, without the fields that speak of the connection
/// (RFC 9113, section 8.2.2).
fn translate(request: &[u8]) -> HeaderBlock {
    const OF_CONNECTION: [&[u8]; 6] = [
        b"connection",
        b"upgrade",
        b"http2-settings",
        b"keep-alive",
        b"host",
        b"transfer-encoding",
    ];
    let mut block = HeaderBlock::default();
    let mut words = lines(request)
        .next()
        .unwrap_or_default()
        .split(|byte| *byte == b' ');
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    block.push(Some(b":method"), Some(method));
    block.push(Some(b":scheme"), Some(b"http"));
    block.push(Some(b":path"), Some(path));
    let host = fields(request).find(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    if let Some((_, host)) = host {
        block.push(Some(b":authority"), Some(host));
    }
    for (name, value) in fields(request) {
        let name = name.to_ascii_lowercase();
        if !OF_CONNECTION.contains(&name.as_slice()) {
            block.push(Some(&name), Some(value));
        }
    }
    block
}
