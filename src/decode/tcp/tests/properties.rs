//! Whatever the network does to segments, the same bytes come out.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A part of one side's stream, as one packet carries it.
#[derive(Clone, Debug)]
struct Part {
    from: End,
    start: usize,
    end: usize,
}

/// Two streams cut into segments, in the order in which they were sent.
#[derive(Clone, Debug)]
struct Sent {
    peers: Peers,
    streams: [Vec<u8>; 2],
    parts: Vec<Part>,
}

fn sent() -> impl Strategy<Value = Sent> {
    let stream = || proptest::collection::vec(any::<u8>(), 1..600);
    let cuts = proptest::collection::vec((any::<bool>(), 1..60_usize), 1..60);
    // Close to where sequence numbers wrap as often as anywhere else.
    let initial = || prop_oneof![any::<u32>(), (u32::MAX - 700)..=u32::MAX];
    (stream(), stream(), cuts, initial(), initial()).prop_map(|(client, server, cuts, c, s)| {
        let mut peers = Peers::new(40_000, 50_051);
        peers.initial = [c, s];
        let mut parts = Vec::new();
        let mut at = [0, 0];
        let lengths = [client.len(), server.len()];
        let rest = [(true, 600), (false, 600)];
        for (is_client, length) in cuts.into_iter().chain(rest) {
            let (from, side) = if is_client {
                (End::Client, 0)
            } else {
                (End::Server, 1)
            };
            let end = lengths[side].min(at[side] + length);
            if end > at[side] {
                parts.push(Part {
                    from,
                    start: at[side],
                    end,
                });
                at[side] = end;
            }
        }
        Sent {
            peers,
            streams: [client, server],
            parts,
        }
    })
}

/// How a packet fares: how many places it is late, whether it comes twice, how many bytes of its
/// neighbours it carries too.
type Fate = (usize, Option<usize>, usize, usize);

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let late = || 0..12_usize;
    let fate = (
        late(),
        proptest::option::weighted(0.2, late()),
        0..20_usize,
        0..20_usize,
    );
    proptest::collection::vec(fate, 62)
}

fn suffer(sent: &Sent, fates: &[Fate]) -> Vec<Part> {
    let mut packets = Vec::new();
    for (place, (part, (late, again, before, behind))) in sent.parts.iter().zip(fates).enumerate() {
        let length = sent.streams[usize::from(part.from == End::Server)].len();
        let wide = Part {
            from: part.from,
            start: part.start.saturating_sub(*before),
            end: (part.end + behind).min(length),
        };
        packets.push((place + late, wide));
        packets.extend(again.map(|again| (place + again, part.clone())));
    }
    packets.sort_by_key(|(place, _)| *place);
    packets.into_iter().map(|(_, part)| part).collect()
}

/// What came out of a stream: its bytes with the packet each was carried by, and the gaps.
#[derive(Debug, Default, PartialEq)]
struct Got {
    bytes: BTreeMap<usize, (u8, u64)>,
    gaps: Vec<(usize, usize)>,
    next: usize,
    /// The latest packet that carried any of it.
    latest: u64,
}

/// Captures the packets and reassembles them. Packet 1 is the SYN, 2 the SYN-ACK.
fn reassemble(sent: &Sent, packets: &[Part]) -> [Got; 2] {
    let mut flows: Flows<[Got; 2]> = Flows::default();
    let mut number = 0;
    let mut arrivals = Arrivals::default();
    let mut push = |flows: &mut Flows<[Got; 2]>, data: &[u8]| {
        number += 1;
        let packet = Packet {
            stamp: Stamp {
                time: Timestamp::from_nanos(number * 100_000),
                packet: number.unsigned_abs(),
                file: 0,
            },
            link_type: LinkType::RAW,
            original_length: u32::try_from(data.len()).unwrap(),
            data,
            options: crate::capture::PacketOptions::default(),
        };
        let mut link = link::Decoder::default();
        let Ok(segment) = link.decode(&packet) else {
            panic!("no segment");
        };
        let arrival = arrivals.next(&segment);
        let located = flows.locate(FlowKey::of(&segment));
        flows.push(located, &segment, arrival, &mut |got, signal| {
            take(got, signal)
        });
    };
    push(
        &mut flows,
        &sent.peers.packet(End::Client, 0, None, SYN, b""),
    );
    push(
        &mut flows,
        &sent.peers.packet(End::Server, 0, Some(1), SYN, b""),
    );
    for part in packets {
        let stream = &sent.streams[usize::from(part.from == End::Server)];
        let sequence = u32::try_from(part.start).unwrap() + 1;
        let bytes = &stream[part.start..part.end];
        push(
            &mut flows,
            &sent.peers.packet(part.from, sequence, Some(1), 0, bytes),
        );
    }
    let place = flows.places().pop().unwrap();
    let (mut flow, mut got) = flows.forget(place.1).unwrap();
    flow.finish(&mut |signal| take(&mut got, signal));
    got
}

