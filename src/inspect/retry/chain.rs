//! Which attempt followed which.
//!
//! In: attempts of one client that share an id, or that are equal, in order of time. Out: links between them.
//!
//! Two requests are taken for attempts of one call if the first had died when the second was opened, no third
//! is equal to them at a time that would confuse the two, and they share more than what they say: a request
//! id, a mark, the moment of their deadline, or a gap too short for chance.

use super::super::stream::attempt::Attempt;
use super::super::stream::fingerprint::IdKind;
use super::Links;
use crate::capture::TimeDelta;

/// Attempts further apart than this are not linked.
const LINKED_WITHIN: TimeDelta = TimeDelta::from_secs(30);

/// Two attempts of one call share its deadline to within this: the time that bytes wait in sockets, and
/// for a lost packet to be sent again.
const SAME_DEADLINE: TimeDelta = TimeDelta::from_millis(300);

/// Without a deadline to compare, a retry must follow this soon: gRPC's first backoff.
const PROMPT: TimeDelta = TimeDelta::from_secs(1);

/// What the server did not process is repeated this soon.
const AT_ONCE: TimeDelta = TimeDelta::from_millis(100);

/// Without an id or a deadline to compare, a body must have this many bytes to be distinctive.
const DISTINCTIVE_BODY: u64 = 16;

/// How many proxies in a row a capture may show: those of both sides' meshes, and a gateway.
const MAX_HOPS: usize = 4;

/// Links attempts that share an id. Those that a proxy makes of one of them, behind it, are attempts of their own kind.
pub(super) fn of_one_id(attempts: &[&Attempt], links: &mut Links) {
    let mut rest = attempts.to_vec();
    for _ in 0..MAX_HOPS {
        let (before, behind) = hops(&rest);
        link_chain(&before, links);
        if behind.is_empty() {
            return;
        }
        rest = behind;
    }
}

/// Separates attempts from those that lie within one of them in time, on another connection: the same request, passed
/// on.
///
/// ```text
/// client to proxy  |------- a -------|   |------- c -------|
/// proxy to server      |--- b ---|           |--- d ---|
/// ```
fn hops<'a>(attempts: &[&'a Attempt]) -> (Vec<&'a Attempt>, Vec<&'a Attempt>) {
    let (mut before, mut behind): (Vec<&Attempt>, Vec<&Attempt>) = (Vec::new(), Vec::new());
    for attempt in attempts {
        let within = before.last().is_some_and(|last| {
            let ends = last.ended.zip(attempt.ended);
            attempt.call.connection != last.call.connection
                && ends.is_some_and(|(outer, inner)| attempt.opened < outer && inner <= outer)
        });
        match within {
            true => behind.push(*attempt),
            false => before.push(*attempt),
        }
    }
    (before, behind)
}

/// Links equal requests: those that the server sent elsewhere, and, where an id cannot be read on every
/// attempt, all of them if that leaves no doubt.
pub(super) fn of_equal(attempts: &[&Attempt], links: &mut Links) {
    misdirected(attempts, links);
    if attempts
        .iter()
        .any(|attempt| attempt.identity.call_id().is_none())
    {
        link_chain(attempts, links);
    }
}

/// A client repeats on another connection what was answered with 421, and nothing else makes it do so.
fn misdirected(attempts: &[&Attempt], links: &mut Links) {
    for (place, lost) in attempts.iter().enumerate() {
        let Some(answered) = lost.lost().filter(|_| lost.misdirected) else {
            continue;
        };
        // Whatever was opened between is another call of the same kind.
        let next = attempts
            .get(place + 1)
            .filter(|next| next.opened >= answered);
        let repeated = next.filter(|next| {
            next.call.connection != lost.call.connection && next.opened - answered <= PROMPT
        });
        if let Some(next) = repeated {
            let by = "421 Misdirected Request, the same on another connection".to_owned();
            links.insert(lost.call, (**next, by));
        }
    }
}

/// Links attempts in a row, unless any two of them could be calls of their own.
fn link_chain(chain: &[&Attempt], links: &mut Links) {
    let pairs = chain.iter().zip(chain.iter().skip(1));
    let linked: Option<Vec<_>> = pairs
        .map(|(lost, next)| same_call(lost, next).map(|by| (lost.call, **next, by)))
        .collect();
    for (lost, next, by) in linked.unwrap_or_default() {
        links.insert(lost, (next, by));
    }
}

/// By what two attempts are known for the same call, if they are.
fn same_call(lost: &Attempt, next: &Attempt) -> Option<String> {
    let since = next.opened - lost.lost()?;
    if !(TimeDelta::ZERO..=LINKED_WITHIN).contains(&since) {
        return None;
    }
    let body = format!("equal request of {} bytes", next.identity.body_length);
    match (lost.identity.call_id(), next.identity.call_id()) {
        (Some((one, kind)), Some((other, _))) if one == other => {
            return by_id(lost, next, kind, &body);
        }
        (Some(_), Some(_)) => return None,
        _ => {}
    }
    if next.identity.is_retry {
        return Some(format!("grpc-previous-rpc-attempts, {body}"));
    }
    match lost.deadline.zip(next.deadline) {
        Some((one, other)) if (one - other).abs() <= SAME_DEADLINE => {
            Some(format!("{body}, same deadline"))
        }
        Some(_) => None,
        None => {
            let distinctive = next.identity.body_length >= DISTINCTIVE_BODY;
            let prompt = distinctive && since <= PROMPT;
            // Nothing of it was processed, and every library repeats that by itself.
            let at_once = lost.is_unprocessed() && since <= AT_ONCE;
            (prompt || at_once)
                .then(|| format!("{body}, {} ms later", since.as_nanos() / 1_000_000))
        }
    }
}

/// The same of two that share an id: the first may have died before its body was through.
fn by_id(lost: &Attempt, next: &Attempt, kind: IdKind, body: &str) -> Option<String> {
    let (sent, whole) = (lost.identity.body_length, next.identity.body_length);
    let name = kind.name();
    if lost.identity.request == next.identity.request {
        return Some(format!("{name}, {body}"));
    }
    match sent {
        0 => Some(format!("{name}; of the first nothing but HEADERS was sent")),
        _ if kind == IdKind::Request && sent < whole => Some(format!(
            "{name}; of the first {sent} bytes of {whole} were sent"
        )),
        _ => None,
    }
}
