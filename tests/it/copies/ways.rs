//! Other ways to capture what a recording holds.

use h2sniff::capture::{LinkType, Timestamp};

use super::recording::{COPIES, Dice, Kept, Recording};

/// Where an IPv4 packet begins in an Ethernet frame.
const IP: usize = 14;

/// Each packet twice, the second time behind a router: other link addresses, one hop less, a new
/// checksum, some microseconds later.
pub(crate) fn routed(recording: &Recording) -> Vec<Kept> {
    let mut dice = Dice::seeded(&recording.name);
    let copies = recording.packets.iter().map(|kept| {
        let mut copy = copy(kept, dice.between(5_000, 800_000));
        copy.data[..12].copy_from_slice(&[2, 0, 0, 0, 7, 1, 2, 0, 0, 0, 7, 2]);
        if copy.data[12..IP] == [8, 0] {
            copy.data[IP + 8] -= 1;
            let checksum = checksum(&copy.data[IP..IP + 20]);
            copy.data[IP + 10..IP + 12].copy_from_slice(&checksum.to_be_bytes());
        }
        copy
    });
    in_time(recording.packets.iter().cloned().chain(copies).collect())
}

/// Each packet three times, as a capture on `any` shows them: Linux cooked, version 2.
pub(crate) fn on_three_interfaces(recording: &Recording) -> Vec<Kept> {
    let mut dice = Dice::seeded(&recording.name);
    let mut packets = Vec::new();
    for kept in &recording.packets {
        let (second, third) = (dice.between(2_000, 90_000), dice.between(90_000, 800_000));
        packets.push(cooked(kept.clone(), 1));
        packets.push(cooked(copy(kept, second), 2));
        packets.push(cooked(copy(kept, third), 3));
    }
    in_time(packets)
}

fn copy(kept: &Kept, later: i64) -> Kept {
    let mut copy = kept.clone();
    copy.stamp.packet += COPIES;
    copy.stamp.time = moved(kept.stamp.time, later);
    copy
}

fn moved(time: Timestamp, by: i64) -> Timestamp {
    Timestamp::from_nanos(time.nanos() + by)
}

fn cooked(mut kept: Kept, interface: u8) -> Kept {
    let mut header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    header[..2].copy_from_slice(&kept.data[12..IP]);
    (header[7], header[10]) = (interface, if interface == 1 { 0 } else { 4 });
    kept.data.splice(..IP, header);
    kept.original_length += 6;
    kept.link_type = LinkType(276);
    kept
}

/// The Internet checksum of a header (RFC 1071), its own field taken for zero.
fn checksum(header: &[u8]) -> u16 {
    let words = header.chunks(2).enumerate();
    let sum: u32 = words
        .filter(|(place, _)| *place != 5)
        .map(|(_, word)| u32::from(u16::from_be_bytes([word[0], word[1]])))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !u16::try_from((folded & 0xffff) + (folded >> 16)).unwrap()
}

/// Stable: what has the same stamp stays in order.
pub(crate) fn in_time(mut packets: Vec<Kept>) -> Vec<Kept> {
    packets.sort_by_key(|kept| kept.stamp.time);
    packets
}

/// With true stamps, in the order of stamps that are off by up to `jitter` nanoseconds.
pub(crate) fn shuffled(recording: &Recording, jitter: i64) -> Vec<Kept> {
    let mut dice = Dice::seeded(&recording.name);
    let mut packets: Vec<_> = recording
        .packets
        .iter()
        .map(|kept| {
            (
                moved(kept.stamp.time, dice.between(0, jitter)),
                kept.clone(),
            )
        })
        .collect();
    packets.sort_by_key(|(time, _)| *time);
    packets.into_iter().map(|(_, kept)| kept).collect()
}

/// With stamps that are off by up to `jitter` nanoseconds, and in their order.
pub(crate) fn restamped(recording: &Recording, jitter: i64) -> Vec<Kept> {
    let mut dice = Dice::seeded(&recording.name);
    let mut packets = recording.packets.clone();
    for kept in &mut packets {
        kept.stamp.time = moved(kept.stamp.time, dice.between(0, jitter));
    }
    in_time(packets)
}

/// What both ends captured, in one file.
pub(crate) fn merged(one: &Recording, other: &Recording) -> Vec<Kept> {
    let others = other.packets.iter().map(|kept| copy(kept, 0));
    in_time(one.packets.iter().cloned().chain(others).collect())
}

/// The second half first.
pub(crate) fn swapped(recording: &Recording) -> Vec<Kept> {
    let (first, second) = recording.packets.split_at(recording.packets.len() / 2);
    [second, first].concat()
}
