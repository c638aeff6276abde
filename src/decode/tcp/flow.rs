//! One TCP connection: both directions, who opened it, and how each side ended it.

mod known;
mod waiting;

use std::net::SocketAddr;

use super::arrival::Arrival;
use super::assembler::{Chunk, REORDERED, SegmentData};
use super::duplicates::{DuplicateStats, Duplicates};
use super::half::{Half, awaited};
use super::handshake::Handshake;
use super::path_stats::{PathStats, SentData};
use super::reorder::{Overtaken, ReorderQueue};
use super::sequence::{ORIGIN, SequenceSpace};
use super::side::{PerEnd, Side};
use super::signal::{Acknowledged, Ended, Ending, Signal};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::carrier::Carrier;
use crate::decode::link::{Segment, TcpFlags};

/// How long after the beginning of a capture acknowledgements may still be of what was sent before it.
const BEGINNING: TimeDelta = TimeDelta::from_secs(1);

/// A moment after which nothing is waited for.
const NEVER: Timestamp = Timestamp::from_nanos(i64::MAX);

/// One TCP connection, from its first segment to its end.
#[derive(Debug)]
pub struct Flow {
    /// How many were seen before it in its table.
    index: u32,
    /// How many packets came before its first.
    packets_before: u64,
    addresses: PerEnd<SocketAddr>,
    halves: PerEnd<Half>,
    opened_by: Option<Side>,
    opened: Option<Stamp>,
    /// The latest SYN: one that was repeated says nothing of the round trip (RFC 6298, section 3).
    latest_syn: Option<Timestamp>,
    syn_ack_after: Option<TimeDelta>,
    handshake: Option<Handshake>,
    first_seen: Timestamp,
    last_seen: Stamp,
    duplicates: Duplicates,
    reorder: ReorderQueue,
    broken_off: bool,
}

impl Flow {
    pub(super) fn new(index: u32, segment: &Segment<'_>, arrival: Arrival) -> Self {
        Self {
            index,
            packets_before: arrival.packets_before,
            addresses: PerEnd {
                first: segment.source,
                second: segment.destination,
            },
            halves: PerEnd::default(),
            opened_by: None,
            opened: None,
            latest_syn: None,
            syn_ack_after: None,
            handshake: None,
            first_seen: segment.stamp.time,
            last_seen: segment.stamp,
            duplicates: Duplicates::default(),
            reorder: ReorderQueue::default(),
            broken_off: false,
        }
    }

    /// Segments that carried nothing new, both ways.
    #[must_use]
    pub const fn retransmissions(&self) -> u64 {
        let PerEnd { first, second } = &self.halves;
        first.assembler.retransmissions() + second.assembler.retransmissions()
    }

    /// What was left out because it was captured twice.
    #[must_use]
    pub const fn duplicates(&self) -> DuplicateStats {
        self.duplicates.found()
    }

    /// How well a side's bytes got across, once nothing more will come.
    #[must_use]
    pub fn take_path_stats(&mut self, side: Side) -> PathStats {
        let last_seen = self.last_seen;
        let half = &mut self.halves[side];
        let path_stats = &mut half.path_stats;
        path_stats.captured = half.spoke;
        path_stats.bytes = half.assembler.highest().saturating_sub(ORIGIN);
        path_stats.finish(last_seen);
        std::mem::take(path_stats)
    }

    /// Position of the next byte of a side's stream to be passed on.
    #[must_use]
    pub fn next(&self, side: Side) -> u64 {
        self.halves[side].assembler.next()
    }

