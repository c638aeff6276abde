//! `flow-control-stall`: a sender had a window with no room and waited.

use std::cmp::Reverse;

use super::super::peer::client::Client;
use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::SettingId;
use crate::decode::{Direction, PerSide};
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::{CallId, Rpc};
use crate::inspect::traffic::flow_control::{ShutBy, Stall, Waits, Window};
use crate::inspect::traffic::window_holders::Parties;
use crate::units::{count, counted, duration};

/// A shorter wait is not worth a word by itself.
const LONG: TimeDelta = TimeDelta::from_millis(100);

/// A wait of less than so many round trips is the window being small for the path, as every transfer
/// begins; only many of them matter.
const LONG_ROUND_TRIPS: i64 = 2;

/// So many round trips without a grant, and the receiver is not reading.
const UNREAD_ROUND_TRIPS: i64 = 4;

/// Many short waits matter when they take this long together …
const LONG_TOGETHER: TimeDelta = TimeDelta::from_secs(1);

/// … and are this many: a transfer that begins slowly waits a few times.
const MANY: u64 = 10;

/// How many streams are named in a sentence.
const NAMED: usize = 5;

pub(super) const RULE: Rule = Rule {
    name: "flow-control-stall",
    meaning: "a sender had a window with no room and waited: at least 100 ms and two round trips at once, \
              or a second in all",
    evidence: "The DATA or SETTINGS that left the window with no room, and the WINDOW_UPDATE that ended the wait.",
    fixes: &[
        "Find the reader that does not read",
        "Upgrade a library that does not return the credit of streams it has reset",
        "grpc-go: InitialWindowSize and InitialConnWindowSize for long fat networks",
        "By stack: grpc-java: flowControlWindow; C-core: grpc.http2.lookahead_bytes; tonic: initial_stream_window_size, initial_connection_window_size; Envoy: initial_stream_window_size, initial_connection_window_size; nginx: http2_body_preread_size",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

/// What one side of a connection waited.
struct StalledSide<'a> {
    record: &'a ConnectionRecord,
    waits: &'a Waits,
    /// The longest wait.
    worst: &'a Stall,
    /// The least one seen; zero where none was.
    round_trip: TimeDelta,
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|connection| &connection.record);
    let mut sides: Vec<_> = records.flat_map(stalled_sides).collect();
    sides.sort_by_key(|side| (Reverse(side.worst.lasted), side.record.number));
    let worst = sides.first()?.worst;
    let mut connections: Vec<_> = sides.iter().map(|side| side.record.number).collect();
    connections.sort_unstable();
    connections.dedup();
    Some(Finding {
        severity: Severity::Warning,
        confidence: match worst.opened {
            Some(_) => Confidence::Certain,
            None => Confidence::Likely,
        },
        title: format!(
            "the {} waited {} before a {} on {} to {}",
            worst.sender.sender(),
            duration(worst.lasted),
            window(worst),
            counted(connections.len(), "connection"),
            view.server,
        ),
        connections,
        rpcs: calls(&sides),
        evidence: evidence(&sides),
        explanation: explanation(&sides),
        advice: advice(&sides),
        ..Finding::of_rule(RULE.name)
    })
}

/// Whether a call ended while it waited before a window with no room.
pub(super) fn ended_in(record: &ConnectionRecord, rpc: &Rpc) -> bool {
    let deadline = || Some(rpc.opened?.time + rpc.timeout?.into());
    let ended: Option<Timestamp> = rpc.ended.map(|ended| ended.time).or_else(deadline);
    let waited = |stall: &Stall| {
        let until = stall.filled.time + stall.lasted;
        ended.is_some_and(|ended| stall.filled.time <= ended && ended <= until)
            && streams(stall).any(|stream| stream == rpc.id.stream)
    };
    stalled_sides(record).any(|side| side.notable().any(waited))
}

fn stalled_sides(record: &ConnectionRecord) -> impl Iterator<Item = StalledSide<'_>> {
    let waits = record.traffic.waits.iter().flat_map(PerSide::iter);
    waits.filter_map(move |(_, waits)| stalled_side(record, waits))
}

fn stalled_side<'a>(record: &'a ConnectionRecord, waits: &'a Waits) -> Option<StalledSide<'a>> {
    let worst = waits.longest.iter().max_by_key(|stall| stall.lasted)?;
    let round_trip = record
        .network
        .round_trip()
        .map_or(TimeDelta::ZERO, |round_trip| round_trip.least);
    let many = waits.count >= MANY && waits.total >= LONG_TOGETHER;
    let side = StalledSide {
        record,
        waits,
        worst,
        round_trip,
    };
    (side.is_long(worst) || many).then_some(side)
}

