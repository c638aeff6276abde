//! Which captures are of the same connections, taken at two places, and how their clocks stand to each other.
//!
//! In: the packets of several captures, each in its own order. Out: [`Vantages`]: where each capture was taken, bounds
//! of what its clock shows more than the first one's, which flow of one is which of the other (addresses may have been
//! translated on the way), and which bytes each saw.
//!
//! A segment is recognised by its sequence and acknowledgement numbers and its sender's clock, or the IPv4
//! identification where there is none: a retransmission has others. Whoever splits or joins segments on the way
//! (offloading) leaves the first byte of the first one where it was. With `theta` for what one clock shows more than
//! the other, a segment from one to the other arrives after `theta` and its delay, and one the other way after its
//! delay less `theta`: each gives a bound, and nothing has to be symmetric.

mod acknowledgements;
mod clock;
mod coverage;
mod file_survey;
mod losses;
mod places;
mod speaker;
mod transits;

use std::sync::Arc;

use std::net::SocketAddr;

use crate::capture::{Packet, Stamp, TimeDelta, Timestamp};
use crate::decode::PerSide;
use crate::decode::link::{self, Segment};
use clock::ClockBounds;
use file_survey::{FileSurvey, FlowId, Network};
use foldhash::quality::RandomState;
use rustc_hash::FxHashMap;

pub use acknowledgements::AckWatch;
pub use clock::{ClockStep, QueueingDelay, VantageClock};
pub use losses::UNDER_WAY;
pub use places::VantagePlace;
pub use transits::{AskedSegment, FlowTransits, SeenAt, Transit, TransitFate};

/// Looks at the packets of several captures before they are analysed.
#[derive(Debug)]
pub struct VantageSurvey {
    links: Vec<link::Decoder>,
    files: Vec<FileSurvey>,
    marks: RandomState,
}

impl VantageSurvey {
    /// For so many captures.
    #[must_use]
    pub fn new(files: usize) -> Self {
        Self {
            links: (0..files).map(|_| link::Decoder::default()).collect(),
            files: (0..files).map(|_| FileSurvey::default()).collect(),
            marks: RandomState::default(),
        }
    }

    /// Looks at a packet, whose stamp says which capture it is of.
    pub fn push(&mut self, packet: &Packet<'_>) {
        let Ok(file) = usize::try_from(packet.stamp.file) else {
            return;
        };
        let Some((links, survey)) = self.links.get_mut(file).zip(self.files.get_mut(file)) else {
            return;
        };
        if let Ok(segment) = links.decode(packet) {
            survey.push(&segment, &self.marks);
        }
    }

    /// What the captures are to each other; `None` if no two of them are two ends of one connection.
    #[must_use]
    pub fn finish(self) -> Option<Vantages> {
        places::of(self.files)
    }
}

/// Captures of the same connections at several places.
#[derive(Debug)]
pub struct Vantages {
    /// By file, in the order given.
    files: Vec<VantageFile>,
}

/// One of the captures.
#[derive(Debug)]
struct VantageFile {
    survey: FileSurvey,
    /// Where it was taken; `None` if it shares no connection with a capture at another place.
    place: Option<VantagePlace>,
    /// The capture nearest to the client that it shares connections with, if it is not that itself, and how the two
    /// stand to each other.
    nearer_client: Option<Pair>,
}

/// How a capture stands to the one nearest to the client.
#[derive(Debug)]
struct Pair {
    client: usize,
    clock: Arc<ClockBounds>,
    /// The flow of the client's capture that each of this one's is.
    flows: Vec<Option<FlowMatch>>,
    /// Whether the client's capture has all of its flows, and lacks nothing of them.
    client_is_whole: bool,
    /// Segments of each side that were lost between the two, by the flows of this one; `None` where there were too many to
    /// remember each.
    lost: Option<FxHashMap<FlowId, PerSide<u64>>>,
    /// Segments that were sent again, or that only their sender's capture has, by the flows of this one.
    transits: FxHashMap<FlowId, FlowTransits>,
}

impl Pair {
    /// The flow of the client's capture that one of this is.
    fn of_client(&self, flow: FlowId) -> Option<FlowMatch> {
        *self.flows.get(flow.index())?
    }

    /// Its flows that the client's capture has too, each with that one.
    fn matched(&self) -> impl Iterator<Item = (FlowId, FlowMatch)> + '_ {
        let flows = self.flows.iter().enumerate();
        flows.filter_map(|(there, matched)| Some((FlowId::at(there)?, (*matched)?)))
    }

    /// Segments of each side that were lost between the two places.
    fn lost(&self) -> Option<PerSide<u64>> {
        let sum = |one: PerSide<u64>, other: &PerSide<u64>| PerSide {
            client: one.client + other.client,
            server: one.server + other.server,
        };
        Some(self.lost.as_ref()?.values().fold(PerSide::default(), sum))
    }
}

