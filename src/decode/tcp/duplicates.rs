//! Duplicates: segments that were captured more than once, and that were sent once.
//!
//! In: the segments of a connection, both ways. Out: which of them the capture has shown before, so
//! that they are left out as if never captured. Where their sender marked them, time decides nothing:
//! a copy may come late, and a retransmission soon.
//!
//! ```text
//!   client ── eth0 ── bridge ── veth ── server      capture on `any`: each segment three times
//!               │                 │
//!            client.pcap      server.pcap           both given: each segment twice, and each time
//!                                                   with the clock and the delays of another place
//! ```
//!
//! What tells a retransmission from a copy is what its sender changes from packet to packet, not
//! what a router changes (link addresses, hop limit, checksum) and not the time, since the copies of
//! two places are a path's delay apart:
//!
//! 1. The identification of the IPv4 packet. Linux numbers the packets of each connection and Windows
//!    those to each host, retransmissions too. A sender that writes zeros, or always the same, or IPv6
//!    marks nothing.
//! 2. The clock in the timestamps option. It ticks at least once a second and every millisecond in
//!    practice (RFC 7323, section 5.4), and no retransmission timer is as short. Only a fast
//!    retransmission within the same tick, of a sender without mark 1, is taken for a copy.
//! 3. Without either mark, only time is left: [`NEAR`].
//!
//! Segments are cut up and put together by network cards (TSO, GRO), so that the copies of one place
//! may be parts of the other's: the first part has the same identification, each further one the next.

use std::collections::VecDeque;

use super::side::{PerEnd, Side};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::link::{Segment, TcpFlags};

/// Unmarked segments that are equal and less than this apart are copies: a
/// packet is through a host or a switch by then, and a retransmission takes a round trip at least.
const NEAR: TimeDelta = TimeDelta::from_millis(1);

/// The same for a SYN: it is sent again after a second (RFC 6298, section 2.1), and half of that is
/// more than any path takes.
const NEAR_SYN: TimeDelta = TimeDelta::from_millis(500);

/// A packet has passed all interfaces of a host within this, busy as it may be.
const NEAR_ELSEWHERE: TimeDelta = TimeDelta::from_millis(50);

/// How many segments of a connection are remembered: those of a millisecond of a busy one. They cost
/// a kilobyte then; a short connection takes what it needs.
const USUAL_MEMORY: usize = 32;

/// For how many there is room in the beginning.
const FEW: usize = 8;

/// How many where copies were found, and come so late that fewer do not reach back to the first: what
/// 40,000 packets a second take over a path of 50 ms, in 80 KB.
const MOST_MEMORY: usize = 2_048;

/// How far back memory is stretched for copies at most: no path takes longer.
const MOST_REACH: TimeDelta = TimeDelta::from_millis(500);

/// How many files can show a connection beside the first that does. Of further ones the copies are
/// found one by one.
const MAX_ELSEWHERE: usize = 64;

/// What was left out of a connection because it had been captured before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DuplicateStats {
    /// How many segments were captured again.
    pub segments: u64,
    /// The first of them.
    pub first: Option<Stamp>,
    /// The first segment, if there is one, that showed another file to hold the same connection.
    pub elsewhere: Option<Stamp>,
}

/// What a connection's segments were, as far back as it takes to know a copy of one.
#[derive(Debug, Default)]
pub(super) struct Duplicates {
    recent: VecDeque<Sighting>,
    numbering: PerEnd<Numbering>,
    /// How far back copies reach, with as much again to spare.
    reach: TimeDelta,
    found: DuplicateStats,
    /// The file that showed the connection first: its view counts.
    home: Option<u32>,
    /// Files known to show the same connection from another place, or the same place again.
    elsewhere: Vec<u32>,
    /// Whether the first file was found to show one direction only: then all are needed.
    together: bool,
}

/// How a sender numbers its packets.
#[derive(Clone, Copy, Debug, Default)]
struct Numbering {
    last: u16,
    varies: bool,
}

impl Numbering {
    const fn varies_with(self, number: u16) -> bool {
        self.varies || self.last != 0 && number != 0 && number != self.last
    }
}