impl StalledSide<'_> {
    fn is_long(&self, stall: &Stall) -> bool {
        stall.lasted >= LONG.max(self.round_trip * LONG_ROUND_TRIPS)
    }

    /// The waits worth citing: the long ones, or the longest of many short ones.
    fn notable(&self) -> impl Iterator<Item = &Stall> {
        let stalls = self.waits.longest.iter();
        stalls.filter(|stall| self.is_long(stall) || *stall == self.worst)
    }

    /// Whether the receiver's application does not read, as far as shows.
    fn is_unread(&self) -> bool {
        self.worst.lasted >= LONG.max(self.round_trip * UNREAD_ROUND_TRIPS)
            && self.worst.shut_by == ShutBy::Data
            && leak(self.worst).is_none()
    }

    /// What the receiver lets a stream begin with, in bytes.
    fn initial_window(&self) -> u32 {
        let receiver = self.worst.sender.reverse();
        let size = self
            .record
            .setting(receiver, SettingId::INITIAL_WINDOW_SIZE);
        size.unwrap_or(65_535)
    }
}

/// Who held the window, where its receiver did not give back what streams had taken that it reset itself.
fn leak(stall: &Stall) -> Option<&Parties> {
    let parties = stall.parties.as_deref();
    parties.filter(|parties| parties.dropped > 0)
}

const fn name(window: Window) -> &'static str {
    match window {
        Window::Stream => "stream",
        Window::Connection => "connection",
        Window::Both => "stream and connection",
    }
}

/// The window of a wait, in a few words.
fn window(stall: &Stall) -> String {
    let name = name(stall.window);
    match stall.shut_by {
        ShutBy::Data => format!("full {name} window"),
        ShutBy::Settings => format!("{name} window that SETTINGS had shut"),
        ShutBy::Opening => format!("{name} window of {}", bytes(stall.room)),
    }
}

/// A window's room, which may be negative.
fn bytes(room: i64) -> String {
    let sign = if room < 0 { "−" } else { "" };
    format!("{sign}{}", counted(room.unsigned_abs(), "byte"))
}

/// The streams that a wait concerned: whose DATA filled the window, who held it, and who starved.
fn streams(stall: &Stall) -> impl Iterator<Item = u32> {
    // A stream that was reset before waits for nothing.
    let filled_by = leak(stall).is_none().then_some(stall.stream);
    let parties = stall.parties.as_deref();
    let parties = parties.into_iter().flat_map(|parties| {
        let holders = parties.holders.iter().map(|(stream, _)| *stream);
        holders.chain(parties.starved.iter().copied())
    });
    filled_by.into_iter().chain(parties)
}

