//! What one capture shows of its flows, as far as it takes to compare it with another one.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher};
use std::net::SocketAddr;

use foldhash::quality::RandomState;
use indexmap::IndexMap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::coverage::Coverage;
use super::speaker;
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::link::{Segment, TcpFlags};
use crate::decode::tcp::SocketKey;

/// Segments of a capture that are remembered; of more, an even part is.
const MAX_MARKS: usize = 1 << 18;

/// Flows of a capture that are compared: 200 bytes each.
const MAX_FLOWS: usize = 1 << 17;

/// A segment seen again within this time is one that passed several interfaces.
const AGAIN: TimeDelta = TimeDelta::from_millis(1);

/// A flow of one capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct FlowId(u32);

impl FlowId {
    /// The flow at a place of the list of all.
    pub(super) fn at(index: usize) -> Option<Self> {
        u32::try_from(index).ok().map(Self)
    }

    pub(super) fn index(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// One capture.
#[derive(Debug, Default)]
pub(super) struct FileSurvey {
    /// By the lower address and the upper one.
    flows: FxHashMap<(SocketKey, SocketKey), FlowId>,
    surveyed: Vec<FlowSurvey>,
    /// Who was connected to.
    servers: FxHashSet<SocketAddr>,
    /// In order of first sight.
    marks: IndexMap<u64, Mark, BuildHasherDefault<Itself>>,
    /// Bits of which a mark must have none to be remembered.
    left_out: u64,
}

/// A segment that another capture may have, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) time: Timestamp,
    pub(super) flow: FlowId,
    /// Whether the lower of the two addresses sent it.
    pub(super) from_lower: bool,
    /// The sequence number of its first byte, and how many it takes.
    pub(super) sequence: u32,
    pub(super) length: u32,
    /// Whether its bytes had been seen before.
    pub(super) again: bool,
    /// Whether some of its bytes were new, and not acknowledged yet: no copy of them had come before.
    pub(super) needed: bool,
    /// Whether it was sent more than once, for all that can be told.
    pub(super) ambiguous: bool,
}

#[derive(Debug)]
struct FlowSurvey {
    /// The lower address first.
    ends: (SocketAddr, SocketAddr),
    network: Network,
    /// Whether the lower one opened it, once a SYN was seen.
    client_is_lower: Option<bool>,
    /// How many header blocks say that it is the lower one, less those that say that it is the upper one.
    requests_from_lower: i32,
    /// What the lower end sent, and what the upper one.
    sides: [FlowSide; 2],
}

/// The network that a flow's addresses belong to in a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    /// As in [`Segment::scope`].
    pub(super) scope: u64,
    /// As in [`Segment::of_any_interface`].
    pub(super) of_any_interface: bool,
}

/// What a segment brings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SegmentNews {
    /// Bytes that nobody had acknowledged.
    Needed,
    /// Bytes that were acknowledged though this capture had not seen them.
    Uncaptured,
    /// Nothing new.
    Seen,
}

/// What one end sent.
#[derive(Debug, Default)]
struct FlowSide {
    coverage: Option<Coverage>,
    /// Up to where, and when: what waits for its acknowledgement.
    unacknowledged: Option<(u64, Timestamp)>,
    /// The shortest time until an acknowledgement of what it sent was seen.
    turnaround: Option<TimeDelta>,
    /// When the other end last said what it had of it.
    last_acknowledgement: Option<Timestamp>,
}

impl FileSurvey {
    pub(super) fn push(&mut self, segment: &Segment<'_>, marks: &RandomState) {
        let Some((flow, from_lower)) = self.flow(segment) else {
            return;
        };
        let Some(survey) = self.surveyed.get_mut(flow.index()) else {
            return;
        };
        let news = survey.push(segment, from_lower);
        let is_syn = segment.flags.contains(TcpFlags::SYN) && segment.acknowledgement.is_none();
        if is_syn && self.servers.len() < MAX_FLOWS {
            self.servers.insert(segment.destination);
        }
        // A reset that acknowledges something is recognised too: the answer to a SYN has nothing else.
        let resets = segment.flags.contains(TcpFlags::RST) && segment.acknowledgement.is_some();
        if resets || length(segment) > 0 {
            let mark = Mark {
                time: segment.stamp.time,
                flow,
                from_lower,
                sequence: segment.sequence,
                length: length(segment),
                again: news == SegmentNews::Seen,
                needed: news == SegmentNews::Needed,
                ambiguous: false,
            };
            self.remember(mark_key(segment, marks), mark);
        }
    }

