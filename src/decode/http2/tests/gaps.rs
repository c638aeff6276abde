//! Bytes missing anywhere: never a panic, and frames reappear at the next boundary.

use insta::assert_snapshot;

use super::super::boundary;
use super::*;
use crate::testing::wire::{DATA, END_HEADERS, END_STREAM, HEADERS, PING, frame, literals};

/// Frames whose payloads hold nothing that looks like a frame.
fn frames() -> Vec<Vec<u8>> {
    vec![
        wire::settings(&[(3, 100)]),
        wire::headers(0, 1, &[(":path", "/a"), ("x", "y")]),
        frame(DATA, 0, 1, &[0xff; 40]),
        frame(PING, 0, 0, &[0xff; 8]),
        wire::headers(END_STREAM, 3, &[(":path", "/b")]),
        wire::goaway(3, 0, &[0xff; 12]),
        frame(DATA, END_STREAM, 1, &[0xff; 30]),
        wire::reset(3, 8),
    ]
}

#[test]
fn a_gap_anywhere_costs_only_the_frames_it_touches() {
    let frames = frames();
    let whole = read(&frames.concat());
    let total = frames.concat().len();
    let mut begins = 0;
    let spans: Vec<_> = frames
        .iter()
        .map(|frame| {
            let span = begins..begins + frame.len();
            begins = span.end;
            span
        })
        .collect();
    let (mut tried, mut ambiguous) = (0, 0);
    for from in 0..total {
        for length in [1, 2, 5, 9, 13, 30, 60] {
            let gap = from..(from + length).min(total);
            tried += 1;
            let rest = spans.iter().position(|span| span.contains(&gap.end));
            let rest = rest.map(|at| &frames[at][gap.end - spans[at].start..]);
            if rest
                .is_some_and(|rest| is_taken_for_a_frame(rest) && !frames.iter().any(|f| f == rest))
            {
                ambiguous += 1;
                continue;
            }
            let mut stream = Stream::new();
            // A segment a frame, as most senders write them; the gap may span several.
            let mut lost = false;
            for (frame, span) in frames.iter().zip(&spans) {
                let before = gap.start.clamp(span.start, span.end) - span.start;
                let after = gap.end.clamp(span.start, span.end) - span.start;
                stream.push(&frame[..before]);
                if before < after && !lost {
                    stream.lose(gap.len());
                    lost = true;
                }
                stream.push(&frame[after.max(before)..]);
            }
            let untouched = spans
                .iter()
                .zip(&whole.frames)
                .filter(|(span, _)| span.end <= gap.start || span.start >= gap.end);
            for (span, line) in untouched {
                let at = stream
                    .given
                    .places
                    .iter()
                    .position(|(place, _, _)| *place == (span.start as u64..span.end as u64));
                let at = at.unwrap_or_else(|| panic!("{line} is not found with {gap:?} missing"));
                assert_eq!(stream.given.frames[at], *line, "with {gap:?} missing");
            }
            assert!(stream.given.frames.len() <= whole.frames.len(), "{gap:?}");
        }
    }
    assert!(
        ambiguous * 20 < tried,
        "{ambiguous} of {tried} gaps were not tried"
    );
}

/// Whether the rest of a frame that a gap left reads as the beginning of a longer one. Nothing in
/// the bytes tells the two apart until that one should have ended.
fn is_taken_for_a_frame(rest: &[u8]) -> bool {
    boundary::find(rest, boundary::DEFAULT_MAX_FRAME_SIZE) == Some(0)
}

