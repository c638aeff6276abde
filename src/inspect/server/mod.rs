//! What a server's configuration must be, from its behaviour on the wire alone.
//!
//! In: the records of its connections. Out: [`Inferred`], in which `None` says that the capture
//! does not show it; defaults from documentation are not filled in.

pub(in crate::inspect) mod goaway_cause;
pub(in crate::inspect) mod nominal;

use std::net::SocketAddr;

use super::connection::record::{ConnectionRecord, Finished};
use super::peer::confidence::Confidence;
use super::peer::server::{self as stack, ServerStack, Stack};
use super::stream::rpc::Verdict;
use super::traffic::ping::keepalive::PingWaits;
use crate::capture::TimeDelta;
use crate::decode::Direction;
use goaway_cause::{Cause, GoAwayCause};

/// What is known of one server address.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Server {
    /// The address and port that clients connected to.
    pub address: SocketAddr,
    /// How many connections to it counted.
    pub connections: u64,
    /// What its settings must be.
    pub inferred: Inferred,
}

/// A setting, with what it was taken from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The round figure that fits, or the measured one; times in seconds.
    pub value: f64,
    /// How many connections or PINGs showed it.
    pub samples: u64,
    /// The least that fits what was measured; times in seconds.
    pub min: f64,
    /// The most that fits what was measured; times in seconds.
    pub max: f64,
    /// How sure the value is, by how many samples agree.
    pub confidence: Confidence,
}

/// A server's settings, each `None` where the capture cannot show it.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Inferred {
    /// After what age it ends connections.
    pub max_connection_age: Option<Estimate>,
    /// How long it then waits for calls before it cuts them.
    pub max_connection_age_grace: Option<Estimate>,
    /// After how long without streams it ends connections.
    pub max_connection_idle: Option<Estimate>,
    /// How long it receives nothing before it sends a keepalive PING.
    pub keepalive_time: Option<Estimate>,
    /// The same of its clients: the shortest one's.
    pub client_keepalive_time: Option<Estimate>,
    /// How many requests it takes on a connection.
    pub requests_per_connection: Option<Estimate>,
    /// Its software, by headers, PINGs and GOAWAYs.
    pub stack: Option<Stack>,
    /// Why it sent GOAWAY, where that can be inferred, by connection.
    pub goaway_causes: Vec<GoAwayCause>,
}

impl Inferred {
    /// Infers a server's settings from its connections.
    #[must_use]
    pub fn of(connections: &[&Finished]) -> Self {
        let goaway_causes = goaway_cause::explain(connections);
        let because = |cause: Cause| -> Vec<_> {
            let of_cause = goaway_causes
                .iter()
                .filter(move |goaway| goaway.cause == cause);
            let record = |goaway: &GoAwayCause| {
                let mut records = connections.iter().map(|finished| &finished.record);
                records.find(|record| record.number == goaway.connection)
            };
            of_cause
                .filter_map(|goaway| Some((record(goaway)?, goaway.confidence)))
                .collect()
        };
        let waits = |by: Direction| {
            let waits = connections.iter();
            keepalive_time(waits.filter_map(move |finished| finished.record.keepalive.waits[by]))
        };
        let stopped = |record: &ConnectionRecord| {
            let stop = |goaway: &GoAwayCause| {
                goaway.connection == record.number && goaway.cause == Cause::Stop
            };
            goaway_causes.iter().any(stop)
        };
        let graces = connections.iter().map(|finished| &finished.record);
        let graces = graces
            .filter(|record| !stopped(record))
            .filter_map(grace)
            .collect();
        Self {
            max_connection_age: age(&because(Cause::Age)),
            max_connection_age_grace: exact(graces),
            max_connection_idle: idle(&because(Cause::Idle)),
            keepalive_time: waits(Direction::ServerToClient),
            client_keepalive_time: waits(Direction::ClientToServer),
            requests_per_connection: requests(&because(Cause::Requests)),
            stack: stack::of(connections),
            goaway_causes,
        }
    }

    /// Why the server sent GOAWAY on a connection.
    #[must_use]
    pub fn cause(&self, connection: u32) -> Option<Cause> {
        let mut goaway_causes = self.goaway_causes.iter();
        let goaway = goaway_causes.find(|goaway| goaway.connection == connection)?;
        Some(goaway.cause)
    }

