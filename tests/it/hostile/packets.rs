//! Harm done to packets: the file stays whole, and the harm reaches TCP, HTTP/2 and gRPC.

use super::lot::Lot;
use super::mutation::{flip, overwrite};
use super::story::{Packet, Story};

/// Link types (www.tcpdump.org/linktypes.html): each that the program reads, and some that it does
/// not.
const LINK_TYPES: [u32; 17] = [
    0, 1, 6, 9, 12, 101, 104, 105, 108, 109, 113, 127, 147, 228, 229, 239, 276,
];

/// Units of pcapng's clocks: powers of ten, and with the highest bit of two.
const RESOLUTIONS: [u8; 10] = [0, 3, 6, 9, 12, 19, 0x7f, 0x80, 0x94, 0xff];

/// Lengths of headers of the fixtures' two link types, 1 (Ethernet) and 101 (none).
const ETHERNET: u32 = 1;
const ETHERNET_HEADER: usize = 14;

/// The length of an HTTP/2 frame's header (RFC 9113, section 4.1).
const FRAME_HEADER: usize = 9;

/// How far into a packet the headers of IP and TCP can reach, for overwriting their fields.
const HEADERS: usize = 80;

/// Does harm to a story, with pieces of another.
pub(crate) type ToPackets = fn(&mut Lot, &mut Story, &Story);

/// All that can befall packets.
pub(crate) const TO_PACKETS: [ToPackets; 14] = [
    lose_packets,
    repeat_packets,
    shuffle_packets,
    splice_packets,
    lie_about_length,
    shift_time,
    change_clock,
    change_link_type,
    cut_packet,
    overwrite_header,
    overwrite_frame_header,
    overwrite_frame_header,
    flip_payload,
    stretch_payload,
];

fn lose_packets(lot: &mut Lot, story: &mut Story, _: &Story) {
    let stretch = lot.stretch(story.packets.len());
    story.packets.drain(stretch);
}

fn repeat_packets(lot: &mut Lot, story: &mut Story, _: &Story) {
    let stretch = lot.stretch(story.packets.len());
    let repeated = story.packets[stretch].to_vec();
    let place = lot.below(story.packets.len() + 1);
    story.packets.splice(place..place, repeated);
}

fn shuffle_packets(lot: &mut Lot, story: &mut Story, _: &Story) {
    let stretch = lot.stretch(story.packets.len());
    for place in stretch.clone().rev() {
        let with = stretch.start + lot.below(place - stretch.start + 1);
        story.packets.swap(place, with);
    }
}

fn splice_packets(lot: &mut Lot, story: &mut Story, other: &Story) {
    let stretch = lot.stretch(other.packets.len());
    let place = lot.below(story.packets.len() + 1);
    let pieces = other.packets[stretch].iter().cloned();
    story.packets.splice(place..place, pieces);
}

fn lie_about_length(lot: &mut Lot, story: &mut Story, _: &Story) {
    let (both, length) = (lot.once_in(2), lot.edge());
    let Some(packet) = any_packet(lot, story) else {
        return;
    };
    packet.original = length;
    if both {
        packet.captured = length;
    }
}

/// A stretch at another time: an edge of what a clock can show, or so much later.
fn shift_time(lot: &mut Lot, story: &mut Story, _: &Story) {
    let stretch = lot.stretch(story.packets.len());
    let (edge, set) = (lot.long_edge(), lot.once_in(2));
    for packet in &mut story.packets[stretch] {
        packet.ticks = if set {
            edge
        } else {
            packet.ticks.wrapping_add(edge)
        };
    }
}

/// A clock with another unit or beginning.
fn change_clock(lot: &mut Lot, story: &mut Story, _: &Story) {
    match lot.below(3) {
        0 => story.resolution = lot.one_of(&RESOLUTIONS),
        1 => story.offset = lot.long_edge().cast_signed(),
        // All the time that 64 bits of nanoseconds hold, around 1970.
        _ => story.offset = i64::MIN / 1_000_000_000 / (1 + lot.draw() % 3).cast_signed(),
    }
}

fn change_link_type(lot: &mut Lot, story: &mut Story, _: &Story) {
    story.link_type = match lot.below(8) {
        0 => lot.edge(),
        _ => lot.one_of(&LINK_TYPES),
    };
}

