//! One direction's bytes to records, and back to a record's beginning after a gap.
//!
//! In: the parts of the TCP stream. Out: [`Part`]s: records, each with what carried it, and what was
//! lost between them. Where the next record begins after a gap is not known unless the gap lies inside
//! one whose header was read. Then every offset that looks like a header is tried, and only a record
//! that opens is believed; the caller says what opens.
//!
//! ```text
//!            +--- gap inside a record ---> Skip --- its end ---+
//!            |                                                 v
//!  bytes  Aligned ---- any other gap, or nonsense ---> Search  |
//!            ^                                           |     |
//!            +------- a record opens --------------------+-----+
//! ```

use crate::capture::Stamp;
use crate::decode::carrier::Carrier;
use crate::decode::stream_part::{StreamPart, TlsRecordSpan};

/// Longest payload of a record, protected (RFC 5246, section 6.2.3; RFC 8446, section 5.2 has less).
const MAX_PAYLOAD: u16 = (1 << 14) + 2048;

/// The five bytes every record begins with (RFC 8446, section 5.1).
///
/// ```text
/// type (1)  version (2)  length (2)
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RecordHeader {
    pub(super) kind: u8,
    version: [u8; 2],
    pub(super) length: u16,
}

impl RecordHeader {
    pub(super) const LENGTH: usize = 5;
    pub(super) const CHANGE_CIPHER_SPEC: u8 = 20;
    pub(super) const ALERT: u8 = 21;
    pub(super) const HANDSHAKE: u8 = 22;
    pub(super) const APPLICATION_DATA: u8 = 23;

    /// Reads a header; `None` if these bytes are none.
    pub(super) fn parse(bytes: &[u8; Self::LENGTH]) -> Option<Self> {
        let [kind, major, minor, high, low] = *bytes;
        let length = u16::from_be_bytes([high, low]);
        let sound = Self::is_known(kind) && major == 3 && length <= MAX_PAYLOAD;
        sound.then_some(Self {
            kind,
            version: [major, minor],
            length,
        })
    }

    /// The header as it was sent.
    #[cfg(feature = "tls")]
    pub(super) const fn bytes(self) -> [u8; Self::LENGTH] {
        let [major, minor] = self.version;
        let [high, low] = self.length.to_be_bytes();
        [self.kind, major, minor, high, low]
    }

    pub(super) const fn is_known(kind: u8) -> bool {
        matches!(kind, Self::CHANGE_CIPHER_SPEC..=Self::APPLICATION_DATA)
    }

    /// Whether protected application data has such a header, in TLS 1.2 as in TLS 1.3.
    fn is_application_data(self) -> bool {
        self.kind == Self::APPLICATION_DATA && self.version == [3, 3] && self.length > 0
    }

    fn whole(self) -> usize {
        Self::LENGTH + usize::from(self.length)
    }
}

/// The records at the beginning of `bytes`, as far as they are whole.
pub(super) fn records(mut bytes: &[u8]) -> impl Iterator<Item = (RecordHeader, &[u8])> {
    std::iter::from_fn(move || {
        let (first, rest) = bytes.split_first_chunk()?;
        let header = RecordHeader::parse(first)?;
        let (payload, rest) = rest.split_at_checked(usize::from(header.length))?;
        bytes = rest;
        Some((header, payload))
    })
}

/// What comes next in a direction.
#[derive(Debug)]
pub(super) enum Part<'a> {
    Record(TlsRecord<'a>),
    /// RecordReader were lost, or what may be some.
    Lost {
        /// How many bytes they took at most.
        bytes: u64,
        /// How many of those the capture does not hold.
        missing: u64,
        carrier: Carrier,
    },
}

/// One record, still protected.
#[derive(Clone, Copy, Debug)]
pub(super) struct TlsRecord<'a> {
    pub(super) header: RecordHeader,
    pub(super) payload: &'a [u8],
    /// What carried its first byte, and its last.
    pub(super) began: Carrier,
    pub(super) completed: Carrier,
    /// The packet with which the stream was whole up to its end.
    pub(super) whole: Stamp,
    /// Where it begins and ends in the sender's TCP stream.
    pub(super) begins: u64,
    pub(super) ends: u64,
}

