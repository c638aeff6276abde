//! At which hop calls through a proxy died, added to whatever finding names them.
//!
//! In: a finding of a server that is a proxy, where the capture shows both of its sides. Out: the same, which says
//! where behind it, or before it, its calls ended, with the packets. The rules themselves know nothing of proxies.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::{Finding, ServerView};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::tcp::Ending;
use crate::inspect::stream::hops::{FailedHop, Hops};
use crate::inspect::stream::rpc::{CallId, Rpc, Verdict};
use crate::units::count;

/// How many calls of a hop are cited.
const CITED_OF_HOP: usize = 2;

/// How many hops are told one by one.
const TOLD: usize = 4;

/// What calls that failed at one hop have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Hop {
    Connect(SocketAddr),
    Cut(SocketAddr, bool),
    Reset(SocketAddr),
    Refused(SocketAddr),
    Beyond(SocketAddr),
    Answered(SocketAddr),
    GivenUp,
    ByItself,
    AnswerLost,
    NotPassedOn,
    AnsweredTooLate,
    AwaitedByClient,
    NotPassedOnForClient,
}

/// Calls, each with the packet that shows at which hop it failed, if one does.
type CallsOfHop<'a> = Vec<(&'a Rpc, Option<Stamp>)>;

/// The calls that failed at each hop.
type ByHop<'a> = BTreeMap<Hop, CallsOfHop<'a>>;

/// Adds to a finding at which hop its calls failed.
pub(super) fn tell(finding: &mut Finding, view: &ServerView<'_>) {
    let mut hops = ByHop::new();
    // As a rule they follow each other as they do on their connections: few have to be searched for.
    let mut rest: &[Rpc] = &[];
    let rpcs = finding.rpcs.iter().filter_map(|call| {
        if rest.first().is_none_or(|next| next.id != *call) {
            rest = rpcs_from(view, *call)?;
        }
        let (rpc, following) = rest.split_first()?;
        rest = following;
        Some(rpc)
    });
    for rpc in rpcs {
        let failed = rpc.hops.as_deref().and_then(|hops| hops.failed_at.as_ref());
        if let Some(failed) = failed {
            let (hop, stamp) = Hop::of(failed, rpc);
            hops.entry(hop).or_default().push((rpc, stamp));
        }
    }
    if hops.is_empty() {
        return;
    }
    let mut hops: Vec<_> = hops.into_iter().collect();
    hops.sort_by_key(|(_, calls)| std::cmp::Reverse(calls.len()));
    if let [(hop, calls)] = hops.as_slice()
        && calls.len() == finding.rpcs.len()
        && let Some(short) = hop.short()
    {
        finding.title = format!("{}; {short}", finding.title);
    }
    let told = hops.iter().take(TOLD);
    let mut told: Vec<_> = told
        .map(|(hop, calls)| format!("{} × {}", count(calls.len()), hop.words()))
        .collect();
    let others: usize = hops.iter().skip(TOLD).map(|(_, calls)| calls.len()).sum();
    if others > 0 {
        told.push(format!("{} × at other hops", count(others)));
    }
    finding.explanation = format!(
        "{} This server is a proxy, of which the capture shows both sides: {}.{}",
        finding.explanation,
        told.join("; "),
        held(&hops),
    );
    for (hop, calls) in &hops {
        for (rpc, stamp) in calls.iter().take(CITED_OF_HOP) {
            if stamp.is_some() {
                finding.evidence.push(super::Evidence {
                    stamp: *stamp,
                    text: evidence(*hop, rpc),
                });
            }
        }
    }
    let upstream = hops.first().and_then(|(hop, _)| hop.upstream());
    if let Some(upstream) = upstream {
        let advice =
            format!("Upstream: look at {upstream}, which is where these ended, before the proxy");
        finding.advice.insert(0, advice);
    }
}

/// The calls of a connection from this one on.
fn rpcs_from<'a>(view: &ServerView<'a>, call: CallId) -> Option<&'a [Rpc]> {
    let rpcs = &view.connection(call.connection)?.rpcs;
    let place = rpcs.binary_search_by_key(&call.stream, |rpc| rpc.id.stream);
    rpcs.get(place.ok()?..)
}

/// The call behind the proxy that shows at which hop a call ended.
fn behind(rpc: &Rpc) -> Option<CallId> {
    rpc.hops.as_deref()?.failed_at?.call()
}

fn evidence(hop: Hop, rpc: &Rpc) -> String {
    let CallId { connection, stream } = rpc.id;
    match behind(rpc) {
        Some(call) => format!(
            "stream {connection}:{stream} was passed on as {}:{}: {}",
            call.connection,
            call.stream,
            hop.words()
        ),
        None => format!("stream {connection}:{stream}: {}", hop.words()),
    }
}

