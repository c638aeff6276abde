//! Frames, legal and not: what the reader shows of each. It is a sniffer: it shows, it does not refuse.

use insta::assert_snapshot;

use super::super::MAX_HEADER_BLOCK;
use super::*;
use crate::testing::wire::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PADDED, PING, PRIORITY,
    PUSH_PROMISE, RST_STREAM, SETTINGS, WINDOW_UPDATE, frame, literals,
};

fn shown(frames: &[Vec<u8>]) -> String {
    read(&frames.concat()).frames.join("\n")
}

#[test]
fn each_type_is_shown_with_what_it_says() {
    let shown = shown(&[
        frame(DATA, END_STREAM, 1, b"12345"),
        wire::headers(0, 1, &[(":path", "/a"), ("x", "y")]),
        frame(PRIORITY, 0, 3, &[0x80, 0, 0, 1, 15]),
        wire::reset(3, 8),
        wire::settings(&[(3, 100), (0x99, 7)]),
        frame(SETTINGS, ACK, 0, b""),
        frame(PING, ACK, 0, &[1, 2, 3, 4, 5, 6, 7, 8]),
        wire::goaway(7, 11, b"too_many_pings"),
        frame(WINDOW_UPDATE, 0, 5, &[0, 0, 1, 0]),
    ]);
    assert_snapshot!(shown, @r#"
    DATA 1 flags=0x1 length=5 data=5
    HEADERS 1 flags=0x4 length=9 [":path": "/a", "x": "y"]
    PRIORITY 3 flags=0x0 length=5 Priority { exclusive: true, dependency: StreamId(1), weight: 15 }
    RST_STREAM 3 flags=0x0 length=4 CANCEL
    SETTINGS 0 flags=0x0 length=12 MAX_CONCURRENT_STREAMS=100 0x99=7
    SETTINGS 0 flags=0x1 length=0
    PING 0 flags=0x1 length=8 [01, 02, 03, 04, 05, 06, 07, 08]
    GOAWAY 0 flags=0x0 length=22 last=7 ENHANCE_YOUR_CALM "too_many_pings"
    WINDOW_UPDATE 5 flags=0x0 length=4 +256
    "#);
}

#[test]
fn unknown_types_flags_and_codes_are_shown() {
    let shown = shown(&[
        frame(0x0a, 0xff, 0, b"origin"),
        frame(0xbe, 0, 9, b""),
        frame(DATA, 0xf2, 1, b"1"),
        wire::reset(1, 0xdead_beef),
        wire::goaway(0x8000_0001, 99, b""),
        frame(PING, 0, 0x8000_0000, &[0; 8]),
    ]);
    assert_snapshot!(shown, @r#"
    UNKNOWN_0xa 0 flags=0xff length=6
    UNKNOWN_0xbe 9 flags=0x0 length=0
    DATA 1 flags=0xf2 length=1 data=1
    RST_STREAM 1 flags=0x0 length=4 0xdeadbeef
    GOAWAY 0 flags=0x0 length=8 last=1 0x63 ""
    PING 0 flags=0x0 length=8 reserved [00, 00, 00, 00, 00, 00, 00, 00]
    "#);
}

#[test]
fn illegal_streams_and_values_are_shown() {
    let shown = shown(&[
        frame(DATA, 0, 0, b"1"),
        wire::reset(0, 1),
        frame(SETTINGS, 0, 1, &[0, 4, 0xff, 0xff, 0xff, 0xff]),
        frame(SETTINGS, ACK, 0, &[0, 1, 0, 0, 0, 0]),
        frame(WINDOW_UPDATE, 0, 0, &[0; 4]),
        wire::headers(0, 2, &[("Upper", "")]),
    ]);
    assert_snapshot!(shown, @r#"
    DATA 0 flags=0x0 length=1 data=1
    RST_STREAM 0 flags=0x0 length=4 PROTOCOL_ERROR
    SETTINGS 1 flags=0x0 length=6 INITIAL_WINDOW_SIZE=4294967295
    SETTINGS 0 flags=0x1 length=6 HEADER_TABLE_SIZE=0
    WINDOW_UPDATE 0 flags=0x0 length=4 +0
    HEADERS 2 flags=0x4 length=8 ["Upper": ""]
    "#);
}

#[test]
fn lengths_that_a_type_does_not_allow_cost_that_frame_alone() {
    let shown = shown(&[
        frame(PING, 0, 0, b"1234567"),
        frame(RST_STREAM, 0, 1, b"123"),
        frame(PRIORITY, 0, 1, b"123456"),
        frame(SETTINGS, 0, 0, b"1234567"),
        frame(wire::GOAWAY, 0, 0, b"1234567"),
        frame(WINDOW_UPDATE, 0, 0, b"12345"),
        frame(PUSH_PROMISE, END_HEADERS, 1, b"12"),
        frame(HEADERS, END_HEADERS | 0x20, 1, b"12"),
        frame(HEADERS, END_HEADERS | PADDED, 1, b""),
        frame(PING, 0, 0, b"12345678"),
    ]);
    assert_snapshot!(shown, @r#"
    PING 0 flags=0x0 length=7 has a length its type does not allow
    RST_STREAM 1 flags=0x0 length=3 has a length its type does not allow
    PRIORITY 1 flags=0x0 length=6 has a length its type does not allow
    SETTINGS 0 flags=0x0 length=7 has a length its type does not allow
    GOAWAY 0 flags=0x0 length=7 has a length its type does not allow
    WINDOW_UPDATE 0 flags=0x0 length=5 has a length its type does not allow
    PUSH_PROMISE 1 flags=0x4 length=2 has a length its type does not allow
    HEADERS 1 flags=0x24 length=2 has a length its type does not allow
    HEADERS 1 flags=0xc length=0 has a length its type does not allow
    PING 0 flags=0x0 length=8 [31, 32, 33, 34, 35, 36, 37, 38]
    "#);
}

#[test]
fn padding_is_taken_off() {
    let mut padded = vec![3];
    padded.extend(literals(&[("x", "y")]));
    padded.extend([0; 3]);
    let given = read(
        &[
            frame(DATA, PADDED | END_STREAM, 1, b"\x02body\0\0"),
            frame(DATA, PADDED, 1, b"\x00"),
            frame(DATA, PADDED, 1, b"\x03\0\0\0"),
            frame(HEADERS, PADDED | END_HEADERS, 3, &padded),
        ]
        .concat(),
    );
    assert_snapshot!(given.frames.join("\n"), @r#"
    DATA 1 flags=0x9 length=7 data=4
    DATA 1 flags=0x8 length=1 data=0
    DATA 1 flags=0x8 length=4 data=0
    HEADERS 3 flags=0xc length=9 ["x": "y"]
    "#);
    let bytes: Vec<u8> = given.data.iter().filter_map(|(_, byte)| *byte).collect();
    assert_eq!(bytes, b"body");
}

#[test]
fn more_padding_than_payload_is_malformed() {
    let given = read(
        &[
            frame(DATA, PADDED, 1, b"\x04123"),
            frame(DATA, PADDED, 1, b""),
            frame(HEADERS, PADDED | END_HEADERS, 1, b"\x04123"),
            frame(PUSH_PROMISE, PADDED | END_HEADERS, 1, b"\x04123"),
            frame(DATA, 0, 1, b"after"),
        ]
        .concat(),
    );
    assert_snapshot!(given.frames.join("\n"), @r#"
    DATA 1 flags=0x8 length=4 has more padding than payload
    DATA 1 flags=0x8 length=0 has more padding than payload
    HEADERS 1 flags=0xc length=4 has more padding than payload
    PUSH_PROMISE 1 flags=0xc length=4 has more padding than payload
    DATA 1 flags=0x0 length=5 data=5
    "#);
    assert_eq!(given.data.len(), 5, "only the last frame's bytes count");
}

#[test]
fn a_block_in_several_frames_is_shown_on_the_last() {
    let block = literals(&[(":path", "/a"), ("x", "y")]);
    let shown = shown(&[
        frame(HEADERS, END_STREAM, 1, &block[..3]),
        frame(CONTINUATION, 0, 1, &block[3..4]),
        frame(CONTINUATION, 0, 1, b""),
        frame(CONTINUATION, END_HEADERS, 1, &block[4..]),
        frame(PUSH_PROMISE, 0, 1, &[0, 0, 0, 2]),
        frame(CONTINUATION, END_HEADERS, 1, &literals(&[("p", "q")])),
    ]);
    assert_snapshot!(shown, @r#"
    HEADERS 1 flags=0x1 length=3
    CONTINUATION 1 flags=0x0 length=1
    CONTINUATION 1 flags=0x0 length=0
    CONTINUATION 1 flags=0x4 length=5 ends HEADERS flags=0x1 [":path": "/a", "x": "y"]
    PUSH_PROMISE 1 flags=0x0 length=4 promised=2
    CONTINUATION 1 flags=0x4 length=5 ends PUSH_PROMISE flags=0x0 ["p": "q"]
    "#);
}

#[test]
fn frames_between_the_parts_of_a_block_are_shown_and_do_not_break_it() {
    let block = literals(&[("x", "y")]);
    let shown = shown(&[
        frame(HEADERS, 0, 1, &block[..2]),
        frame(DATA, 0, 1, b"1"),
        frame(CONTINUATION, END_HEADERS, 3, b""),
        frame(CONTINUATION, END_HEADERS, 1, &block[2..]),
    ]);
    assert_snapshot!(shown, @r#"
    HEADERS 1 flags=0x0 length=2
    DATA 1 flags=0x0 length=1 data=1
    CONTINUATION 3 flags=0x4 length=0
    CONTINUATION 1 flags=0x4 length=3 ends HEADERS flags=0x0 ["x": "y"]
    "#);
}

#[test]
fn a_block_that_another_one_interrupts_is_lost_alone() {
    let block = literals(&[("x", "y")]);
    let shown = shown(&[
        frame(HEADERS, 0, 1, &block[..2]),
        wire::headers(0, 3, &[("z", "1")]),
        frame(CONTINUATION, END_HEADERS, 1, &block[2..]),
        wire::headers(0, 5, &[("z", "2")]),
    ]);
    assert_snapshot!(shown, @r#"
    HEADERS 1 flags=0x0 length=2
    HEADERS 3 flags=0x4 length=5 ["z": "1"]
    CONTINUATION 1 flags=0x4 length=3
    HEADERS 5 flags=0x4 length=5 ["z": "2"]
    "#);
}

#[test]
fn a_flood_of_continuations_is_not_kept() {
    let mut stream = Stream::new();
    stream.push(&frame(HEADERS, 0, 1, &[]));
    let part = vec![0x40; 16_384];
    let needed = MAX_HEADER_BLOCK / part.len() + 2;
    for _ in 0..needed {
        stream.push(&frame(CONTINUATION, 0, 1, &part));
        let kept = stream.reader.kept_for_block();
        assert!(kept <= MAX_HEADER_BLOCK, "{kept} bytes kept");
    }
    assert_eq!(
        stream.reader.kept_for_block(),
        0,
        "once too long, nothing is"
    );
    stream.push(&frame(CONTINUATION, END_HEADERS, 1, &part));
    stream.push(&wire::headers(0, 3, &[("x", "y")]));
    assert_eq!(
        stream.given.frames.len(),
        needed + 3,
        "every frame is shown"
    );
    assert_eq!(
        stream.given.frames.last().unwrap(),
        r#"HEADERS 3 flags=0x4 length=5 ["x": "y"]"#
    );
    assert_eq!(stream.given.losses, 0);
}

#[test]
fn data_longer_than_anyone_allows_passes_without_being_gathered() {
    let mut stream = Stream::new();
    let long = frame(DATA, 0, 1, &vec![7; 1 << 21]);
    for part in long.chunks(1_000) {
        stream.push(part);
    }
    stream.push(&wire::reset(1, 0));
    assert_eq!(stream.given.data.len(), 1 << 21);
    assert_snapshot!(stream.frames(), @r"
    DATA 1 flags=0x0 length=2097152 data=2097152
    RST_STREAM 1 flags=0x0 length=4 NO_ERROR
    ");
}

#[test]
fn a_header_block_longer_than_is_kept_is_malformed() {
    let mut stream = Stream::new();
    let long = frame(HEADERS, END_HEADERS, 1, &vec![0x82; (1 << 20) + 1]);
    for part in long.chunks(60_000) {
        stream.push(part);
    }
    stream.push(&wire::headers(0, 3, &[("x", "y")]));
    assert_snapshot!(stream.frames(), @r#"
    HEADERS 1 flags=0x4 length=1048577 is longer than is kept
    HEADERS 3 flags=0x4 length=5 ["x": "y"]
    "#);
}

#[test]
fn bytes_that_are_no_frames_are_passed_over_to_the_next_boundary() {
    let mut stream = Stream::new();
    stream.push(&frame(PING, 0, 0, &[1; 8]));
    stream.push(b"GET / HTTP/1.1\r\nhost: nobody\r\n\r\n");
    stream.push(&frame(PING, 0, 0, &[2; 8]));
    assert_eq!(stream.given.losses, 1);
    assert_snapshot!(stream.frames(), @r"
    PING 0 flags=0x0 length=8 [01, 01, 01, 01, 01, 01, 01, 01]
    PING 0 flags=0x0 length=8 [02, 02, 02, 02, 02, 02, 02, 02]
    ");
}

#[test]
fn only_as_much_data_is_kept_as_was_asked_for() {
    let mut reader = FrameReader::new(Direction::ClientToServer);
    reader.keep_data(4);
    let mut kept = Vec::new();
    let bytes = frame(DATA, PADDED, 1, b"\x01abcdefg\0");
    let mut position = ORIGIN;
    for data in bytes.chunks(2) {
        let chunk = StreamPart::Bytes {
            record: None,
            position,
            data,
            carrier: Carrier::default(),
            whole: Stamp::default(),
        };
        position += data.len() as u64;
        reader.push(chunk, &mut |item| {
            if let ReaderItem::Frame(Frame {
                payload: Payload::Data { length, prefix },
                ..
            }) = item
            {
                kept.push((*length, prefix.to_vec()));
            }
        });
    }
    assert_eq!(kept, [(7, b"abcd".to_vec())]);
}
