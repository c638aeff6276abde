//! Fragments to the IP packets they were cut from (RFC 791, section 3.2; RFC 8200, section 4.5).
//!
//! In: fragments in capture order, each with its network and time. Out: the whole packet, at the
//! fragment that completes it. What waits is bounded, and fragments that contradict each other never
//! make a packet.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::fragment::{DatagramId, IpFragment};
use super::scope::NetworkScope;
use crate::capture::{TimeDelta, Timestamp};

/// How long a datagram may take to complete: Linux's `ipfrag_time`, between the 15
/// seconds of RFC 791 and the 60 of RFC 8200. Identifications are used again, in IPv4 soon.
const PATIENCE: TimeDelta = TimeDelta::from_secs(30);

/// How many bytes of incomplete datagrams are kept: Linux's `ipfrag_high_thresh`.
const MAXIMUM_BYTES: usize = 4 << 20;

/// How many incomplete datagrams are kept. The bytes bound them first, unless their fragments are tiny;
/// each costs less than a kilobyte beside its payload.
const MAXIMUM_DATAGRAMS: usize = 4096;

/// Pieces with holes between them that one datagram may be in. The longest one, cut for links of 576
/// bytes, has 118 fragments, and at worst every other one comes first.
const MAXIMUM_PIECES: usize = 64;

/// The longest IP packet that states its length, in bytes; beyond it, fragments are an attack.
const LONGEST_PACKET: usize = 65_535;

/// A packet put together.
#[derive(Debug)]
pub(super) struct Whole {
    /// Its bytes, up to the first that was not captured.
    pub(super) bytes: Vec<u8>,
    /// Its length on the wire.
    pub(super) length: usize,
}

/// Datagrams that lack fragments.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// In order of arrival.
    incomplete: BTreeMap<u64, Incomplete>,
    numbers: FxHashMap<(NetworkScope, DatagramId), u64>,
    arrivals: u64,
    bytes: usize,
    /// Fragments that came, less those of packets that were completed.
    unused: u64,
}

impl Reassembly {
    /// Takes a fragment seen at `time`; gives back the datagram that it completes.
    pub(super) fn push(
        &mut self,
        scope: NetworkScope,
        fragment: &IpFragment<'_>,
        time: Timestamp,
    ) -> Option<Whole> {
        self.expire(time);
        self.unused += 1;
        let key = (scope, fragment.datagram);
        let number = *self.numbers.entry(key).or_insert(self.arrivals);
        if number == self.arrivals {
            self.arrivals += 1;
            self.incomplete.insert(number, Incomplete::new(key, time));
        }
        let datagram = self.incomplete.get_mut(&number)?;
        let before = datagram.bytes();
        datagram.push(fragment);
        self.bytes = self.bytes - before + datagram.bytes();
        if datagram.is_complete() {
            let complete = self.remove(number)?;
            self.unused -= complete.fragments;
            return complete.whole();
        }
        while self.bytes > MAXIMUM_BYTES || self.incomplete.len() > MAXIMUM_DATAGRAMS {
            let (&oldest, _) = self.incomplete.first_key_value()?;
            self.remove(oldest);
        }
        None
    }

    /// How many fragments have not made a packet.
    pub(super) const fn unused(&self) -> u64 {
        self.unused
    }

    /// Gives up what has waited too long. A datagram whose time is ahead of `time`, as where clocks
    /// were set or files merged, is given up by the bounds.
    fn expire(&mut self, time: Timestamp) {
        while let Some((&oldest, datagram)) = self.incomplete.first_key_value() {
            if time - datagram.begun <= PATIENCE {
                return;
            }
            self.remove(oldest);
        }
    }

    fn remove(&mut self, number: u64) -> Option<Incomplete> {
        let datagram = self.incomplete.remove(&number)?;
        self.numbers.remove(&datagram.key);
        self.bytes -= datagram.bytes();
        Some(datagram)
    }
}

/// A datagram that lacks fragments.
#[derive(Debug)]
struct Incomplete {
    key: (NetworkScope, DatagramId),
    begun: Timestamp,
    /// How many fragments came, duplicates too.
    fragments: u64,
    /// Those of the first fragment; empty until it comes.
    headers: Vec<u8>,
    /// What came, at its place; zeros in between.
    payload: Vec<u8>,
    /// The pieces that came, as their beginnings and ends: in order, never touching.
    pieces: Vec<(u32, u32)>,
    /// How long the payload is, once its last fragment came.
    length: Option<u32>,
    /// Where the first byte lies that came but was not captured.
    cut: u32,
    /// Its fragments contradicted each other: it is never completed, and takes up those still to come.
    is_hostile: bool,
}