impl TlsRecord<'_> {
    /// Its place in the stream.
    pub(super) const fn span(&self) -> TlsRecordSpan {
        TlsRecordSpan {
            begins: self.begins,
            ends: self.ends,
            completed: self.completed,
            whole: self.whole,
        }
    }
}

/// Splits one direction into records.
#[derive(Debug)]
pub(super) struct RecordReader {
    state: Alignment,
    /// Bytes of records not yet given out: never more than one record and what one part of the stream brings.
    buffer: Vec<u8>,
    /// Position of the first of them.
    start: u64,
    /// Where in the stream segments began, and what they were; in order.
    carriers: Vec<Carried>,
}

/// Where bytes of a segment begin in the stream.
#[derive(Clone, Copy, Debug)]
struct Carried {
    begins: u64,
    carrier: Carrier,
    /// The packet with which the stream was whole up to them.
    whole: Stamp,
}

#[derive(Clone, Copy, Debug)]
enum Alignment {
    Aligned,
    Skip { until: u64 },
    Search,
}

impl RecordReader {
    pub(super) const fn new() -> Self {
        Self {
            state: Alignment::Aligned,
            buffer: Vec::new(),
            start: 0,
            carriers: Vec::new(),
        }
    }

    /// How many bytes of memory it takes to read on.
    pub(super) const fn held(&self) -> usize {
        self.buffer.capacity() + self.carriers.capacity() * size_of::<Carried>()
    }

