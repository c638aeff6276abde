//! How well one side's bytes got across: what tells a bad network from a bad peer.
//!
//! In: what that side sent and what was acknowledged, as [`Flow`](super::Flow) sees it. Out: counts,
//! times and the packets to cite. A time is always one between two captured packets, never a guess at
//! what happened beyond the point of capture.
//!
//! ```text
//!   client ----------- capture ---------------------------- server
//!      |    data -------->|------------------------------------>|
//!      |                  |<------------------------------- ACK |   the client's round trips
//!      |<-----------------|<------------------------------ data |
//!      | ACK ------------>|                                         the server's round trips
//! ```
//!
//! So the least of both sides add up to the whole path, wherever the capture was made.

use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::durations::{Durations, keep_longest};

/// Shorter waits for an acknowledgement are no silence: a receiver may delay its
/// acknowledgement by 40 ms (Linux) and a busy one takes as long again; on clean paths of 50 ms none
/// took longer than 115 ms.
const SILENCE: TimeDelta = TimeDelta::from_millis(150);

/// How many round trips a silence takes at least: one is what every acknowledgement takes.
const SILENCE_ROUND_TRIPS: i64 = 2;

/// How many silences of a side are kept, the longest ones: with their places they then cost a
/// kilobyte on a lossy connection, and nothing on a clean one.
const MAX_SILENCES: usize = 32;

/// A time in which bytes were on their way and nothing of them was acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AckSilence {
    /// What was sent, or acknowledged, last before it.
    pub since: Stamp,
    /// How long it lasted at the point of capture.
    pub lasted: TimeDelta,
    /// What of it was sent again, if anything was.
    pub resent: Option<Resent>,
}

/// Data that was sent again and still not acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resent {
    /// How often the oldest of it was sent again.
    pub times: u32,
    /// How many bytes a segment carried that sent it again, at least.
    pub size: u32,
    /// When the other side was first heard after that: from then on the way back was open.
    pub heard: Option<Timestamp>,
    /// Whether the other side sent acknowledgements without data after that: it had received something, and
    /// still lacked the oldest (RFC 5681, section 3.2).
    pub answered: bool,
}

/// Keepalive probes of TCP since the other side was last heard (RFC 9293, section 3.8.4): segments with a
/// sequence number one before the window, and no data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepaliveProbes {
    /// How many.
    pub count: u32,
    /// The first of them.
    pub first: Stamp,
    /// The latest of them.
    pub last: Stamp,
}

/// The largest segment that is under way, until it is known to have arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Largest {
    size: u32,
    end: u64,
}

/// A RST, and whether its sender's own kernel can have sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reset {
    /// Where the segment was seen.
    pub stamp: Stamp,
    /// Its time to live or hop limit.
    pub hop_limit: u8,
    /// The least and the most of its sender's segments before. Where packets are captured on several
    /// interfaces of a router, each is there with several.
    pub usual_hop_limits: Option<(u8, u8)>,
}

impl Reset {
    /// Whether it came from another place than its sender's other segments.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        let usual = self.usual_hop_limits;
        usual.is_some_and(|(least, most)| !(least..=most).contains(&self.hop_limit))
    }
}

/// How well one side's bytes got across.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PathStats {
    /// Whether any segment of it was captured.
    pub captured: bool,
    /// Bytes of its stream, captured or not, from the first one that was seen or acknowledged.
    pub bytes: u64,
    /// Segments that carried data.
    pub segments: u64,
    /// Those of them that carried nothing new.
    pub retransmissions: u64,
    /// The first of those.
    pub first_retransmission: Option<Box<Stamp>>,
    /// Times from data to the acknowledgement that covers it, at the point of capture; data that was
    /// sent twice is left out (RFC 6298, section 3).
    pub round_trips: Durations,
    /// How often this side's receive window closed.
    pub zero_windows: u64,
    /// The longest times in which this side's data went unacknowledged, in order of time.
    pub silences: Vec<AckSilence>,
    /// The first RST in this side's name.
    pub reset: Option<Box<Reset>>,
    /// How many bytes the largest segment carried that is known to have arrived, about.
    pub largest_arrived: u32,
    /// The time in which its data went unacknowledged up to the last segment that was seen, where no RST had
    /// ended the connection.
    pub unacknowledged: Option<Box<AckSilence>>,
    /// Its keepalive probes that nothing has answered. In a place of their own: few connections have any.
    pub unanswered_probes: Option<Box<KeepaliveProbes>>,
    hop_limits: Option<(u8, u8)>,
    window_closed: bool,
    /// What is on its way: in a place of its own, since nothing is once a connection is over.
    under_way: Option<Box<UnderWay>>,
}