impl Incomplete {
    fn new(key: (NetworkScope, DatagramId), begun: Timestamp) -> Self {
        Self {
            key,
            begun,
            fragments: 0,
            headers: Vec::new(),
            payload: Vec::new(),
            pieces: Vec::new(),
            length: None,
            cut: u32::MAX,
            is_hostile: false,
        }
    }

    /// What it costs. The allocations may be twice as long.
    fn bytes(&self) -> usize {
        self.headers.len() + self.payload.len()
    }

    fn push(&mut self, fragment: &IpFragment<'_>) {
        self.fragments += 1;
        if self.is_hostile || self.add(fragment).is_some() {
            return;
        }
        self.is_hostile = true;
        self.headers = Vec::new();
        self.payload = Vec::new();
        self.pieces = Vec::new();
    }

    /// Adds a fragment; `None` if it contradicts those before.
    ///
    /// Overlapping fragments were only ever sent to deceive whoever watches: receivers disagree on
    /// which copy counts. So the datagram is dropped (RFC 5722, section 4, which Linux applies to IPv4
    /// too) unless the fragment brings nothing new: then it is a duplicate, and the first one counts.
    fn add(&mut self, fragment: &IpFragment<'_>) -> Option<()> {
        let begin = fragment.offset;
        let end = begin.checked_add(u32::try_from(fragment.payload.length).ok()?)?;
        if fragment.headers.len() + end as usize > LONGEST_PACKET {
            return None;
        }
        // All but the last are cut at multiples of eight bytes, and none is empty.
        if end == begin || fragment.more && end % 8 != 0 {
            return None;
        }
        if self
            .pieces
            .iter()
            .any(|piece| piece.0 <= begin && end <= piece.1)
        {
            return Some(());
        }
        if self
            .pieces
            .iter()
            .any(|piece| piece.0 < end && begin < piece.1)
        {
            return None;
        }
        if self
            .length
            .is_some_and(|length| end > length || !fragment.more)
        {
            return None;
        }
        if !fragment.more {
            if self.pieces.last().is_some_and(|piece| piece.1 > end) {
                return None;
            }
            self.length = Some(end);
        }
        if begin == 0 {
            self.headers = fragment.headers.to_vec();
        }
        self.store(begin, end, fragment.payload.captured)?;
        self.join(begin, end)
    }

    fn store(&mut self, begin: u32, end: u32, captured: &[u8]) -> Option<()> {
        if self.payload.len() < end as usize {
            self.payload.resize(end as usize, 0);
        }
        let captured_end = begin + u32::try_from(captured.len()).ok()?;
        if captured_end < end {
            self.cut = self.cut.min(captured_end);
        }
        let place = self
            .payload
            .get_mut(begin as usize..captured_end as usize)?;
        place.copy_from_slice(captured);
        Some(())
    }

    /// Notes a piece, joined with those it touches.
    fn join(&mut self, begin: u32, end: u32) -> Option<()> {
        let mut joined = (begin, end);
        self.pieces.retain(|piece| {
            if piece.1 == begin {
                joined.0 = piece.0;
            } else if piece.0 == end {
                joined.1 = piece.1;
            } else {
                return true;
            }
            false
        });
        let place = self.pieces.partition_point(|piece| piece.0 < joined.0);
        self.pieces.insert(place, joined);
        (self.pieces.len() <= MAXIMUM_PIECES).then_some(())
    }

    fn is_complete(&self) -> bool {
        let whole = self.length.map(|length| (0, length));
        whole.is_some() && self.pieces.first().copied() == whole
    }

    /// The packet as it was before it was cut: the first fragment's headers, their lengths those of
    /// the whole. An IPv6 fragment header stays and says that this is all (RFC 6946).
    fn whole(self) -> Option<Whole> {
        const IPV6_HEADER: usize = 40;
        let mut bytes = self.headers;
        let length = bytes.len() + self.payload.len();
        if bytes.first()? >> 4 == 4 {
            put(&mut bytes, 2, length)?;
            put(&mut bytes, 6, 0)?;
        } else {
            let fragment = bytes.len().checked_sub(8)?;
            put(&mut bytes, 4, length.checked_sub(IPV6_HEADER)?)?;
            put(&mut bytes, fragment + 2, 0)?;
        }
        let captured = self.payload.len().min(self.cut as usize);
        bytes.extend_from_slice(self.payload.get(..captured)?);
        Some(Whole { bytes, length })
    }
}

/// Writes `value` into the two bytes at `offset`.
fn put(bytes: &mut [u8], offset: usize, value: usize) -> Option<()> {
    let value = u16::try_from(value).ok()?;
    *bytes.get_mut(offset..)?.first_chunk_mut()? = value.to_be_bytes();
    Some(())
}