    /// Which software it is, of those that rules know, as far as that is more than possible.
    #[must_use]
    pub fn server_stack(&self) -> ServerStack {
        let stack = self.stack.as_ref();
        let shown = stack.filter(|stack| stack.confidence < Confidence::Possible);
        shown.map_or(ServerStack::Other, |stack| stack.kind)
    }
}

fn surest(of: &[(&ConnectionRecord, Confidence)]) -> Option<Confidence> {
    of.iter().map(|(_, confidence)| *confidence).min()
}

/// The setting that all ages share within the jitter.
fn age(aged: &[(&ConnectionRecord, Confidence)]) -> Option<Estimate> {
    let settings: Vec<_> = aged
        .iter()
        .filter_map(|(record, _)| goaway_cause::age(record))
        .map(goaway_cause::setting)
        .collect();
    let (mut low, mut high) = settings
        .iter()
        .copied()
        .reduce(|one, other| (one.0.max(other.0), one.1.min(other.1)))?;
    if low > high {
        (low, high) = (high, low);
    }
    let mut confidence = surest(aged)?;
    if confidence == Confidence::Possible && nominal::has_common(low, high) {
        confidence = Confidence::Likely;
    }
    Some(Estimate {
        value: nominal::between(low, high),
        samples: settings.len() as u64,
        min: low,
        max: high,
        confidence,
    })
}

fn idle(idle: &[(&ConnectionRecord, Confidence)]) -> Option<Estimate> {
    let times = idle
        .iter()
        .filter_map(|(record, _)| record.first_goaway?.idle);
    let estimate = exact(times.map(TimeDelta::as_secs_f64).collect())?;
    let confidence = surest(idle)?;
    Some(Estimate {
        confidence,
        ..estimate
    })
}

/// From the first GOAWAY to the server's close, where calls were cut by it.
fn grace(record: &ConnectionRecord) -> Option<f64> {
    let (first, closed) = record.closed_after_grace()?;
    let cut = record.verdicts.of(Verdict::CutByClose) > 0;
    let waited = closed.time - first.stamp.time;
    (cut && waited > TimeDelta::ZERO).then(|| waited.as_secs_f64())
}

/// What exact timers were set to: the figure behind most of the times measured, if most agree.
fn exact(mut times: Vec<f64>) -> Option<Estimate> {
    times.sort_by(f64::total_cmp);
    let middle = *times.get(times.len().checked_sub(1)? / 2)?;
    let reach = (middle * 0.05).max(0.03);
    let alike = || {
        times
            .iter()
            .copied()
            .filter(|time| (time - middle).abs() <= reach)
    };
    let count = alike().count();
    if count * 2 <= times.len() {
        return None;
    }
    let min = alike().fold(f64::MAX, f64::min);
    let max = alike().fold(0.0, f64::max);
    Some(Estimate {
        value: nominal::behind(min),
        samples: count as u64,
        min,
        max,
        confidence: if count > 1 {
            Confidence::Likely
        } else {
            Confidence::Possible
        },
    })
}

/// The shortest wait before a PING, if it was waited more than once.
fn keepalive_time(waits: impl Iterator<Item = PingWaits> + Clone) -> Option<Estimate> {
    let shortest = waits.clone().min_by_key(|waits| waits.shortest)?;
    let reach = shortest.longest + shortest.longest / 20;
    let alike = || waits.clone().filter(|waits| waits.shortest <= reach);
    let samples: u64 = alike().map(|waits| waits.count).sum();
    if samples < 2 {
        return None;
    }
    let min = shortest.shortest.as_secs_f64();
    let longest = alike().map(|waits| waits.longest).max()?;
    Some(Estimate {
        value: nominal::behind(min),
        samples,
        min,
        max: longest.as_secs_f64(),
        confidence: if samples > 2 {
            Confidence::Likely
        } else {
            Confidence::Possible
        },
    })
}

/// A last stream id of 2n−1 is the n-th request.
fn requests(counted: &[(&ConnectionRecord, Confidence)]) -> Option<Estimate> {
    let lasts = counted
        .iter()
        .filter_map(|(record, _)| record.final_goaway());
    let limit = lasts
        .map(|goaway| f64::from(goaway.last_stream_id.0.div_ceil(2)))
        .reduce(f64::max)?;
    Some(Estimate {
        value: limit,
        samples: counted.len() as u64,
        min: limit,
        max: limit,
        confidence: surest(counted)?,
    })
}