    /// The flow of a segment, and whether the lower address sent it.
    fn flow(&mut self, segment: &Segment<'_>) -> Option<(FlowId, bool)> {
        let (key, from_lower) = flow_key(segment.source, segment.destination);
        if let Some(known) = self.flows.get(&key) {
            return Some((*known, from_lower));
        }
        if self.surveyed.len() >= MAX_FLOWS {
            return None;
        }
        let flow = FlowId::at(self.surveyed.len())?;
        self.flows.insert(key, flow);
        self.surveyed.push(FlowSurvey {
            ends: match from_lower {
                true => (segment.source, segment.destination),
                false => (segment.destination, segment.source),
            },
            network: Network {
                scope: segment.scope,
                of_any_interface: segment.of_any_interface,
            },
            client_is_lower: None,
            requests_from_lower: 0,
            sides: Default::default(),
        });
        Some((flow, from_lower))
    }

    fn remember(&mut self, key: u64, mark: Mark) {
        if key & self.left_out != 0 {
            return;
        }
        let known = self.marks.entry(key).or_insert(mark);
        known.ambiguous |= known.flow != mark.flow || mark.time - known.time > AGAIN;
        if self.marks.len() > MAX_MARKS {
            self.left_out = self.left_out * 2 + 1;
            let left_out = self.left_out;
            self.marks.retain(|key, _| key & left_out == 0);
        }
    }

    /// Whether every segment is remembered, not an even part of them.
    pub(super) const fn remembers_all(&self) -> bool {
        self.left_out == 0
    }

    /// The segments that take sequence numbers and were sent once, by what they are recognised by.
    pub(super) fn marks(&self) -> impl Iterator<Item = (u64, Mark)> + '_ {
        let marks = self.marks.iter().map(|(key, mark)| (*key, *mark));
        marks.filter(|(_, mark)| !mark.ambiguous && mark.length > 0)
    }

    pub(super) fn mark(&self, key: u64) -> Option<&Mark> {
        self.marks.get(&key)
    }

    /// Segments that both captures have, and that were sent once.
    pub(super) fn shared<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (Mark, Mark)> + 'a {
        self.marks.iter().filter_map(|(mark, here)| {
            let there = other.marks.get(mark)?;
            (!here.ambiguous && !there.ambiguous).then_some((*here, *there))
        })
    }

    /// The flow between two addresses, and whether the first of them is the lower one.
    pub(super) fn flow_of(&self, one: SocketAddr, other: SocketAddr) -> Option<(FlowId, bool)> {
        let (key, is_lower) = flow_key(one, other);
        Some((*self.flows.get(&key)?, is_lower))
    }

    /// Whether every segment of the capture is of one of its [flows](Self::flows).
    pub(super) fn has_all_flows(&self) -> bool {
        self.surveyed.len() < MAX_FLOWS
    }

    /// Whether nothing of a flow is known to be missing here.
    pub(super) fn is_whole(&self, flow: FlowId) -> bool {
        let sides = self.surveyed.get(flow.index()).map(|survey| &survey.sides);
        let mut coverages = sides
            .into_iter()
            .flatten()
            .filter_map(|side| side.coverage.as_ref());
        coverages.all(Coverage::is_whole)
    }

    pub(super) fn flows(&self) -> usize {
        self.surveyed.len()
    }

    /// The addresses of a flow, the lower first.
    pub(super) fn ends(&self, flow: FlowId) -> Option<(SocketAddr, SocketAddr)> {
        self.surveyed.get(flow.index()).map(|survey| survey.ends)
    }

    /// The network of a flow's addresses, as its first segment showed it.
    pub(super) fn network(&self, flow: FlowId) -> Option<Network> {
        self.surveyed.get(flow.index()).map(|survey| survey.network)
    }

    /// Whether an end is the client: the one that opened the flow, else the one that sends requests, else not the one that
    /// others connected to, else that with the higher port.
    pub(super) fn is_from_client(&self, flow: FlowId, from_lower: bool) -> bool {
        let Some(survey) = self.surveyed.get(flow.index()) else {
            return false;
        };
        let (lower, upper) = survey.ends;
        let lower_is_client =
            survey
                .client_is_lower
                .unwrap_or_else(|| match survey.requests_from_lower {
                    0 => match (self.servers.contains(&lower), self.servers.contains(&upper)) {
                        (one, other) if one != other => other,
                        _ => lower.port() > upper.port(),
                    },
                    requests => requests > 0,
                });
        lower_is_client == from_lower
    }

    /// What one end sent.
    pub(super) fn coverage(&self, flow: FlowId, from_lower: bool) -> Option<&Coverage> {
        self.side(flow, from_lower)?.coverage.as_ref()
    }

    /// The shortest time from what one end sent to its acknowledgement.
    pub(super) fn turnaround(&self, flow: FlowId, from_lower: bool) -> Option<TimeDelta> {
        self.side(flow, from_lower)?.turnaround
    }

    /// When the other end last said what it had of what one end sent.
    pub(super) fn last_acknowledgement(&self, flow: FlowId, from_lower: bool) -> Option<Timestamp> {
        self.side(flow, from_lower)?.last_acknowledgement
    }

    fn side(&self, flow: FlowId, from_lower: bool) -> Option<&FlowSide> {
        let survey = self.surveyed.get(flow.index())?;
        survey.sides.get(usize::from(!from_lower))
    }

    /// Whether this capture lacks bytes of a segment that was there: of what a client sent all that stands between what was
    /// seen, of what a server sent only what the client has acknowledged.
    pub(super) fn lacks(&self, flow: FlowId, from_lower: bool, segment: &Segment<'_>) -> bool {
        let only_acknowledged = !self.is_from_client(flow, from_lower);
        self.coverage(flow, from_lower).is_some_and(|coverage| {
            let range = coverage.range(segment.sequence, length(segment));
            coverage.lacks(&range, only_acknowledged)
        })
    }
}