/// What is remembered of a segment.
#[derive(Clone, Copy, Debug)]
struct Sighting {
    time: Timestamp,
    timestamp: Option<u32>,
    file: u32,
    sequence: u32,
    /// 0 where there is none; the flags tell.
    acknowledgement: u32,
    length: u32,
    identification: u16,
    window: u16,
    flags: TcpFlags,
    from: Side,
}

impl Duplicates {
    /// What was left out so far.
    pub(super) const fn found(&self) -> DuplicateStats {
        self.found
    }

    /// Whether a segment comes from a file whose view of the connection does not count. `blind` says
    /// that the files that do count do not show what `from` sends, although it is acknowledged there.
    pub(super) fn is_elsewhere(&mut self, segment: &Segment<'_>, blind: bool) -> bool {
        let file = segment.stamp.file;
        if *self.home.get_or_insert(file) == file || !self.elsewhere.contains(&file) {
            return false;
        }
        if blind {
            self.together = true;
            self.elsewhere.clear();
            return false;
        }
        self.count(segment.stamp);
        true
    }

    /// Whether a segment that brings nothing new was captured before. If so it is counted. `passed` says
    /// that all of its bytes are known, so that it may be several segments in one.
    pub(super) fn is_duplicate(&mut self, from: Side, segment: &Segment<'_>, passed: bool) -> bool {
        let again = Sighting::of(from, segment);
        let numbered = self.numbering[from].varies_with(segment.identification);
        let first = self
            .recent
            .iter()
            .rev()
            .find(|first| again.is_duplicate_of(first, numbered, passed))
            .copied();
        let Some(first) = first else {
            return false;
        };
        // A host answers each segment that it wants no more of with the same RST, and each that it did
        // not expect with the same acknowledgement: no mark tells these from copies of one, and nothing
        // depends on it.
        let idle = segment.payload_length == 0 && segment.flags.0 & OF_ONE_SEGMENT == 0;
        if !idle || again.is_marked(numbered) {
            self.count(segment.stamp);
        }
        let distance = (again.time - first.time).abs();
        self.reach = self.reach.max((distance * 2).min(MOST_REACH));
        if first.file != again.file {
            self.part(&first, segment.stamp);
        }
        true
    }

    /// Who sent the segment that is this one, captured in another network, or where `translated`,
    /// under other addresses: that takes both marks of its sender, unless IPv6 has only one.
    pub(super) fn sender_of(&self, segment: &Segment<'_>, translated: bool) -> Option<Side> {
        let numbered = segment.identification != 0;
        let marked = match segment.timestamp {
            Some(_) => numbered || !translated || segment.source.is_ipv6(),
            None => numbered && !translated,
        };
        let again = Sighting::of(Side::First, segment);
        let mut recent = self.recent.iter().rev().filter(|_| marked);
        recent
            .find(|first| again.is_elsewhere(first))
            .map(|first| first.from)
    }

    /// Remembers a segment that is no copy.
    pub(super) fn remember(&mut self, from: Side, segment: &Segment<'_>) {
        let now = segment.stamp.time;
        while self.recent.len() >= USUAL_MEMORY {
            let needed = self
                .recent
                .front()
                .is_some_and(|oldest| now - oldest.time < self.reach);
            if needed && self.recent.len() < MOST_MEMORY {
                break;
            }
            self.recent.pop_front();
        }
        // Room for a handshake and a call, then for all at once: to double it each time takes longer than the rest.
        match self.recent.len() {
            0 => self.recent.reserve(FEW),
            FEW => self.recent.reserve(USUAL_MEMORY - FEW),
            _ => {}
        }
        self.recent.push_back(Sighting::of(from, segment));
        let numbering = &mut self.numbering[from];
        numbering.varies = numbering.varies_with(segment.identification);
        if segment.identification != 0 {
            numbering.last = segment.identification;
        }
    }

    /// One of two files shows what the other does: the one that did not show the connection first is
    /// left out from now on.
    fn part(&mut self, first: &Sighting, again: Stamp) {
        let other = if Some(again.file) == self.home {
            first.file
        } else {
            again.file
        };
        if self.together || self.elsewhere.contains(&other) {
            return;
        }
        self.found.elsewhere.get_or_insert(again);
        if self.elsewhere.len() < MAX_ELSEWHERE {
            self.elsewhere.push(other);
        }
    }

