//! Whatever the chunks, the same frames; whatever the bytes, no panic.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A frame of any type, mostly of a known one, with any payload.
fn any_frame() -> impl Strategy<Value = Vec<u8>> {
    let kind = prop_oneof![9 => 0..10_u8, 1 => any::<u8>()];
    let fixed = (0..5_u32).prop_map(|length| [0, 4, 5, 6, 8][length as usize]);
    let length = prop_oneof![fixed, 0..200_usize];
    let bytes = length.prop_flat_map(|length| vec(any::<u8>(), length));
    let fields = vec(("[a-z]{1,8}", "[ -~]{0,20}"), 0..6).prop_map(|fields| {
        let fields: Vec<_> = fields
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_str()))
            .collect();
        wire::literals(&fields)
    });
    let payload = prop_oneof![bytes, fields];
    (kind, any::<u8>(), 0..6_u32, payload)
        .prop_map(|(kind, flags, stream, payload)| wire::frame(kind, flags, stream, &payload))
}

proptest! {
    #[test]
    fn any_chunking_gives_the_same_frames(
        frames in vec(any_frame(), 1..20),
        cuts in vec(1..60_usize, 1..100),
    ) {
        let bytes = frames.concat();
        let whole = read(&bytes);
        prop_assert_eq!(whole.losses, 0);
        prop_assert_eq!(whole.frames.len(), frames.len());

        let mut stream = Stream::new();
        let mut rest = bytes.as_slice();
        let mut ends = Vec::new();
        for length in cuts.iter().cycle() {
            let (chunk, after) = rest.split_at((*length).min(rest.len()));
            stream.push(chunk);
            ends.push(bytes.len() - after.len());
            rest = after;
            if rest.is_empty() {
                break;
            }
        }
        let given = stream.given;
        prop_assert_eq!(&given.frames, &whole.frames);
        prop_assert_eq!(&given.data, &whole.data);
        prop_assert_eq!(given.faults, whole.faults);
        prop_assert_eq!(given.losses, 0);
        let mut begins = 0;
        for (frame, (place, began, completed)) in frames.iter().zip(&given.places) {
            let end = begins + frame.len() as u64;
            prop_assert_eq!(place, &(begins..end));
            let packet_of = |byte: u64| {
                ends.partition_point(|end| *end as u64 <= byte) as u64 + 1
            };
            prop_assert_eq!(*began, packet_of(begins), "the packet with its first byte");
            prop_assert_eq!(*completed, packet_of(end - 1), "the packet with its last byte");
            begins = end;
        }
    }

    #[test]
    fn no_bytes_and_no_gaps_panic(
        parts in vec((vec(any::<u8>(), 0..80), 0..40_usize, any::<bool>()), 1..30),
        frames in vec(any_frame(), 1..30),
        begun in any::<bool>(),
    ) {
        let direction = Direction::ServerToClient;
        let reader = if begun { FrameReader::new(direction) } else { FrameReader::mid_connection(direction) };
        let mut stream = Stream::of(reader);
        for ((noise, gap, noisy), frame) in parts.iter().zip(frames.iter().cycle()) {
            if *noisy {
                stream.push(noise);
            }
            stream.push(&frame[..frame.len() - gap.min(&frame.len())]);
            if *gap > 0 {
                stream.lose(*gap);
            }
        }
    }

    #[test]
    fn frames_reappear_after_a_gap_anywhere(
        before in vec(any_frame(), 1..6),
        gap in 1..300_usize,
        streams in vec(1..1_000_u32, 10..20),
    ) {
        let mut stream = Stream::new();
        let bytes = before.concat();
        let captured = bytes.len().saturating_sub(gap);
        stream.push(&bytes[..captured]);
        stream.lose(bytes.len() - captured);
        for id in &streams {
            stream.push(&wire::reset(*id, 8));
        }
        let found = stream.given.frames.iter().rev().zip(streams.iter().rev());
        let found = found.take_while(|(line, id)| line.starts_with(&format!("RST_STREAM {id} ")));
        prop_assert_eq!(found.count(), streams.len());
    }
}
