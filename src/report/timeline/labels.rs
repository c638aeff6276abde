//! How lines and diagrams name things.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ways::WayFate;
use crate::capture::TimeDelta;
use crate::decode::http2::StreamId;
use crate::inspect::{GoAway, Processed, Race, Rpc, Verdict};
use crate::report::escape;
use crate::report::redact::SecretDisplay;
use crate::report::words;

/// `0:2121`.
pub(super) fn call(rpc: &Rpc) -> String {
    format!("{}:{}", rpc.id.connection, rpc.id.stream)
}

/// The method as it may be printed.
pub(super) fn method(rpc: &Rpc, secrets: SecretDisplay) -> String {
    match secrets.method(rpc) {
        Some(method) => escape::terminal(&method),
        None => "(method unknown)".to_owned(),
    }
}

/// ` x-request-id=7`, for each header that was asked for and is there.
pub(super) fn headers(rpc: &Rpc, secrets: SecretDisplay) -> String {
    let mut out = String::new();
    for header in &rpc.headers {
        let name = escape::terminal(&header.name);
        for value in header.values.iter().flatten() {
            let value = escape::terminal(&secrets.value(&header.name, value));
            out.push_str(&format!(" {name}={value}"));
        }
    }
    out
}

/// `last stream id 399, NO_ERROR, "max_age"`.
pub(super) fn goaway(goaway: &GoAway) -> String {
    let last = match goaway.last_stream_id {
        StreamId::MAX => "2^31-1".to_owned(),
        id => id.to_string(),
    };
    let mut words = format!("last stream id {last}, {}", goaway.error);
    if !goaway.debug_data.is_empty() {
        words.push_str(&format!(", \"{}\"", escape::terminal(&goaway.debug_data)));
    }
    words
}

/// How long a call took; `None` where its end is not after its beginning, or not known.
pub(super) fn took(rpc: &Rpc) -> Option<TimeDelta> {
    let took = rpc.duration()?;
    (took > TimeDelta::ZERO).then_some(took)
}

/// The words of all reports for what the page's data holds by name, and of verdicts in their order.
#[derive(Debug, Serialize)]
pub(super) struct PageWords {
    verdicts: [&'static str; VERDICTS],
    meanings: [&'static str; VERDICTS],
    retry: BTreeMap<&'static str, &'static str>,
    race: BTreeMap<&'static str, &'static str>,
    /// What became of what one end sent: in a word, and in full.
    ways: BTreeMap<&'static str, [&'static str; 2]>,
}

const VERDICTS: usize = Verdict::ALL.len();

impl PageWords {
    pub(super) fn new() -> Self {
        let retry = [Processed::No, Processed::Maybe, Processed::Yes];
        let race = [Race::InFlight, Race::AfterReceipt, Race::Unknown];
        Self {
            verdicts: Verdict::ALL.map(words::verdict),
            meanings: Verdict::ALL.map(words::verdict_meaning),
            retry: BTreeMap::from(
                retry.map(|processed| (processed.name(), words::retry(processed))),
            ),
            race: BTreeMap::from(race.map(|race| (race.name(), words::race(race)))),
            ways: BTreeMap::from(
                WayFate::ALL.map(|fate| (fate.name(), [fate.brief(), fate.words()])),
            ),
        }
    }
}