    /// Takes the next part of the stream. `sink` says of a record whether it opened.
    pub(super) fn push(&mut self, part: StreamPart<'_>, sink: &mut impl FnMut(Part<'_>) -> bool) {
        match part {
            StreamPart::Bytes {
                position,
                data,
                carrier,
                whole,
                ..
            } => self.read(position, data, (carrier, whole), sink),
            StreamPart::Gap {
                position,
                length,
                carrier,
            } => self.jump(position, length, carrier, sink),
            // What is held was given up to save memory.
            StreamPart::Break { missing, carrier } => {
                self.jump(self.start, missing, carrier, sink);
            }
        }
    }

    fn read(
        &mut self,
        mut position: u64,
        mut data: &[u8],
        (carrier, whole): (Carrier, Stamp),
        sink: &mut impl FnMut(Part<'_>) -> bool,
    ) {
        if let Alignment::Skip { until } = self.state {
            let left = usize::try_from(until.saturating_sub(position)).unwrap_or(usize::MAX);
            let Some(rest) = data.get(left..) else {
                return;
            };
            self.state = Alignment::Aligned;
            position = until;
            data = rest;
        }
        if data.is_empty() {
            return;
        }
        if self.buffer.is_empty() {
            self.start = position;
            self.carriers.clear();
        }
        self.carriers.push(Carried {
            begins: position,
            carrier,
            whole,
        });
        let mut buffer = std::mem::take(&mut self.buffer);
        if buffer.is_empty() {
            let used = self.split(data, sink);
            buffer.extend_from_slice(data.get(used..).unwrap_or_default());
        } else {
            buffer.extend_from_slice(data);
            let used = self.split(&buffer, sink);
            buffer.drain(..used.min(buffer.len()));
        }
        // An empty one is given back: of many open connections few are within a record.
        if !buffer.is_empty() {
            self.buffer = buffer;
        }
    }

    /// Gives out what is whole in `bytes`, the first of which stands at `start`; gives how many bytes
    /// it used.
    fn split(&mut self, bytes: &[u8], sink: &mut impl FnMut(Part<'_>) -> bool) -> usize {
        let mut used = 0;
        while let Some(rest) = bytes.get(used..) {
            let found = match self.state {
                Alignment::Search => self.search(rest, used, sink),
                _ => self.next_record(rest, used, sink),
            };
            match found {
                Scan::More(length) => used += length,
                Scan::Incomplete(passed) => {
                    used += passed;
                    break;
                }
            }
        }
        self.start += used as u64;
        let begun = self
            .carriers
            .partition_point(|carried| carried.begins <= self.start);
        self.carriers.drain(..begun.saturating_sub(1));
        used
    }

    /// Gives out the record that `rest` begins with.
    fn next_record(
        &mut self,
        rest: &[u8],
        offset: usize,
        sink: &mut impl FnMut(Part<'_>) -> bool,
    ) -> Scan {
        let Some(first) = rest.first_chunk() else {
            return Scan::Incomplete(0);
        };
        let Some(header) = RecordHeader::parse(first) else {
            self.state = Alignment::Search;
            let begins = self.start + offset as u64;
            sink(Part::Lost {
                bytes: 1,
                missing: 0,
                carrier: self.carrier_at(begins),
            });
            return Scan::More(0);
        };
        let Some(payload) = rest.get(RecordHeader::LENGTH..header.whole()) else {
            return Scan::Incomplete(0);
        };
        sink(Part::Record(self.record(header, payload, offset)));
        Scan::More(header.whole())
    }

    /// Looks for a record that opens.
    fn search(
        &mut self,
        rest: &[u8],
        offset: usize,
        sink: &mut impl FnMut(Part<'_>) -> bool,
    ) -> Scan {
        let mut passed = 0;
        let mut found = None;
        while let Some(first) = rest.get(passed..).and_then(<[u8]>::first_chunk) {
            let Some(header) =
                RecordHeader::parse(first).filter(|header| header.is_application_data())
            else {
                passed += 1;
                continue;
            };
            let Some(payload) = rest.get(passed + RecordHeader::LENGTH..passed + header.whole())
            else {
                break;
            };
            if sink(Part::Record(self.record(header, payload, offset + passed))) {
                found = Some(passed + header.whole());
                break;
            }
            passed += 1;
        }
        if passed > 0 && found.is_none() {
            sink(Part::Lost {
                bytes: passed as u64,
                missing: 0,
                carrier: self.carrier_at(self.start + offset as u64),
            });
        }
        match found {
            Some(length) => {
                self.state = Alignment::Aligned;
                Scan::More(length)
            }
            None => Scan::Incomplete(passed),
        }
    }

    fn jump(
        &mut self,
        position: u64,
        length: u64,
        carrier: Carrier,
        sink: &mut impl FnMut(Part<'_>) -> bool,
    ) {
        let after = position.saturating_add(length);
        if matches!(self.state, Alignment::Skip { until } if after <= until) {
            sink(Part::Lost {
                bytes: 0,
                missing: length,
                carrier,
            });
            return;
        }
        let header = self.buffer.first_chunk().and_then(RecordHeader::parse);
        let end = header.map(|header| self.start + header.whole() as u64);
        let held = self.buffer.len() as u64;
        let (state, bytes) = match (self.state, end) {
            (Alignment::Aligned, Some(end)) if after <= end => {
                (Alignment::Skip { until: end }, end - self.start)
            }
            _ => (Alignment::Search, held.saturating_add(length)),
        };
        self.state = state;
        self.buffer = Vec::new();
        self.carriers = Vec::new();
        sink(Part::Lost {
            bytes,
            missing: length,
            carrier,
        });
    }

    fn record<'a>(&self, header: RecordHeader, payload: &'a [u8], offset: usize) -> TlsRecord<'a> {
        let begins = self.start + offset as u64;
        let ends = begins + header.whole() as u64;
        TlsRecord {
            header,
            payload,
            began: self.carrier_at(begins),
            completed: self.carrier_at(ends - 1),
            whole: self
                .carried(ends - 1)
                .map(|carried| carried.whole)
                .unwrap_or_default(),
            begins,
            ends,
        }
    }

    /// What carried the byte at this position.
    fn carrier_at(&self, position: u64) -> Carrier {
        let carried = self.carried(position);
        carried.map(|carried| carried.carrier).unwrap_or_default()
    }

    fn carried(&self, position: u64) -> Option<&Carried> {
        let begun = self
            .carriers
            .partition_point(|carried| carried.begins <= position);
        self.carriers.get(begun.saturating_sub(1))
    }
}

/// What was found at a place.
enum Scan {
    /// A record, or a reason to look again, this many bytes on.
    More(usize),
    /// Nothing whole; this many bytes will never be part of anything.
    Incomplete(usize),
}
