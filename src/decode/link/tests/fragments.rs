//! Fragments: what makes a packet whole, what never does, and the bounds.

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;
const HEADER: usize = Ipv4Header::MIN_LEN;

/// An IPv4 fragment of datagram `identification`, with the bytes that belong at `offset`.
fn fragment(identification: u16, offset: usize, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = ipv4_packet()[..HEADER].to_vec();
    let length = u16::try_from(HEADER + payload.len()).unwrap();
    let place = u16::try_from(offset / 8).unwrap() | u16::from(more) << 13;
    bytes[2..4].copy_from_slice(&length.to_be_bytes());
    bytes[4..6].copy_from_slice(&identification.to_be_bytes());
    bytes[6..8].copy_from_slice(&place.to_be_bytes());
    bytes.extend(payload);
    bytes
}

/// An IPv4 packet in fragments of at most `size` bytes.
fn cut_up(packet: &[u8], identification: u16, size: usize) -> Vec<Vec<u8>> {
    let payload = &packet[HEADER..];
    let offsets = (0..payload.len()).step_by(size);
    let cut = offsets.map(|offset| {
        let end = payload.len().min(offset + size);
        let more = end < payload.len();
        let mut bytes = fragment(identification, offset, more, &payload[offset..end]);
        bytes[9..HEADER].copy_from_slice(&packet[9..HEADER]);
        bytes
    });
    cut.collect()
}

/// An IPv6 packet in fragments of at most `size` bytes, behind hop-by-hop options.
fn cut_up_v6(size: usize) -> Vec<Vec<u8>> {
    let whole = ipv6_packet();
    let (header, payload) = whole.split_at(Ipv6Header::LEN);
    let offsets = (0..payload.len()).step_by(size);
    let cut = offsets.map(|offset| {
        let end = payload.len().min(offset + size);
        let place = u16::try_from(offset).unwrap() | u16::from(end < payload.len());
        let mut extensions = vec![FRAGMENT, 0, 1, 4, 0, 0, 0, 0, 6, 0];
        extensions.extend(place.to_be_bytes());
        extensions.extend([0, 1, 2, 3]);
        let length = u16::try_from(extensions.len() + end - offset).unwrap();
        let mut bytes = [header, &extensions, &payload[offset..end]].concat();
        bytes[4..6].copy_from_slice(&length.to_be_bytes());
        bytes[6] = HOP_BY_HOP;
        bytes
    });
    cut.collect()
}

/// A decoder at its packets, which it gets a millisecond after each other.
#[derive(Default)]
struct Wire {
    decoder: Decoder,
    stamp: Stamp,
}

impl Wire {
    fn push(&mut self, data: &[u8]) -> Option<(u64, Vec<u8>)> {
        self.push_cut(data, data.len())
    }

    /// The number of the packet and the payload of the segment that `data` completes.
    fn push_cut(&mut self, data: &[u8], captured: usize) -> Option<(u64, Vec<u8>)> {
        self.stamp.packet += 1;
        self.stamp.time = Timestamp::from_nanos(self.stamp.time.nanos() + SECOND / 1000);
        let packet = Packet {
            stamp: self.stamp,
            data: &data[..captured],
            ..packet(LinkType::RAW, data)
        };
        match self.decoder.decode(&packet) {
            Ok(segment) => Some((segment.stamp.packet, segment.payload.to_vec())),
            Err(Stop::Fragment) => None,
            content => panic!("expected a fragment or a segment, found {content:?}"),
        }
    }

    fn wait(&mut self, nanos: i64) {
        self.stamp.time = Timestamp::from_nanos(self.stamp.time.nanos() + nanos);
    }
}

fn whole() -> Vec<u8> {
    PAYLOAD.to_vec()
}

#[test]
fn a_reassembled_segment_is_that_of_the_whole_packet() {
    for fragments in [cut_up(&ipv4_packet(), 1, 8), cut_up_v6(8)] {
        let mut decoder = Decoder::default();
        let (last, before) = fragments.split_last().unwrap();
        for bytes in before {
            let content = decoder.decode(&packet(LinkType::RAW, bytes));
            assert!(matches!(content, Err(Stop::Fragment)));
        }
        let segment = expect_segment(decoder.decode(&packet(LinkType::RAW, last)));
        if segment.source.is_ipv4() {
            assert_is_the_ipv4_segment(&segment);
        } else {
            assert_is_the_ipv6_segment(&segment);
        }
    }
}

