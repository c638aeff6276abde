//! Peers who mean harm. Their strings are literals, so that a fuzzer can change them where they lie.

use h2sniff_fuzz::HARMFUL;

use crate::wire::{self, End, Peers, Talk};

/// A capture of two peers who harm whoever prints what they say.
pub(crate) fn hostile() -> Vec<u8> {
    let path = format!("/shop.Cart/{HARMFUL}");
    let request = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", &path),
        (":authority", HARMFUL),
        ("user-agent", HARMFUL),
        ("content-type", "application/grpc"),
        (HARMFUL, HARMFUL),
    ];
    let answer = [
        (":status", "200"),
        ("server", HARMFUL),
        ("content-type", "application/grpc"),
    ];
    let status = [("grpc-status", "13"), ("grpc-message", HARMFUL)];
    let settings = wire::settings(&[(3, 100)]);
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, &[wire::PREFACE, &settings].concat());
    talk.say(End::Server, &settings);
    for stream in [1, 3, 5, 7] {
        talk.say(
            End::Client,
            &wire::headers(wire::END_STREAM, stream, &request),
        );
    }
    talk.say(End::Server, &wire::headers(0, 1, &answer));
    talk.say(End::Server, &wire::headers(wire::END_STREAM, 1, &status));
    talk.say(End::Server, &wire::reset(3, 2));
    talk.say(End::Server, &wire::goaway(5, 11, HARMFUL.as_bytes()));
    talk.fin(End::Server);
    wire::pcap(&talk.packets)
}
