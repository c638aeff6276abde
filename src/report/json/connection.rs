//! `connections[].tcp`, `flow_control`, `concurrency` and the times of PINGs: what a connection waited
//! for.

use serde_json::{Value, json};

use super::{Files, milliseconds, with_packet};
use crate::decode::Durations;
use crate::decode::tcp::{Reset, Vitals};
use crate::inspect::{ConnectionRecord, GapCount, Traffic, Verdict, Waits};

/// One of `connections[].tcp`. `rtt_ms` is of the whole path, the sides' `rtt_ms` of the part of it
/// beyond the point of capture, as seen by what that side sent.
pub(super) fn tcp(record: &ConnectionRecord, files: Files) -> Value {
    let network = &record.network;
    let round_trip = network.round_trip().map(|round_trip| {
        json!({
            "min": milliseconds(round_trip.least),
            "median": milliseconds(round_trip.median),
            "max": milliseconds(round_trip.most),
        })
    });
    let silence = network.longest_silence();
    let silence = silence.map(|(_, silence)| milliseconds(silence.nanos));
    let reset = network.reset();
    let reset_from = reset.map(|(by, reset)| match reset.is_foreign() {
        true => "between",
        false => by.sender(),
    });
    json!({
        "retransmissions": network.retransmissions(),
        "missing_bytes": record.missing.bytes,
        "segments": network.segments(),
        "rtt_ms": round_trip,
        "zero_windows": network.zero_windows(),
        "longest_silence_ms": silence,
        "reset_from": reset_from,
        "client": vitals(&network.client, files),
        "server": vitals(&network.server, files),
    })
}

/// One of `connections[].missing`: what was not captured, where it first shows, and what that costs.
pub(super) fn missing(record: &ConnectionRecord, files: Files) -> Value {
    let missing = &record.missing;
    let lack = |lack: GapCount| {
        let value = json!({ "holes": lack.holes, "bytes": lack.bytes });
        with_packet(value, "packet", lack.first, files)
    };
    json!({
        "client": lack(missing.from_client),
        "server": lack(missing.from_server),
        "losses": missing.losses,
        "given_up": missing.given_up,
        "given_up_streams": missing.streams,
        "unjudged_rpcs": record.verdicts.of(Verdict::Unknown),
        "unknown_methods": missing.methods,
    })
}

/// What each side waited before full windows; null where the windows could not be followed.
pub(super) fn flow_control(traffic: &Traffic) -> Value {
    let waited = |waits: &Waits| {
        let longest = waits.longest.iter().map(|stall| stall.nanos).max();
        json!({
            "stalls": waits.count,
            "stalled_ms": milliseconds(waits.nanos),
            "longest_ms": longest.map(milliseconds),
        })
    };
    match (&traffic.client_waits, &traffic.server_waits) {
        (Some(client), Some(server)) => {
            json!({ "client": waited(client), "server": waited(server) })
        }
        _ => Value::Null,
    }
}

/// The time at the server's limit of concurrent streams; null where it was never reached.
pub(super) fn concurrency(traffic: &Traffic) -> Value {
    let Some(at_limit) = traffic.at_limit else {
        return Value::Null;
    };
    json!({
        "limit": at_limit.limit,
        "at_limit_ms": milliseconds(at_limit.total.as_nanos()),
        "longest_ms": milliseconds(at_limit.longest.as_nanos()),
        "stays": at_limit.stays,
        "refills": at_limit.refills,
    })
}

/// How many, and the least, about the middle one and the most in milliseconds; null for none.
pub(super) fn durations(durations: &Durations) -> Value {
    let Some(((least, median), most)) = durations
        .least()
        .zip(durations.median())
        .zip(durations.most())
    else {
        return Value::Null;
    };
    json!({
        "samples": durations.count(),
        "min": milliseconds(least),
        "median": milliseconds(median),
        "max": milliseconds(most),
    })
}

fn vitals(vitals: &Vitals, files: Files) -> Value {
    json!({
        "segments": vitals.segments,
        "retransmissions": vitals.retransmissions,
        "rtt_ms": durations(&vitals.round_trips),
        "zero_windows": vitals.zero_windows,
        "longest_silence_ms": vitals.longest_silence().map(|silence| milliseconds(silence.nanos)),
        "reset": vitals.reset.map(|reset| told(reset, files)),
    })
}

fn told(reset: Reset, files: Files) -> Value {
    let value = json!({
        "hop_limit": reset.hop_limit,
        "usual_hop_limits": reset.usual_hop_limits.map(|(least, most)| [least, most]),
    });
    with_packet(value, "packet", Some(reset.stamp), files)
}