fn take(got: &mut [Got; 2], signal: Signal<'_>) {
    let Signal::Chunk { from, chunk } = signal else {
        return;
    };
    let got = &mut got[usize::from(from == Side::Second)];
    match chunk {
        Chunk::Bytes {
            position,
            data,
            carrier,
            whole,
        } => {
            let at = usize::try_from(position - ORIGIN).unwrap();
            assert_eq!(at, got.next, "in order, and nothing twice");
            assert!(!data.is_empty());
            got.latest = got.latest.max(carrier.stamp.packet);
            if got.gaps.is_empty() {
                assert_eq!(
                    whole.packet, got.latest,
                    "nothing is complete before what stands below it"
                );
            }
            let carried = data.iter().map(|byte| (*byte, carrier.stamp.packet));
            got.bytes.extend((at..).zip(carried));
            got.next = at + data.len();
        }
        Chunk::Gap {
            position, length, ..
        } => {
            let at = usize::try_from(position - ORIGIN).unwrap();
            assert_eq!(at, got.next, "in order, and nothing twice");
            got.next += usize::try_from(length).unwrap();
            got.gaps.push((at, got.next));
        }
    }
}

/// What must come out: each byte by the first packet that holds it, and a gap wherever none does and
/// a later byte shows that there was one.
fn expected(sent: &Sent, packets: &[Part], from: End) -> Got {
    let stream = &sent.streams[usize::from(from == End::Server)];
    let mut got = Got::default();
    for (at, byte) in stream.iter().enumerate() {
        let first = packets
            .iter()
            .position(|part| part.from == from && (part.start..part.end).contains(&at));
        if let Some(first) = first {
            got.bytes.insert(at, (*byte, first as u64 + 3));
        }
    }
    got.next = got.bytes.last_key_value().map_or(0, |(at, _)| at + 1);
    let packets = got.bytes.values().map(|(_, packet)| *packet);
    got.latest = packets.max().unwrap_or_default();
    for at in (0..got.next).filter(|at| !got.bytes.contains_key(at)) {
        match got.gaps.last_mut() {
            Some((_, end)) if *end == at => *end = at + 1,
            _ => got.gaps.push((at, at + 1)),
        }
    }
    got
}

proptest! {
    #[test]
    fn any_split_reorder_duplicate_or_overlap_gives_the_same_bytes(sent in sent(), fates in fates()) {
        let packets = suffer(&sent, &fates);
        let [client, server] = reassemble(&sent, &packets);
        prop_assert!(client.gaps.is_empty() && server.gaps.is_empty());
        prop_assert_eq!(client.bytes.len(), sent.streams[0].len());
        prop_assert_eq!(server.bytes.len(), sent.streams[1].len());
        prop_assert_eq!(client, expected(&sent, &packets, End::Client));
        prop_assert_eq!(server, expected(&sent, &packets, End::Server));
    }

    #[test]
    fn what_no_packet_carries_is_a_gap_and_nothing_else_is(
        sent in sent(),
        fates in fates(),
        lost in proptest::collection::vec(any::<bool>(), 130),
    ) {
        let mut lost = lost.into_iter();
        let mut packets = suffer(&sent, &fates);
        packets.retain(|_| !lost.next().unwrap_or_default());
        let [client, server] = reassemble(&sent, &packets);
        prop_assert_eq!(client, expected(&sent, &packets, End::Client));
        prop_assert_eq!(server, expected(&sent, &packets, End::Server));
    }
}