#[test]
fn duplicates_change_nothing() {
    let fragments = cut_up(&ipv4_packet(), 1, 16);
    let mut wire = Wire::default();
    assert_eq!(wire.push(&fragments[0]), None);
    assert_eq!(wire.push(&fragments[0]), None);
    assert_eq!(wire.push(&fragments[2]), None);
    assert_eq!(wire.push(&fragments[2]), None);
    assert_eq!(wire.decoder.unused_fragments(), 4);
    assert_eq!(wire.push(&fragments[1]), Some((5, whole())));
    assert_eq!(wire.decoder.unused_fragments(), 0);
}

#[test]
fn datagrams_do_not_mix() {
    let (one, two) = (cut_up(&ipv4_packet(), 1, 24), cut_up(&ipv4_packet(), 2, 24));
    let mut tagged = one.clone();
    for bytes in &mut tagged {
        // Another receiver.
        bytes[19] ^= 1;
    }
    let mut wire = Wire::default();
    assert_eq!(wire.push(&one[0]), None);
    assert_eq!(wire.push(&two[1]), None);
    assert_eq!(wire.push(&tagged[1]), None);
    assert_eq!(wire.push(&two[0]), Some((4, whole())));
    assert_eq!(wire.push(&tagged[0]), Some((5, whole())));
    assert_eq!(wire.push(&one[1]), Some((6, whole())));
}

#[test]
fn overlapping_fragments_are_dropped_with_all_that_follow() {
    let payload = &ipv4_packet()[HEADER..];
    let fragments = cut_up(&ipv4_packet(), 1, 8);
    let mut wire = Wire::default();
    wire.push(&fragments[0]);
    wire.push(&fragments[2]);
    assert_eq!(wire.push(&fragment(1, 8, true, &payload[8..32])), None);
    for bytes in &fragments {
        assert_eq!(wire.push(bytes), None);
    }
    wire.wait(31 * SECOND);
    for bytes in &fragments[..4] {
        assert_eq!(wire.push(bytes), None);
    }
    assert!(wire.push(&fragments[4]).is_some());
}

#[test]
fn contradictions_complete_nothing() {
    let payload = &ipv4_packet()[HEADER..];
    for (first, second) in [
        // Two ends; bytes behind the end, before and after it is known; lengths off by one; too long.
        (
            fragment(1, 16, false, &payload[..8]),
            fragment(1, 24, false, &payload[..8]),
        ),
        (
            fragment(1, 16, false, &payload[..8]),
            fragment(1, 24, true, &payload[..8]),
        ),
        (
            fragment(1, 24, true, &payload[..8]),
            fragment(1, 8, false, &payload[..8]),
        ),
        (
            fragment(1, 0, true, &payload[..7]),
            fragment(1, 0, true, &payload[..8]),
        ),
        (
            fragment(1, 0, true, &[]),
            fragment(1, 0, true, &payload[..8]),
        ),
        (
            fragment(1, 65_528, false, &payload[..8]),
            fragment(1, 0, true, &payload[..8]),
        ),
    ] {
        let mut wire = Wire::default();
        assert_eq!(wire.push(&first), None);
        assert_eq!(wire.push(&second), None);
        for bytes in cut_up(&ipv4_packet(), 1, 8) {
            assert_eq!(wire.push(&bytes), None);
        }
    }
}

#[test]
fn patience_lasts_thirty_seconds() {
    let fragments = cut_up(&ipv4_packet(), 1, 24);
    for (seconds, completes) in [(29, true), (31, false)] {
        let mut wire = Wire::default();
        assert_eq!(wire.push(&fragments[0]), None);
        wire.wait(seconds * SECOND);
        assert_eq!(wire.push(&fragments[1]).is_some(), completes);
        let unused = if completes { 0 } else { 2 };
        assert_eq!(wire.decoder.unused_fragments(), unused);
    }
}

#[test]
fn the_oldest_datagram_makes_room() {
    // More datagrams than are kept, more bytes, and more pieces of one.
    let small = |number: u16| fragment(number, 8, true, &[0; 8]);
    let large = |number: u16| fragment(number, 60_000, true, &[0; 8]);
    for (count, evicting) in [(4_000, false), (4_097, true)] {
        assert_eq!(survives((1..=count).map(small)), !evicting);
    }
    assert!(survives((1..=60).map(large)));
    assert!(!survives((1..=80).map(large)));
}

/// Whether a datagram is completed that `others` came in between.
fn survives(others: impl Iterator<Item = Vec<u8>>) -> bool {
    let fragments = cut_up(&ipv4_packet(), 0, 24);
    let mut wire = Wire::default();
    assert_eq!(wire.push(&fragments[0]), None);
    for bytes in others {
        assert_eq!(wire.push(&bytes), None);
    }
    wire.push(&fragments[1]).is_some()
}

