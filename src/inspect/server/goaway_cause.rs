//! Why a server sent GOAWAY: an age, an idleness, a number of requests, or because it stopped.
//!
//! In: the records of one server's connections. Out: a [`Cause`] for each graceful GOAWAY whose
//! debug data says it, or whose timing fits no other. A single connection's
//! timing never gives a cause; it may be a coincidence.

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::peer::confidence::Confidence;
use super::super::peer::server::ServerStack;
use super::super::peer::settings::{self, ServerSetting};
use super::ordered::{Extremes, Ordered};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;
use crate::decode::{Direction, Transport};
use rustc_hash::FxHashSet;

/// How far an age may be from its setting, as a share of it (gRFC A9).
const JITTER: f64 = 0.1;

/// GOAWAYs on several connections within this time are one act of the server.
const SAME_MOMENT: TimeDelta = TimeDelta::from_millis(250);

/// The same of software whose ages are spread by chance, where they are.
const SAME_ACT: TimeDelta = TimeDelta::from_millis(25);

/// A server that refuses connects this soon after GOAWAY was being stopped.
const REFUSED_WITHIN: TimeDelta = TimeDelta::from_secs(1);

/// How much nginx's timers may be early: it does not set one anew for less (NGX_TIMER_LAZY_DELAY).
pub(super) const NGINX_EARLY: f64 = 0.3;

/// Ages that differ by more than this ratio are not one setting with its jitter, which makes 1.22 at
/// most.
const AGES_DIFFER: f64 = 1.25;

/// Idle times this close to each other are one setting: in seconds, and as a share.
const SAME_IDLE: (f64, f64) = (0.05, 0.05);

/// An idle time at least this long, in seconds, is one that a server waited for.
const LEAST_IDLE: f64 = 0.1;

/// The fewest requests that are taken for a limit as they are: fewer are also a habit of clients, and must
/// have been followed by more.
const MIN_REQUESTS: u64 = 10;

/// Counts of requests this close to each other are one limit, where no last stream id names it: as a share,
/// and by number.
const SAME_COUNT: (u64, u64) = (50, 3);

/// Why a server sent a graceful GOAWAY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// The connection had reached its greatest age, as the server is set to.
    Age,
    /// Nothing had been open for a while.
    Idle,
    /// As many requests as it allows on a connection.
    Requests,
    /// The server stopped, or was asked to drain.
    Stop,
}

/// Why the server sent GOAWAY on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GoAwayCause {
    /// The number of the connection in this analysis.
    pub connection: u32,
    /// What made the server end it.
    pub cause: Cause,
    /// How sure the cause is, as far as the wire shows it.
    pub confidence: Confidence,
}

/// A graceful GOAWAY that is to be explained.
#[derive(Clone, Copy, Debug)]
struct Unexplained<'a> {
    record: &'a ConnectionRecord,
    /// When it was sent.
    at: Timestamp,
    /// The connection's age then, as far as known: from and to, in seconds.
    age: Option<(f64, f64)>,
    /// For how long none had been open, in seconds.
    idle: Option<f64>,
}

