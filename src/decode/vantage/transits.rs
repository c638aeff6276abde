//! Segments on their way between two captures, each with what became of it.
//!
//! In: what both captures remember of segments. Out: of each connection those that were sent again, that the network
//! lost, or that the receiver's capture lost; and, of segments that are asked for, what became of them.

use rustc_hash::FxHashMap;

use super::file_survey::FlowId;
use super::losses::Path;
use super::{FlowEnds, Vantages, places};
use crate::capture::Timestamp;
use crate::decode::Direction;

/// Segments kept of one connection: enough to see how a path lost.
const MAX_OF_FLOW: usize = 128;

/// Segments kept of all connections of two captures: 1 MB.
const MAX_OF_PAIR: usize = 1 << 14;

/// A segment on its way between two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transit {
    /// Who sent it.
    pub from: Direction,
    /// When its sender's capture has it, by that one's clock.
    pub sent: Option<Timestamp>,
    /// When its receiver's capture has it, by that one's clock.
    pub came: Option<Timestamp>,
    /// How many sequence numbers it takes: its bytes of data, and one for SYN and FIN (RFC 9293, section 3.4).
    pub bytes: u32,
    /// The sequence number after it.
    pub end: u32,
    /// Whether all of its bytes had been sent before.
    pub again: bool,
    /// What became of it.
    pub fate: TransitFate,
}

/// What became of a segment between two captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransitFate {
    /// It came, as it was sent or joined to others.
    Came,
    /// The network lost it. The copy that left at this moment, by the sender's clock, was the first that came; or no copy
    /// came, and nobody acknowledged it.
    Lost(Option<Timestamp>),
    /// It was there, and the capture lacks it: that of its receiver, who acknowledged it, or that of its sender, though it
    /// came.
    Uncaptured,
    /// The captures do not show it.
    Unknown,
}

/// Segments of one connection that did not simply come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FlowTransits {
    /// Those that are kept, in order of the moments at which they left.
    pub kept: Vec<Transit>,
    /// How many more there are.
    pub left_out: u64,
}

/// A segment that is asked for: the connection as the capture that is not at the client has it, who sent it, and where one
/// capture has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AskedSegment {
    /// The addresses of client and server in the capture that is not at the client.
    pub ends: FlowEnds,
    /// Who sent it.
    pub from: Direction,
    /// Where it was seen.
    pub seen: SeenAt,
}

/// The end of its way at which a segment was seen, and when by the clock of the capture there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SeenAt {
    /// At its sender.
    Sender(Timestamp),
    /// At its receiver.
    Receiver(Timestamp),
}

/// Transits by flow, bounded: the first of each flow, and flows in order.
pub(super) fn by_flow(mut transits: Vec<(FlowId, Transit)>) -> FxHashMap<FlowId, FlowTransits> {
    transits.sort_unstable_by_key(|(flow, transit)| (*flow, transit.sent, transit.from));
    let mut room = MAX_OF_PAIR;
    let mut flows = FxHashMap::default();
    for of_flow in transits.chunk_by(|(one, _), (other, _)| one == other) {
        let Some((flow, _)) = of_flow.first() else {
            continue;
        };
        let kept = of_flow.len().min(MAX_OF_FLOW).min(room);
        room -= kept;
        let transits = FlowTransits {
            kept: of_flow.iter().take(kept).map(|(_, one)| *one).collect(),
            left_out: (of_flow.len() - kept) as u64,
        };
        flows.insert(*flow, transits);
    }
    flows
}

impl Vantages {
    /// Segments of a connection that were sent again, or that only their sender's capture has: the connection by its
    /// addresses in a capture that is not at the client.
    #[must_use]
    pub fn transits(&self, file: usize, ends: FlowEnds) -> Option<&FlowTransits> {
        let (flow, _) = self.files.get(file)?.survey.flow_of(ends.0, ends.1)?;
        self.pair(file)?.transits.get(&flow)
    }

    /// What became of segments, in the order in which they are asked for; `None` of those that are not remembered.
    #[must_use]
    pub fn fates(&self, file: usize, asked: &[AskedSegment]) -> Vec<Option<Transit>> {
        let mut found = vec![None; asked.len()];
        let captures = self.files.get(file).zip(self.pair(file));
        let Some((one, pair)) = captures.filter(|_| !asked.is_empty()) else {
            return found;
        };
        let Some(client) = self.files.get(pair.client) else {
            return found;
        };
        for path in places::paths(&client.survey, &one.survey, pair) {
            let mut places = AskedPlaces::default();
            for (place, segment) in asked.iter().enumerate() {
                let from_client = segment.from == Direction::ClientToServer;
                let there = one.survey.flow_of(segment.ends.0, segment.ends.1);
                let there = there.map(|(there, _)| there);
                let of_client = matches!(segment.seen, SeenAt::Sender(_)) == from_client;
                let flow = match of_client {
                    true => there
                        .and_then(|there| pair.of_client(there))
                        .map(|here| here.flow),
                    false => there,
                };
                if let Some(flow) = flow.filter(|_| from_client == path.from_client) {
                    places.entry((flow, segment.seen)).or_default().push(place);
                }
            }
            if !places.is_empty() {
                fill(&path, &places, &mut found);
            }
        }
        found
    }
}

/// Where the segments of flows and moments are asked for.
type AskedPlaces = FxHashMap<(FlowId, SeenAt), Vec<usize>>;

/// Finds segments by their flows and moments, and puts what became of them at their places.
fn fill(path: &Path<'_>, places: &AskedPlaces, found: &mut [Option<Transit>]) {
    let proofs = path.proofs();
    for (key, mark) in path.sent() {
        let Some(places) = places.get(&(mark.flow, SeenAt::Sender(mark.time))) else {
            continue;
        };
        let came = path.receiver.mark(key).map(|came| came.time);
        let fate = match (&proofs, came) {
            (_, Some(_)) => TransitFate::Came,
            (Some(proofs), None) => path.fate(&mark, proofs),
            (None, None) => TransitFate::Unknown,
        };
        put(path.transit(&mark, came, fate), places, found);
    }
    let twins = path.twins_of_receiver();
    for (key, mark) in path.received() {
        let Some(places) = places.get(&(mark.flow, SeenAt::Receiver(mark.time))) else {
            continue;
        };
        let sent = path.sender.mark(key).map(|sent| sent.time);
        let twin = twins.get(&mark.flow);
        let fate = match sent {
            Some(_) => TransitFate::Came,
            None if twin.is_some_and(|twin| path.sender_lacks(&mark, *twin)) => {
                TransitFate::Uncaptured
            }
            None => TransitFate::Unknown,
        };
        let transit = Transit {
            sent,
            ..path.transit(&mark, Some(mark.time), fate)
        };
        put(transit, places, found);
    }
}

/// Puts what became of a segment where it is asked for. Of two segments of one moment it is not known which is meant.
fn put(transit: Transit, places: &[usize], found: &mut [Option<Transit>]) {
    for place in places {
        if let Some(found) = found.get_mut(*place) {
            *found = Some(match *found {
                Some(other) if other.fate != transit.fate => Transit {
                    fate: TransitFate::Unknown,
                    ..other
                },
                Some(other) => other,
                None => transit,
            });
        }
    }
}
