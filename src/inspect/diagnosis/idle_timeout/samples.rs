//! Which ends are alike: streams reset, and connections closed, after the same span each time.
//!
//! A limit cannot be read from one case: only that the span is the same in several, at different moments, tells it
//! from chance. Silences are looked at first. Only where those differ does an age say more, and only where frames
//! kept flowing.
//!
//! ```text
//! opened          last frame              reset, or closed
//!    |                 |------ silence -------|
//!    |------------------ age -----------------|
//! ```

use std::collections::BTreeMap;

use super::super::server_view::ServerView;
use super::super::{abrupt_close, keepalive_timeout};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::inspect::connection::record::{Close, ConnectionRecord, Finished};
use crate::inspect::stream::rpc::{Rpc, Verdict};
use crate::inspect::traffic::quiet::QuietClose;

/// A shorter silence is no idleness, and a shorter age no limit.
const LEAST: TimeDelta = TimeDelta::from_secs(1);

/// Spans no further apart are the same setting at work: parts per hundred of the longest …
const SAME_PER_CENT: i64 = 1;

/// … or a timer's and a path's inexactness.
const SAME: TimeDelta = TimeDelta::from_millis(50);

/// Ends no further apart than this are one event, and one sample.
const ONE_EVENT: TimeDelta = TimeDelta::from_millis(100);

/// How many connections nobody was hurt by take an age for a limit: clients and servers that were started
/// together end together.
const HARMLESS: usize = 3;

/// Frames flow where the last silence is a smaller part of the age than this.
const FLOWS: i64 = 4;

/// One thing that ended after a span.
#[derive(Clone, Copy)]
pub(super) struct Sample<'a> {
    pub(super) record: &'a ConnectionRecord,
    /// The call that was reset; `None` where a connection was closed.
    pub(super) reset: Option<&'a Rpc>,
    /// The silence or the age that is looked at.
    pub(super) span: TimeDelta,
    /// How long nothing had passed when it ended.
    pub(super) silence: TimeDelta,
    pub(super) ended: Stamp,
}

/// Which ends are alike but for their spans.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// RST_STREAM of the server with this code, after a silence.
    Silent(u32),
    /// The same at an age.
    Old(u32),
    /// A connection closed by a side, after a silence.
    ClosedSilent(Direction),
    /// The same at an age.
    ClosedOld(Direction),
}

impl Kind {
    pub(super) const fn is_close(self) -> bool {
        matches!(self, Self::ClosedSilent(_) | Self::ClosedOld(_))
    }
}

/// Those that are alike, by kind.
pub(super) fn alike<'a>(view: &ServerView<'a>) -> Vec<(Kind, Vec<Sample<'a>>)> {
    let mut alike = Vec::new();
    for (kind, measures) in silences(view) {
        let best = measures.into_iter().filter_map(Silences::equal);
        alike.extend(best.max_by_key(Vec::len).map(|samples| (kind, samples)));
    }
    let explained: Vec<_> = alike.iter().map(|(kind, _)| *kind).collect();
    for (kind, samples) in ages(view) {
        let silent = match kind {
            Kind::Old(code) => Kind::Silent(code),
            Kind::ClosedOld(by) => Kind::ClosedSilent(by),
            other => other,
        };
        if !explained.contains(&silent) {
            alike.extend(equal(samples).map(|samples| (kind, samples)));
        }
    }
    alike.retain(|(kind, samples)| {
        !matches!(kind, Kind::ClosedOld(_)) || events(samples) >= HARMLESS
    });
    alike
}

/// What ended after a silence, by kind, each kind measured in every way that a timer may.
fn silences<'a>(view: &ServerView<'a>) -> BTreeMap<Kind, [Silences<'a>; 2]> {
    let mut kinds: BTreeMap<Kind, [Silences<'a>; 2]> = BTreeMap::new();
    for Finished { record, rpcs } in view.connections() {
        for rpc in rpcs.iter().filter(|rpc| view.shows(rpc)) {
            let Some((code, ended)) = reset(rpc) else {
                continue;
            };
            let last = rpc.progress.last_sent.server;
            let of_server = last.map(|last| ended.time - last);
            let measures = [rpc.progress.silent_until(ended.time), of_server];
            let of_kind = kinds.entry(Kind::Silent(code.0)).or_default();
            for (silences, silence) in of_kind.iter_mut().zip(measures) {
                silences.add(silence.map(|silence| Sample {
                    record,
                    reset: Some(rpc),
                    span: silence,
                    silence,
                    ended,
                }));
            }
        }
        let Some((close, quiet)) = close(view, record, rpcs) else {
            continue;
        };
        let of_kind = kinds.entry(Kind::ClosedSilent(close.by)).or_default();
        for (silences, silence) in of_kind.iter_mut().zip([Some(quiet.silence), quiet.idle]) {
            silences.add(silence.map(|silence| Sample {
                record,
                reset: None,
                span: silence,
                silence,
                ended: close.stamp,
            }));
        }
    }
    kinds
}

/// What ended after a silence.
#[derive(Default)]
struct Silences<'a> {
    long: Vec<Sample<'a>>,
    /// When what had been busy until then ended.
    busy: Vec<Timestamp>,
}

impl<'a> Silences<'a> {
    fn add(&mut self, sample: Option<Sample<'a>>) {
        match sample {
            Some(sample) if is_long(&sample.span) => self.long.push(sample),
            Some(sample) => self.busy.push(sample.ended.time),
            None => {}
        }
    }