/// Explains some of what is left.
type Explaining<'a> = &'a dyn Fn(&[Unexplained<'_>]) -> Vec<GoAwayCause>;

/// Explains the graceful GOAWAYs of a server that runs this software.
pub(crate) fn explain(connections: &[&Finished], stack: ServerStack) -> Vec<GoAwayCause> {
    let records = || connections.iter().map(|finished| &finished.record);
    let mut explained = Vec::new();
    let mut left: Vec<_> = records().filter_map(Unexplained::of).collect();
    left.retain(|goaway| match said(goaway.record) {
        Some(cause) => {
            explained.push(goaway.because(cause, Confidence::Certain));
            false
        }
        None => true,
    });
    let refused = Ordered::of(records().filter_map(refused_at));
    let steps: [Explaining<'_>; 5] = [
        &|left| by_refusal(left, &refused),
        &by_requests,
        &|left| by_idleness(left, stack),
        &|left| by_moment(left, stack),
        &by_age,
    ];
    for step in steps {
        let found = step(&left);
        if found.iter().any(|goaway| !has(stack, goaway.cause)) {
            continue;
        }
        let known: FxHashSet<_> = found.iter().map(|goaway| goaway.connection).collect();
        left.retain(|goaway| !known.contains(&goaway.record.number));
        explained.extend(found);
    }
    explained.sort_by_key(|goaway| goaway.connection);
    explained
}

/// Whether this software ends connections for such a cause.
const fn has(stack: ServerStack, cause: Cause) -> bool {
    let setting = match cause {
        Cause::Age => ServerSetting::Age,
        Cause::Idle => ServerSetting::Idle,
        Cause::Requests => ServerSetting::Requests,
        Cause::Stop => return true,
    };
    settings::name(stack, setting).is_some()
}

impl<'a> Unexplained<'a> {
    fn of(record: &'a ConnectionRecord) -> Option<Self> {
        let first_goaway = record.first_goaway()?;
        let mut ending = record.ending_goaways(Direction::ServerToClient);
        let graceful = ending.all(|goaway| record.is_graceful(goaway));
        if !graceful || record.goaway_answers_client() {
            return None;
        }
        // A connection that begins before the capture, or has holes, hides streams that were open.
        let whole = record.beginning_seen && record.missing.losses == 0;
        let used = record.streams_opened > 0;
        let idle = first_goaway.idle.filter(|_| whole && used);
        Some(Self {
            record,
            at: first_goaway.stamp.time,
            age: age(record),
            idle: idle.map(TimeDelta::as_secs_f64),
        })
    }

    const fn because(&self, cause: Cause, confidence: Confidence) -> GoAwayCause {
        GoAwayCause {
            connection: self.record.number,
            cause,
            confidence,
        }
    }

    /// Whether a stream was open then, as the server knew.
    fn is_busy(&self) -> bool {
        let first_goaway = self.record.first_goaway();
        first_goaway.is_some_and(|first_goaway| first_goaway.open > 0)
    }

    /// Whether the client had opened more streams than the server counted.
    fn has_more(&self, than: u64) -> bool {
        self.record.streams_opened > than
    }
}

/// Whether the server named its last stream id at once.
fn is_unannounced(record: &ConnectionRecord) -> bool {
    let mut goaways = record.server_goaways();
    !goaways.any(|goaway| goaway.is_announcement())
}

/// How many requests a connection had carried when the server ended it. A last stream id of 2n−1 is the
/// n-th request; where it only announced the end, what it had received by then was.
pub(crate) fn requests(record: &ConnectionRecord) -> Option<u64> {
    if is_unannounced(record) {
        let last = record.server_goaways().next()?.last_stream_id.0;
        return (last % 2 == 1).then(|| u64::from(last.div_ceil(2)));
    }
    let whole = record.beginning_seen && record.missing.losses == 0;
    Some(record.first_goaway().filter(|_| whole)?.opened)
}

/// Between which ages, in seconds, a connection's first GOAWAY came.
pub(crate) fn age(record: &ConnectionRecord) -> Option<(f64, f64)> {
    age_at(record, record.first_goaway()?.stamp.time)
}

/// Between which ages, in seconds, the server did what was seen at this moment. Its clock begins when its
/// transport is up: after the SYN was sent, and no later than when both sides' first SETTINGS were seen. What
/// it does is seen up to half a round trip after it was sent, and SETTINGS of a client that much before they
/// are received.
pub(super) fn age_at(record: &ConnectionRecord, moment: Timestamp) -> Option<(f64, f64)> {
    let opened = record.opened?.time;
    let round_trip = record.round_trip().unwrap_or_default().max(TimeDelta::ZERO);
    let set_up = record.set_up.map(|set_up| moment - set_up - round_trip);
    let seen = moment - opened;
    let least = set_up.unwrap_or(seen - round_trip * 2).max(TimeDelta::ZERO);
    Some((least.min(seen).as_secs_f64(), seen.as_secs_f64()))
}

/// What the debug data says.
fn said(record: &ConnectionRecord) -> Option<Cause> {
    if record
        .server_goaways()
        .any(|goaway| goaway.error != ErrorCode::NO_ERROR)
    {
        return Some(Cause::Stop);
    }
    let mut data = record.server_goaways().map(|goaway| &*goaway.debug_data);
    data.find_map(|data| match data {
        b"max_age" => Some(Cause::Age),
        b"max_idle" => Some(Cause::Idle),
        b"graceful_stop" | b"app_requested" | b"Server shutdown" => Some(Cause::Stop),
        // httpd's mod_http2.
        b"timeout" => Some(Cause::Idle),
        _ => None,
    })
}

/// When a connect was refused.
fn refused_at(record: &ConnectionRecord) -> Option<Timestamp> {
    let by_server = record
        .close
        .is_some_and(|close| close.by == Direction::ServerToClient);
    let refused = record.transport == Transport::None && by_server;
    Some(record.opened.filter(|_| refused)?.time)
}

/// A server that stops takes no connections any more.
fn by_refusal(left: &[Unexplained<'_>], refused: &Ordered<Timestamp>) -> Vec<GoAwayCause> {
    let stopped = left.iter().filter(|goaway| {
        let before = |refused: &Timestamp| *refused < goaway.at;
        let late = |refused: &Timestamp| *refused - goaway.at > REFUSED_WITHIN;
        refused.between(before, late) > 0
    });
    stopped
        .map(|goaway| goaway.because(Cause::Stop, Confidence::Likely))
        .collect()
}

/// A server that counts requests ends each connection at the same one, in the midst of work.
fn by_requests(left: &[Unexplained<'_>]) -> Vec<GoAwayCause> {
    let (named, announced): (Vec<_>, Vec<_>) = left
        .iter()
        .filter_map(|goaway| Some((goaway, requests(goaway.record)?)))
        .filter(|(_, count)| *count > 0)
        .partition(|(goaway, _)| is_unannounced(goaway.record));
    let mut found = by_count(&named, |_| 0);
    if ages_agree_less(&announced) {
        let near = |count: u64| SAME_COUNT.1.max(count / SAME_COUNT.0);
        let counts = || announced.iter().map(|(_, count)| *count);
        let many = counts().all(|count| count >= MIN_REQUESTS);
        found.extend(by_count(&announced, near).into_iter().filter(|_| many));
    }
    found
}

/// Those that share a count of requests, give or take its `reach`, if most do, and the server did not wait for
/// them to end.
fn by_count(counted: &[(&Unexplained<'_>, u64)], reach: impl Fn(u64) -> u64) -> Vec<GoAwayCause> {
    let counts = Ordered::of(counted.iter().map(|(_, count)| *count));
    let best = counted.iter().max_by_key(|(_, count)| {
        let reach = reach(*count);
        let (low, high) = (count.saturating_sub(reach), count.saturating_add(reach));
        counts.between(|other| *other < low, |other| *other > high)
    });
    let Some((_, most)) = best else {
        return Vec::new();
    };
    let reach = reach(*most);
    let same = counted
        .iter()
        .filter(|(_, count)| count.abs_diff(*most) <= reach);
    let same: Vec<_> = same.map(|(goaway, _)| *goaway).collect();
    let busy = same.iter().filter(|goaway| goaway.is_busy()).count();
    let more = same.iter().filter(|goaway| goaway.has_more(*most)).count();
    let in_the_midst = match *most {
        0..MIN_REQUESTS => busy * 2 > same.len() && more * 2 > same.len(),
        _ => busy > 0,
    };
    if moments(same.iter().copied()) < 2 || same.len() * 2 <= counted.len() || !in_the_midst {
        return Vec::new();
    }
    same.iter()
        .map(|goaway| goaway.because(Cause::Requests, Confidence::Likely))
        .collect()
}

/// Whether ages differ more than counts of requests do, so that it was not an age that ended them all.
fn ages_agree_less(counted: &[(&Unexplained<'_>, u64)]) -> bool {
    let spread = |least: f64, most: f64| (most - least) / most.max(f64::MIN_POSITIVE);
    let ages = counted.iter().filter_map(|(goaway, _)| Some(goaway.age?.1));
    let counts = counted.iter().map(|(_, count)| *count as f64);
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, 0.0_f64), |(low, high), value| {
            (low.min(value), high.max(value))
        })
    };
    let (youngest, oldest) = range(&mut { ages });
    let (least, most) = range(&mut { counts });
    spread(least, most) < spread(youngest, oldest)
}

/// A server that waits for idleness has been idle for the same time each time.
fn by_idleness(left: &[Unexplained<'_>], stack: ServerStack) -> Vec<GoAwayCause> {
    let early = match stack {
        ServerStack::Nginx => NGINX_EARLY,
        _ => 0.0,
    };

    let idle = || {
        left.iter()
            .filter_map(|goaway| Some((goaway, goaway.idle?)))
    };
    let reach = |middle: f64| early.max(SAME_IDLE.0).max(middle * SAME_IDLE.1);
    let times = Ordered::of(idle().map(|(_, idle)| idle));
    let best = idle().max_by_key(|(_, middle)| {
        let reach = reach(*middle);
        times.between(
            |other| middle - other > reach,
            |other| other - middle > reach,
        )
    });
    let Some((_, middle)) = best.filter(|(_, middle)| *middle > LEAST_IDLE) else {
        return Vec::new();
    };
    let same = idle().filter(|(_, other)| (other - middle).abs() <= reach(middle));
    let same: Vec<_> = same.map(|(goaway, _)| goaway).collect();
    if moments(same.iter().copied()) < 2 || same.len() * 2 <= idle().count() {
        return Vec::new();
    }
    same.iter()
        .map(|goaway| goaway.because(Cause::Idle, Confidence::Likely))
        .collect()
}

/// A server that stops sends GOAWAY to connections of any age at the same moment.
fn by_moment(left: &[Unexplained<'_>], stack: ServerStack) -> Vec<GoAwayCause> {
    let mut in_time: Vec<_> = left.iter().collect();
    in_time.sort_by_key(|goaway| goaway.at);
    let moments = Ordered::of(in_time.iter().map(|goaway| goaway.at));
    let mut ages = Extremes::default();
    let mut entered = in_time.iter().enumerate().peekable();
    let mut stopped = Vec::new();
    for goaway in &in_time {
        let at = goaway.at;
        // Ages of seconds that chance spreads by a tenth do not end within milliseconds of each other.
        let old = goaway
            .age
            .is_some_and(|(least, _)| least * JITTER > SAME_MOMENT.as_secs_f64());
        let at_once = || {
            moments.between(
                |other| at - *other > SAME_ACT,
                |other| *other - at > SAME_ACT,
            )
        };
        while let Some((place, other)) = entered.next_if(|(_, other)| other.at - at <= SAME_MOMENT)
        {
            if let Some((_, age)) = other.age {
                ages.enter(place, age);
            }
        }
        ages.leave(moments.count(|other| at - *other > SAME_MOMENT));
        let differ = ages
            .range()
            .is_some_and(|(youngest, oldest)| oldest > youngest * AGES_DIFFER);
        if differ || stack.spreads_ages() && old && at_once() > 2 {
            stopped.push(goaway.because(Cause::Stop, Confidence::Likely));
        }
    }
    stopped
}

/// A server that limits ages lets every connection live as long, give or take the jitter.
fn by_age(left: &[Unexplained<'_>]) -> Vec<GoAwayCause> {
    let aged = || {
        left.iter()
            .filter_map(|goaway| Some((goaway, setting(goaway.age?))))
    };
    let lows = Ordered::of(aged().map(|(_, (low, _))| low));
    let highs = Ordered::of(aged().map(|(_, (_, high))| high));
    // The point that most intervals share is the beginning of one of them.
    let best = aged().map(|(_, (low, _))| low).max_by_key(|point| {
        let (begun, over) = (
            lows.count(|low| low <= point),
            highs.count(|high| high < point),
        );
        begun.saturating_sub(over)
    });
    let Some(point) = best else {
        return Vec::new();
    };
    let same = aged().filter(|(_, (low, high))| (*low..=*high).contains(&point));
    let same: Vec<_> = same.map(|(goaway, _)| goaway).collect();
    let distinct = moments(same.iter().copied());
    if distinct < 2 || same.len() * 2 <= aged().count() {
        return Vec::new();
    }
    let confidence = match distinct {
        2 => Confidence::Possible,
        _ => Confidence::Likely,
    };
    same.iter()
        .map(|goaway| goaway.because(Cause::Age, confidence))
        .collect()
}

/// Between which settings, in seconds, an age with its jitter can have been.
pub(crate) fn setting((from, to): (f64, f64)) -> (f64, f64) {
    (from / (1.0 + JITTER), to / (1.0 - JITTER))
}

/// How many different moments these are.
fn moments<'a>(goaways: impl Iterator<Item = &'a Unexplained<'a>>) -> usize {
    let mut moments: Vec<_> = goaways.map(|goaway| goaway.at).collect();
    moments.sort_unstable();
    moments.dedup_by(|later, earlier| (*later - *earlier).abs() <= SAME_MOMENT);
    moments.len()
}
