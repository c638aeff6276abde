//! `flow-control-stall`: a sender had a full window and waited.

use std::cmp::Reverse;

use super::super::peer::client::Client;
use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::TimeDelta;
use crate::decode::http2::SettingId;
use crate::decode::{Direction, PerSide};
use crate::inspect::connection::record::ConnectionRecord;
use crate::inspect::stream::rpc::CallId;
use crate::inspect::traffic::flow_control::{Stall, Waits, Window};
use crate::units::{counted, duration};

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

pub(super) const RULE: Rule = Rule {
    name: "flow-control-stall",
    meaning: "a sender had a full window and waited: at least 100 ms and two round trips at once, or a \
              second in all",
    evidence: "The DATA that filled the window, and the WINDOW_UPDATE that ended the wait.",
    fixes: &[
        "Find the reader that does not read",
        "grpc-go: InitialWindowSize and InitialConnWindowSize for long fat networks",
    ],
    says: Says::WhatHappened,
    check: Check::Server(check),
};

/// What one side of a connection waited.
struct StalledSide<'a> {
    record: &'a ConnectionRecord,
    waits: &'a Waits,
    /// The longest wait.
    worst: Stall,
    /// The least one seen; zero where none was.
    round_trip: TimeDelta,
}

fn check(view: &ServerView<'_>) -> Option<Finding> {
    let records = view.connections().map(|connection| &connection.record);
    let mut sides: Vec<_> = records
        .flat_map(|record| {
            let waits = record.traffic.waits.iter().flat_map(PerSide::iter);
            waits.filter_map(|(_, waits)| stalled_side(record, waits))
        })
        .collect();
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
            "the {} waited {} before a full {} window on {} to {}",
            worst.sender.sender(),
            duration(worst.lasted),
            name(worst.window),
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

fn stalled_side<'a>(record: &'a ConnectionRecord, waits: &'a Waits) -> Option<StalledSide<'a>> {
    let worst = *waits.longest.iter().max_by_key(|stall| stall.lasted)?;
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
    (side.is_long(&worst) || many).then_some(side)
}

impl StalledSide<'_> {
    fn is_long(&self, stall: &Stall) -> bool {
        stall.lasted >= LONG.max(self.round_trip * LONG_ROUND_TRIPS)
    }

    /// The waits worth citing: the long ones, or the longest of many short ones.
    fn notable(&self) -> impl Iterator<Item = &Stall> {
        let stalls = self.waits.longest.iter();
        stalls.filter(|stall| self.is_long(stall) || **stall == self.worst)
    }

    fn is_unread(&self) -> bool {
        self.worst.lasted >= LONG.max(self.round_trip * UNREAD_ROUND_TRIPS)
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

const fn name(window: Window) -> &'static str {
    match window {
        Window::Stream => "stream",
        Window::Connection => "connection",
    }
}

fn calls(sides: &[StalledSide<'_>]) -> Vec<CallId> {
    let mut calls: Vec<_> = sides
        .iter()
        .flat_map(|side| {
            let connection = side.record.number;
            side.notable().map(move |stall| CallId {
                connection,
                stream: stall.stream,
            })
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
            let waited = duration(stall.lasted);
            let text = format!(
                "conn {number}: DATA of stream {stream} leaves nothing of the {window}'s window"
            );
            evidence.cite(Some(stall.filled), text);
            if stall.opened.is_some() {
                let text =
                    format!("conn {number}: opens that window again, {waited} later; DATA follows");
                evidence.cite(stall.opened, text);
            }
        }
    }
    evidence.into_vec()
}

fn explanation(sides: &[StalledSide<'_>]) -> String {
    let sentences = sides.iter().take(3).map(|side| {
        let Stall {
            sender,
            window,
            stream,
            lasted,
            opened,
            ..
        } = side.worst;
        let (receiver, sender) = (sender.reverse().sender(), sender.sender());
        let number = side.record.number;
        let whose = match window {
            Window::Stream => format!(
                "stream {stream}'s window ({} to begin with)",
                counted(side.initial_window(), "byte")
            ),
            Window::Connection => format!("the connection's window (filled by stream {stream})"),
        };
        let mut text = format!(
            "On conn {number} the {sender} had used up {whose}, and {} {}",
            if opened.is_some() {
                "the next grant took"
            } else {
                "got no more of it for"
            },
            duration(lasted),
        );
        if side.round_trip > TimeDelta::ZERO {
            text.push_str(&format!(
                "; a round trip takes {}",
                duration(side.round_trip)
            ));
        }
        text.push_str(&match side.is_unread() {
            true => format!(": the {receiver}'s application did not read what it had."),
            false => format!(": the {receiver} grants too little for the path."),
        });
        let Waits { count, total, .. } = *side.waits;
        if count > 1 {
            text.push_str(&format!(
                " In all it waited {}, {}.",
                counted(count, "time"),
                duration(total)
            ));
        }
        text
    });
    let mut sentences: Vec<_> = sentences.collect();
    if sides.len() > 3 {
        sentences.push(format!(
            "So it was {}.",
            counted(sides.len() - 3, "more time")
        ));
    }
    sentences.join(" ")
}

fn advice(sides: &[StalledSide<'_>]) -> Vec<String> {
    let mut advice = Vec::new();
    for sender in [Direction::ClientToServer, Direction::ServerToClient] {
        let of = || sides.iter().filter(|side| side.worst.sender == sender);
        let receiver = match sender {
            Direction::ClientToServer => "Server",
            Direction::ServerToClient => "Client",
        };
        if of().any(StalledSide::is_unread) {
            advice.push(format!(
                "{receiver}: find out what keeps its application from reading the stream (a slow \
                 handler, a lock, a full queue); a larger window only hides it for a while"
            ));
        }
        for window in [Window::Stream, Window::Connection] {
            if let Some(side) = of().find(|side| side.worst.window == window) {
                advice.push(format!(
                    "{receiver}: raise the {} window ({})",
                    name(window),
                    setting(side)
                ));
            }
        }
    }
    advice
}

/// What raises a window, for the stack that receives.
fn setting(side: &StalledSide<'_>) -> &'static str {
    let client = Client::of(side.record).stack;
    match (side.worst.sender, side.worst.window) {
        (Direction::ClientToServer, Window::Stream) => {
            "grpc-go: grpc.InitialWindowSize; grpc-java: NettyServerBuilder.flowControlWindow"
        }
        (Direction::ClientToServer, Window::Connection) => {
            "grpc-go: grpc.InitialConnWindowSize; grpc-java: NettyServerBuilder.flowControlWindow"
        }
        (Direction::ServerToClient, Window::Stream) => client.stream_window(),
        (Direction::ServerToClient, Window::Connection) => client.connection_window(),
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
                .contains("waited 896 ms before a full connection window"),
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