/// Whether the call behind the proxy was over before that which it was made for.
fn was_answered(rpc: &Rpc) -> bool {
    let last = rpc
        .hops
        .as_deref()
        .and_then(|hops| hops.forwarded_as.last());
    last.and_then(|last| last.returned)
        .is_some_and(|returned| returned >= TimeDelta::ZERO)
}

/// How long the proxy waited for what it gave up, where that is all that happened.
fn held(hops: &[(Hop, CallsOfHop<'_>)]) -> String {
    let calls = hops
        .iter()
        .filter(|(hop, _)| *hop == Hop::GivenUp)
        .flat_map(|(_, calls)| calls);
    let waits = calls.filter_map(|(rpc, _)| {
        let hops: &Hops = rpc.hops.as_deref()?;
        let held = hops.forwarded_as.last()?.held?;
        Some(rpc.duration()? - held)
    });
    match crate::units::spread(waits) {
        Some(waits) => format!(" It gave up after {waits}."),
        None => String::new(),
    }
}

impl Hop {
    fn of(failed: &FailedHop, rpc: &Rpc) -> (Self, Option<Stamp>) {
        match *failed {
            FailedHop::Client(Some(_)) if was_answered(rpc) => (Self::AnsweredTooLate, None),
            FailedHop::Client(Some(_)) => (Self::AwaitedByClient, None),
            FailedHop::Client(None) => (Self::NotPassedOnForClient, None),
            FailedHop::Downstream(Some(_)) => (Self::AnswerLost, None),
            FailedHop::Downstream(None) => (Self::NotPassedOn, None),
            FailedHop::Proxy(Some(_)) => (Self::GivenUp, None),
            FailedHop::Proxy(None) => (Self::ByItself, None),
            FailedHop::Connect {
                upstream, stamp, ..
            } => (Self::Connect(upstream), Some(stamp)),
            FailedHop::Upstream(failure) => {
                let upstream = failure.upstream;
                let hop = match failure.verdict {
                    Verdict::Refused => Self::Refused(upstream),
                    Verdict::BeyondLastStreamId => Self::Beyond(upstream),
                    Verdict::CutByClose => Self::Cut(upstream, failure.ending == Some(Ending::Rst)),
                    _ => Self::Reset(upstream),
                };
                (hop, failure.stamp)
            }
            FailedHop::Server {
                upstream, stamp, ..
            } => (Self::Answered(upstream), stamp),
        }
    }

    const fn upstream(self) -> Option<SocketAddr> {
        match self {
            Self::Connect(upstream)
            | Self::Cut(upstream, _)
            | Self::Reset(upstream)
            | Self::Refused(upstream)
            | Self::Beyond(upstream)
            | Self::Answered(upstream) => Some(upstream),
            _ => None,
        }
    }

    fn words(self) -> String {
        match self {
            Self::Connect(upstream) => {
                format!("its connects to the upstream {upstream} were refused")
            }
            Self::Cut(upstream, reset) => format!(
                "its upstream connection was cut by {upstream} ({})",
                if reset { "RST" } else { "FIN" }
            ),
            Self::Reset(upstream) => format!("the upstream {upstream} reset its call (RST_STREAM)"),
            Self::Refused(upstream) => {
                format!("the upstream {upstream} refused its call (REFUSED_STREAM)")
            }
            Self::Beyond(upstream) => {
                format!("its call was above the last stream id of the upstream {upstream}'s GOAWAY")
            }
            Self::Answered(upstream) => format!("the upstream {upstream} answered so"),
            Self::GivenUp => "the proxy ended it while its upstream was still at work".to_owned(),
            Self::ByItself => "the proxy answered by itself, without passing it on".to_owned(),
            Self::AnswerLost => {
                "the upstream had answered, and the answer ended between proxy and client"
                    .to_owned()
            }
            Self::NotPassedOn => "ended before the proxy passed it on".to_owned(),
            Self::AnsweredTooLate => "the upstream had answered when its client gave up".to_owned(),
            Self::AwaitedByClient => "its client gave up while the upstream was at work".to_owned(),
            Self::NotPassedOnForClient => {
                "its client gave up before the proxy had passed it on".to_owned()
            }
        }
    }

    /// What a title has room for.
    fn short(self) -> Option<String> {
        Some(match self {
            Self::Connect(upstream) => format!("its upstream {upstream} refused connections"),
            Self::Cut(upstream, _) => format!("its upstream connection was cut by {upstream}"),
            Self::Reset(upstream) | Self::Refused(upstream) | Self::Beyond(upstream) => {
                format!("its upstream {upstream} ended them")
            }
            Self::Answered(upstream) => format!("its upstream {upstream} answered so"),
            Self::GivenUp => "its upstream was still at work".to_owned(),
            _ => return None,
        })
    }
}