    fn count(&mut self, stamp: Stamp) {
        self.found.segments += 1;
        self.found.first.get_or_insert(stamp);
    }
}

/// What a connection has once each way.
const OF_ONE_SEGMENT: u8 = TcpFlags::SYN.0 | TcpFlags::FIN.0;

impl Sighting {
    fn of(from: Side, segment: &Segment<'_>) -> Self {
        Self {
            time: segment.stamp.time,
            timestamp: segment.timestamp,
            file: segment.stamp.file,
            sequence: segment.sequence,
            acknowledgement: segment.acknowledgement.unwrap_or_default(),
            length: segment.payload_length,
            identification: segment.identification,
            window: segment.window,
            flags: segment.flags,
            from,
        }
    }

    /// Whether its sender marked it, so that it differs from what it sends again.
    const fn is_marked(&self, numbered: bool) -> bool {
        numbered && self.identification != 0 || self.timestamp.is_some()
    }

    /// Whether this is `first` captured again, or a part of it, or more of the same.
    fn is_duplicate_of(&self, first: &Self, numbered: bool, passed: bool) -> bool {
        let alike = self.from == first.from
            && self.acknowledgement == first.acknowledgement
            && self.timestamp == first.timestamp
            && self.window == first.window;
        if !alike {
            return false;
        }
        let same = self.sequence == first.sequence
            && self.length == first.length
            && self.flags == first.flags;
        let timed = self.timestamp.is_some();
        let near = self.is_near(first);
        let numbered = numbered && self.identification != 0 && first.identification != 0;
        if same {
            return match numbered {
                true => self.identification == first.identification,
                false => timed || near,
            };
        }
        (timed || near) && self.is_cut_otherwise(first, numbered, passed)
    }

    /// Whether this is `first`, or cut otherwise, whoever sent it.
    fn is_elsewhere(&self, first: &Self) -> bool {
        const OPENS: u8 = TcpFlags::SYN.0 | TcpFlags::ACK.0;
        self.sequence == first.sequence
            && self.acknowledgement == first.acknowledgement
            && self.identification == first.identification
            && self.timestamp == first.timestamp
            && self.window == first.window
            && self.flags.0 & OPENS == first.flags.0 & OPENS
            && self.is_near_elsewhere(first)
    }

    /// Whether one of the two is a part of the other: its last one, where this is the part, so that
    /// PSH and FIN may differ.
    fn is_cut_otherwise(&self, first: &Self, numbered: bool, passed: bool) -> bool {
        const OF_THE_LAST: u8 = TcpFlags::PSH.0 | TcpFlags::FIN.0;
        let inner = |sighting: &Self| sighting.flags.0 & !OF_THE_LAST;
        let offset = self.sequence.wrapping_sub(first.sequence);
        let begins_inside = offset < first.length;
        if self.length == 0 || !begins_inside || inner(self) != inner(first) {
            return false;
        }
        let ends_inside = self.length <= first.length - offset;
        if !ends_inside && (offset > 0 || !passed) {
            return false;
        }
        if !numbered {
            return true;
        }
        // All parts but the last have the same length, and are numbered in turn.
        let parts = self.identification.wrapping_sub(first.identification);
        let parts = u32::from(parts);
        match (offset, parts) {
            (0, parts) => parts == 0,
            (_, 0) => false,
            (offset, parts) => offset % parts == 0 && offset / parts >= self.length,
        }
    }

    /// Whether the two are as close as a segment's passages through the interfaces of one host.
    fn is_near_elsewhere(&self, first: &Self) -> bool {
        (self.time - first.time).abs() <= NEAR_ELSEWHERE
    }

    /// Whether the two are so close that they are one if nothing speaks against it.
    fn is_near(&self, first: &Self) -> bool {
        let opens = self.flags.contains(TcpFlags::SYN);
        let near = if opens { NEAR_SYN } else { NEAR };
        (self.time - first.time).abs() < near
    }
}
