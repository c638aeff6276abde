//! The fields of a decoded header block, in one arena that is reused from block to block.

use std::fmt;

use super::entry::{Entry, TextLength};
use super::fault::Fault;
use super::field_name::FieldName;

/// Most bytes of names and values kept of one block, 256 KiB. Peers usually accept 8 to 64 KiB
/// (SETTINGS_MAX_HEADER_LIST_SIZE); far beyond that a block is an attack that repeats one large
/// entry a byte at a time.
pub const MAX_BYTES: usize = 256 * 1024;

/// Most fields kept of one block. No server accepts half as many, and empty fields, which the
/// bound on bytes does not see, must not add up either.
pub const MAX_FIELDS: usize = 4096;

/// For how many fields, and bytes of them, there is room in the first block: those of a gRPC request.
const FIRST_FIELDS: usize = 12;
const FIRST_BYTES: usize = 384;

/// The fields of one header block, in the order in which they were sent.
///
/// The bytes of all names and values lie in one buffer. A block that is cleared and filled again
/// allocates only when it outgrows every block before it.
#[derive(Clone, Default)]
pub struct HeaderBlock {
    /// Names and values of `fields` one after the other; while a field is being written, its
    /// finished part lies behind them.
    bytes: Vec<u8>,
    fields: Vec<Span>,
    /// Where the last finished field ends.
    end: usize,
    fault: Option<Fault>,
}

/// One header field.
///
/// A name or value is `None` where it cannot be known: the field refers to an entry of the dynamic
/// table that the capture does not show.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name.
    pub name: Option<&'a [u8]>,
    /// What the name is, if it is one of those that are asked for.
    pub known_name: FieldName,
    /// The value.
    pub value: Option<&'a [u8]>,
    /// Sent as a literal that no intermediary may index (RFC 7541, section 6.2.3).
    pub sensitive: bool,
    /// Sent as an index that gave both name and value (RFC 7541, section 6.1).
    pub indexed: bool,
    /// The dynamic table's entry that gave the name, or the name and the value: the how many-th
    /// insertion it was, counted from 0 where our knowledge of the table begins, so that entries
    /// inserted before have negative numbers. Equal numbers on one connection and direction mean
    /// the same entry, known or not; different numbers mean different entries.
    pub entry: Option<i64>,
}

/// A field of which it is known what it is, before its name and value are looked for.
#[derive(Clone, Copy)]
pub struct UnreadField<'a> {
    span: &'a Span,
    bytes: &'a [u8],
}

impl<'a> UnreadField<'a> {
    /// As [`Field::known_name`] has it.
    #[must_use]
    #[inline]
    pub const fn known_name(self) -> FieldName {
        self.span.field.known_name
    }

    /// As [`Field::indexed`] has it.
    #[must_use]
    #[inline]
    pub const fn indexed(self) -> bool {
        self.span.field.indexed
    }

    /// Whether its value is known, and not empty.
    #[must_use]
    #[inline]
    pub const fn has_value(self) -> bool {
        self.span.field.value_length.bytes() > 0
    }

    /// The whole field.
    #[must_use]
    #[inline]
    pub fn read(self) -> Field<'a> {
        self.span.field(self.bytes)
    }
}

/// What a block says of the field with a certain name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// No field has that name.
    Absent,
    /// A field has that name and its value cannot be known, or one may have it: the block has
    /// fields with unknown names.
    Unknown,
    /// The value of the first field known to have that name.
    Known(&'a [u8]),
}

