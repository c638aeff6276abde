//! Violations in words: what was sent, which section forbids it, what it means, what to do.

use crate::decode::Direction;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::peer::client::Client;
use crate::inspect::traffic::conformance::{Violation, ViolationDetail, ViolationKind};
use crate::units::{count, counted};

/// A few words for a title, which the culprit follows.
pub(super) fn name(violation: &Violation) -> String {
    use ViolationKind as Kind;
    let frame = violation.seen.frame;
    match violation.kind {
        Kind::FirstFrame => format!("{frame} as the first frame"),
        Kind::FrameTooLarge => format!("{frame} above MAX_FRAME_SIZE"),
        Kind::FrameLength => format!("{frame} of a wrong length"),
        Kind::Padding => format!("{frame} with too much padding"),
        Kind::WrongStream => format!("{frame} on a wrong stream"),
        Kind::AfterEnd | Kind::AfterReset => format!("{frame} after its own end of the stream"),
        Kind::OnClosed => format!("{frame} on a closed stream"),
        Kind::IdleStream => format!("{frame} on an idle stream"),
        Kind::StreamOrder => "a stream id out of order".into(),
        Kind::SelfDependency => "a stream that depends on itself".into(),
        Kind::SettingValue => "an illegal setting".into(),
        Kind::Push => "PUSH_PROMISE".into(),
        Kind::AboveLastStream => "answers above the last stream id".into(),
        Kind::LastStreamRaised => "a raised last stream id".into(),
        Kind::StreamOverrun | Kind::ConnectionOverrun => "DATA beyond the window".into(),
        Kind::WindowOverflow => "a window above 2^31-1".into(),
        Kind::ZeroIncrement => "WINDOW_UPDATE of 0".into(),
        Kind::Interleaved => format!("{frame} amid a header block"),
        Kind::TableSize => "a header table above the limit".into(),
        Kind::Compression => "a header block that cannot be decompressed".into(),
        Kind::FieldName => "an illegal field name".into(),
        Kind::FieldValue => "an illegal field value".into(),
        Kind::ConnectionField | Kind::Te => format!("the HTTP/1.1 field {}", field(violation)),
        Kind::PseudoMissing => format!("a block without {}", field(violation)),
        Kind::PseudoRepeated => format!("a second {}", field(violation)),
        Kind::PseudoLate => format!("a late {}", field(violation)),
        Kind::PseudoUnknown => format!("{} where it is not defined", field(violation)),
        Kind::Authority | Kind::EscapedAuthority => "an :authority that is no host".into(),
        Kind::EmptyPath => "an empty :path".into(),
        Kind::OpenTrailers => "trailers without END_STREAM".into(),
    }
}

