//! What passed between the two ends of a connection: frames of both analyses brought together, with the segments that
//! did not simply come.
//!
//! In: a connection and its calls as the client's end saw them, and as the capture at the server has them. Out: a
//! [`Crossing`] for each frame that matters, seen at one end or at both. What became of those that only one
//! capture has is [asked](AskedSegment) of the captures' segments afterwards, all at once.

use rustc_hash::FxHashMap;

use super::super::connection::goaway::GoAway;
use super::super::connection::record::{Close, ConnectionRecord};
use super::super::stream::at_server::LostOnTheWay;
use super::super::stream::crossing::{BothEnds, Crossing, CrossingEnd, CrossingKind};
use super::super::stream::rpc::Rpc;
use super::super::stream::seen_call::SeenCall;
use crate::capture::{Stamp, Timestamp};
use crate::decode::tcp::Ending;
use crate::decode::{
    AckWatch, AskedSegment, Direction, FlowEnds, FlowTransits, OtherEndBytes, SeenAt, Transit,
    TransitFate,
};

use Direction::{ClientToServer, ServerToClient};

/// A connection as both captures have it.
pub(super) struct Twins<'a> {
    /// As the client's end saw it, and its calls.
    pub(super) record: &'a ConnectionRecord,
    pub(super) rpcs: &'a [Rpc],
    /// As the capture at the server has it.
    pub(super) twin: &'a ConnectionRecord,
    /// Its calls there, by their streams.
    pub(super) there: &'a [SeenCall],
    /// Which capture is at the server, from 0 in the order given.
    pub(super) file: u32,
    /// What that capture acknowledges.
    pub(super) acks: &'a AckWatch,
}

impl Twins<'_> {
    /// What passed between the two.
    pub(super) fn both_ends(
        &self,
        bytes: OtherEndBytes,
        transits: Option<&FlowTransits>,
    ) -> BothEnds {
        let mut crossings = Vec::new();
        for rpc in self.rpcs {
            let seen = SeenCall::of_stream(self.there, rpc.id.stream);
            crossings.extend(self.request(rpc, seen));
            crossings.extend(self.end(rpc, seen));
        }
        self.add_goaways(&mut crossings);
        self.add_closes(&mut crossings);
        let kept = transits.map_or(&[][..], |transits| &transits.kept);
        let ends = (self.twin.client, self.twin.server);
        add_segments(kept, |transit| self.acks.of(ends, transit), &mut crossings);
        BothEnds {
            file: self.file,
            lost_segments: bytes.lost_segments,
            crossings,
            left_out: transits.map_or(0, |transits| transits.left_out),
            unsent_reset: self.unsent_reset(),
        }
    }

    /// Whether each end was told first that the other had reset the connection: something between them told both.
    fn unsent_reset(&self) -> Option<Direction> {
        let whole = self.record.missing.bytes == 0 && self.twin.missing.bytes == 0;
        let (here, _) = self.record.network.reset().filter(|_| whole)?;
        let (there, _) = self.twin.network.reset()?;
        (here == ServerToClient && there == ClientToServer).then_some(here)
    }

    fn request(&self, rpc: &Rpc, seen: Option<&SeenCall>) -> Option<Crossing> {
        let there = seen.and_then(|call| call.opened);
        let what = CrossingKind::Request(rpc.id.stream);
        let mut request = self.crossing(ClientToServer, what, rpc.opened, there)?;
        let lost = rpc.at_server.as_deref().and_then(|there| there.lost);
        if lost == Some(LostOnTheWay::Request) {
            request.fate = TransitFate::Lost(None);
        }
        Some(request)
    }

    /// What ended a call: what its server sent, though its client may have heard of it too late, and what its client did.
    fn end(&self, rpc: &Rpc, seen: Option<&SeenCall>) -> Vec<Crossing> {
        let stream = rpc.id.stream;
        let answer = CrossingKind::Answer(stream);
        let came = rpc.ended.filter(|_| rpc.is_answered());
        let left = seen.and_then(SeenCall::answered);
        let mut answer = self.crossing(ServerToClient, answer, came, left);
        let lost = rpc.at_server.as_deref().and_then(|there| there.lost);
        if let Some(answer) = answer.as_mut()
            && lost == Some(LostOnTheWay::Answer)
        {
            answer.fate = TransitFate::Lost(None);
        }
        let reset = CrossingKind::Reset(stream);
        let resets = [ClientToServer, ServerToClient].map(|from| {
            let there = seen.filter(|call| call.reset_by == Some(from));
            let here = rpc.ended.filter(|_| rpc.reset_by() == Some(from));
            self.crossing(from, reset, here, there.and_then(|call| call.ended))
        });
        answer
            .into_iter()
            .chain(resets.into_iter().flatten())
            .collect()
    }

    /// A frame by where the client's capture has it, and where that at the server.
    fn crossing(
        &self,
        from: Direction,
        what: CrossingKind,
        client: Option<Stamp>,
        server: Option<Stamp>,
    ) -> Option<Crossing> {
        // What the client's capture lacks was taken from the other one.
        let end = |stamp: Stamp| CrossingEnd {
            time: stamp.time,
            packet: Some(stamp.packet),
        };
        let is_filled = client.is_some_and(|stamp| stamp.file == self.file);
        let client = client.filter(|_| !is_filled).map(end);
        let server = server.map(end);
        let (sent, came) = match from {
            ClientToServer => (client, server),
            ServerToClient => (server, client),
        };
        let fate = match (sent, came) {
            (None, None) => return None,
            (Some(_), Some(_)) => TransitFate::Came,
            _ if is_filled => TransitFate::Uncaptured,
            _ => TransitFate::Unknown,
        };
        Some(Crossing {
            from,
            what,
            sent,
            came,
            fate,
            acknowledged: None,
        })
    }

    fn add_goaways(&self, crossings: &mut Vec<Crossing>) {
        for from in [ClientToServer, ServerToClient] {
            let of = |goaways: &'_ [GoAway]| {
                let own = goaways.iter().filter(|goaway| goaway.from == from);
                own.map(|goaway| (goaway.last_stream_id, goaway.stamp))
                    .collect::<Vec<_>>()
            };
            let mut there = of(&self.twin.goaways);
            for (last, here) in of(&self.record.goaways) {
                let place = there.iter().position(|(other, _)| *other == last);
                let there = place.map(|place| there.remove(place).1);
                let what = CrossingKind::GoAway(last);
                crossings.extend(self.crossing(from, what, Some(here), there));
            }
            for (last, there) in there {
                let what = CrossingKind::GoAway(last);
                crossings.extend(self.crossing(from, what, None, Some(there)));
            }
        }
    }

    /// The first FIN or RST as each end has it: the same, or one of each side.
    fn add_closes(&self, crossings: &mut Vec<Crossing>) {
        let kind = |close: &Close| match close.ending {
            Ending::Fin => CrossingKind::Fin,
            Ending::Rst => CrossingKind::Rst,
            Ending::CloseNotify => CrossingKind::CloseNotify,
        };
        let (here, there) = (self.record.close, self.twin.close);
        let same = here
            .zip(there)
            .is_some_and(|(here, there)| here.by == there.by && here.ending == there.ending);
        if let Some(here) = here {
            let there = there.filter(|_| same).map(|there| there.stamp);
            crossings.extend(self.crossing(here.by, kind(&here), Some(here.stamp), there));
        }
        if let Some(there) = there.filter(|_| !same) {
            crossings.extend(self.crossing(there.by, kind(&there), None, Some(there.stamp)));
        }
    }
}