/// Data of one side that is not acknowledged yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct UnderWay {
    /// The position after data whose acknowledgement is waited for, and when it was sent.
    probe: Option<(u64, Stamp)>,
    /// Since when data is outstanding without progress.
    waiting: Option<Stamp>,
    /// What was sent again since then.
    resent: Option<Resent>,
    /// The largest segment that is outstanding.
    largest: Option<Largest>,
}

/// A segment with data, as TCP's flow places it.
#[derive(Clone, Copy, Debug)]
pub(super) struct SentData {
    /// The position after it.
    pub(super) end: u64,
    /// How many bytes it carries.
    pub(super) size: u32,
    /// Whether all of it was sent before.
    pub(super) again: bool,
    /// Whether it begins where the other side's acknowledgements end.
    pub(super) oldest: bool,
}

impl PathStats {
    /// The longest time in which this side's data went unacknowledged.
    #[must_use]
    pub fn longest_silence(&self) -> Option<AckSilence> {
        self.silences
            .iter()
            .max_by_key(|silence| silence.lasted)
            .copied()
    }

    /// This side sent data that is not acknowledged yet.
    pub(super) fn sent(&mut self, data: SentData, stamp: Stamp) {
        let SentData {
            end,
            size,
            again,
            oldest,
        } = data;
        self.count(again, stamp);
        let under_way = self.under_way.get_or_insert_default();
        if again {
            under_way.probe = None;
            if oldest {
                let resent = under_way.resent.get_or_insert(Resent {
                    times: 0,
                    size,
                    heard: None,
                    answered: false,
                });
                resent.times = resent.times.saturating_add(1);
                resent.size = resent.size.min(size);
            }
            return;
        }
        let largest = under_way.largest;
        if largest.is_none_or(|largest| largest.size < size) {
            under_way.largest = Some(Largest { size, end });
        }
        under_way.probe.get_or_insert((end, stamp));
        under_way.waiting.get_or_insert(stamp);
    }

    /// This side sent a keepalive probe.
    pub(super) fn probed(&mut self, stamp: Stamp) {
        let probes = self.unanswered_probes.get_or_insert_with(|| {
            Box::new(KeepaliveProbes {
                count: 0,
                first: stamp,
                last: stamp,
            })
        });
        probes.count = probes.count.saturating_add(1);
        probes.last = stamp;
    }

    /// The other side sent a segment, of whatever kind; `bare` says whether it only acknowledges.
    pub(super) fn heard_other(&mut self, bare: bool, stamp: Stamp) {
        self.unanswered_probes = None;
        if let Some(under_way) = &mut self.under_way
            && let Some(resent) = &mut under_way.resent
        {
            resent.heard.get_or_insert(stamp.time);
            resent.answered |= bare;
        }
    }

    /// Whether this side's receive window is closed: what probes it then is no keepalive.
    pub(super) const fn is_window_closed(&self) -> bool {
        self.window_closed
    }

    /// This side sent data: before, or just now.
    pub(super) fn count(&mut self, sent_before: bool, stamp: Stamp) {
        self.segments += 1;
        if sent_before {
            self.retransmissions += 1;
            self.first_retransmission
                .get_or_insert_with(|| Box::new(stamp));
        }
    }