/// What was sent first, in a clause that begins with the frame.
pub(super) fn what(violation: &Violation) -> String {
    use ViolationKind as Kind;
    let frame = match violation.seen.stream.0 {
        0 => violation.seen.frame.to_string(),
        stream => format!("{} on stream {stream}", violation.seen.frame),
    };
    let sizes = match violation.seen.detail {
        ViolationDetail::Sizes(sent, allowed) => Some((sent, allowed)),
        _ => None,
    };
    let text = match (violation.kind, sizes) {
        (Kind::FrameTooLarge, Some((sent, allowed))) => format!(
            "is {} long, though its receiver takes frames of {} at most",
            bytes(sent),
            bytes(allowed),
        ),
        (Kind::StreamOverrun, Some((sent, left))) => format!(
            "is {} long, while the stream's window was {}",
            bytes(sent),
            signed(left),
        ),
        (Kind::ConnectionOverrun, Some((sent, left))) => format!(
            "is {} long, while the connection's window was {}",
            bytes(sent),
            signed(left),
        ),
        (Kind::WindowOverflow, Some((window, _))) => {
            format!("takes the window to {}, above 2^31-1", signed(window))
        }
        (Kind::AboveLastStream, Some((_, last))) => {
            format!("answers a stream above the last stream id {last} that it had sent")
        }
        (Kind::LastStreamRaised, Some((now, before))) => {
            format!("raises the last stream id from {before} to {now}")
        }
        (Kind::TableSize, Some((size, limit))) => format!(
            "sets the header table to {}, though its receiver keeps {}",
            bytes(size),
            bytes(limit),
        ),
        (Kind::SettingValue, _) => match violation.seen.detail {
            ViolationDetail::Setting(id, value) => format!("sets {id} to {}", count(value)),
            _ => "sets a value that cannot be".to_owned(),
        },
        (Kind::FirstFrame, _) => "comes first, where SETTINGS must".into(),
        (Kind::FrameLength, _) => "has a length its type does not allow".into(),
        (Kind::Padding, _) => "has more padding than payload".into(),
        (Kind::WrongStream, _) => match violation.seen.stream.0 {
            0 => "is on stream 0, though it belongs to a stream".into(),
            _ => "belongs to the connection, on stream 0".into(),
        },
        (Kind::AfterEnd, _) => "comes after its sender had ended that stream".into(),
        (Kind::AfterReset, _) => "comes after its sender had reset that stream".into(),
        (Kind::OnClosed, _) => "comes after that stream was closed".into(),
        (Kind::IdleStream, _) => "comes before anybody had opened it".into(),
        (Kind::StreamOrder, _) => "opens it out of order".into(),
        (Kind::SelfDependency, _) => "makes the stream depend on itself".into(),
        (Kind::Push, _) => match violation.by {
            Direction::ClientToServer => "is the client's, which pushes nothing".into(),
            Direction::ServerToClient => "comes though the client had switched push off".into(),
        },
        (Kind::ZeroIncrement, _) => "has an increment of 0".into(),
        (Kind::Interleaved, _) => "comes out of turn with the frames of a header block".into(),
        (Kind::Compression, _) => "holds a block that cannot be decompressed".into(),
        (Kind::FieldName, _) => format!("has a field named {}", field(violation)),
        (Kind::FieldValue, _) => {
            format!(
                "has a NUL or a line break in the value of {}",
                field(violation)
            )
        }
        (Kind::ConnectionField, _) => {
            format!("has {}, a field of HTTP/1.1 connections", field(violation))
        }
        (Kind::Te, _) => format!(
            "has te: {}, where only trailers may stand",
            field(violation)
        ),
        (Kind::PseudoMissing, _) => format!("has no {}", field(violation)),
        (Kind::PseudoRepeated, _) => format!("has {} twice", field(violation)),
        (Kind::PseudoLate, _) => format!("has {} behind other fields", field(violation)),
        (Kind::PseudoUnknown, _) => format!("has {}, which is not defined there", field(violation)),
        (Kind::Authority | Kind::EscapedAuthority, _) => match &violation.seen.detail {
            ViolationDetail::Text(text) if text.is_empty() => "has an empty :authority".into(),
            ViolationDetail::Text(_) => {
                format!("has :authority {}, which is no host", field(violation))
            }
            _ => "has an :authority that is no host".into(),
        },
        (Kind::EmptyPath, _) => "has an empty :path".into(),
        (Kind::OpenTrailers, _) => "holds trailers, and does not end the stream".into(),
        (_, None) => "is not allowed there".into(),
    };
    format!("{frame} {text}")
}

/// A name or value that a peer sent.
fn field(violation: &Violation) -> String {
    match &violation.seen.detail {
        ViolationDetail::Text(text) if text.starts_with(b":") && text.is_ascii() => {
            String::from_utf8_lossy(text).into_owned()
        }
        ViolationDetail::Text(text) => format!("{:?}", String::from_utf8_lossy(text)),
        _ => String::new(),
    }
}

fn bytes(number: i64) -> String {
    counted(number.unsigned_abs(), "byte")
}

fn signed(number: i64) -> String {
    let minus = if number < 0 { "−" } else { "" };
    format!("{minus}{}", count(number.unsigned_abs()))
}

/// The section that forbids it, in brackets.
pub(super) const fn law(kind: ViolationKind) -> &'static str {
    use ViolationKind as Kind;
    match kind {
        Kind::FirstFrame => "(RFC 9113, section 3.4)",
        Kind::FrameTooLarge | Kind::FrameLength => "(RFC 9113, section 4.2)",
        Kind::Padding => "(RFC 9113, section 6.1)",
        Kind::WrongStream => "(RFC 9113, section 6)",
        Kind::AfterEnd | Kind::AfterReset | Kind::OnClosed | Kind::IdleStream => {
            "(RFC 9113, section 5.1)"
        }
        Kind::StreamOrder => "(RFC 9113, section 5.1.1)",
        Kind::SelfDependency => "(RFC 7540, section 5.3.1)",
        Kind::SettingValue => "(RFC 9113, section 6.5.2)",
        Kind::Push => "(RFC 9113, section 8.4)",
        Kind::AboveLastStream | Kind::LastStreamRaised => "(RFC 9113, section 6.8)",
        Kind::StreamOverrun | Kind::ConnectionOverrun | Kind::WindowOverflow => {
            "(RFC 9113, section 6.9.1)"
        }
        Kind::ZeroIncrement => "(RFC 9113, section 6.9)",
        Kind::Interleaved => "(RFC 9113, section 6.10)",
        Kind::TableSize => "(RFC 7541, section 6.3)",
        Kind::Compression => "(RFC 7541; RFC 9113, section 4.3)",
        Kind::FieldName | Kind::FieldValue => "(RFC 9113, section 8.2.1)",
        Kind::ConnectionField | Kind::Te => "(RFC 9113, section 8.2.2)",
        Kind::PseudoMissing | Kind::PseudoRepeated | Kind::PseudoLate | Kind::PseudoUnknown => {
            "(RFC 9113, section 8.3)"
        }
        Kind::Authority | Kind::EscapedAuthority | Kind::EmptyPath => "(RFC 9113, section 8.3.1)",
        Kind::OpenTrailers => "(RFC 9113, section 8.1)",
    }
}