#[test]
fn a_datagram_full_of_holes_is_given_up() {
    let long = [&ipv4_packet()[..40], &[7; 8 * 400]].concat();
    let fragments = cut_up(&long, 1, 8);
    for (pieces, completes) in [(60, true), (70, false)] {
        let mut wire = Wire::default();
        let (early, late): (Vec<_>, Vec<_>) = fragments
            .iter()
            .enumerate()
            .partition(|(number, _)| number % 2 == 0 && *number < 2 * pieces);
        let results = early.iter().chain(&late).map(|(_, bytes)| wire.push(bytes));
        assert_eq!(results.flatten().count() == 1, completes);
    }
}

#[test]
fn a_fragment_that_was_cut_cuts_the_packet() {
    let fragments = cut_up(&ipv4_packet(), 1, 24);
    let mut wire = Wire::default();
    let mut segment_after = |cut: usize, order: [usize; 2]| {
        let mut found = None;
        for number in order {
            let bytes = &fragments[number];
            let captured = bytes.len() - if number == 0 { cut } else { 0 };
            found = found.or(wire.push_cut(bytes, captured));
        }
        found.unwrap().1
    };
    // The first fragment holds TCP's header and four bytes of payload.
    for order in [[0, 1], [1, 0]] {
        assert_eq!(segment_after(0, order), PAYLOAD);
        assert_eq!(segment_after(1, order), &PAYLOAD[..3]);
        assert_eq!(segment_after(4, order), &PAYLOAD[..0]);
    }
}

#[test]
fn fragments_are_put_together_inside_tunnels() {
    let vxlan = |inner: &[u8]| {
        let inner = frame(&[0x0800], inner);
        let length = u16::try_from(inner.len() + 16).unwrap().to_be_bytes();
        let udp = [
            &[0x80, 0, 0x12, 0xb5][..],
            &length,
            &[0, 0, 8, 0, 0, 0, 0, 0, 1, 0],
            &inner,
        ];
        tunnels::ip(17, &udp.concat())
    };
    // The inner packet in fragments, and each of these in fragments of the tunnel's packet.
    let mut wire = Wire::default();
    let mut completed = Vec::new();
    for (number, inner) in (10..).zip(cut_up(&ipv4_packet(), 1, 16)) {
        for outer in cut_up(&vxlan(&inner), number, 32) {
            completed.extend(wire.push(&outer));
        }
    }
    let packets = wire.stamp.packet;
    assert_eq!(completed, [(packets, whole())]);

    // Fragments of two networks are two datagrams.
    let mut wire = Wire::default();
    let fragments = cut_up(&ipv4_packet(), 1, 24);
    assert_eq!(wire.push(&vxlan(&fragments[0])), None);
    assert_eq!(wire.push(&fragments[1]), None);
    assert!(wire.push(&vxlan(&fragments[1])).is_some());
}

proptest! {
    #[test]
    fn any_order_of_fragments_gives_the_packet(
        size in (1_usize..5).prop_map(|words| words * 8),
        order in prop::collection::vec(any::<prop::sample::Index>(), 0..12),
        is_ipv6: bool,
    ) {
        let mut fragments = if is_ipv6 { cut_up_v6(size) } else { cut_up(&ipv4_packet(), 1, size) };
        for (place, index) in order.iter().enumerate() {
            let count = fragments.len();
            fragments.swap(place % count, index.index(count));
        }
        let mut wire = Wire::default();
        let (last, before) = fragments.split_last().unwrap();
        for bytes in before {
            prop_assert_eq!(wire.push(bytes), None);
        }
        prop_assert_eq!(wire.push(last), Some((fragments.len() as u64, whole())));
    }

    /// Whatever fragments come, each byte of a completed packet is one that was sent for its place.
    #[test]
    fn no_fragments_panic_or_make_bytes_up(
        pieces in prop::collection::vec((0_usize..12, 0_usize..40, any::<bool>(), 0_usize..60), 0..40),
    ) {
        let mut wire = Decoder::default();
        let source = [&ipv4_packet()[HEADER..HEADER + 20], &[7; 200]].concat();
        for (word, length, more, captured) in pieces {
            let payload = &source[word * 8..word * 8 + length];
            let bytes = fragment(1, word * 8, more, payload);
            let mut packet = packet(LinkType::RAW, &bytes);
            packet.data = &bytes[..bytes.len().min(captured + HEADER)];
            if let Ok(segment) = wire.decode(&packet) {
                prop_assert!(segment.payload.iter().all(|byte| *byte == 7));
                prop_assert!(segment.payload.len() <= segment.payload_length as usize);
            }
        }
    }
}