/// A flow seen at two places.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FlowMatch {
    flow: FlowId,
    /// Whether the lower address of one is the upper of the other.
    turned: bool,
}

/// What one of several captures is to the analysis.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Vantage {
    /// The file, from 0 in the order given.
    pub file: u32,
    /// Where it was taken.
    pub place: VantagePlace,
    /// What its clock shows more than that of the capture at the client, at least and at most.
    pub clock_offset: Option<(TimeDelta, TimeDelta)>,
    /// What the clock of the capture at the client shows at its moments, where that is another capture.
    pub clock: Option<VantageClock>,
    /// By how many millionths its clock goes faster, at least and at most; only where the bounds exclude that both go
    /// alike.
    pub clock_drift_ppm: Option<(f64, f64)>,
    /// Where one of the clocks was set.
    pub clock_steps: Vec<ClockStep>,
    /// Segments with data that each side sent and that were lost between the two places; `None` where there were too many
    /// to remember each.
    pub lost: Option<PerSide<u64>>,
    /// How much longer segments of each side took than the shortest.
    pub queueing: PerSide<Option<QueueingDelay>>,
}

/// What to do with a packet of one of several captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VantageRole {
    /// It belongs to the analysis as it is.
    Story,
    /// The client's capture lacks it, though it was there: it belongs to the analysis as that capture would have shown it.
    Fills(SeenByClient),
    /// The client's capture has it, or it never got there: it says what the other end saw.
    OtherEnd,
}

/// How the capture at the client would have shown a segment that it lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenByClient {
    /// When, by that capture's clock.
    pub time: Timestamp,
    source: SocketAddr,
    destination: SocketAddr,
    network: Network,
}

impl SeenByClient {
    /// The segment as that capture would have shown it.
    #[must_use]
    pub const fn show<'a>(&self, segment: &Segment<'a>) -> Segment<'a> {
        Segment {
            stamp: Stamp {
                time: self.time,
                ..segment.stamp
            },
            source: self.source,
            destination: self.destination,
            scope: self.network.scope,
            of_any_interface: self.network.of_any_interface,
            ..*segment
        }
    }
}

/// What a capture at the other end shows of a connection's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtherEndBytes {
    /// Whether bytes that the client sent never came there: not in the capture, and never acknowledged.
    pub request_lost: bool,
    /// Whether the capture there lacks bytes that the client sent and that were acknowledged.
    pub request_uncaptured: bool,
    /// When its server last said what it had of the client's bytes, by the clock of the capture there.
    pub last_acknowledgement: Option<Timestamp>,
    /// Whether bytes of the server never came to the client: not in its capture, and never acknowledged.
    pub answer_lost: bool,
    /// Segments with data that each side sent and that were lost between the two captures; `None` where there were too
    /// many to remember each.
    pub lost_segments: Option<PerSide<u64>>,
}

impl Vantages {
    /// The captures that are vantage points, in the order given.
    #[must_use]
    pub fn list(&self) -> Vec<Vantage> {
        let files = (0..).zip(&self.files);
        let vantages = files.filter_map(|(file, one)| {
            let shared = one.nearer_client.as_ref().map(|pair| &pair.clock);
            let clock = shared.map(Arc::as_ref);
            Some(Vantage {
                file,
                place: one.place?,
                clock_offset: clock.map(ClockBounds::range),
                clock: shared.cloned().map(VantageClock::new),
                clock_drift_ppm: clock.and_then(ClockBounds::drift_ppm),
                clock_steps: clock.map_or_else(Vec::new, |clock| clock.steps().to_vec()),
                lost: one.nearer_client.as_ref().and_then(Pair::lost),
                queueing: clock.map_or_else(PerSide::default, ClockBounds::queueing),
            })
        });
        vantages.collect()
    }

    /// How a capture stands to the one nearest to the client, if it is not that itself.
    fn pair(&self, file: usize) -> Option<&Pair> {
        self.files.get(file)?.nearer_client.as_ref()
    }

    /// Whether a capture was taken at the server of connections that another one saw nearer to their client.
    #[must_use]
    pub fn is_other_end(&self, file: usize) -> bool {
        self.files.get(file).is_some_and(|one| {
            one.nearer_client.is_some() && one.place == Some(VantagePlace::Server)
        })
    }