impl HeaderBlock {
    /// Removes all fields and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.fields.clear();
        self.end = 0;
        self.fault = None;
    }

    /// Becomes the same as another block, and keeps the memory.
    pub(in crate::decode::http2) fn copy(&mut self, other: &Self) {
        self.bytes.clear();
        self.bytes.extend_from_slice(&other.bytes);
        self.fields.clear();
        self.fields.extend_from_slice(&other.fields);
        (self.end, self.fault) = (other.end, other.fault);
    }

    /// What was wrong with it as a compressed block, if anything was; where that
    /// [stopped it](Fault::stops_block) the fields behind are missing.
    #[must_use]
    pub const fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Notes what was wrong with it.
    pub(in crate::decode::http2) const fn note_fault(&mut self, fault: Option<Fault>) {
        self.fault = fault;
    }

    /// How many bytes of memory it takes, those to spare included.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.bytes.capacity() + self.fields.capacity() * size_of::<Span>()
    }

    /// How many fields there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// How large its list of fields is: names and values, and 32 bytes for each field (RFC 9113, section 6.5.2). What
    /// cannot be known counts nothing.
    #[must_use]
    pub fn list_size(&self) -> u64 {
        self.bytes.len() as u64 + 32 * self.fields.len() as u64
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// The fields, in the order in which they were sent.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> + DoubleEndedIterator + Clone {
        self.unread_fields().map(UnreadField::read)
    }

    /// The same, for whoever passes over most of them.
    pub fn unread_fields(
        &self,
    ) -> impl ExactSizeIterator<Item = UnreadField<'_>> + DoubleEndedIterator + Clone {
        let bytes = self.bytes.as_slice();
        self.fields
            .iter()
            .map(move |span| UnreadField { span, bytes })
    }

    /// What the block says of the first field named `name`.
    #[must_use]
    pub fn value(&self, name: &[u8]) -> Value<'_> {
        let mut unnamed = false;
        for field in self.fields() {
            match field.name {
                Some(known) if known == name => {
                    return field.value.map_or(Value::Unknown, Value::Known);
                }
                Some(_) => {}
                None => unnamed = true,
            }
        }
        if unnamed {
            Value::Unknown
        } else {
            Value::Absent
        }
    }

    /// Appends a field that did not come from a compressed block, such as the request that an
    /// HTTP/1.1 upgrade turns into stream 1. A field that would exceed [`MAX_BYTES`] or
    /// [`MAX_FIELDS`] is left out; returns whether it was kept.
    pub fn push(&mut self, name: Option<&[u8]>, value: Option<&[u8]>) -> bool {
        let lengths = [name, value].map(|text| text.map_or(0, <[u8]>::len));
        if lengths.iter().any(|length| *length > MAX_BYTES) {
            return false;
        }
        for text in [name, value].into_iter().flatten() {
            self.bytes.extend_from_slice(text);
        }
        self.finish(FieldParts {
            name_length: name.map_or(TextLength::UNKNOWN, |name| TextLength::of(name.len())),
            value_length: value.map_or(TextLength::UNKNOWN, |value| TextLength::of(value.len())),
            known_name: name.map_or(FieldName::Other, FieldName::of),
            sensitive: false,
            indexed: false,
            entry: None,
        })
    }

    /// Appends the field that a table entry is.
    pub(super) fn push_entry(&mut self, entry: Entry<'_>) -> bool {
        self.bytes.extend_from_slice(entry.text);
        self.finish(FieldParts {
            name_length: entry.name_length,
            value_length: entry.value_length,
            known_name: entry.known_name,
            sensitive: false,
            indexed: true,
            entry: entry.number,
        })
    }

    /// Where the name and then the value of the next field are written, before
    /// [`finish`](Self::finish) makes them one or [`abandon`](Self::abandon) removes them.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Makes room for a usual block at once, where there is none yet.
    pub(super) fn prepare(&mut self) {
        if self.fields.capacity() == 0 {
            self.bytes.reserve(FIRST_BYTES);
            self.fields.reserve(FIRST_FIELDS);
        }
    }

    /// Makes a field of the bytes written behind the last one. Returns whether there was room;
    /// where not, the bytes are gone.
    pub(super) fn finish(&mut self, field: FieldParts) -> bool {
        if self.bytes.len() > MAX_BYTES || self.fields.len() >= MAX_FIELDS {
            self.abandon();
            return false;
        }
        let start = self.end as u32;
        self.fields.push(Span { start, field });
        self.end = self.bytes.len();
        true
    }

    /// Removes what was written of an unfinished field.
    pub(super) fn abandon(&mut self) {
        self.bytes.truncate(self.end);
    }
}

impl fmt::Debug for HeaderBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.fields()).finish()
    }
}

impl fmt::Debug for Field<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |text: Option<&[u8]>| {
            text.map_or_else(
                || "unknown".to_owned(),
                |text| format!("\"{}\"", text.escape_ascii()),
            )
        };
        write!(f, "{}: {}", text(self.name), text(self.value))?;
        if self.sensitive {
            f.write_str(" (sensitive)")?;
        }
        if let Some(entry) = self.entry {
            write!(f, " (entry {entry})")?;
        }
        Ok(())
    }
}

/// A field whose name and value lie somewhere: how long they are, and what is known of them.
#[derive(Clone, Copy)]
pub(super) struct FieldParts {
    pub(super) name_length: TextLength,
    pub(super) value_length: TextLength,
    pub(super) known_name: FieldName,
    pub(super) sensitive: bool,
    pub(super) indexed: bool,
    pub(super) entry: Option<i64>,
}

/// Where a field lies in the buffer: the name at `start`, the value behind it. What is unknown
/// has no length and takes no room.
#[derive(Clone, Copy)]
struct Span {
    start: u32,
    field: FieldParts,
}

impl Span {
    #[inline]
    fn field<'a>(&self, bytes: &'a [u8]) -> Field<'a> {
        let FieldParts {
            name_length,
            value_length,
            known_name,
            sensitive,
            indexed,
            entry,
        } = self.field;
        let start = self.start as usize;
        let (name, value) = (name_length.bytes(), value_length.bytes());
        let text = bytes.get(start..start + name + value);
        let parts = text.and_then(|text| text.split_at_checked(name));
        let (name, value) = parts.unwrap_or_default();
        Field {
            name: name_length.known().map(|_| name),
            known_name,
            value: value_length.known().map(|_| value),
            sensitive,
            indexed,
            entry,
        }
    }
}
