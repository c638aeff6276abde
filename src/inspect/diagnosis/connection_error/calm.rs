//! What a GOAWAY ENHANCE_YOUR_CALM is about.
//!
//! In: its debug data, in the words of the stacks that are known, and what its receiver had sent. Out: one
//! [`Burden`], where the words say it or only one was heavy. gRPC's pings are `too-many-pings`' to tell.

use crate::decode::Direction;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::traffic::floods::FloodKind;

/// So many resets in all weigh; guards against rapid reset begin to count at 20 to 200 (h2, nghttp2, Netty).
const MANY_RESETS: u64 = 20;

/// What its sender had too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inspect::diagnosis) enum Burden {
    Resets,
    Pings,
    Settings,
    Continuations,
    EmptyData,
    Headers,
}

/// Words of debug data, in lower case, and what they mean. What names resets comes first: the words of
/// others occur in it.
const WORDS: [(&str, Burden); 12] = [
    // h2 and hyper: too_many_resets, too_many_internal_resets.
    ("reset", Burden::Resets),
    // Netty: Maximum number of RST frames reached; grpc-java: too_many_rststreams.
    ("rst", Burden::Resets),
    ("ping", Burden::Pings),
    ("settings", Burden::Settings),
    ("continuation", Burden::Continuations),
    // Netty: Maximum number 2 of empty data frames without end_of_stream flag received.
    ("empty data", Burden::EmptyData),
    // h2: too_many_data_frames.
    ("data_frames", Burden::EmptyData),
    // Envoy: inbound_empty_frames_flood.
    ("empty_frames", Burden::EmptyData),
    ("header list", Burden::Headers),
    ("header size", Burden::Headers),
    ("headers too", Burden::Headers),
    ("header block", Burden::Headers),
];

/// What the debug data says it is about; `None` where it has no word for it.
pub(in crate::inspect::diagnosis) fn said(goaway: &GoAway) -> Option<Burden> {
    let text = String::from_utf8_lossy(&goaway.debug_data).to_ascii_lowercase();
    let words = WORDS.iter().find(|(words, _)| text.contains(words));
    words.map(|(_, load)| *load)
}

/// What its receiver had sent much of, PINGs aside.
pub(in crate::inspect::diagnosis) fn heavy(
    record: &ConnectionRecord,
    goaway: &GoAway,
) -> Vec<Burden> {
    let by = goaway.from.reverse();
    let mut heavy = Vec::new();
    let own = record.conformance.resets[by];
    let provoked = match by {
        Direction::ClientToServer => record.conformance.violations.iter(),
        Direction::ServerToClient => [].iter(),
    };
    let provoked: u64 = provoked.map(|violation| violation.reset.len() as u64).sum();
    if own + provoked >= MANY_RESETS {
        heavy.push(Burden::Resets);
    }
    for burst in record.traffic.bursts.iter().filter(|burst| burst.by == by) {
        let load = match burst.kind {
            FloodKind::RapidReset | FloodKind::ProvokedReset => Burden::Resets,
            FloodKind::Continuation => Burden::Continuations,
            FloodKind::Settings => Burden::Settings,
            FloodKind::Ping => Burden::Pings,
            FloodKind::EmptyData => Burden::EmptyData,
        };
        if !heavy.contains(&load) {
            heavy.push(load);
        }
    }
    if !record.conformance.large_lists.is_empty() {
        heavy.push(Burden::Headers);
    }
    heavy
}

/// The one that it is about, if that can be told.
pub(super) fn load(record: &ConnectionRecord, goaway: &GoAway) -> Option<Burden> {
    said(goaway).or_else(|| match heavy(record, goaway).as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}
