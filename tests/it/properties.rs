//! Whatever the network and the capture do, the same frames; whatever the bytes, no panic.

use crate::wire::{self, End, Peers, Talk};
#[cfg(test)]
use h2sniff::capture::{LinkType, Packet, Stamp, Timestamp};
use h2sniff::decode::detect::{self, Prefix};
use h2sniff::decode::http2::Payload;
use h2sniff::decode::{Decoder, EachEvent, Event, Options};
use h2sniff::pipeline::{self, Pipeline};
use proptest::collection::vec;
use proptest::prelude::*;

/// Link types that are read, and one that is not.
const LINK_TYPES: [u32; 9] = [0, 1, 101, 108, 113, 147, 228, 229, 276];

fn packet<'a>(number: usize, nanos: i64, link_type: u32, data: &'a [u8]) -> Packet<'a> {
    Packet {
        stamp: Stamp {
            time: Timestamp::from_nanos(nanos),
            packet: number as u64 + 1,
            file: 0,
        },
        link_type: LinkType(link_type),
        original_length: u32::try_from(data.len()).expect("a packet"),
        data,
        options: h2sniff::capture::PacketOptions::default(),
    }
}

/// Each direction's frames: type, stream, flags, length, headers and place.
fn frames(packets: &[(i64, Vec<u8>)]) -> [Vec<String>; 2] {
    let mut frames = [Vec::new(), Vec::new()];
    let mut take = EachEvent::new(|connection, event: &Event<'_>| {
        let Event::Frame(frame) = event else { return };
        let block = match frame.payload {
            Payload::Headers { block, .. } => format!("{block:?}"),
            Payload::Data { length, .. } => length.to_string(),
            payload => format!("{payload:?}"),
        };
        let line = format!("{connection} {:?} {:?} {block}", frame.header, frame.span);
        frames[usize::from(frame.direction.sender() == "server")].push(line);
    });
    let mut decoder = Decoder::new(Options::default());
    for (number, (_, data)) in packets.iter().enumerate() {
        let nanos = wire::BEGINNING + number as i64 * 100_000;
        decoder.push(&packet(number, nanos, 101, data), &mut take);
    }
    decoder.finish(&mut take);
    frames
}

/// What both sides say, frame by frame.
fn said() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    let stream = (0..20_u32).prop_map(|number| number * 2 + 1);
    let value = "[ -~]{0,40}";
    let headers = (stream.clone(), value)
        .prop_map(|(stream, value)| wire::headers(0, stream, &[(":path", "/a"), ("x", &value)]));
    let data = (stream.clone(), 0..400_usize)
        .prop_map(|(stream, length)| wire::frame(wire::DATA, 0, stream, &vec![0xff; length]));
    let reset = stream.prop_map(|stream| wire::reset(stream, 8));
    let ping = any::<u64>().prop_map(|n| wire::frame(wire::PING, 0, 0, &n.to_be_bytes()));
    vec(
        (any::<bool>(), prop_oneof![headers, data, reset, ping]),
        1..40,
    )
}

