//! What passed between the two ends of connections, as the page draws it: a list for each connection that was captured
//! at both.
//!
//! In: a [`Report`]. Out: the ways to draw, bounded: all that did not simply come, those of calls that did not go well,
//! and of the others as many as fit, evenly.

use serde::Serialize;
use std::collections::BTreeMap;

use super::clock::CaptureClock;
use super::ways::{self, Way, WayFate};
use crate::capture::Timestamp;
use crate::decode::{Direction, TransitFate};
use crate::inspect::report::{CallList, Report};
use crate::inspect::{BothEnds, CallId, CrossingKind, Verdict};

/// How many ways are drawn before those of healthy calls are thinned.
const MAX_WAYS: usize = 20_000;

/// By the number of the connection.
pub(super) type ByConnection = BTreeMap<u32, BothEndsOnPage>;

/// What passed between the two ends of a connection.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct BothEndsOnPage {
    /// The capture at the server.
    file: u32,
    /// What the path costs at least in each direction, as bounds in microseconds.
    to_server: Option<[i64; 2]>,
    to_client: Option<[i64; 2]>,
    /// Segments with data of each side that were lost.
    lost: Option<[u64; 2]>,
    ways: Vec<WayOnPage>,
    /// How many more there are.
    left_out: u64,
}

/// Who sent it (1 for the server), its kind, and its stream, last stream id or bytes; when the client's end has it, when the
/// server's, by the client's clock; what became of it, and when the copy left that came; how long it took as bounds; the
/// packets of the client's capture and of the server's; and when it was acknowledged, and by which packet of the latter. Moments and times are in microseconds.
type WayOnPage = (
    u8,
    &'static str,
    u32,
    Option<i64>,
    Option<i64>,
    &'static str,
    Option<i64>,
    Option<[i64; 2]>,
    Option<u64>,
    Option<u64>,
    Option<(i64, Option<u64>)>,
);

/// What there is to draw of all connections.
pub(super) fn all(report: &Report, clock: CaptureClock) -> ByConnection {
    let records = report.analysis.connections.iter();
    let captured = records.filter_map(|record| Some((record, record.both_ends.as_deref()?)));
    let found: Vec<_> = captured
        .map(|(record, both)| (record.number, both, ways::of(report, record)))
        .collect();
    let dull = |connection: u32, way: &Way<'_>| is_dull(&report.analysis.rpcs, connection, way);
    let (mut all, mut healthy) = (0, 0);
    for (connection, _, ways) in &found {
        all += ways.len();
        healthy += ways.iter().filter(|way| dull(*connection, way)).count();
    }
    let room = MAX_WAYS.saturating_sub(all - healthy).min(healthy);
    let mut met = 0;
    let mut drawn = ByConnection::default();
    for (connection, both, ways) in found {
        let mut kept = Vec::new();
        for way in &ways {
            let mut keep = true;
            if dull(connection, way) {
                // As a line is drawn on a grid: `room` of `healthy` steps go up, evenly spread.
                keep = (met + 1) * room / healthy > met * room / healthy;
                met += 1;
            }
            if keep {
                kept.push(on_page(way, clock));
            }
        }
        drawn.insert(connection, BothEndsOnPage::new(both, &ways, kept));
    }
    drawn
}

impl BothEndsOnPage {
    fn new(both: &BothEnds, ways: &[Way<'_>], kept: Vec<WayOnPage>) -> Self {
        let least = |from| {
            let (least, most) = ways::least_of(ways, from)?;
            Some([least.as_micros(), most.as_micros()])
        };
        Self {
            file: both.file,
            to_server: least(Direction::ClientToServer),
            to_client: least(Direction::ServerToClient),
            lost: both.lost_segments.map(|lost| [lost.client, lost.server]),
            left_out: both.left_out + (ways.len() - kept.len()) as u64,
            ways: kept,
        }
    }
}

/// Whether it came as it should, of a call that went well.
fn is_dull(rpcs: &CallList, connection: u32, way: &Way<'_>) -> bool {
    let Some(stream) = way.crossing.what.stream() else {
        return false;
    };
    let call = rpcs.find(CallId { connection, stream });
    way.fate() == WayFate::Came && call.is_none_or(|rpc| rpc.verdict == Verdict::Ok)
}

fn on_page(way: &Way<'_>, clock: CaptureClock) -> WayOnPage {
    let crossing = way.crossing;
    let moment = |time: Option<Timestamp>| time.map(|time| clock.micros(time));
    let (sent, came) = (
        crossing.sent.and_then(|end| end.packet),
        crossing.came.and_then(|end| end.packet),
    );
    let (client, server) = match crossing.from {
        Direction::ClientToServer => (sent, came),
        Direction::ServerToClient => (came, sent),
    };
    let number = match crossing.what {
        CrossingKind::GoAway(last) => last.0,
        CrossingKind::Segment(bytes) | CrossingKind::Retransmission(bytes) => bytes,
        other => other.stream().unwrap_or_default(),
    };
    // The copy left after the segment: the same clock shows both, so the difference holds on any.
    let copy = match (crossing.fate, crossing.sent, way.time()) {
        (TransitFate::Lost(Some(copy)), Some(sent), Some(left)) => {
            Some(clock.micros(left) + (copy - sent.time).as_micros())
        }
        _ => None,
    };
    (
        u8::from(crossing.from == Direction::ServerToClient),
        ways::kind(crossing.what),
        number,
        moment(way.client),
        moment(way.server),
        way.fate().name(),
        copy,
        way.took
            .map(|(least, most)| [least.as_micros(), most.as_micros()]),
        client,
        server,
        way.acknowledged
            .map(|(time, packet)| (clock.micros(time), packet)),
    )
}
