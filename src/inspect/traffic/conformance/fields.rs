//! Header blocks against what RFC 9113, sections 8.2 and 8.3 allow.
//!
//! In: a decoded block, and what it is. Out: the first thing in it that is forbidden. What cannot be read is
//! taken for legal.

use super::violation::{ViolationDetail, ViolationKind};
use crate::decode::http2::hpack::{Field, FieldName, HeaderBlock};

/// What a header block is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum FieldSection {
    /// A request's.
    Request,
    /// An answer's, informational or final.
    Response,
    /// The end of a request or an answer.
    Trailers,
    /// The capture does not show what it is.
    #[default]
    Unknown,
}

/// Whether a field speaks of an HTTP/1.1 connection (RFC 9113, section 8.2.2).
const fn is_of_connection(name: &[u8]) -> bool {
    matches!(
        name,
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade"
    )
}

/// The pseudo-header fields, those of RFC 8441 included: a bit each.
const METHOD: u8 = 1;
const SCHEME: u8 = 1 << 1;
const PATH: u8 = 1 << 2;
const AUTHORITY: u8 = 1 << 3;
const PROTOCOL: u8 = 1 << 4;
const STATUS: u8 = 1 << 5;

/// Those of requests.
const OF_REQUEST: u8 = METHOD | SCHEME | PATH | AUTHORITY | PROTOCOL;

/// Which pseudo-header field a name is; none of them without a bit.
const fn pseudo_field(name: FieldName) -> u8 {
    match name {
        FieldName::Method => METHOD,
        FieldName::Scheme => SCHEME,
        FieldName::Path => PATH,
        FieldName::Authority => AUTHORITY,
        FieldName::Protocol => PROTOCOL,
        FieldName::Status => STATUS,
        _ => 0,
    }
}

/// The pseudo-header fields that a block may have.
const fn defined(section: FieldSection) -> u8 {
    match section {
        FieldSection::Request => OF_REQUEST,
        FieldSection::Response => STATUS,
        FieldSection::Trailers => 0,
        FieldSection::Unknown => OF_REQUEST | STATUS,
    }
}

/// The first forbidden thing in a block. What comes by an index was looked at when it was spelled out, and is
/// looked at again only where `thorough` says so.
pub(super) fn violation(
    block: &HeaderBlock,
    section: FieldSection,
    thorough: bool,
) -> Option<(ViolationKind, ViolationDetail)> {
    let mut pseudo = PseudoSeen {
        allowed: defined(section),
        ..PseudoSeen::default()
    };
    let mut regular = false;
    for field in block.unread_fields() {
        let bit = pseudo_field(field.known_name());
        // What is usual comes first: no byte of it is looked at.
        let usual = field.indexed() && !thorough;
        if usual && bit == 0 && field.known_name() != FieldName::Other {
            regular = true;
            continue;
        }
        if usual && !regular && field.has_value() && pseudo.add_usual(bit) {
            continue;
        }
        let field = field.read();
        let Some(name) = field.name else {
            pseudo.hidden = true;
            continue;
        };
        let found = match name {
            [b':', ..] if regular => Some((ViolationKind::PseudoLate, ViolationDetail::text(name))),
            [b':', ..] => pseudo.add((bit, name), field, usual),
            _ => {
                regular = true;
                if usual {
                    continue;
                }
                regular_field(name, field)
            }
        };
        if found.is_some() {
            return found;
        }
    }
    let whole = block.fault().is_none_or(|fault| !fault.stops_block());
    if pseudo.hidden || !whole {
        return None;
    }
    let missing = pseudo.missing(section)?;
    Some((ViolationKind::PseudoMissing, ViolationDetail::text(missing)))
}

/// Pseudo-header fields that were seen.
#[derive(Debug, Default)]
struct PseudoSeen {
    /// Those that may be there.
    allowed: u8,
    seen: u8,
    /// Whether the method is CONNECT.
    connect: bool,
    /// A field has a name that cannot be known.
    hidden: bool,
}

impl PseudoSeen {
    /// Adds the field that `bit` stands for, whose value was looked at before, if nothing else can be wrong with it;
    /// whether it did. A method says what is needed beside it.
    #[inline]
    const fn add_usual(&mut self, bit: u8) -> bool {
        let is_first = self.allowed & bit & !self.seen & !METHOD != 0;
        if is_first {
            self.seen |= bit;
        }
        is_first
    }

