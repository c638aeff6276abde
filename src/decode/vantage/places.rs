//! Where captures were taken, by what both of two have.
//!
//! What a client sends is at a capture near it first, and what it receives last: of a segment each way, both seen at both
//! places, the two differences between the stamps differ by the round trip between the places, whatever the clocks show.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::clock::{ClockBounds, SharedSegment};
use super::file_survey::{FileSurvey, FlowId};
use super::losses::Path;
use super::transits::{self, FlowTransits};
use super::{FlowMatch, Pair, VantageFile, Vantages};
use crate::capture::TimeDelta;
use crate::decode::PerSide;

/// Two places are no closer than this round trip: interfaces of one host are.
const APART: TimeDelta = TimeDelta::from_micros(50);

/// Segments one way and the other are compared that are no further apart.
const NEARBY: TimeDelta = TimeDelta::from_secs(1);

/// Who answers within this time is next to the capture.
const BESIDE: TimeDelta = TimeDelta::from_micros(100);

/// Who answers in less than one of so many parts of what the other place sees is at the end.
const SHARE: i64 = 4;

/// Where a capture of a connection was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VantagePlace {
    /// At its client.
    Client,
    /// At its server.
    Server,
    /// Somewhere on the way.
    Between,
}

impl VantagePlace {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
            Self::Between => "between",
        }
    }
}

/// What two captures have to do with each other.
struct Relation {
    /// By how much the second is farther from the client: the round trip between them.
    apart: TimeDelta,
    segments: Vec<SharedSegment>,
    /// By flow of the second one.
    flows: Vec<Option<FlowMatch>>,
}

/// The captures as vantage points, if two of them are.
pub(super) fn of(files: Vec<FileSurvey>) -> Option<Vantages> {
    let mut relations = FxHashMap::default();
    for (one, first) in files.iter().enumerate() {
        for (other, second) in files.iter().enumerate().skip(one + 1) {
            if let Some(relation) = relate(first, second) {
                if relation.apart > APART {
                    relations.insert((one, other), relation);
                } else if TimeDelta::ZERO - relation.apart > APART
                    && let Some(turned) = relate(second, first)
                {
                    relations.insert((other, one), turned);
                }
            }
        }
    }
    // The farthest from each capture towards the client: nothing that it shares connections with is nearer.
    let is_farther = |file: usize| relations.keys().any(|(_, farther)| *farther == file);
    let mut pairs: FxHashMap<usize, Pair> = FxHashMap::default();
    let mut nearest: Vec<_> = relations
        .keys()
        .copied()
        .filter(|(nearer, _)| !is_farther(*nearer))
        .collect();
    nearest.sort_unstable();
    for key in nearest {
        let Some(relation) = relations.remove(&key) else {
            continue;
        };
        if let Some(clock) = ClockBounds::of(&relation.segments) {
            pairs.entry(key.1).or_insert_with(|| Pair {
                client: key.0,
                clock: Arc::new(clock),
                client_is_whole: is_whole(&files, key, &relation.flows),
                flows: relation.flows,
                lost: None,
                transits: FxHashMap::default(),
            });
        }
    }
    if pairs.is_empty() {
        return None;
    }
    for (file, pair) in &mut pairs {
        if let Some((client, other)) = files.get(pair.client).zip(files.get(*file))
            && let Some(found) = losses(client, other, pair)
        {
            pair.lost = Some(found.lost);
            pair.transits = found.transits;
        }
    }
    let places: Vec<_> = (0..files.len())
        .map(|file| place(&files, &pairs, file))
        .collect();
    let files = files
        .into_iter()
        .zip(places)
        .enumerate()
        .map(|(file, (survey, place))| VantageFile {
            survey,
            place,
            nearer_client: pairs.remove(&file),
        });
    Some(Vantages {
        files: files.collect(),
    })
}

/// Whether the first of two captures has all flows of the second one, and lacks nothing of them.
fn is_whole(
    files: &[FileSurvey],
    (first, second): (usize, usize),
    flows: &[Option<FlowMatch>],
) -> bool {
    let captures = files.get(first).zip(files.get(second));
    captures.is_some_and(|(first, second)| {
        let whole =
            |matched: &Option<FlowMatch>| matched.is_some_and(|here| first.is_whole(here.flow));
        second.has_all_flows() && flows.iter().all(whole)
    })
}

/// What became of segments between two captures, by the flows of the second.
struct LossesBetween {
    lost: FxHashMap<FlowId, PerSide<u64>>,
    transits: FxHashMap<FlowId, FlowTransits>,
}

