//! What a server's configuration must be, from its behaviour on the wire alone.
//!
//! In: the records of its connections. Out: [`Inferred`], in which `None` says that the capture
//! does not show it; defaults from documentation are not filled in.

pub(in crate::inspect) mod goaway_cause;
mod grace;
pub(in crate::inspect) mod nominal;
mod ordered;
pub(super) mod silent_age;

use std::net::SocketAddr;
use std::sync::Arc;

use super::connection::record::{ConnectionRecord, Finished};
use super::peer::confidence::Confidence;
use super::peer::server::{self as stack, ServerStack, Stack};
use super::traffic::ping::keepalive::PingWaits;
use crate::capture::TimeDelta;
use crate::decode::Direction;
use crate::names::Name;
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
    /// Who has had the address, one after the other: known once an analysis has ended.
    pub names: Vec<Arc<Name>>,
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
    /// After what age it closes connections without any GOAWAY, calls or not.
    pub silent_age: Option<Estimate>,
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
        let stack = stack::of(connections);
        let kind = kind_of(stack.as_ref());
        let goaway_causes = goaway_cause::explain(connections, kind);
        let because = |cause: Cause| -> Vec<_> {
            let records = connections.iter().map(|finished| &finished.record);
            let explained = records.filter_map(|record| {
                let goaway = of_connection(&goaway_causes, record.number)?;
                (goaway.cause == cause).then_some((record, goaway.confidence))
            });
            explained.collect()
        };
        let waits = |by: Direction| {
            let waits = connections.iter();
            keepalive_time(waits.filter_map(move |finished| finished.record.keepalive.waits[by]))
        };
        let stopped = |record: &ConnectionRecord| {
            let goaway = of_connection(&goaway_causes, record.number);
            goaway.is_some_and(|goaway| goaway.cause == Cause::Stop)
        };
        let graces = connections
            .iter()
            .filter(|finished| !stopped(&finished.record))
            .filter_map(|finished| grace::of(finished, stack.as_ref()))
            .collect();
        Self {
            max_connection_age: age(&because(Cause::Age)),
            max_connection_age_grace: exact(graces),
            max_connection_idle: idle(&because(Cause::Idle), kind),
            silent_age: silent_age::of(connections, kind),
            keepalive_time: waits(Direction::ServerToClient),
            client_keepalive_time: waits(Direction::ClientToServer),
            requests_per_connection: requests(&because(Cause::Requests)),
            stack,
            goaway_causes,
        }
    }

    /// Why the server sent GOAWAY on a connection.
    #[must_use]
    pub fn cause(&self, connection: u32) -> Option<Cause> {
        let goaway = of_connection(&self.goaway_causes, connection)?;
        Some(goaway.cause)
    }

    /// Which software it is, of those that rules know, as far as that is more than possible.
    #[must_use]
    pub fn server_stack(&self) -> ServerStack {
        kind_of(self.stack.as_ref())
    }
}

/// The cause that is known of a connection, of causes in the order of their connections.
fn of_connection(goaway_causes: &[GoAwayCause], connection: u32) -> Option<&GoAwayCause> {
    let place = goaway_causes.binary_search_by_key(&connection, |goaway| goaway.connection);
    goaway_causes.get(place.ok()?)
}

fn kind_of(stack: Option<&Stack>) -> ServerStack {
    let shown = stack.filter(|stack| stack.confidence < Confidence::Possible);
    shown.map_or(ServerStack::Other, |stack| stack.kind)
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
        value: nominal::between(low, high).clamp(low, high),
        samples: settings.len() as u64,
        min: low,
        max: high,
        confidence,
    })
}

fn idle(idle: &[(&ConnectionRecord, Confidence)], stack: ServerStack) -> Option<Estimate> {
    let times = idle
        .iter()
        .filter_map(|(record, _)| record.first_goaway()?.idle);
    let confidence = surest(idle)?;
    let times = times.map(TimeDelta::as_secs_f64);
    if stack == ServerStack::Nginx {
        return idle_of_nginx(times.collect(), confidence);
    }
    let estimate = exact(times.collect())?;
    Some(Estimate {
        confidence,
        ..estimate
    })
}

/// A timer that may be early, and is as early as it may be at most.
fn idle_of_nginx(times: Vec<f64>, confidence: Confidence) -> Option<Estimate> {
    let longest = times.iter().copied().reduce(f64::max)?;
    let shortest = times.iter().copied().reduce(f64::min)?;
    let low = longest - (longest * 0.02).max(0.012);
    let high = low.max(shortest + goaway_cause::NGINX_EARLY);
    Some(Estimate {
        value: nominal::between(low, high).clamp(low, high),
        samples: times.len() as u64,
        min: low,
        max: high,
        confidence,
    })
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
    let least = alike().fold(f64::MAX, f64::min);
    let most = alike().fold(0.0, f64::max);
    let value = nominal::behind(least);
    Some(Estimate {
        value,
        samples: count as u64,
        min: least.min(value),
        max: most.max(value),
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
    let least = shortest.shortest.as_secs_f64();
    let most = alike().map(|waits| waits.longest).max()?.as_secs_f64();
    let value = nominal::behind(least);
    Some(Estimate {
        value,
        samples,
        min: least.min(value),
        max: most.max(value),
        confidence: if samples > 2 {
            Confidence::Likely
        } else {
            Confidence::Possible
        },
    })
}

/// The number of requests that all those connections had carried when they were ended.
fn requests(counted: &[(&ConnectionRecord, Confidence)]) -> Option<Estimate> {
    let carried = || {
        let records = counted.iter().map(|(record, _)| *record);
        records.filter_map(goaway_cause::requests)
    };
    let (least, most) = (carried().min()?, carried().max()?);
    let limit = nominal::count(least, most);
    Some(Estimate {
        value: limit as f64,
        samples: counted.len() as u64,
        min: limit as f64,
        max: most as f64,
        confidence: surest(counted)?,
    })
}
