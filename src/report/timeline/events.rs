//! What happened in order of time: events that lines and diagrams are made from.

use super::clock::CaptureClock;
use crate::capture::{Stamp, TimeDelta};
use crate::decode::Direction;
use crate::inspect::report::Report;
use crate::inspect::{Close, ConnectionRecord, ControlFrameKind, GoAway, Rpc, Verdict};

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimelineEvent<'a> {
    /// Since the capture's first packet.
    pub(super) elapsed: TimeDelta,
    /// Where it was seen.
    pub(super) stamp: Stamp,
    /// On which connection.
    pub(super) record: &'a ConnectionRecord,
    /// What it was.
    pub(super) what: EventKind<'a>,
}

/// What happened; of things in one packet the earlier here is told first.
#[derive(Clone, Copy, Debug)]
pub(super) enum EventKind<'a> {
    /// The connection was opened, or first seen where its SYN was not captured.
    Opened,
    /// SETTINGS.
    Settings(Direction),
    /// PING, or its acknowledgement.
    Ping,
    /// A call that went well came to its end.
    Ok,
    /// A call of which the capture cannot say what became.
    Unknown,
    /// A call began that will not go well.
    Began(&'a Rpc),
    /// GOAWAY.
    GoAway(&'a GoAway),
    /// The receiver of a GOAWAY acknowledged all of it.
    Acknowledged(&'a GoAway),
    /// The first FIN or RST.
    Closed(Close),
    /// A call came to its end that did not go well.
    Ended(&'a Rpc),
}

impl EventKind<'_> {
    const fn rank(&self) -> u8 {
        match self {
            Self::Opened => 0,
            Self::Settings(_) => 1,
            Self::Ping => 2,
            Self::Ok => 3,
            Self::Unknown => 3,
            Self::Began(_) => 4,
            Self::GoAway(_) => 5,
            Self::Acknowledged(_) => 6,
            Self::Closed(_) => 7,
            Self::Ended(_) => 8,
        }
    }
}

/// All beats in order.
pub(super) fn beats(report: &Report) -> Vec<TimelineEvent<'_>> {
    let clock = CaptureClock::of(report);
    let mut beats = Vec::new();
    let mut calls = report.analysis.rpcs.as_slice();
    for record in &report.analysis.connections {
        // Calls stand in the order of connections.
        let mine = calls.partition_point(|rpc| rpc.id.connection <= record.number);
        let (of_this, rest) = calls.split_at_checked(mine).unwrap_or((calls, &[]));
        calls = rest;
        let mut tell = |stamp: Stamp, what| {
            let elapsed = clock.since_start(stamp.time);
            beats.push(TimelineEvent {
                elapsed,
                stamp,
                record,
                what,
            });
        };
        tell(
            record.opened.unwrap_or(record.recognised),
            EventKind::Opened,
        );
        for passage in record.control_frames.kept() {
            match passage.kind {
                ControlFrameKind::Settings => {
                    tell(passage.stamp, EventKind::Settings(passage.from))
                }
                ControlFrameKind::Ping(_) => tell(passage.stamp, EventKind::Ping),
                ControlFrameKind::SettingsAck | ControlFrameKind::PingAck(_) => {}
            }
        }
        for goaway in &record.goaways {
            tell(goaway.stamp, EventKind::GoAway(goaway));
            if let Some(received) = goaway.received {
                tell(received, EventKind::Acknowledged(goaway));
            }
        }
        for rpc in of_this {
            tell_call(rpc, &mut tell);
        }
        if let Some(close) = record.close {
            tell(close.stamp, EventKind::Closed(close));
        }
    }
    beats.sort_by_key(|beat| {
        (
            beat.elapsed,
            beat.stamp.file,
            beat.stamp.packet,
            beat.what.rank(),
        )
    });
    beats
}

fn tell_call<'a>(rpc: &'a Rpc, tell: &mut impl FnMut(Stamp, EventKind<'a>)) {
    let quiet = match rpc.verdict {
        Verdict::Ok => Some(EventKind::Ok),
        Verdict::Unknown => Some(EventKind::Unknown),
        _ => None,
    };
    if let Some(quiet) = quiet {
        if let Some(stamp) = rpc.ended.or(rpc.opened) {
            tell(stamp, quiet);
        }
        return;
    }
    if let Some(opened) = rpc.opened {
        tell(opened, EventKind::Began(rpc));
    }
    // A call opened after the GOAWAY that condemned it was over before it began.
    let over = rpc
        .ended
        .map(|ended| rpc.opened.map_or(ended, |opened| opened.max(ended)));
    if let Some(over) = over {
        tell(over, EventKind::Ended(rpc));
    }
}