    /// Whether nothing more is to be expected: reset, or ended by both with all bytes passed on or,
    /// where some were not captured, acknowledged together with the FIN.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let ended = |side: Side| {
            let acknowledged = self.halves[side.peer()].acknowledged;
            self.halves[side].fin.is_some_and(|fin| {
                self.next(side) >= fin || acknowledged.is_some_and(|upto| upto > fin)
            })
        };
        let mut sides = [Side::First, Side::Second].into_iter();
        self.halves.iter().any(|half| half.reset) || sides.all(ended)
    }

    /// Whether a segment opens another connection between the same addresses: a SYN with another
    /// initial sequence number than the one this flow began with. A flow whose SYN was not seen yet
    /// is not reopened by the one before its first byte: a capture of several queues may show it
    /// late.
    pub(super) fn is_reopened_by(&self, segment: &Segment<'_>) -> bool {
        let opens = segment.flags.contains(TcpFlags::SYN) && segment.acknowledgement.is_none();
        let from = self.side_of(segment);
        let half = &self.halves[from];
        let late = half.initial_sequence.is_none()
            && half.sequence_space
                == Some(SequenceSpace::beginning_at(
                    segment.sequence.wrapping_add(1),
                ));
        let awaited = half.sequence_space.is_none() && self.reorder.follows(from, segment.sequence);
        opens && half.initial_sequence != Some(segment.sequence) && !late && !awaited
    }

    /// Who sent a segment of other addresses, if this flow has just shown it.
    pub(super) fn sender_of(&self, segment: &Segment<'_>, translated: bool) -> Option<Side> {
        self.duplicates.sender_of(segment, translated)
    }

    /// Takes a segment; `false` where it is left out because it was captured before.
    pub(super) fn push(
        &mut self,
        segment: &Segment<'_>,
        sink: &mut impl FnMut(Signal<'_>),
    ) -> bool {
        let from = self.side_of(segment);
        if self.was_captured_before(from, segment) {
            return false;
        }
        self.duplicates.remember(from, segment);
        if self.reorder.is_empty() {
            if self.reorder.awaits(awaited(&self.halves, from, segment)) {
                self.reorder.hold(from, segment, Overtaken::No);
            } else {
                self.apply(from, segment, Overtaken::No, None, sink);
            }
        } else {
            self.push_among_others(from, segment, sink);
        }
        true
    }

    /// The rest of this connection was captured before its beginning, or the other way round: what
    /// does not follow any more is not known to have never come.
    pub(super) const fn break_off(&mut self) {
        self.broken_off = true;
    }

    /// Whether more of this connection is elsewhere in the capture.
    #[must_use]
    pub const fn is_broken_off(&self) -> bool {
        self.broken_off
    }

    fn apply(
        &mut self,
        from: Side,
        segment: &Segment<'_>,
        overtaken: Overtaken,
        filler: Option<Stamp>,
        sink: &mut impl FnMut(Signal<'_>),
    ) {
        self.last_seen = self.last_seen.max(segment.stamp);
        self.halves[from].spoke = true;
        self.measure(from, segment);
        if segment.flags.contains(TcpFlags::SYN) {
            self.synchronise(from, segment);
        } else if self.handshake.is_none()
            && segment.acknowledgement.is_some()
            && self.opened_by == Some(from)
            && let Some(syn) = self.latest_syn
        {
            self.handshake = Some(Handshake {
                round_trip: segment.stamp.time - syn,
                beyond: self.syn_ack_after,
            });
        }
        let acknowledged = segment
            .acknowledgement
            .map(|number| self.learn(from, number));
        let place = self.halves[from].place_of(segment);
        if let Some(upto) = acknowledged {
            let whole_to = place.filter(|place| self.halves[from].is_whole_before(*place));
            self.acknowledge(from, upto, (segment.stamp, whole_to), sink);
        }
        let answers = match acknowledged {
            None => place.filter(|place| self.halves[from].may_answer(segment.flags, *place)),
            Some(_) => None,
        };
        if let Some(upto) = answers {
            // The segment that the reset answers may be missing; when it came is not known.
            let by = from.peer();
            let before = &mut self.halves[by].acknowledged;
            if before.is_none_or(|before| upto > before) {
                *before = Some(upto);
                sink(Signal::Acknowledged(Acknowledged {
                    by,
                    upto,
                    stamp: segment.stamp,
                    whole_to: None,
                }));
            }
        }
        let carrier = Carrier {
            stamp: segment.stamp,
            acknowledged,
            // A copy that was not captured may have come before, if what was seen stands behind it.
            original: overtaken == Overtaken::No && !self.halves[from].stood_behind(segment, place),
        };
        let sent_again = overtaken == Overtaken::SentAgain;
        let whole = filler.unwrap_or(segment.stamp).max(segment.stamp);
        let end = self.carry(from, (segment, place), (carrier, whole), sent_again, sink);
        if segment.flags.contains(TcpFlags::FIN) && self.halves[from].fin.is_none() {
            self.halves[from].fin = Some(end);
            sink(Signal::Ended(Ended {
                by: from,
                ending: Ending::Fin,
                position: end,
                carrier,
                answers: None,
            }));
        }
        let half = &mut self.halves[from];
        let highest = half.assembler.highest();
        if segment.flags.contains(TcpFlags::RST) && !half.reset {
            half.reset = true;
            // It may answer something old with an old number; its sender's bytes went before it.
            let end = end.max(highest);
            sink(Signal::Ended(Ended {
                by: from,
                ending: Ending::Rst,
                position: end,
                carrier,
                answers,
            }));
        }
    }

    /// Nothing more will come: passes on what is still held, with its gaps.
    pub fn finish(&mut self, sink: &mut impl FnMut(Signal<'_>)) {
        self.release(NEVER, None, sink);
        let shown_by = Carrier {
            stamp: self.last_seen,
            ..Carrier::default()
        };
        for from in [Side::First, Side::Second] {
            let end = self.shown_end(from);
            let uncaptured = self.is_uncaptured(from);
            if uncaptured {
                self.halves[from].assembler.begin();
            }
            let assembler = &mut self.halves[from].assembler;
            assembler.finish(end, shown_by, &mut |chunk| {
                sink(Signal::Chunk { from, chunk })
            });
        }
    }

    /// How far a side's bytes are known to have reached, captured or not: to its FIN, to what its peer acknowledged, or
    /// to its reset. One number beyond its last byte is most likely a FIN, and as surely missing.
    fn shown_end(&self, side: Side) -> Option<u64> {
        let half = &self.halves[side];
        let acknowledged = self.halves[side.peer()].acknowledged;
        let more = acknowledged.max(Some(half.assembler.highest().saturating_add(1)));
        // What came before may decide what was cut by an end that was seen.
        if self.broken_off && half.initial_sequence.is_none() {
            return more;
        }
        half.fin.or(match self.broken_off && !half.reset {
            true => more,
            false if half.reset && half.stands_at > half.assembler.highest().saturating_add(1) => {
                acknowledged.max(Some(half.stands_at))
            }
            false => acknowledged,
        })
    }

    fn side_of(&self, segment: &Segment<'_>) -> Side {
        let PerEnd { first, second } = self.addresses;
        // A connection of an address with itself cannot be told apart by address alone; equal
        // ends do not occur in practice.
        if segment.source == first && segment.destination == second {
            Side::First
        } else {
            Side::Second
        }
    }

    /// Whether a segment is to be left out because the capture shows it twice. Most bring something
    /// new, and so are known at a glance not to be duplicates.
    fn was_captured_before(&mut self, from: Side, segment: &Segment<'_>) -> bool {
        let (half, peer) = (&self.halves[from], &self.halves[from.peer()]);
        let blind = !half.spoke && peer.acknowledged.is_some();
        if self.duplicates.is_elsewhere(segment, blind) {
            return true;
        }
        // What waits has not left its mark yet.
        let looks_new = self.reorder.is_empty() && half.brings_news(peer, segment);
        !looks_new
            && self
                .duplicates
                .is_duplicate(from, segment, half.has_passed(segment))
    }

    /// What a segment tells of the network, whatever it carries.
    fn measure(&mut self, from: Side, segment: &Segment<'_>) {
        let bare = segment.payload_length == 0 && !segment.opens_or_ends();
        let peer = &mut self.halves[from.peer()].path_stats;
        peer.heard_other(bare, segment.stamp);
        let path_stats = &mut self.halves[from].path_stats;
        if !segment.flags.contains(TcpFlags::RST) {
            path_stats.saw_segment(segment.hop_limit, segment.window);
            return;
        }
        path_stats.sent_reset(segment.hop_limit, segment.stamp);
        for half in self.halves.iter_mut() {
            half.path_stats.break_silence(segment.stamp);
        }
    }

    fn synchronise(&mut self, from: Side, segment: &Segment<'_>) {
        let half = &mut self.halves[from];
        half.initial_sequence = Some(segment.sequence);
        if half.sequence_space.is_none() {
            half.sequence_space = Some(SequenceSpace::beginning_at(
                segment.sequence.wrapping_add(1),
            ));
            half.assembler.begin();
        }
        if segment.acknowledgement.is_some() {
            self.opened_by.get_or_insert(from.peer());
            if let Some(syn) = self.latest_syn {
                let after = segment.stamp.time - syn;
                self.syn_ack_after.get_or_insert(after);
            }
        } else {
            self.opened_by.get_or_insert(from);
            self.opened.get_or_insert(segment.stamp);
            self.latest_syn = Some(segment.stamp.time);
        }
    }

    /// The position in its peer's stream that `from` acknowledges. An acknowledgement seen before
    /// any byte of the peer tells where the peer's next byte will stand.
    fn learn(&mut self, from: Side, number: u32) -> u64 {
        let peer = &mut self.halves[from.peer()];
        let space = *peer
            .sequence_space
            .get_or_insert(SequenceSpace::beginning_at(number));
        space.position(number, peer.assembler.highest())
    }

    fn acknowledge(
        &mut self,
        by: Side,
        upto: u64,
        (stamp, whole_to): (Stamp, Option<u64>),
        sink: &mut impl FnMut(Signal<'_>),
    ) {
        let half = &mut self.halves[by];
        if half.acknowledged.is_none_or(|before| upto > before) {
            half.acknowledged = Some(upto);
            let peer = &mut self.halves[by.peer()];
            let highest = peer.assembler.highest();
            peer.path_stats.acknowledged(upto, highest, stamp);
            sink(Signal::Acknowledged(Acknowledged {
                by,
                upto,
                stamp,
                whole_to,
            }));
        }
        let from = by.peer();
        let half = &mut self.halves[from];
        let mut sink = |chunk: Chunk<'_>| sink(Signal::Chunk { from, chunk });
        // A capture may begin while bytes are on their way that were sent before.
        let begun = self.opened.is_some() || stamp.time - self.first_seen >= BEGINNING;
        if half.spoke || !begun {
            half.assembler.acknowledged(upto, stamp.time, &mut sink);
        } else {
            // What it acknowledges was sent, and this capture has nothing of that side.
            let shown_by = Carrier {
                stamp,
                ..Carrier::default()
            };
            half.assembler.begin();
            half.assembler.finish(Some(upto), shown_by, &mut sink);
        }
    }

    /// Reassembles the payload of a segment, which stands at a place, if any byte of its side does; gives the position
    /// after it.
    fn carry(
        &mut self,
        from: Side,
        (segment, place): (&Segment<'_>, Option<u64>),
        (carrier, whole): (Carrier, Stamp),
        sent_again: bool,
        sink: &mut impl FnMut(Signal<'_>),
    ) -> u64 {
        let opens = segment.flags.contains(TcpFlags::SYN);
        let peer = &self.halves[from.peer()];
        let (acknowledged, no_room) = (peer.acknowledged, peer.path_stats.is_window_closed());
        let half = &mut self.halves[from];
        let position = match place {
            Some(place) => place.saturating_add(u64::from(opens)),
            None => half.begin_at(segment.sequence),
        };
        let length = u64::from(segment.payload_length);
        let piece = SegmentData {
            position,
            data: segment.payload,
            length,
            carrier,
            whole,
            sent_again,
        };
        let before = (half.assembler.retransmissions(), half.assembler.highest());
        half.assembler
            .push(piece, &mut |chunk| sink(Signal::Chunk { from, chunk }));
        let end = position + length;
        let sent_before = half.assembler.retransmissions() > before.0;
        let probes = length <= 1
            && position.saturating_add(1) == before.1
            && acknowledged == Some(before.1)
            && !segment.opens_or_ends();
        // Neither a bare acknowledgement nor a keep-alive probe raises the highest byte.
        if probes {
            if !no_room {
                half.path_stats.probed(carrier.stamp);
            }
        } else if sent_before || half.assembler.highest() > before.1 {
            match acknowledged.is_some_and(|upto| upto >= end) {
                // Captured behind its acknowledgement: nothing is waited for.
                true => half.path_stats.count(sent_before, carrier.stamp),
                false => {
                    let data = SentData {
                        end,
                        size: segment.payload_length,
                        again: sent_before,
                        oldest: acknowledged.is_some_and(|upto| position <= upto),
                    };
                    half.path_stats.sent(data, carrier.stamp);
                }
            }
        }
        end
    }
}
