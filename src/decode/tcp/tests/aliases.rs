//! The same segments in several networks and under several addresses: one connection or more.

use std::net::SocketAddr;

use crate::capture::{Stamp, Timestamp};
use crate::decode::link::{Segment, TcpFlags};
use crate::decode::tcp::{Arrivals, Chunk, Flow, FlowKey, Flows, Side, Signal};

const POD: &str = "10.244.1.2:40000";
const SERVICE: &str = "10.96.0.10:80";
const SERVER: &str = "10.244.2.2:8080";

/// A network that is not bare.
const OVERLAY: u64 = 42;

/// A capture of one millisecond, and the bytes of the connections in it.
#[derive(Default)]
struct Place {
    flows: Flows<Vec<u8>>,
    arrivals: Arrivals,
    packet: u64,
}

impl Place {
    fn sees(&mut self, segment: Segment<'_>) -> &mut Self {
        self.packet += 1;
        let time = Timestamp::from_nanos(i64::try_from(self.packet).unwrap() * 10_000);
        let stamp = Stamp {
            time,
            packet: self.packet,
            file: 0,
        };
        let segment = Segment { stamp, ..segment };
        let mut located = self.flows.locate(FlowKey::of(&segment));
        assert!(self.flows.pop_reopened(&mut located, &segment).is_none());
        let arrival = self.arrivals.next(&segment);
        self.flows.push(located, &segment, arrival, &mut hear);
        self
    }

    /// What each connection's bytes are, in the end.
    fn heard(&mut self) -> Vec<String> {
        let left = self.left().into_iter();
        left.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
            .collect()
    }

    fn left(&mut self) -> Vec<(Flow, Vec<u8>)> {
        let places = self.flows.places().into_iter();
        let left = places.map(|(_, place)| {
            let (mut flow, mut bytes) = self.flows.forget(place).unwrap();
            flow.finish(&mut |signal| hear(&mut bytes, signal));
            (flow, bytes)
        });
        left.collect()
    }
}

/// Adds the bytes that a signal brings.
fn hear(bytes: &mut Vec<u8>, signal: Signal<'_>) {
    if let Signal::Chunk {
        chunk: Chunk::Bytes { data, .. },
        ..
    } = signal
    {
        bytes.extend_from_slice(data);
    }
}

fn between(source: &str, destination: &str) -> Segment<'static> {
    let address = |text: &str| text.parse::<SocketAddr>().unwrap();
    Segment {
        stamp: Stamp::default(),
        source: address(source),
        destination: address(destination),
        scope: 0,
        of_any_interface: true,
        sequence: 1_000,
        acknowledgement: None,
        flags: TcpFlags::SYN,
        window: 64_860,
        hop_limit: 64,
        identification: 7_001,
        timestamp: Some(978_909_719),
        payload: b"",
        payload_length: 0,
    }
}

fn hello(segment: Segment<'static>) -> Segment<'static> {
    Segment {
        sequence: 1_001,
        acknowledgement: Some(5_001),
        flags: TcpFlags::ACK,
        identification: 7_002,
        payload: b"hello",
        payload_length: 5,
        ..segment
    }
}

fn answer(segment: Segment<'static>) -> Segment<'static> {
    Segment {
        sequence: 5_001,
        acknowledgement: Some(1_006),
        flags: TcpFlags::ACK,
        identification: 301,
        timestamp: Some(3_480_028_154),
        payload: b" world",
        payload_length: 6,
        ..segment
    }
}

const fn wrapped(segment: Segment<'static>) -> Segment<'static> {
    Segment {
        scope: OVERLAY,
        hop_limit: 63,
        ..segment
    }
}

#[test]
fn a_packet_seen_bare_and_then_in_a_tunnel_is_of_one_connection() {
    let there = between(POD, SERVER);
    let back = between(SERVER, POD);
    let mut place = Place::default();
    place.sees(there).sees(wrapped(there));
    place.sees(hello(there)).sees(wrapped(hello(there)));
    place.sees(wrapped(answer(back))).sees(answer(back));
    assert_eq!(place.heard(), ["hello world"]);
}

#[test]
fn so_it_is_where_the_capture_begins_in_the_middle_and_the_tunnel_comes_first() {
    let there = between(POD, SERVER);
    let back = between(SERVER, POD);
    let mut place = Place::default();
    place.sees(wrapped(answer(back))).sees(answer(back));
    place.sees(hello(there)).sees(wrapped(hello(there)));
    assert_eq!(place.heard().len(), 1);
}

#[test]
fn a_capture_of_one_place_shows_two_connections() {
    let there = Segment {
        of_any_interface: false,
        ..between(POD, SERVER)
    };
    let mut place = Place::default();
    place.sees(there).sees(wrapped(there));
    place.sees(hello(there)).sees(wrapped(hello(there)));
    assert_eq!(place.heard(), ["hello", "hello"]);
}

#[test]
fn two_tunnels_hold_two_connections() {
    let there = between(POD, SERVER);
    let other = Segment {
        scope: OVERLAY + 1,
        ..there
    };
    let mut place = Place::default();
    place.sees(wrapped(there)).sees(other);
    place.sees(wrapped(hello(there))).sees(hello(other));
    assert_eq!(place.heard(), ["hello", "hello"]);
}

#[test]
fn segments_that_their_sender_sent_apart_are_of_two_connections() {
    let there = between(POD, SERVER);
    let other = Segment {
        identification: 9_999,
        ..there
    };
    let mut place = Place::default();
    place.sees(there).sees(wrapped(other));
    assert_eq!(place.heard().len(), 2);
}

#[test]
fn a_service_and_the_server_behind_it_are_one_connection_with_the_addresses_seen_first() {
    let mut place = Place::default();
    let (there, back) = (between(POD, SERVICE), between(SERVICE, POD));
    let (beyond, from_beyond) = (between(POD, SERVER), between(SERVER, POD));
    place.sees(there).sees(beyond).sees(wrapped(beyond));
    place.sees(hello(there)).sees(hello(beyond));
    place.sees(answer(from_beyond)).sees(answer(back));
    let mut left = place.left();
    let (flow, bytes) = left.pop().unwrap();
    assert!(left.is_empty());
    assert_eq!(bytes, b"hello world");
    let sides = [Side::First, Side::Second];
    let addresses = sides.map(|side| flow.address(side).to_string());
    assert_eq!(addresses, [POD, SERVICE]);
    assert_eq!(flow.retransmissions(), 0);
}

#[test]
fn equal_sequence_numbers_alone_make_no_aliases() {
    let unmarked = |segment| Segment {
        timestamp: None,
        ..segment
    };
    let mut place = Place::default();
    place.sees(unmarked(between(POD, SERVICE)));
    place.sees(unmarked(between(POD, SERVER)));
    assert_eq!(place.heard().len(), 2);
}
