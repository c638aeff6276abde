//! What happened in order of time: events that lines and diagrams are made from.

use super::clock::CaptureClock;
use super::ways::{self, WayFate};
use crate::capture::{Stamp, TimeDelta};
use crate::decode::Direction;
use crate::inspect::report::Report;
use crate::inspect::{Close, ConnectionRecord, ControlFrameKind, Crossing, GoAway, Rpc, Verdict};

/// The number of a packet that is not known: they count from 1.
pub(super) const NO_PACKET: u64 = 0;

/// One thing that happened.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimelineEvent<'a> {
    /// Since the capture's first packet.
    pub(super) elapsed: TimeDelta,
    /// Where it was seen.
    pub(super) stamp: Stamp,
    pub(super) record: &'a ConnectionRecord,
    pub(super) what: EventKind<'a>,
}

/// What happened; of events in one packet the earlier here comes first.
#[derive(Clone, Copy, Debug)]
pub(super) enum EventKind<'a> {
    /// The connection was opened, or first seen where its SYN was not captured.
    Opened,
    Settings(Direction),
    /// PING, or its acknowledgement.
    Ping,
    /// A call that went well came to its end.
    Ok,
    /// A call of which the capture cannot say what became.
    Unknown,
    /// A call began that will not go well.
    Began(&'a Rpc),
    GoAway(&'a GoAway),
    /// The receiver of a GOAWAY acknowledged all of it.
    Acknowledged(&'a GoAway),
    /// The first FIN or RST.
    Closed(Close),
    /// A call came to its end that did not go well.
    Ended(&'a Rpc),
    /// Something that one of two captures has, and the other has not.
    Astray(&'a Crossing),
}

impl TimelineEvent<'_> {
    /// Its place among all events.
    pub(super) const fn place(&self) -> (TimeDelta, u32, u64, u8) {
        let Stamp { packet, file, .. } = self.stamp;
        (self.elapsed, file, packet, self.what.rank())
    }
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
            Self::Astray(_) => 9,
        }
    }
}

/// All events in order.
pub(super) fn in_order(report: &Report) -> Vec<TimelineEvent<'_>> {
    let clock = CaptureClock::of(report);
    let mut events = Vec::new();
    let mut calls = report.analysis.rpcs.iter().peekable();
    for record in &report.analysis.connections {
        // Calls stand in the order of connections.
        let of_this = || calls.next_if(|rpc| rpc.id.connection <= record.number);
        let of_this = std::iter::from_fn(of_this);
        let mut add = |stamp: Stamp, what| {
            let elapsed = clock.since_start(stamp.time);
            events.push(TimelineEvent {
                elapsed,
                stamp,
                record,
                what,
            });
        };
        add(
            record.opened.unwrap_or(record.recognised),
            EventKind::Opened,
        );
        for frame in record.control_frames.kept() {
            match frame.kind {
                ControlFrameKind::Settings => add(frame.stamp, EventKind::Settings(frame.from)),
                ControlFrameKind::Ping(_) => add(frame.stamp, EventKind::Ping),
                ControlFrameKind::SettingsAck | ControlFrameKind::PingAck(_) => {}
            }
        }
        for goaway in &record.goaways {
            add(goaway.stamp, EventKind::GoAway(goaway));
            if let Some(received) = goaway.received {
                add(received, EventKind::Acknowledged(goaway));
            }
        }
        for rpc in of_this {
            add_call(rpc, &mut add);
        }
        if let Some(close) = record.close {
            add(close.stamp, EventKind::Closed(close));
        }
        add_astray(report, record, &mut add);
    }
    events.sort_by_key(TimelineEvent::place);
    events
}

fn add_call<'a>(rpc: &'a Rpc, add: &mut impl FnMut(Stamp, EventKind<'a>)) {
    let quiet = match rpc.verdict {
        Verdict::Ok => Some(EventKind::Ok),
        Verdict::Unknown => Some(EventKind::Unknown),
        _ => None,
    };
    if let Some(quiet) = quiet {
        if let Some(stamp) = rpc.ended.or(rpc.opened) {
            add(stamp, quiet);
        }
        return;
    }
    if let Some(opened) = rpc.opened {
        add(opened, EventKind::Began(rpc));
    }
    // A call opened after the GOAWAY that condemned it was over before it began.
    let over = rpc
        .ended
        .map(|ended| rpc.opened.map_or(ended, |opened| opened.max(ended)));
    if let Some(over) = over {
        add(over, EventKind::Ended(rpc));
    }
}

/// What only one of two captures has: at the moment at which it left or came, by the client's clock.
fn add_astray<'a>(
    report: &Report,
    record: &'a ConnectionRecord,
    add: &mut impl FnMut(Stamp, EventKind<'a>),
) {
    for way in ways::of(report, record) {
        let known = way.time().zip(way.crossing.known());
        if let Some((time, end)) = known.filter(|_| way.fate() != WayFate::Came) {
            let at_client = way.client.is_some();
            let stamp = Stamp {
                time,
                packet: end.packet.unwrap_or(NO_PACKET),
                file: match record.both_ends.as_deref() {
                    Some(both) if !at_client => both.file,
                    _ => record.recognised.file,
                },
            };
            add(stamp, EventKind::Astray(way.crossing));
        }
    }
}