/// Adds segments; one that a frame was seen in says what became of that frame.
fn add_segments(
    transits: &[Transit],
    acknowledged: impl Fn(&Transit) -> Option<Stamp>,
    crossings: &mut Vec<Crossing>,
) {
    let moment = |from: Direction, sent: Timestamp| (from == ClientToServer, sent);
    let mut carried: FxHashMap<(bool, Timestamp), Vec<usize>> = FxHashMap::default();
    if !transits.is_empty() {
        for (place, crossing) in crossings.iter().enumerate() {
            if let Some(sent) = crossing.sent {
                let key = moment(crossing.from, sent.time);
                carried.entry(key).or_default().push(place);
            }
        }
    }
    for transit in transits {
        let sent = transit.sent.map(|sent| moment(transit.from, sent));
        let acknowledged = acknowledged(transit).map(|stamp| CrossingEnd {
            time: stamp.time,
            packet: Some(stamp.packet),
        });
        let frames = sent.and_then(|sent| carried.get(&sent));
        for frame in frames.into_iter().flatten() {
            if let Some(frame) = crossings.get_mut(*frame)
                && transit.fate != TransitFate::Came
            {
                // What came is the copy, which has its own way.
                frame.came = None;
                frame.fate = transit.fate;
                frame.acknowledged = acknowledged;
            }
        }
        if frames.is_none() {
            crossings.push(segment(transit, acknowledged));
        }
    }
}

fn segment(transit: &Transit, acknowledged: Option<CrossingEnd>) -> Crossing {
    let end = |time| CrossingEnd { time, packet: None };
    Crossing {
        from: transit.from,
        what: match transit.again {
            true => CrossingKind::Retransmission(transit.bytes),
            false => CrossingKind::Segment(transit.bytes),
        },
        sent: transit.sent.map(end),
        came: transit.came.map(end),
        fate: transit.fate,
        acknowledged,
    }
}

/// Frames of which the captures' segments are asked what became of them.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The connection and the crossing that each is of, by their places.
    places: Vec<(usize, usize)>,
    segments: Vec<AskedSegment>,
}

impl Asked {
    /// Asks for what only one capture has: the connection by its place, and by its addresses at the server.
    pub(super) fn add(&mut self, place: usize, ends: FlowEnds, both: &BothEnds) {
        for (number, crossing) in both.crossings.iter().enumerate() {
            let seen = match (crossing.sent, crossing.came) {
                (Some(sent), None) => SeenAt::Sender(sent.time),
                (None, Some(came)) => SeenAt::Receiver(came.time),
                _ => continue,
            };
            if crossing.fate == TransitFate::Unknown {
                self.places.push((place, number));
                self.segments.push(AskedSegment {
                    ends,
                    from: crossing.from,
                    seen,
                });
            }
        }
    }

    pub(super) fn segments(&self) -> &[AskedSegment] {
        &self.segments
    }

    /// What was found, each with the places of its connection and its crossing.
    pub(super) fn answers(
        self,
        found: Vec<Option<Transit>>,
    ) -> impl Iterator<Item = ((usize, usize), Transit)> {
        let answers = self.places.into_iter().zip(found);
        answers.filter_map(|(place, transit)| Some((place, transit?)))
    }
}

/// Says of a frame what became of its segment.
pub(super) fn answer(crossing: &mut Crossing, transit: &Transit) {
    let end = |time| CrossingEnd { time, packet: None };
    crossing.fate = transit.fate;
    crossing.sent = crossing.sent.or(transit.sent.map(end));
    crossing.came = crossing.came.or(transit.came.map(end));
}