    /// By how much the packets of a capture are to be read earlier than their stamps say, so that none comes too late to
    /// fill another one.
    #[must_use]
    pub fn read_ahead(&self, file: usize) -> TimeDelta {
        self.pair(file)
            .map_or(TimeDelta::ZERO, |pair| pair.clock.range().1)
    }

    /// Whether a capture's packets may be others than those of the analysis: one nearer to the client has the same.
    #[must_use]
    pub fn is_beside(&self, file: usize) -> bool {
        self.pair(file).is_some()
    }

    /// What to do with a segment of a capture.
    #[must_use]
    pub fn role(&self, file: usize, segment: &Segment<'_>) -> VantageRole {
        self.beside(file, segment).unwrap_or(VantageRole::Story)
    }

    /// What to do with a segment that a capture nearer to the client may have, too.
    fn beside(&self, file: usize, segment: &Segment<'_>) -> Option<VantageRole> {
        let one = self.files.get(file)?;
        let pair = one.nearer_client.as_ref()?;
        if pair.client_is_whole {
            return Some(VantageRole::OtherEnd);
        }
        let (flow, is_lower) = one.survey.flow_of(segment.source, segment.destination)?;
        let matched = pair.of_client(flow)?;
        let client = &self.files.get(pair.client)?.survey;
        let from_lower = is_lower != matched.turned;
        if !client.lacks(matched.flow, from_lower, segment) {
            return Some(VantageRole::OtherEnd);
        }
        let from_client = client.is_from_client(matched.flow, from_lower);
        let (lower, upper) = client.ends(matched.flow)?;
        let (source, destination) = match from_lower {
            true => (lower, upper),
            false => (upper, lower),
        };
        Some(VantageRole::Fills(SeenByClient {
            time: pair.clock.at_client(segment.stamp.time, from_client),
            source,
            destination,
            network: client.network(matched.flow)?,
        }))
    }

    /// When the capture at the client would have had what another one has at a moment, at the latest.
    #[must_use]
    pub fn at_client(&self, file: usize, moment: Timestamp) -> Timestamp {
        self.pair(file)
            .map_or(moment, |pair| pair.clock.at_client(moment, true))
    }

    /// The connection of the client's capture that a connection of another one is, as addresses of client and server.
    #[must_use]
    pub fn seen_by_client(&self, file: usize, ends: FlowEnds) -> Option<FlowEnds> {
        let one = self.files.get(file)?;
        let pair = one.nearer_client.as_ref()?;
        let (flow, _) = one.survey.flow_of(ends.0, ends.1)?;
        let matched = pair.of_client(flow)?;
        let (lower, upper) = self.files.get(pair.client)?.survey.ends(matched.flow)?;
        let client_is_lower = (ends.0 <= ends.1) != matched.turned;
        Some(if client_is_lower {
            (lower, upper)
        } else {
            (upper, lower)
        })
    }

    /// What a capture at the other end has of a connection's bytes, by its addresses there.
    #[must_use]
    pub fn other_end_bytes(&self, file: usize, ends: FlowEnds) -> OtherEndBytes {
        self.compare(file, ends).unwrap_or_default()
    }

    fn compare(&self, file: usize, ends: FlowEnds) -> Option<OtherEndBytes> {
        let one = self.files.get(file)?;
        let pair = one.nearer_client.as_ref()?;
        let (there, _) = one.survey.flow_of(ends.0, ends.1)?;
        let matched = pair.of_client(there)?;
        let here = &self.files.get(pair.client)?.survey;
        let client_is_lower = ends.0 <= ends.1;
        let (sent, came) = (
            here.coverage(matched.flow, client_is_lower != matched.turned)?,
            one.survey.coverage(there, client_is_lower)?,
        );
        let (answered, arrived) = (
            one.survey.coverage(there, !client_is_lower)?,
            here.coverage(matched.flow, client_is_lower == matched.turned)?,
        );
        let acknowledged = sent.acknowledged().max(came.acknowledged_in(sent));
        let missing = sent.lacking_in(came);
        let lost = pair.lost.as_ref();
        Some(OtherEndBytes {
            lost_segments: lost.map(|lost| lost.get(&there).copied().unwrap_or_default()),
            last_acknowledgement: one.survey.last_acknowledgement(there, client_is_lower),
            request_lost: missing.iter().any(|part| part.end > acknowledged),
            request_uncaptured: missing.iter().any(|part| part.start < acknowledged),
            answer_lost: answered.lacking_in(arrived).iter().any(|part| {
                part.end
                    > answered
                        .acknowledged()
                        .max(arrived.acknowledged_in(answered))
            }),
        })
    }
}

/// The addresses of a flow: those of a connection's client and server, in this order.
pub type FlowEnds = (SocketAddr, SocketAddr);
