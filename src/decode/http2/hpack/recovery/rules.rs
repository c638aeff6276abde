//! What the header blocks of a gRPC server look like: a table under which one does not is not the encoder's.
//!
//! In: a block's fields under a hypothesis. Out: whether a server that speaks gRPC can have sent it (RFC 9113, section
//! 8.3; grpc/grpc, doc/PROTOCOL-HTTP2.md), and the status that it carries.

use super::hypothesis::SeenField;

/// A status that is not known.
pub(super) const UNKNOWN: u8 = u8::MAX;

/// Names that a block has once.
const SINGLE: [&[u8]; 6] = [
    b":status",
    b"content-type",
    b"grpc-status",
    b"grpc-message",
    b"grpc-encoding",
    b"date",
];

/// Names that only requests have.
const OF_REQUESTS: [&[u8]; 7] = [
    b":method",
    b":path",
    b":scheme",
    b":authority",
    b"te",
    b"user-agent",
    b"grpc-timeout",
];

/// Names that trailers have not.
const OF_HEADS: [&[u8]; 5] = [
    b":status",
    b"content-type",
    b"server",
    b"grpc-encoding",
    b"grpc-accept-encoding",
];

/// What a block is by its place on its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AnswerPart {
    Head,
    TrailersOnly,
    Trailers,
    /// Trailers or trailers-only: its first field is not known.
    End,
}

/// Whether a server can have sent these fields, in a block that carries END_STREAM or does not; `content_type` is the
/// one of its successful answers, if that is in its table for certain.
pub(super) fn allow(fields: &[SeenField], ends: bool, content_type: Option<&[u8]>) -> bool {
    let first = fields.first().map(name);
    let section = match (ends, first) {
        (false, _) => AnswerPart::Head,
        (true, Some(Some(b":status"))) => AnswerPart::TrailersOnly,
        (true, Some(None)) => AnswerPart::End,
        (true, _) => AnswerPart::Trailers,
    };
    let starts_well = section != AnswerPart::Head || matches!(first, Some(None | Some(b":status")));
    starts_well
        && fields.iter().all(is_well_formed)
        && pseudo_fields_come_first(fields, section)
        && SINGLE.iter().all(|single| count(fields, single) <= 1)
        && !OF_REQUESTS.iter().any(|other| count(fields, other) > 0)
        && has_what_it_needs(fields, section, content_type)
}

/// The `grpc-status` of a block.
pub(super) fn status(fields: &[SeenField]) -> u8 {
    let mut statuses = fields
        .iter()
        .filter(|field| name(field) == Some(b"grpc-status"));
    let value = statuses.next().and_then(value);
    let text = value.and_then(|value| std::str::from_utf8(value).ok());
    text.and_then(|text| text.parse().ok()).unwrap_or(UNKNOWN)
}

fn name(field: &SeenField) -> Option<&[u8]> {
    field.as_ref()?.name.as_deref()
}

fn value(field: &SeenField) -> Option<&[u8]> {
    field.as_ref().map(|known| &*known.value)
}

fn count(fields: &[SeenField], wanted: &[u8]) -> usize {
    fields
        .iter()
        .filter(|field| name(field) == Some(wanted))
        .count()
}

/// How many fields have a name that is not known.
fn unnamed(fields: &[SeenField]) -> usize {
    fields.iter().filter(|field| name(field).is_none()).count()
}

fn is_well_formed(field: &SeenField) -> bool {
    let (Some(name), Some(value)) = (name(field), value(field)) else {
        return true;
    };
    let digits = value.iter().all(u8::is_ascii_digit);
    match name {
        b":status" => digits && value.len() == 3,
        b"grpc-status" => digits && matches!(value.len(), 1 | 2),
        b"content-type" => value.contains(&b'/'),
        _ => true,
    }
}

/// Pseudo-header fields come before all others, and trailers have none (RFC 9113, sections 8.1 and 8.3).
fn pseudo_fields_come_first(fields: &[SeenField], section: AnswerPart) -> bool {
    let is_pseudo = |field: &SeenField| name(field).is_some_and(|name| name.starts_with(b":"));
    let regular = |field: &&SeenField| name(field).is_some_and(|name| !name.starts_with(b":"));
    let late = fields
        .iter()
        .skip_while(|field| !regular(field))
        .any(is_pseudo);
    !late && (section != AnswerPart::Trailers || !fields.iter().any(is_pseudo))
}

/// A successful head has the connection's `content-type` and no status, trailers have a status.
fn has_what_it_needs(
    fields: &[SeenField],
    section: AnswerPart,
    content_type: Option<&[u8]>,
) -> bool {
    let unnamed = unnamed(fields);
    let has = |wanted: &[u8]| count(fields, wanted) > 0;
    match section {
        AnswerPart::Trailers => {
            !OF_HEADS.iter().any(|other| has(other)) && (has(b"grpc-status") || unnamed > 0)
        }
        AnswerPart::End => true,
        AnswerPart::Head | AnswerPart::TrailersOnly => {
            let status = fields.iter().find(|field| name(field) == Some(b":status"));
            if status.and_then(value) != Some(b"200") {
                return true;
            }
            let ends = section == AnswerPart::TrailersOnly;
            let wanted =
                usize::from(!has(b"content-type")) + usize::from(ends && !has(b"grpc-status"));
            let no_status = ends || !(has(b"grpc-status") || has(b"grpc-message"));
            wanted <= unnamed && no_status && has_content_type(fields, content_type)
        }
    }
}

/// Whether a successful head has this `content-type`, and not by an entry that is not known.
fn has_content_type(fields: &[SeenField], content_type: Option<&[u8]>) -> bool {
    content_type.is_none_or(|wanted| {
        let mut own = fields
            .iter()
            .filter(|field| name(field) == Some(b"content-type"));
        own.any(|field| value(field) == Some(wanted))
    })
}