    /// Adds the field that `bit` stands for; a `usual` one was looked at before.
    fn add(
        &mut self,
        (bit, name): (u8, &[u8]),
        field: Field<'_>,
        usual: bool,
    ) -> Option<(ViolationKind, ViolationDetail)> {
        if self.allowed & bit == 0 {
            return Some((ViolationKind::PseudoUnknown, ViolationDetail::text(name)));
        }
        if self.seen & bit != 0 {
            return Some((ViolationKind::PseudoRepeated, ViolationDetail::text(name)));
        }
        self.seen |= bit;
        match (bit, field.value?) {
            (METHOD, b"CONNECT") => self.connect = true,
            (PATH, b"") => {
                return Some((ViolationKind::EmptyPath, ViolationDetail::None));
            }
            (_, [_, ..]) if usual => {}
            (AUTHORITY, authority) => return authority_fault(authority),
            _ => {}
        }
        None
    }

    /// The first one that is missing.
    fn missing(&self, section: FieldSection) -> Option<&'static [u8]> {
        let needed = match section {
            FieldSection::Request if self.connect && self.seen & PROTOCOL == 0 => METHOD,
            FieldSection::Request => METHOD | SCHEME | PATH,
            FieldSection::Response => STATUS,
            FieldSection::Trailers | FieldSection::Unknown => 0,
        };
        let missing = needed & !self.seen;
        if missing == 0 {
            return None;
        }
        let names: [(u8, &[u8]); 4] = [
            (METHOD, b":method"),
            (SCHEME, b":scheme"),
            (PATH, b":path"),
            (STATUS, b":status"),
        ];
        let first = names.iter().find(|(bit, _)| missing & bit != 0);
        first.map(|(_, name)| *name)
    }
}

/// What is wrong with an authority, if anything is: it is a host, and perhaps a port (RFC 3986, section 3.2).
fn authority_fault(authority: &[u8]) -> Option<(ViolationKind, ViolationDetail)> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    if !authority.is_empty() && !has(authority, |byte| !plain(byte)) {
        return None;
    }
    let allowed = |byte: &u8| {
        byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:[]%".contains(byte) || *byte >= 0x80
    };
    // What stands before an @ may be a password.
    let detail = || match authority.contains(&b'@') {
        true => ViolationDetail::None,
        false => ViolationDetail::text(authority),
    };
    if authority.is_empty() || !authority.iter().all(allowed) || !has_port(authority) {
        return Some((ViolationKind::Authority, detail()));
    }
    let escaped = authority.contains(&b'%') && !authority.starts_with(b"[");
    escaped.then(|| (ViolationKind::EscapedAuthority, detail()))
}

/// Whether what stands behind the host is a port, if anything stands there.
fn has_port(authority: &[u8]) -> bool {
    let bracket = authority.iter().rposition(|byte| *byte == b']');
    let behind = bracket.and_then(|at| authority.get(at + 1..));
    let host = behind.unwrap_or(authority);
    let mut parts = host.splitn(2, |byte| *byte == b':').skip(1);
    parts.all(|port| port.iter().all(u8::is_ascii_digit))
}

/// Whether a byte of a text is of some kind. Every byte is looked at, so that many are at once.
fn has(text: &[u8], kind: impl Fn(u8) -> bool) -> bool {
    text.iter().fold(false, |found, byte| found | kind(*byte))
}

/// Whether a byte of a text is a control character. Eight are looked at at once, for nearly no text has one.
fn has_control(text: &[u8]) -> bool {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // A byte below 0x20 borrows when that is taken off, and its highest bit was not set before.
    let is_among = |eight: &[u8; 8]| {
        let eight = u64::from_ne_bytes(*eight);
        eight.wrapping_sub(ONES * 0x20) & !eight & (ONES * 0x80) != 0
    };
    let (whole, rest) = text.as_chunks();
    let found = whole
        .iter()
        .fold(false, |found, eight| found | is_among(eight));
    match text.last_chunk() {
        Some(last) => found || is_among(last),
        None => rest.iter().any(|byte| *byte < 0x20),
    }
}