#[test]
fn a_gap_inside_data_keeps_the_count_of_bytes() {
    let mut stream = Stream::new();
    let data = frame(DATA, END_STREAM, 1, b"0123456789");
    stream.push(&data[..12]);
    stream.lose(4);
    stream.push(&data[16..]);
    stream.push(&frame(PING, 0, 0, &[1; 8]));
    assert_eq!(stream.given.losses, 0);
    let bytes: Vec<_> = stream.given.data.iter().map(|(_, byte)| *byte).collect();
    let mut expected: Vec<_> = b"0123456789".iter().copied().map(Some).collect();
    expected[3..7].fill(None);
    assert_eq!(bytes, expected);
    assert_snapshot!(stream.frames(), @r"
    DATA 1 flags=0x1 length=10 data=10
    PING 0 flags=0x0 length=8 [01, 01, 01, 01, 01, 01, 01, 01]
    ");
}

#[test]
fn a_gap_inside_headers_shows_the_frame_and_forgets_the_table() {
    let mut stream = Stream::new();
    // `x: y` enters the dynamic table (RFC 7541, section 6.2.1), where index 62 finds it.
    let mut inserted = vec![0x40];
    inserted.extend(&literals(&[("x", "y")])[1..]);
    stream.push(&frame(HEADERS, END_HEADERS, 1, &inserted));
    stream.push(&frame(HEADERS, END_HEADERS, 3, &[0xbe]));
    let cut = wire::headers(END_STREAM, 5, &[("lost", "value")]);
    stream.push(&cut[..12]);
    stream.lose(cut.len() - 12);
    stream.push(&frame(HEADERS, END_HEADERS, 7, &[0xbe]));
    stream.push(&wire::headers(0, 9, &[("z", "1")]));
    assert_eq!(
        stream.given.losses, 0,
        "its header said where the next frame begins"
    );
    assert_snapshot!(stream.frames(), @r#"
    HEADERS 1 flags=0x4 length=5 ["x": "y"]
    HEADERS 3 flags=0x4 length=1 ["x": "y" (entry 0)]
    HEADERS 5 flags=0x5 length=12 is not whole in the capture
    HEADERS 7 flags=0x4 length=1 [unknown: unknown (entry 1048576)]
    HEADERS 9 flags=0x4 length=5 ["z": "1"]
    "#);
}

#[test]
fn a_gap_in_debug_data_leaves_what_a_goaway_says() {
    let mut stream = Stream::new();
    let goaway = wire::goaway(21, 11, b"too_many_pings");
    stream.push(&goaway[..20]);
    stream.lose(goaway.len() - 20);
    stream.push(&frame(PING, 0, 0, &[1; 8]));
    assert_snapshot!(stream.frames(), @r#"
    GOAWAY 0 flags=0x0 length=22 last=21 ENHANCE_YOUR_CALM "too"
    PING 0 flags=0x0 length=8 [01, 01, 01, 01, 01, 01, 01, 01]
    "#);
}

#[test]
fn a_gap_that_takes_a_header_costs_frames_up_to_the_next_boundary() {
    let mut stream = Stream::new();
    stream.push(&frame(PING, 0, 0, &[1; 8]));
    stream.lose(9);
    // The rest of a message, then two frames in the same segment.
    let mut segment = b"the end of a message".to_vec();
    segment.extend(frame(PING, 0, 0, &[2; 8]));
    segment.extend(wire::reset(1, 0));
    stream.push(&segment);
    assert_eq!(stream.given.losses, 1);
    assert_snapshot!(stream.frames(), @r"
    PING 0 flags=0x0 length=8 [01, 01, 01, 01, 01, 01, 01, 01]
    PING 0 flags=0x0 length=8 [02, 02, 02, 02, 02, 02, 02, 02]
    RST_STREAM 1 flags=0x0 length=4 NO_ERROR
    ");
}

#[test]
fn a_reader_that_begins_mid_connection_finds_the_first_boundary() {
    let mut stream = Stream::of(FrameReader::mid_connection(Direction::ServerToClient));
    stream.push(b"the end of a message that began before the capture");
    stream.push(&frame(HEADERS, END_HEADERS, 1, &[0xbe, 0x88]));
    stream.push(&frame(PING, 0, 0, &[1; 8]));
    assert_snapshot!(stream.frames(), @r#"
    HEADERS 1 flags=0x4 length=2 [unknown: unknown (entry -1), ":status": "200"]
    PING 0 flags=0x0 length=8 [01, 01, 01, 01, 01, 01, 01, 01]
    "#);
}

#[test]
fn a_gap_that_misses_no_stream_keeps_the_clients_table() {
    // `x: y` enters the dynamic table (RFC 7541, section 6.2.1), where index 62 finds it.
    let mut inserted = vec![0x40];
    inserted.extend(&literals(&[("x", "y")])[1..]);
    let told = |next: u32| {
        let mut stream = Stream::new();
        stream.push(&frame(HEADERS, END_HEADERS, 1, &inserted));
        stream.lose(17);
        stream.push(&frame(HEADERS, END_HEADERS, next, &[0xbe]));
        stream.frames()
    };
    assert!(told(3).contains("\"x\": \"y\""), "{}", told(3));
    assert!(told(5).contains("unknown"), "{}", told(5));
}