/// A talk cut into segments of these lengths.
fn talk(initial: [u32; 2], said: &[(bool, Vec<u8>)], cuts: &[usize]) -> Talk {
    let mut peers = Peers::new(40_000, 50_051);
    peers.initial = initial;
    let mut talk = Talk::new(peers);
    let settings = wire::settings(&[(3, 100)]);
    talk.say(End::Client, &[wire::PREFACE, &settings].concat());
    talk.say(End::Server, &settings);
    let mut cuts = cuts.iter().cycle();
    for (from_client, bytes) in said {
        let end = if *from_client {
            End::Client
        } else {
            End::Server
        };
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let length = cuts.next().copied().unwrap_or(1).min(rest.len());
            talk.say(end, &rest[..length]);
            rest = &rest[length..];
        }
    }
    talk
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn reordered_doubled_and_torn_segments_give_the_same_frames(
        said in said(),
        cuts in vec(1..300_usize, 1..20),
        fates in vec((0..10_usize, proptest::option::weighted(0.2, 0..10_usize)), 1..100),
        initial in prop_oneof![any::<[u32; 2]>(), Just([u32::MAX - 100, u32::MAX - 50])],
    ) {
        let ordered = talk([1, 1], &said, &[1 << 14]);
        let torn = talk(initial, &said, &cuts);
        // The handshake and the openings stay in front: who is the client is known by them.
        let opening = 5;
        let mut suffered = Vec::new();
        for (place, packet) in torn.packets.iter().enumerate() {
            let (late, again) = fates[place % fates.len()];
            let at = if place < opening { place } else { place + late };
            suffered.push((at, packet.clone()));
            suffered.extend(again.map(|again| (place.max(opening) + again, packet.clone())));
        }
        suffered.sort_by_key(|(at, _)| *at);
        let suffered: Vec<_> = suffered.into_iter().map(|(_, packet)| packet).collect();
        prop_assert_eq!(frames(&suffered), frames(&ordered.packets));
    }

    #[test]
    fn lost_segments_cost_frames_and_invent_none(
        said in said(),
        lost in vec(any::<bool>(), 10..100),
    ) {
        let whole = talk([1, 1], &said, &[1 << 14]);
        let mut lost = lost.into_iter().chain(std::iter::repeat(false));
        let mut kept = whole.packets.clone();
        let mut place = 0;
        kept.retain(|_| {
            place += 1;
            place <= 5 || !lost.next().unwrap_or_default()
        });
        let [mut client, mut server] = frames(&whole.packets);
        let [found_client, found_server] = frames(&kept);
        let known = |all: &mut Vec<String>, found: &[String]| {
            found.iter().all(|line| all.iter().any(|known| known == line))
        };
        prop_assert!(known(&mut client, &found_client), "{found_client:#?}");
        prop_assert!(known(&mut server, &found_server), "{found_server:#?}");
    }

    #[test]
    fn no_packet_panics(
        packets in vec((any::<prop::sample::Index>(), vec(any::<u8>(), 0..120), any::<i64>()), 0..40),
    ) {
        let mut pipeline = Pipeline::new(pipeline::Options::default());
        for (number, (link_type, data, nanos)) in packets.iter().enumerate() {
            pipeline.push(&packet(number, *nanos, LINK_TYPES[link_type.index(LINK_TYPES.len())], data));
        }
        drop(pipeline.finish());
    }

    #[test]
    fn no_bytes_on_a_connection_panic(
        said in vec((any::<bool>(), vec(any::<u8>(), 1..200)), 1..30),
        frames in said(),
        prefaced in any::<bool>(),
        flips in vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), any::<u8>()), 0..40),
    ) {
        let mixed: Vec<_> = said.into_iter().chain(frames).collect();
        let mut talk = talk([1, 1], &mixed, &[90]);
        if !prefaced {
            talk.packets.drain(..5);
        }
        // Damage anywhere, the headers of IP and TCP included.
        for (which, place, value) in flips {
            let which = which.index(talk.packets.len());
            let (_, data) = &mut talk.packets[which];
            let place = place.index(data.len());
            data[place] = value;
        }
        let mut pipeline = Pipeline::new(pipeline::Options::default());
        for (number, (nanos, data)) in talk.packets.iter().enumerate() {
            pipeline.push(&packet(number, *nanos, 101, data));
        }
        drop(pipeline.finish());
    }

    #[test]
    fn no_opening_panics(
        first in opening_bytes(),
        second in opening_bytes(),
        complete in any::<[bool; 2]>(),
        cuts in vec(0..200_usize, 0..5),
    ) {
        let side = |bytes, complete| Prefix { bytes, segments: &cuts, complete, uncaptured: false };
        drop(detect::detect([side(&first, complete[0]), side(&second, complete[1])]));
    }
}

/// Beginnings that get far: real ones with noise behind them.
fn opening_bytes() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        &b""[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c",
        b"\x16\x03\x01\x00\x60\x01\x00\x00\x5c\x03\x03",
        b"\0\0\0\x04\0\0\0\0\0",
    ]);
    (
        known,
        any::<prop::sample::Index>(),
        vec(any::<u8>(), 0..200),
    )
        .prop_map(|(known, keep, noise)| {
            let keep = keep.index(known.len() + 1);
            [&known[..keep], &noise].concat()
        })
}