fn calls(sides: &[StalledSide<'_>]) -> Vec<CallId> {
    let mut calls: Vec<_> = sides
        .iter()
        .flat_map(|side| {
            let connection = side.record.number;
            let streams = side.notable().flat_map(streams);
            streams.map(move |stream| CallId { connection, stream })
        })
        .collect();
    calls.sort_unstable();
    calls.dedup();
    calls
}

fn evidence(sides: &[StalledSide<'_>]) -> Vec<super::Evidence> {
    let mut evidence = EvidenceList::default();
    for side in sides {
        let number = side.record.number;
        for stall in side.notable() {
            let (stream, window) = (stall.stream, name(stall.window));
            let room = match stall.room {
                0 => "nothing".to_owned(),
                room => bytes(room),
            };
            let what = match stall.shut_by {
                ShutBy::Data => {
                    format!("DATA of stream {stream} leaves {room} of the {window}'s window")
                }
                ShutBy::Settings => format!(
                    "SETTINGS INITIAL_WINDOW_SIZE leaves {room} of stream {stream}'s window"
                ),
                ShutBy::Opening => {
                    format!("HEADERS of stream {stream}, whose window begins with {room}")
                }
            };
            evidence.cite(Some(stall.filled), format!("conn {number}: {what}"));
            if stall.opened.is_some() {
                let waited = duration(stall.lasted);
                let text =
                    format!("conn {number}: opens that window again, {waited} later; DATA follows");
                evidence.cite(stall.opened, text);
            }
        }
    }
    evidence.into_vec()
}

fn explanation(sides: &[StalledSide<'_>]) -> String {
    let mut sentences: Vec<_> = sides.iter().take(3).map(told).collect();
    if sides.len() > 3 {
        sentences.push(format!(
            "So it was {}.",
            counted(sides.len() - 3, "more time")
        ));
    }
    sentences.join(" ")
}

/// What is said of one side.
fn told(side: &StalledSide<'_>) -> String {
    let worst = side.worst;
    let (receiver, sender) = (worst.sender.reverse().sender(), worst.sender.sender());
    let (number, stream, room) = (side.record.number, worst.stream, bytes(worst.room));
    let mut text = match worst.shut_by {
        ShutBy::Data => format!(
            "On conn {number} the {sender} had used up {}",
            used_up(side)
        ),
        ShutBy::Settings => format!(
            "On conn {number} the {receiver}'s SETTINGS lowered INITIAL_WINDOW_SIZE ({} at last) below \
             what the {sender} had sent on stream {stream}, whose window so had {room} (RFC 9113, section \
             6.9.2)",
            counted(side.initial_window(), "byte"),
        ),
        ShutBy::Opening => format!(
            "On conn {number} stream {stream} began with a window of {room}, as the {receiver}'s \
             INITIAL_WINDOW_SIZE said"
        ),
    };
    text.push_str(&format!(
        ", and {} {}",
        match (worst.opened, worst.shut_by) {
            (Some(_), ShutBy::Data) => "the next grant took",
            (Some(_), _) => "what opened it took",
            (None, _) => "got no more of it for",
        },
        duration(worst.lasted),
    ));
    if side.round_trip > TimeDelta::ZERO {
        let round_trip = duration(side.round_trip);
        text.push_str(&format!("; a round trip takes {round_trip}"));
    }
    match (leak(worst), worst.shut_by) {
        (Some(leak), _) => text.push_str(&format!(
            ". Of the {} that the {receiver} had not given back, {} were of streams that it had reset \
             itself ({}): DATA of a stream that was reset counts all the same, and its receiver must return \
             the credit with WINDOW_UPDATE on stream 0 (RFC 9113, sections 5.1 and 6.9). It did not.",
            counted(leak.held, "byte"),
            count(leak.dropped),
            listed(&leak.reset),
        )),
        (None, ShutBy::Data) if side.is_unread() => text.push_str(&format!(
            ": the {receiver}'s application did not read what it had."
        )),
        (None, ShutBy::Data) => {
            text.push_str(&format!(": the {receiver} grants too little for the path."));
        }
        (None, _) => text.push('.'),
    }
    let starved = worst.parties.iter().map(|parties| &parties.starved);
    for starved in starved.filter(|starved| !starved.is_empty()) {
        let whose = if starved.len() == 1 { "its" } else { "their" };
        text.push_str(&format!(
            " Behind it {} starved ({}): {whose} HEADERS were through, {whose} DATA could not follow.",
            counted(starved.len(), "RPC"),
            listed(starved),
        ));
    }
    let Waits { count, total, .. } = *side.waits;
    if count > 1 {
        text.push_str(&format!(
            " In all it waited {}, {}.",
            counted(count, "time"),
            duration(total)
        ));
    }
    text
}

/// The window that DATA used up, and who took it.
fn used_up(side: &StalledSide<'_>) -> String {
    let Stall { window, stream, .. } = side.worst;
    let begin = counted(side.initial_window(), "byte");
    let of_stream = format!("stream {stream}'s window ({begin} to begin with)");
    let parties = side.worst.parties.as_deref();
    let holders = parties.filter(|parties| parties.holders.len() > 1);
    let whose = match holders {
        Some(parties) => {
            let holders = parties.holders.iter().take(NAMED);
            let holders =
                holders.map(|(stream, held)| format!("stream {stream} {}", counted(*held, "byte")));
            format!("held by {}", holders.collect::<Vec<_>>().join(", "))
        }
        None => format!("filled by stream {stream}"),
    };
    match window {
        Window::Stream => of_stream,
        Window::Connection => format!("the connection's window ({whose})"),
        Window::Both => format!("{of_stream} and the connection's ({whose})"),
    }
}

/// Streams by their ids, the first ones.
fn listed(streams: &[u32]) -> String {
    let plural = if streams.len() == 1 { "" } else { "s" };
    let named: Vec<_> = streams.iter().take(NAMED).map(u32::to_string).collect();
    let mut text = format!("stream{plural} {}", named.join(", "));
    if streams.len() > NAMED {
        text.push_str(&format!(" and {} more", count(streams.len() - NAMED)));
    }
    text
}

fn advice(sides: &[StalledSide<'_>]) -> Vec<String> {
    let mut advice = Vec::new();
    for sender in [Direction::ClientToServer, Direction::ServerToClient] {
        let of = || sides.iter().filter(|side| side.worst.sender == sender);
        let receiver = match sender {
            Direction::ClientToServer => "Server",
            Direction::ServerToClient => "Client",
        };
        if of().any(|side| leak(side.worst).is_some()) {
            advice.push(format!(
                "{receiver}: its HTTP/2 library must return the connection's credit for what comes on \
                 streams that it has reset (WINDOW_UPDATE on stream 0): upgrade it, or report the bug; \
                 until then a new connection has a whole window again"
            ));
        }
        if of().any(|side| side.worst.shut_by != ShutBy::Data) {
            advice.push(format!(
                "{receiver}: keep INITIAL_WINDOW_SIZE above what is under way, or grant each open stream \
                 what it lacks with WINDOW_UPDATE at once"
            ));
        }
        if of().any(StalledSide::is_unread) {
            advice.push(format!(
                "{receiver}: find out what keeps its application from reading the stream (a slow \
                 handler, a lock, a full queue); a larger window only hides it for a while"
            ));
        }
        for window in [Window::Stream, Window::Connection] {
            let small = |side: &&StalledSide<'_>| {
                let worst = side.worst;
                let of_both = worst.window == Window::Both;
                worst.shut_by == ShutBy::Data
                    && leak(worst).is_none()
                    && (worst.window == window || of_both)
            };
            if let Some(side) = of().find(small) {
                advice.push(format!(
                    "{receiver}: raise the {} window ({})",
                    name(window),
                    setting(side, window)
                ));
            }
        }
    }
    advice
}

/// What raises a window, for the stack that receives.
fn setting(side: &StalledSide<'_>, window: Window) -> &'static str {
    let client = Client::of(side.record).stack;
    match (side.worst.sender, window) {
        (Direction::ClientToServer, Window::Stream) => {
            "grpc-go: grpc.InitialWindowSize; grpc-java: NettyServerBuilder.flowControlWindow"
        }
        (Direction::ClientToServer, _) => {
            "grpc-go: grpc.InitialConnWindowSize; grpc-java: NettyServerBuilder.flowControlWindow"
        }
        (Direction::ServerToClient, Window::Stream) => client.stream_window(),
        (Direction::ServerToClient, _) => client.connection_window(),
    }
}

#[cfg(test)]
mod tests {
    use crate::inspect::diagnosis::Finding;
    use crate::testing::scenario::analysis;

    /// What the rule makes of a scenario in which the client first fills a window of 65,535 bytes.
    fn found(rest: &str) -> Option<Finding> {
        let mut script = "C 0.000 HEADERS 1\n".to_owned();
        for part in 1..=4 {
            let bytes = if part == 4 { 16_383 } else { 16_384 };
            script.push_str(&format!("C 0.00{part} DATA 1 bytes={bytes}\n"));
        }
        script.push_str(rest);
        let mut findings = analysis(&script).findings.into_iter();
        findings.find(|finding| finding.rule == super::RULE.name)
    }

    #[test]
    fn a_wait_for_the_connections_window_is_told_with_its_packets() {
        let found = found(
            "S 0.010 WINDOW_UPDATE 1 100000
             S 0.900 WINDOW_UPDATE 0 100000
             C 0.901 DATA 1 bytes=10",
        )
        .unwrap();
        assert!(
            found
                .title
                .contains("waited 896 ms before a full stream and connection window"),
            "{}",
            found.title
        );
        let script: Vec<_> = found
            .evidence
            .iter()
            .map(|evidence| evidence.text.as_str())
            .collect();
        assert_eq!(script.len(), 2, "{script:?}");
        assert!(
            found
                .advice
                .iter()
                .any(|advice| advice.contains("InitialConnWindowSize"))
        );
    }

    #[test]
    fn a_window_that_opens_soon_or_that_nobody_waits_for_is_not() {
        let soon = "S 0.050 WINDOW_UPDATE 1 9000 + WINDOW_UPDATE 0 9000
                    C 0.051 DATA 1 bytes=10";
        assert!(found(soon).is_none());
        let nobody_waits = "S 0.500 WINDOW_UPDATE 1 9000 + WINDOW_UPDATE 0 9000
                            C 5.000 DATA 1 bytes=10";
        assert!(found(nobody_waits).is_none());
        let has_sent_all = "C 0.006 DATA 1 END_STREAM bytes=0
                            end 5.0";
        assert!(found(has_sent_all).is_none());
    }

    #[test]
    fn a_larger_initial_window_opens_streams_that_are_open() {
        let resized = "S 0.005 WINDOW_UPDATE 0 100000
                       S 0.010 SETTINGS INITIAL_WINDOW_SIZE=100000
                       C 0.011 DATA 1 bytes=16384
                       end 9.0";
        assert!(found(resized).is_none());
    }

    #[test]
    fn a_window_that_never_opens_is_told_as_likely() {
        let found = found("S 0.010 WINDOW_UPDATE 0 100000\nend 4.0").unwrap();
        assert_eq!(found.confidence, super::Confidence::Likely);
        assert!(
            found.title.contains("4.00 s before a full stream window"),
            "{}",
            found.title
        );
    }
}