impl FlowSurvey {
    fn push(&mut self, segment: &Segment<'_>, from_lower: bool) -> SegmentNews {
        if segment.flags.contains(TcpFlags::RST) {
            return SegmentNews::Seen;
        }
        if segment.flags.contains(TcpFlags::SYN) && self.client_is_lower.is_none() {
            self.client_is_lower = Some(segment.acknowledgement.is_none() == from_lower);
        }
        if self.client_is_lower.is_none()
            && let Some(asks) = speaker::asks(segment.payload)
        {
            self.requests_from_lower += if asks == from_lower { 1 } else { -1 };
        }
        let [lower, upper] = &mut self.sides;
        let (sender, receiver) = if from_lower {
            (lower, upper)
        } else {
            (upper, lower)
        };
        let news = sender.send(segment.sequence, length(segment), segment.stamp.time);
        if let Some(acknowledgement) = segment.acknowledgement {
            receiver.acknowledge(acknowledgement, segment.stamp.time);
        }
        news
    }
}

impl FlowSide {
    fn send(&mut self, sequence: u32, length: u32, time: Timestamp) -> SegmentNews {
        let coverage = self
            .coverage
            .get_or_insert_with(|| Coverage::beginning_at(sequence));
        let range = coverage.range(sequence, length);
        let end = range.end;
        let news = match coverage.has(&range) {
            true => SegmentNews::Seen,
            false if coverage.acknowledged() < end => SegmentNews::Needed,
            false => SegmentNews::Uncaptured,
        };
        coverage.add(range);
        if length > 0 && self.unacknowledged.is_none() {
            self.unacknowledged = Some((end, time));
        }
        news
    }

    fn acknowledge(&mut self, acknowledgement: u32, time: Timestamp) {
        self.last_acknowledgement = Some(time);
        let Some(coverage) = &mut self.coverage else {
            return;
        };
        coverage.acknowledge(acknowledgement);
        let Some((_, sent)) = self
            .unacknowledged
            .take_if(|(end, _)| *end <= coverage.acknowledged())
        else {
            return;
        };
        let took = time - sent;
        self.turnaround = Some(self.turnaround.map_or(took, |least| least.min(took)));
    }
}

/// The sequence numbers that a segment takes (RFC 9293, section 3.4).
fn length(segment: &Segment<'_>) -> u32 {
    let takes = |flag| u32::from(segment.flags.contains(flag));
    segment
        .payload_length
        .saturating_add(takes(TcpFlags::SYN) + takes(TcpFlags::FIN))
}

/// What the flow between two addresses is known by, and whether the first of them is the lower one.
fn flow_key(one: SocketAddr, other: SocketAddr) -> ((SocketKey, SocketKey), bool) {
    let (one, other) = (SocketKey::of(one), SocketKey::of(other));
    match one <= other {
        true => ((one, other), true),
        false => ((other, one), false),
    }
}

/// What a segment is recognised by, whatever its addresses are on the way.
fn mark_key(segment: &Segment<'_>, marks: &RandomState) -> u64 {
    let transmission = segment
        .timestamp
        .map_or((0, u32::from(segment.identification)), |clock| (1, clock));
    marks.hash_one((segment.sequence, segment.acknowledgement, transmission))
}

/// Marks are hashes already.
#[derive(Default)]
struct Itself(u64);

impl Hasher for Itself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u64(&mut self, mark: u64) {
        self.0 = mark;
    }
}