fn cut_packet(lot: &mut Lot, story: &mut Story, _: &Story) {
    let left = lot.draw();
    let Some(packet) = any_packet(lot, story) else {
        return;
    };
    let kept = usize::try_from(left % 1_600).expect("a short packet");
    packet.bytes.truncate(kept);
    packet.captured = u32::try_from(packet.bytes.len()).expect("a short packet");
}

/// A field of Ethernet, IP or TCP.
fn overwrite_header(lot: &mut Lot, story: &mut Story, _: &Story) {
    let (place, edge, width) = (lot.below(HEADERS), lot.edge(), 1 + lot.below(4));
    let Some(packet) = any_packet(lot, story) else {
        return;
    };
    overwrite(&mut packet.bytes, place, &edge.to_be_bytes()[4 - width..]);
}

/// A field of an HTTP/2 frame, or of what follows its header.
fn overwrite_frame_header(lot: &mut Lot, story: &mut Story, _: &Story) {
    let fields = [0..3, 3..4, 4..5, 5..9, 9..10, 9..13, 13..17];
    let field = fields[lot.below(fields.len())].clone();
    let edge = lot.edge();
    let link_type = story.link_type;
    let Some((payload, packet)) = spoken_packet(lot, story, link_type) else {
        return;
    };
    // Frames follow each other: often it is a later one's.
    let mut place = payload;
    while lot.once_in(2) {
        let Some([a, b, c]) = packet
            .bytes
            .get(place..)
            .and_then(|rest| rest.first_chunk())
        else {
            break;
        };
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let next = place + FRAME_HEADER + length;
        if next + FRAME_HEADER > packet.bytes.len() {
            break;
        }
        place = next;
    }
    let bytes = &edge.to_be_bytes()[4 - field.len()..];
    overwrite(&mut packet.bytes, place + field.start, bytes);
}

fn flip_payload(lot: &mut Lot, story: &mut Story, _: &Story) {
    let link_type = story.link_type;
    let flips = 1 + lot.below(16);
    let Some((payload, packet)) = spoken_packet(lot, story, link_type) else {
        return;
    };
    flip(lot, &mut packet.bytes[payload..], flips);
}

/// Some of the payload twice or not at all, in a packet whose IP header says so: what follows in TCP
/// overlaps, or leaves a gap.
fn stretch_payload(lot: &mut Lot, story: &mut Story, _: &Story) {
    let link_type = story.link_type;
    let Some((payload, packet)) = spoken_packet(lot, story, link_type) else {
        return;
    };
    let stretch = lot.stretch(packet.bytes.len() - payload);
    let stretch = payload + stretch.start..payload + stretch.end;
    if lot.once_in(2) {
        packet.bytes.drain(stretch);
    } else {
        let repeated = packet.bytes[stretch.clone()].to_vec();
        packet.bytes.splice(stretch.end..stretch.end, repeated);
    }
    let length = u32::try_from(packet.bytes.len()).expect("a short packet");
    (packet.captured, packet.original) = (length, length);
    let begin = network_begin(link_type);
    let total = u16::try_from(packet.bytes.len() - begin).expect("a short packet");
    overwrite(&mut packet.bytes, begin + 2, &total.to_be_bytes());
}

fn any_packet<'a>(lot: &mut Lot, story: &'a mut Story) -> Option<&'a mut Packet> {
    let place = lot.below(story.packets.len());
    story.packets.get_mut(place)
}

/// A packet with TCP payload, and where that begins.
fn spoken_packet<'a>(
    lot: &mut Lot,
    story: &'a mut Story,
    link_type: u32,
) -> Option<(usize, &'a mut Packet)> {
    // Half of the packets are bare acknowledgements: a few tries find one that is not.
    let found = (0..8).find_map(|_| {
        let place = lot.below(story.packets.len());
        let payload = payload_begin(&story.packets.get(place)?.bytes, link_type)?;
        Some((payload, place))
    });
    let (payload, place) = found?;
    Some((payload, story.packets.get_mut(place)?))
}

const fn network_begin(link_type: u32) -> usize {
    if link_type == ETHERNET {
        ETHERNET_HEADER
    } else {
        0
    }
}

/// Where the payload begins of a TCP segment in IPv4, if there is any.
fn payload_begin(packet: &[u8], link_type: u32) -> Option<usize> {
    let network = network_begin(link_type);
    let first = packet.get(network)?;
    let transport = network + usize::from(first & 0xf) * 4;
    let offset = packet.get(transport + 12)?;
    let payload = transport + usize::from(offset >> 4) * 4;
    (first >> 4 == 4 && payload < packet.len()).then_some(payload)
}