    /// The other side acknowledged more of what this one sent, which reaches up to `highest`.
    pub(super) fn acknowledged(&mut self, upto: u64, highest: u64, stamp: Stamp) {
        self.arrive(upto, stamp);
        self.break_silence(stamp);
        if upto < highest {
            self.under_way.get_or_insert_default().waiting = Some(stamp);
        }
    }

    /// What was sent up to a position has arrived.
    fn arrive(&mut self, upto: u64, stamp: Stamp) {
        let Some(under_way) = &mut self.under_way else {
            return;
        };
        if let Some((_, sent)) = under_way.probe.take_if(|(end, _)| *end <= upto) {
            self.round_trips.push(stamp.time - sent.time);
        }
        let largest = &mut under_way.largest;
        if let Some(largest) = largest.take_if(|largest| largest.end <= upto) {
            self.largest_arrived = self.largest_arrived.max(largest.size);
        }
    }

    /// The capture ends here, or what it shows of the connection.
    pub(super) fn finish(&mut self, last_seen: Stamp) {
        let under_way = self.under_way.as_deref();
        self.unacknowledged = under_way.and_then(|under_way| {
            let since = under_way.waiting?;
            Some(Box::new(AckSilence {
                since,
                lasted: last_seen.time - since.time,
                resent: under_way.resent,
            }))
        });
        self.break_silence(last_seen);
        self.under_way = None;
    }

    /// Every segment that this side sent and the capture shows.
    pub(super) fn saw_segment(&mut self, hop_limit: u8, window: u16) {
        let (least, most) = self.hop_limits.unwrap_or((hop_limit, hop_limit));
        self.hop_limits = Some((least.min(hop_limit), most.max(hop_limit)));
        let closed = window == 0;
        if closed && !self.window_closed {
            self.zero_windows += 1;
        }
        self.window_closed = closed;
    }

    /// This side sent RST.
    pub(super) fn sent_reset(&mut self, hop_limit: u8, stamp: Stamp) {
        let usual_hop_limits = self.hop_limits;
        self.reset.get_or_insert_with(|| {
            Box::new(Reset {
                stamp,
                hop_limit,
                usual_hop_limits,
            })
        });
    }

