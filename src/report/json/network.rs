//! The parts `tcp`, `missing`, `flow_control` and `concurrency` of a connection: how well its bytes got
//! across, and what it waited for. All durations are in milliseconds.

use serde::Serialize;

use super::value::{BothSides, PacketNumber};
use crate::capture::TimeDelta;
use crate::decode::tcp::{PathStats, Reset};
use crate::decode::{Durations, NetworkPath};
use crate::inspect::report::Files;
use crate::inspect::{AtLimit, ConnectionRecord, GapCount, Traffic, Verdict, Waits};

/// `connections[].tcp`. `rtt_ms` is of the whole path, the sides' `rtt_ms` of the part of it beyond the
/// point of capture, as seen by what that side sent.
#[derive(Serialize, Debug)]
pub(super) struct TcpJson {
    retransmissions: u64,
    missing_bytes: u64,
    segments: u64,
    rtt_ms: Option<RoundTripJson>,
    zero_windows: u64,
    longest_silence_ms: Option<f64>,
    reset_from: Option<&'static str>,
    #[serde(flatten)]
    sides: BothSides<TcpSideJson>,
}

impl TcpJson {
    pub(super) fn new(record: &ConnectionRecord, files: Files) -> Self {
        let network = &record.network;
        Self {
            retransmissions: network.retransmissions(),
            missing_bytes: record.missing.bytes,
            segments: network.segments(),
            rtt_ms: RoundTripJson::new(network),
            zero_windows: network.zero_windows(),
            longest_silence_ms: network
                .longest_silence()
                .map(|(_, silence)| silence.lasted.as_millis_f64()),
            reset_from: network.reset().map(|(by, reset)| match reset.is_foreign() {
                true => "between",
                false => by.sender(),
            }),
            sides: BothSides {
                client: TcpSideJson::new(&network.sides.client, files),
                server: TcpSideJson::new(&network.sides.server, files),
            },
        }
    }
}

#[derive(Serialize, Debug)]
struct RoundTripJson {
    min: f64,
    median: f64,
    max: f64,
}

impl RoundTripJson {
    fn new(network: &NetworkPath) -> Option<Self> {
        let round_trip = network.round_trip()?;
        Some(Self {
            min: round_trip.least.as_millis_f64(),
            median: round_trip.median.as_millis_f64(),
            max: round_trip.most.as_millis_f64(),
        })
    }
}

/// What one side sent.
#[derive(Serialize, Debug)]
struct TcpSideJson {
    segments: u64,
    retransmissions: u64,
    rtt_ms: Option<DurationsJson>,
    zero_windows: u64,
    longest_silence_ms: Option<f64>,
    reset: Option<ResetJson>,
}

impl TcpSideJson {
    fn new(vitals: &PathStats, files: Files) -> Self {
        Self {
            segments: vitals.segments,
            retransmissions: vitals.retransmissions,
            rtt_ms: durations(&vitals.round_trips),
            zero_windows: vitals.zero_windows,
            longest_silence_ms: vitals
                .longest_silence()
                .map(|silence| silence.lasted.as_millis_f64()),
            reset: vitals
                .reset
                .as_deref()
                .map(|reset| ResetJson::new(*reset, files)),
        }
    }
}

#[derive(Serialize, Debug)]
struct ResetJson {
    hop_limit: u8,
    usual_hop_limits: Option<(u8, u8)>,
    #[serde(flatten)]
    packet: PacketNumber,
}

impl ResetJson {
    fn new(reset: Reset, files: Files) -> Self {
        Self {
            hop_limit: reset.hop_limit,
            usual_hop_limits: reset.usual_hop_limits,
            packet: PacketNumber::new(Some(reset.stamp), files),
        }
    }
}

/// `connections[].missing`: what was not captured, where it first shows, and what that costs.
#[derive(Serialize, Debug)]
pub(super) struct GapsJson {
    #[serde(flatten)]
    sides: BothSides<GapJson>,
    losses: u32,
    given_up: u32,
    given_up_streams: u64,
    unjudged_rpcs: u64,
    unknown_methods: u64,
}

impl GapsJson {
    pub(super) fn new(record: &ConnectionRecord, files: Files) -> Self {
        let missing = &record.missing;
        Self {
            sides: BothSides {
                client: GapJson::new(missing.per_side.client, files),
                server: GapJson::new(missing.per_side.server, files),
            },
            losses: missing.losses,
            given_up: missing.evicted,
            given_up_streams: missing.streams,
            unjudged_rpcs: record.verdicts.of(Verdict::Unknown),
            unknown_methods: missing.methods,
        }
    }
}

#[derive(Serialize, Debug)]
struct GapJson {
    holes: u32,
    bytes: u64,
    #[serde(flatten)]
    packet: PacketNumber,
}

impl GapJson {
    fn new(lack: GapCount, files: Files) -> Self {
        Self {
            holes: lack.holes,
            bytes: lack.bytes,
            packet: PacketNumber::new(lack.first, files),
        }
    }
}

/// What each side waited before full windows.
#[derive(Serialize, Debug)]
pub(super) struct FlowControlJson {
    #[serde(flatten)]
    sides: BothSides<WaitsJson>,
}

impl FlowControlJson {
    /// `None` where the windows could not be followed.
    pub(super) fn new(traffic: &Traffic) -> Option<Self> {
        let waits = traffic.waits.as_ref()?;
        let sides = BothSides {
            client: (&waits.client).into(),
            server: (&waits.server).into(),
        };
        Some(Self { sides })
    }
}

#[derive(Serialize, Debug)]
struct WaitsJson {
    stalls: u64,
    stalled_ms: f64,
    longest_ms: Option<f64>,
}

impl From<&Waits> for WaitsJson {
    fn from(waits: &Waits) -> Self {
        let longest = waits.longest.iter().map(|stall| stall.lasted).max();
        Self {
            stalls: waits.count,
            stalled_ms: waits.total.as_millis_f64(),
            longest_ms: longest.map(TimeDelta::as_millis_f64),
        }
    }
}

/// The time at the server's limit of concurrent streams.
#[derive(Serialize, Debug)]
pub(super) struct ConcurrencyJson {
    limit: u32,
    at_limit_ms: f64,
    longest_ms: f64,
    stays: u64,
    refills: u64,
}

impl From<&AtLimit> for ConcurrencyJson {
    fn from(at_limit: &AtLimit) -> Self {
        Self {
            limit: at_limit.limit,
            at_limit_ms: at_limit.total.as_millis_f64(),
            longest_ms: at_limit.longest.as_millis_f64(),
            stays: at_limit.stays,
            refills: at_limit.refills,
        }
    }
}

/// How many durations, the least, about the middle one and the most.
#[derive(Serialize, Debug)]
pub(super) struct DurationsJson {
    samples: u64,
    min: f64,
    median: f64,
    max: f64,
}

/// `None` for none.
pub(super) fn durations(durations: &Durations) -> Option<DurationsJson> {
    Some(DurationsJson {
        samples: durations.count(),
        min: durations.least()?.as_millis_f64(),
        median: durations.median()?.as_millis_f64(),
        max: durations.most()?.as_millis_f64(),
    })
}
