//! Fed: packets of one link type, whatever their bytes, with fragments that may belong together:
//!
//! ```text
//! +-----------+   +--------------+--------------+-------------+-------+
//! | link type | + | milliseconds | not captured | length (16) | bytes | ...
//! +-----------+   +--------------+--------------+-------------+-------+
//! ```
//!
//! Must hold: a segment is no longer than what it came in, and is stamped with its packet. A packet
//! that the snap length cuts shorter shows the same segment with less of its payload, or none, and
//! never another segment. No more fragments are unused than came.

#![no_main]

use h2sniff::capture::{LinkType, Packet};
use h2sniff::decode::link::{Decoder, Segment};
use h2sniff_fuzz::{LINK_TYPES, Script, stamp};
use libfuzzer_sys::fuzz_target;

/// The longest IP packet that fragments make.
const LONGEST_DATAGRAM: usize = 65_535;

fuzz_target!(|bytes: &[u8]| {
    let mut script = Script::new(bytes);
    let number = script.byte();
    let link_type = LINK_TYPES.get(usize::from(number)).copied();
    let link_type = link_type.unwrap_or(LinkType(number.into()));
    let mut decoder = Decoder::default();
    let mut nanos = 0;
    let mut packets = 0;
    while !script.is_over() {
        packets += 1;
        nanos += i64::from(script.byte()) * 1_000_000;
        let missing = u32::from(script.byte());
        let length = usize::from(script.half());
        let data = script.bytes(length);
        let packet = Packet {
            stamp: stamp(packets, nanos),
            link_type,
            original_length: data.len() as u32 + missing,
            data,
            options: h2sniff::capture::PacketOptions::default(),
        };
        if let Ok(segment) = decoder.decode(&packet) {
            assert_eq!(segment.stamp, packet.stamp);
            assert!(segment.payload.len() <= data.len().max(LONGEST_DATAGRAM));
            assert!(segment.payload.len() <= segment.payload_length as usize);
        }
        assert_cut_shows_less(&packet);
    }
    assert!(
        decoder.unused_fragments() <= packets,
        "more fragments than packets"
    );
});

/// Cuts `packet` to half, to three quarters and by one byte.
fn assert_cut_shows_less(packet: &Packet<'_>) {
    let mut alone = Decoder::default();
    let Ok(whole) = alone.decode(packet) else {
        return;
    };
    let length = packet.data.len();
    for kept in [length / 2, length / 4 * 3, length.saturating_sub(1)] {
        let cut = Packet {
            data: &packet.data[..kept],
            ..*packet
        };
        if let Ok(less) = Decoder::default().decode(&cut) {
            assert!(
                whole.payload.starts_with(less.payload),
                "cut to {kept} bytes, {whole:?} has another payload: {less:?}"
            );
            // The cut may fall among the options.
            let timestamp = less.timestamp.and(whole.timestamp);
            assert_eq!(
                without_payload(&less),
                without_payload(&Segment { timestamp, ..whole }),
                "cut to {kept} bytes"
            );
        }
    }
}

/// All that a segment's headers say.
fn without_payload(segment: &Segment<'_>) -> String {
    format!(
        "{:?}",
        Segment {
            payload: &[],
            ..*segment
        }
    )
}