fn regular_field(name: &[u8], field: Field<'_>) -> Option<(ViolationKind, ViolationDetail)> {
    let illegal = |byte: u8| matches!(byte, 0..=0x20 | b'A'..=b'Z' | b':' | 0x7f..);
    if field.known_name == FieldName::Other {
        if name.is_empty() || has(name, illegal) {
            return Some((ViolationKind::FieldName, ViolationDetail::text(name)));
        }
        if is_of_connection(name) {
            return Some((ViolationKind::ConnectionField, ViolationDetail::text(name)));
        }
    }
    let value = field.value?;
    if field.known_name == FieldName::Te && !value.trim_ascii().eq_ignore_ascii_case(b"trailers") {
        return Some((ViolationKind::Te, ViolationDetail::text(value)));
    }
    let breaks =
        has_control(value) && has(value, |byte| byte == 0 || byte == b'\r' || byte == b'\n');
    breaks.then(|| (ViolationKind::FieldValue, ViolationDetail::text(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(section: FieldSection, fields: &[(&str, &str)]) -> Option<ViolationKind> {
        let mut block = HeaderBlock::default();
        for (name, value) in fields {
            block.push(Some(name.as_bytes()), Some(value.as_bytes()));
        }
        violation(&block, section, true).map(|(kind, _)| kind)
    }

    const GET: [(&str, &str); 4] = [
        (":method", "GET"),
        (":scheme", "http"),
        (":path", "/"),
        (":authority", "shop.example:8080"),
    ];

    fn request(more: &[(&str, &str)]) -> Option<ViolationKind> {
        found(FieldSection::Request, &[&GET, more].concat())
    }

    #[test]
    fn requests_as_every_stack_sends_them_are_legal() {
        let usual = [("te", "trailers"), ("x-trace_id", "a b"), ("cookie", "a=b")];
        assert_eq!(request(&usual), None);
        let connect = [(":method", "CONNECT"), (":authority", "[::1]:443")];
        assert_eq!(found(FieldSection::Request, &connect), None);
        let trailers = [("grpc-status", "0"), ("grpc-message", "")];
        assert_eq!(found(FieldSection::Trailers, &trailers), None);
    }

    #[test]
    fn what_the_sections_on_fields_forbid_is_found() {
        use ViolationKind as Kind;
        for (more, kind) in [
            (("connection", "keep-alive"), Kind::ConnectionField),
            (("te", "gzip"), Kind::Te),
            (("X-Trace", "1"), Kind::FieldName),
            (("x trace", "1"), Kind::FieldName),
            (("x-trace", "a\nb"), Kind::FieldValue),
            ((":path", "/other"), Kind::PseudoRepeated),
            ((":status", "200"), Kind::PseudoUnknown),
        ] {
            assert_eq!(request(&[more]), Some(kind), "{more:?}");
        }
        let late = [("accept", "*/*"), (":protocol", "websocket")];
        assert_eq!(request(&late), Some(Kind::PseudoLate));
        let missing = found(FieldSection::Request, &GET[1..]);
        assert_eq!(missing, Some(Kind::PseudoMissing));
        let response = found(FieldSection::Response, &[("server", "x")]);
        assert_eq!(response, Some(Kind::PseudoMissing));
    }

    #[test]
    fn control_characters_are_found_wherever_they_stand() {
        for length in 0..40 {
            let plain = vec![b'a'; length];
            assert!(!has_control(&plain));
            assert!(!has_control(&vec![0xff; length]));
            for place in 0..length {
                for control in [0, b'\n', b'\r', 0x1f] {
                    let mut text = plain.clone();
                    text[place] = control;
                    assert!(has_control(&text), "{length} {place}");
                }
            }
        }
    }

    #[test]
    fn an_authority_is_a_host() {
        let kind = |authority: &str| authority_fault(authority.as_bytes()).map(|(kind, _)| kind);
        for legal in ["a", "a.b_c:1", "[fe80::1%25eth0]:50051", "10.0.0.1:80"] {
            assert_eq!(kind(legal), None, "{legal}");
        }
        for illegal in [
            "",
            "/run/x.sock",
            "unix:///run/x",
            "unix:x",
            "@x",
            "a b",
            "::1",
        ] {
            assert_eq!(kind(illegal), Some(ViolationKind::Authority), "{illegal}");
        }
        let escaped = kind("%2Frun%2Fplugin.sock");
        assert_eq!(escaped, Some(ViolationKind::EscapedAuthority));
    }
}