    /// Those that are equal, unless no timer is needed to explain them: where as many that were busy end at the same moments,
    /// something ended all, and where PINGs come at an interval, no silence is longer.
    fn equal(self) -> Option<Vec<Sample<'a>>> {
        let alike = equal(self.long)?;
        let ended_too = |moment: &&Timestamp| {
            let next = alike.partition_point(|sample| sample.ended.time < **moment - ONE_EVENT);
            let next = alike.get(next);
            next.is_some_and(|sample| sample.ended.time - **moment <= ONE_EVENT)
        };
        let busy = self.busy.iter().filter(ended_too).count();
        (busy < alike.len()).then_some(alike)
    }
}

/// What ended at an age while frames flowed, by kind.
fn ages<'a>(view: &ServerView<'a>) -> BTreeMap<Kind, Vec<Sample<'a>>> {
    let mut kinds: BTreeMap<Kind, Vec<Sample<'a>>> = BTreeMap::new();
    for Finished { record, rpcs } in view.connections() {
        for rpc in rpcs.iter().filter(|rpc| view.shows(rpc)) {
            let (Some((code, ended)), Some(opened)) = (reset(rpc), rpc.opened) else {
                continue;
            };
            let silence = rpc.progress.silent_until(ended.time);
            let age = ended.time - opened.time;
            let sample = silence.map(|silence| Sample {
                record,
                reset: Some(rpc),
                span: age,
                silence,
                ended,
            });
            let flowing = sample.filter(|sample| rpc.answer_begun && sample.flows());
            kinds.entry(Kind::Old(code.0)).or_default().extend(flowing);
        }
        let Some((close, quiet)) = close(view, record, rpcs) else {
            continue;
        };
        // Where calls were cut, how they were is told with them; a client may close what it does not need; and what
        // nobody used shows nothing of an age.
        let harmless = close.by == Direction::ServerToClient
            && record.streams_opened > 0
            && !rpcs.iter().any(|rpc| is_cut(view, rpc));
        let Some(opened) = record.opened.filter(|_| harmless) else {
            continue;
        };
        let sample = Sample {
            record,
            reset: None,
            span: close.stamp.time - opened.time,
            silence: quiet.silence,
            ended: close.stamp,
        };
        let of_kind = kinds.entry(Kind::ClosedOld(close.by)).or_default();
        of_kind.extend(Some(sample).filter(Sample::flows));
    }
    kinds
}

impl Sample<'_> {
    /// Whether it ended while frames passed.
    fn flows(&self) -> bool {
        is_long(&self.span) && self.silence * FLOWS <= self.span
    }
}

fn is_long(span: &TimeDelta) -> bool {
    *span >= LEAST
}

/// The RST_STREAM of the server that ended a call. One at the call's deadline needs no other reason.
fn reset(rpc: &Rpc) -> Option<(ErrorCode, Stamp)> {
    let code = rpc
        .error
        .filter(|_| rpc.verdict == Verdict::ResetByServer)?;
    let ended = rpc.ended?;
    if let (Some(timeout), Some(opened)) = (rpc.timeout, rpc.opened) {
        let deadline = opened.time + timeout.into();
        let near = SAME.max(TimeDelta::from(timeout) / 100 * SAME_PER_CENT);
        if (ended.time - deadline).abs() <= near {
            return None;
        }
    }
    Some((code, ended))
}

/// The close of a connection without a GOAWAY, and how quiet it was.
fn close(
    view: &ServerView<'_>,
    record: &ConnectionRecord,
    rpcs: &[Rpc],
) -> Option<(Close, QuietClose)> {
    let (close, quiet) = (record.close?, record.quiet_close?);
    if abrupt_close::goaway_before(record).is_some()
        || record.missing.bytes > 0
        || keepalive_timeout::lost_contact(record).is_some()
    {
        return None;
    }
    // A client may close what it does not need.
    let cut = rpcs.iter().any(|rpc| is_cut(view, rpc));
    let told = close.by == Direction::ServerToClient || cut;
    told.then_some((close, quiet))
}

pub(super) fn is_cut(view: &ServerView<'_>, rpc: &Rpc) -> bool {
    rpc.verdict == Verdict::CutByClose && view.shows(rpc)
}

/// Those samples that have the same span, if they are most of all and of different moments.
fn equal(mut samples: Vec<Sample<'_>>) -> Option<Vec<Sample<'_>>> {
    let all = samples.len();
    samples.sort_by_key(|sample| sample.span);
    let same = |one: TimeDelta, other: TimeDelta| {
        (other - one).abs() <= SAME.max(other / 100 * SAME_PER_CENT)
    };
    let mut best = (0, 0);
    let mut begin = 0;
    for (place, sample) in samples.iter().enumerate() {
        while samples
            .get(begin)
            .is_some_and(|first| !same(first.span, sample.span))
        {
            begin += 1;
        }
        if place + 1 - begin > best.1 - best.0 {
            best = (begin, place + 1);
        }
    }
    let mut alike: Vec<_> = samples.drain(best.0..best.1).collect();
    alike.sort_by_key(|sample| sample.ended);
    (alike.len() * 2 > all && events(&alike) > 1).then_some(alike)
}

/// How many different moments samples are of, which are in order of time.
pub(super) fn events(samples: &[Sample<'_>]) -> usize {
    let mut last: Option<Timestamp> = None;
    let mut events = 0;
    for moment in samples.iter().map(|sample| sample.ended.time) {
        if last.is_none_or(|last| moment - last > ONE_EVENT) {
            events += 1;
        }
        last = Some(moment);
    }
    events
}