/// What became of segments between two captures; `None` where there are too many to remember each.
fn losses(client: &FileSurvey, other: &FileSurvey, pair: &Pair) -> Option<LossesBetween> {
    let [sent, answered] = paths(client, other, pair);
    let (of_client, of_server) = (sent.losses()?, answered.losses()?);
    let lost = pair.matched().map(|(there, here)| {
        let counted = |counts: &FxHashMap<FlowId, u64>, flow| counts.get(&flow).copied();
        let lost = PerSide {
            client: counted(&of_client.counts, here.flow).unwrap_or_default(),
            server: counted(&of_server.counts, there).unwrap_or_default(),
        };
        (there, lost)
    });
    let of_client = of_client
        .transits
        .into_iter()
        .filter_map(|(here, transit)| {
            let (there, _) = sent.twins.get(&here)?;
            Some((*there, transit))
        });
    Some(LossesBetween {
        lost: lost.collect(),
        transits: transits::by_flow(of_client.chain(of_server.transits).collect()),
    })
}

/// Both directions between two captures, that of what clients send first.
pub(super) fn paths<'a>(
    client: &'a FileSurvey,
    other: &'a FileSurvey,
    pair: &'a Pair,
) -> [Path<'a>; 2] {
    let sent = Path {
        sender: client,
        receiver: other,
        twins: pair
            .matched()
            .map(|(there, here)| (here.flow, (there, here.turned)))
            .collect(),
        from_client: true,
        clock: &pair.clock,
    };
    let answered = Path {
        sender: other,
        receiver: client,
        twins: pair
            .matched()
            .map(|(there, here)| (there, (here.flow, here.turned)))
            .collect(),
        from_client: false,
        clock: &pair.clock,
    };
    [sent, answered]
}

/// What two captures have in common; `apart` is negative if the second is nearer to the client.
fn relate(first: &FileSurvey, second: &FileSurvey) -> Option<Relation> {
    let mut segments = Vec::new();
    let mut flows = vec![None; second.flows()];
    for (here, there) in first.shared(second) {
        let turned = here.from_lower != there.from_lower;
        let known = flows.get_mut(there.flow.index())?;
        if known.is_none() {
            *known = Some(FlowMatch {
                flow: here.flow,
                turned,
            });
        }
        segments.push(SharedSegment {
            at_client: here.time,
            at_other: there.time,
            from_client: first.is_from_client(here.flow, here.from_lower),
        });
    }
    // They are nearly in order.
    segments.sort();
    let mut round_trips = Vec::new();
    for (one, next) in segments.iter().zip(segments.iter().skip(1)) {
        if one.from_client != next.from_client && next.at_client - one.at_client <= NEARBY {
            let (request, answer) = if one.from_client {
                (one, next)
            } else {
                (next, one)
            };
            round_trips.push(request.difference() - answer.difference());
        }
    }
    if round_trips.is_empty() {
        return None;
    }
    let middle = round_trips.len() / 2;
    let (_, apart, _) = round_trips.select_nth_unstable(middle);
    let apart = *apart;
    Some(Relation {
        apart,
        segments,
        flows,
    })
}

/// Where a capture was taken: at an end if who is there answers far sooner than seen from the other place.
fn place(
    files: &[FileSurvey],
    pairs: &FxHashMap<usize, Pair>,
    file: usize,
) -> Option<VantagePlace> {
    let (end, other, flows, at_server) = match pairs.get(&file) {
        Some(pair) => (
            files.get(file)?,
            files.get(pair.client)?,
            matches_of(pair, false),
            true,
        ),
        None => {
            let (other, pair) = pairs
                .iter()
                .filter(|(_, pair)| pair.client == file)
                .min_by_key(|(other, _)| **other)?;
            (
                files.get(file)?,
                files.get(*other)?,
                matches_of(pair, true),
                false,
            )
        }
    };
    // What the far end sent is acknowledged by whom the capture stands beside.
    let least = |survey: &FileSurvey, one: bool| {
        let answers = flows.iter().filter_map(|(flow, twin)| {
            let flow = if one { *flow } else { *twin };
            let mut ends = [true, false].into_iter();
            let far = ends.find(|from_lower| survey.is_from_client(flow, *from_lower) == at_server);
            survey.turnaround(flow, far?)
        });
        answers.min()
    };
    let beside = match (least(end, true), least(other, false)) {
        (Some(here), Some(there)) => here <= BESIDE || here.as_nanos() <= there.as_nanos() / SHARE,
        _ => false,
    };
    Some(match (beside, at_server) {
        (false, _) => VantagePlace::Between,
        (true, true) => VantagePlace::Server,
        (true, false) => VantagePlace::Client,
    })
}

/// The flows of a pair: as one capture counts them, and as the other does.
fn matches_of(pair: &Pair, client_first: bool) -> Vec<(FlowId, FlowId)> {
    let flows = pair.matched().map(|(there, here)| match client_first {
        true => (here.flow, there),
        false => (there, here.flow),
    });
    flows.collect()
}
