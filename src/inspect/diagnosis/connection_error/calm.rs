//! What a GOAWAY ENHANCE_YOUR_CALM is about.
//!
//! In: its debug data, in the words of the stacks that are known, and what its receiver had sent. Out: one
//! [`Load`], where the words say it or only one was heavy. gRPC's pings are `too-many-pings`' to tell.

use crate::decode::Direction;
use crate::inspect::connection::goaway::GoAway;
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::traffic::floods::FloodKind;

/// So many resets in all weigh; guards against rapid reset begin to count at 20 to 200 (h2, nghttp2, Netty).
const MANY_RESETS: u64 = 20;

/// What its sender had too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::inspect::diagnosis) enum Load {
    Resets,
    Pings,
    Settings,
    Continuations,
    EmptyData,
    Headers,
}

/// Words of debug data, in lower case, and what they mean. What names resets comes first: the words of
/// others occur in it.
const WORDS: [(&str, Load); 12] = [
    // h2 and hyper: too_many_resets, too_many_internal_resets.
    ("reset", Load::Resets),
    // Netty: Maximum number of RST frames reached; grpc-java: too_many_rststreams.
    ("rst", Load::Resets),
    ("ping", Load::Pings),
    ("settings", Load::Settings),
    ("continuation", Load::Continuations),
    // Netty: Maximum number 2 of empty data frames without end_of_stream flag received.
    ("empty data", Load::EmptyData),
    // h2: too_many_data_frames.
    ("data_frames", Load::EmptyData),
    // Envoy: inbound_empty_frames_flood.
    ("empty_frames", Load::EmptyData),
    ("header list", Load::Headers),
    ("header size", Load::Headers),
    ("headers too", Load::Headers),
    ("header block", Load::Headers),
];

/// What the debug data says it is about; `None` where it has no word for it.
pub(in crate::inspect::diagnosis) fn said(goaway: &GoAway) -> Option<Load> {
    let text = String::from_utf8_lossy(&goaway.debug_data).to_ascii_lowercase();
    let words = WORDS.iter().find(|(words, _)| text.contains(words));
    words.map(|(_, load)| *load)
}

/// What its receiver had sent much of, PINGs aside.
pub(in crate::inspect::diagnosis) fn heavy(
    record: &ConnectionRecord,
    goaway: &GoAway,
) -> Vec<Load> {
    let by = goaway.from.reverse();
    let mut heavy = Vec::new();
    let own = record.conformance.resets[by];
    let provoked = match by {
        Direction::ClientToServer => record.conformance.violations.iter(),
        Direction::ServerToClient => [].iter(),
    };
    let provoked: u64 = provoked.map(|violation| violation.reset.len() as u64).sum();
    if own + provoked >= MANY_RESETS {
        heavy.push(Load::Resets);
    }
    for burst in record.traffic.bursts.iter().filter(|burst| burst.by == by) {
        let load = match burst.kind {
            FloodKind::RapidReset | FloodKind::ProvokedReset => Load::Resets,
            FloodKind::Continuation => Load::Continuations,
            FloodKind::Settings => Load::Settings,
            FloodKind::Ping => Load::Pings,
            FloodKind::EmptyData => Load::EmptyData,
        };
        if !heavy.contains(&load) {
            heavy.push(load);
        }
    }
    if !record.conformance.large_lists.is_empty() {
        heavy.push(Load::Headers);
    }
    heavy
}

/// The one that it is about, if that can be told.
pub(super) fn load(record: &ConnectionRecord, goaway: &GoAway) -> Option<Load> {
    said(goaway).or_else(|| match heavy(record, goaway).as_slice() {
        [one] => Some(*one),
        _ => None,
    })
}