/// Whose fault it is, and what the receiver makes of it.
pub(super) fn meaning(violation: &Violation) -> String {
    use ViolationKind as Kind;
    let by = violation.by.sender();
    let mut fault = format!("The {by} is at fault: {}.", clause(violation));
    if violation.count > 1 {
        fault.push_str(&format!(" It did so {} times.", count(violation.count)));
    }
    let more = match violation.kind {
        Kind::StreamOverrun => {
            " SETTINGS that lower INITIAL_WINDOW_SIZE may make a window negative; from their \
             acknowledgement on its sender has to wait until it is positive again (section 6.9.2)."
        }
        Kind::AboveLastStream | Kind::LastStreamRaised => {
            " Its last stream id says nothing of what it ran: a stream above it may have been run too, \
             so that none is safe to retry."
        }
        Kind::Authority | Kind::EscapedAuthority => {
            " Servers that parse it (hyper and tonic, for one) reset each such request with \
             PROTOCOL_ERROR; others look the other way."
        }
        Kind::OnClosed => {
            " Receivers ignore it for a while after the end, and may take it for an error later."
        }
        Kind::ZeroIncrement => {
            " It ends the stream, or on stream 0 the connection, whatever was under way."
        }
        _ => "",
    };
    format!("{fault}{more}")
}

/// [`what`] was sent, and the section that forbids it.
pub(super) fn clause(violation: &Violation) -> String {
    format!("{} {}", what(violation), law(violation.kind))
}

/// What to do, for the side that can.
pub(super) fn advice(record: &ConnectionRecord, violation: &Violation) -> String {
    use ViolationKind as Kind;
    let who = match violation.by {
        Direction::ClientToServer => "Client",
        Direction::ServerToClient => "Server",
    };
    let what = match violation.kind {
        Kind::Authority | Kind::EscapedAuthority => format!(
            "give the channel a host for its authority, such as localhost ({})",
            Client::of(record).stack.authority(),
        ),
        Kind::ConnectionField | Kind::Te => {
            "take the field out; what translates HTTP/1.1 to HTTP/2 must not copy it".to_owned()
        }
        Kind::FieldName => "write names in lower case, without spaces".to_owned(),
        Kind::FrameTooLarge => {
            "cut frames at the other side's MAX_FRAME_SIZE, 16,384 unless it says otherwise; upgrade \
             the library, or whatever between the two joins frames"
                .to_owned()
        }
        Kind::StreamOverrun | Kind::ConnectionOverrun => {
            "upgrade the library: it counts its windows wrongly; until then let the other side not \
             lower INITIAL_WINDOW_SIZE on a connection in use"
                .to_owned()
        }
        Kind::WindowOverflow => {
            "upgrade the library, or set INITIAL_WINDOW_SIZE below 2^31-1, so that a grant cannot take \
             a window past it"
                .to_owned()
        }
        Kind::AboveLastStream | Kind::LastStreamRaised => {
            "upgrade it: until then retry nothing above its last stream id that is not idempotent"
                .to_owned()
        }
        Kind::ZeroIncrement | Kind::SelfDependency if violation.by == Direction::ClientToServer => {
            "a library that does this is broken, or means to attack (CVE-2025-8671): upgrade or block it"
                .to_owned()
        }
        _ => format!(
            "upgrade the library that writes its frames, or the proxy that speaks for it; the other \
             side is right to refuse {}",
            if violation.count == 1 { "this" } else { "these" },
        ),
    };
    format!("{who}: {what}")
}