    /// What was outstanding will not be acknowledged any more: the connection is over, or the
    /// capture.
    pub(super) fn break_silence(&mut self, stamp: Stamp) {
        let Some(under_way) = &mut self.under_way else {
            return;
        };
        let resent = under_way.resent.take();
        let Some(since) = under_way.waiting.take() else {
            return;
        };
        let lasted = stamp.time - since.time;
        let least = self.round_trips.least().unwrap_or_default();
        if lasted < SILENCE.max(least * SILENCE_ROUND_TRIPS) {
            return;
        }
        let silence = AckSilence {
            since,
            lasted,
            resent,
        };
        keep_longest(&mut self.silences, MAX_SILENCES, silence, |one| one.lasted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::at;

    fn send(path_stats: &mut PathStats, end: u64, again: bool, stamp: Stamp) {
        let data = SentData {
            end,
            size: 10,
            again,
            oldest: again,
        };
        path_stats.sent(data, stamp);
    }

    #[test]
    fn a_round_trip_is_from_data_to_the_acknowledgement_that_covers_it() {
        let mut path_stats = PathStats::default();
        send(&mut path_stats, 10, false, at(0));
        send(&mut path_stats, 20, false, at(30));
        path_stats.acknowledged(10, 20, at(50));
        path_stats.acknowledged(20, 20, at(80));
        assert_eq!(path_stats.round_trips.count(), 1);
        assert_eq!(
            path_stats.round_trips.most(),
            Some(TimeDelta::from_millis(50))
        );
        assert!(path_stats.silences.is_empty());
    }

    #[test]
    fn data_sent_twice_tells_no_round_trip_but_how_long_it_went_unacknowledged() {
        let mut path_stats = PathStats::default();
        send(&mut path_stats, 10, false, at(0));
        send(&mut path_stats, 10, true, at(250));
        path_stats.acknowledged(10, 10, at(300));
        assert_eq!(path_stats.round_trips.count(), 0);
        assert_eq!(path_stats.retransmissions, 1);
        let silence = AckSilence {
            since: at(0),
            lasted: TimeDelta::from_millis(300),
            resent: Some(Resent {
                times: 1,
                size: 10,
                heard: None,
                answered: false,
            }),
        };
        assert_eq!(path_stats.longest_silence(), Some(silence));
    }

    #[test]
    fn an_acknowledgement_that_takes_a_long_round_trip_is_no_silence() {
        let mut path_stats = PathStats::default();
        for (sent, acknowledged) in [(0, 280), (300, 590)] {
            send(&mut path_stats, 10 + sent as u64, false, at(sent));
            path_stats.acknowledged(10 + sent as u64, 10 + sent as u64, at(acknowledged));
        }
        assert!(path_stats.silences.is_empty());
        assert_eq!(
            path_stats.round_trips.least(),
            Some(TimeDelta::from_millis(280))
        );
    }

    #[test]
    fn of_many_silences_the_longest_are_kept() {
        let mut path_stats = PathStats::default();
        for step in 0..100_i64 {
            let sent = step * 10_000;
            send(&mut path_stats, step as u64, false, at(sent));
            send(&mut path_stats, step as u64, true, at(sent + 1));
            path_stats.acknowledged(step as u64, step as u64, at(sent + 200 + step));
        }
        assert_eq!(path_stats.silences.len(), MAX_SILENCES);
        assert_eq!(
            path_stats.longest_silence().unwrap().lasted,
            TimeDelta::from_millis(299)
        );
        assert!(
            path_stats
                .silences
                .iter()
                .all(|silence| silence.lasted >= TimeDelta::from_millis(268))
        );
    }

    #[test]
    fn a_reset_with_another_hop_limit_is_foreign() {
        let mut path_stats = PathStats::default();
        path_stats.saw_segment(64, 100);
        path_stats.sent_reset(61, at(1));
        assert!(path_stats.reset.unwrap().is_foreign());
        let mut own = PathStats::default();
        own.saw_segment(64, 100);
        own.sent_reset(64, at(1));
        assert!(!own.reset.unwrap().is_foreign());
    }

    #[test]
    fn a_window_that_stays_closed_closed_once() {
        let mut path_stats = PathStats::default();
        for window in [10, 0, 0, 5, 0] {
            path_stats.saw_segment(64, window);
        }
        assert_eq!(path_stats.zero_windows, 2);
    }

    #[test]
    fn a_side_that_answers_small_segments_was_heard_while_large_ones_stayed_away() {
        let mut path_stats = PathStats::default();
        send(&mut path_stats, 10, false, at(0));
        path_stats.acknowledged(10, 10, at(2));
        let large = SentData {
            end: 1_470,
            size: 1_460,
            again: false,
            oldest: true,
        };
        path_stats.sent(large, at(10));
        path_stats.heard_other(true, at(12));
        path_stats.sent(
            SentData {
                again: true,
                ..large
            },
            at(300),
        );
        path_stats.heard_other(true, at(302));
        path_stats.finish(at(2_000));
        assert_eq!(path_stats.largest_arrived, 10);
        assert_eq!(
            path_stats.unacknowledged.as_deref().copied(),
            path_stats.longest_silence()
        );
        let resent = path_stats.longest_silence().unwrap().resent.unwrap();
        assert_eq!((resent.times, resent.size), (1, 1_460));
        assert_eq!((resent.heard, resent.answered), (Some(at(302).time), true));
    }

    #[test]
    fn keepalive_probes_are_counted_until_the_other_side_is_heard() {
        let mut path_stats = PathStats::default();
        for second in [1, 2, 3] {
            path_stats.probed(at(second * 1_000));
        }
        let probes = path_stats.unanswered_probes.as_deref().unwrap();
        assert_eq!(
            (probes.count, probes.first, probes.last),
            (3, at(1_000), at(3_000))
        );
        path_stats.heard_other(true, at(3_001));
        assert_eq!(path_stats.unanswered_probes, None);
    }
}
