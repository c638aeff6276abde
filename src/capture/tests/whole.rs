//! Captures that have nothing wrong with them, or nothing that stops the reading.

use super::*;

#[test]
fn classic_captures_of_both_orders_and_units() {
    for order in [Little, Big] {
        let records: &[(u32, u32, &[u8])] = &[(1, 2, b"one"), (3, 4, b"")];
        assert_eq!(
            packets(&[&pcap(order, MICROSECONDS, 1, records)]),
            ["0:1 1000002000 Ethernet one", "0:2 3000004000 Ethernet "]
        );
        assert_eq!(
            packets(&[&pcap(order, NANOSECONDS, 113, records)]),
            ["0:1 1000000002 LINUX_SLL one", "0:2 3000000004 LINUX_SLL "]
        );
    }
    assert_eq!(
        packets(&[&pcap(
            Little,
            MODIFIED,
            1,
            &[(1, 2, b"one"), (3, 4, b"two")]
        )]),
        ["0:1 1000002000 Ethernet one", "0:2 3000004000 Ethernet two"]
    );
}

#[test]
fn the_length_on_the_wire_is_kept() {
    let file = pcap(Little, MICROSECONDS, 1, &[(0, 0, b"1234")]);
    let mut capture = open(&[&file]).unwrap();
    assert_eq!(capture.next_packet().unwrap().unwrap().original_length, 5);
}

#[test]
fn frame_check_sequence_bits_are_no_link_type() {
    let file = pcap(Little, MICROSECONDS, 0x5400_0001, &[(0, 0, b"x")]);
    assert_eq!(packets(&[&file]), ["0:1 0 Ethernet x"]);
}

#[test]
fn the_last_classic_moment_does_not_overflow() {
    let file = pcap(Big, MICROSECONDS, 1, &[(u32::MAX, u32::MAX, b"x")]);
    assert_eq!(packets(&[&file]), ["0:1 4294971589967295000 Ethernet x"]);
}

#[test]
fn every_pcapng_block_in_sections_of_both_orders() {
    let file = every_block();
    assert_eq!(
        packets(&[&file]),
        [
            "0:1 1000000000 Ethernet one",
            "0:2 1000000000 Ethernet two",
            "0:3 3000000000 RAW three",
            "0:4 4000000000 LINUX_SLL four",
        ]
    );

    let mut capture = open(&[&file]).unwrap();
    while capture.next_packet().unwrap().is_some() {}
    let [secrets] = capture.secrets() else {
        panic!("{:?}", capture.secrets())
    };
    assert_eq!(
        (secrets.kind, &secrets.bytes[..]),
        (SecretsKind::TLS_KEY_LOG, &b"KEYS\n"[..])
    );
    assert!(
        !format!("{secrets:?}").contains("75, 69"),
        "secrets are not printed"
    );

    let file = capture.files().next().unwrap();
    assert_eq!((file.format, file.compression), (Format::Pcapng, None));
    assert_eq!((file.packets, file.bytes), (4, 15));
    assert_eq!(file.first.map(Timestamp::nanos), Some(1_000_000_000));
    assert_eq!(file.last.map(Timestamp::nanos), Some(4_000_000_000));
    let interfaces = file.interfaces.iter().map(|interface| {
        let name = interface.name.as_deref().unwrap_or("-");
        format!("{name} {} {:?}", interface.link_type, interface.resolution)
    });
    assert_eq!(
        interfaces.collect::<Vec<_>>(),
        [
            "eth0 Ethernet PowerOfTen(6)",
            "- LINUX_SLL PowerOfTen(9)",
            "wlan0 RAW PowerOfTen(6)"
        ]
    );
}

#[test]
fn resolution_and_offset_of_an_interface_move_its_packets() {
    for order in [Little, Big] {
        let offset = match order {
            Little => (-2_i64).to_le_bytes(),
            Big => (-2_i64).to_be_bytes(),
        };
        let options = [option(order, 9, &[0x80 | 10]), option(order, 14, &offset)].concat();
        let file = [
            section(order),
            interface(order, 1, 0, &options),
            enhanced(order, 0, 5 * 1024 + 512, b"x"),
        ];
        assert_eq!(packets(&[&file.concat()]), ["0:1 3500000000 Ethernet x"]);
    }
}

#[test]
fn a_simple_packet_is_cut_at_the_snap_length_and_has_no_time() {
    let file = [
        section(Big),
        interface(Big, 1, 3, &[]),
        simple(Big, 9, b"abc"),
        simple(Big, 2, b"de"),
    ];
    let file = file.concat();
    assert_eq!(
        packets(&[&file]),
        ["0:1 0 Ethernet abc", "0:2 0 Ethernet de"]
    );

    let mut capture = open(&[&file]).unwrap();
    assert_eq!(capture.next_packet().unwrap().unwrap().original_length, 9);
    assert_eq!(capture.files().next().unwrap().first, None);
}

#[test]
fn a_block_of_any_length_is_skipped_without_being_held() {
    let custom = block(Little, 0xbad, &vec![0; 40 << 20]);
    let file = [
        section(Little),
        interface(Little, 1, 0, &[]),
        custom,
        enhanced(Little, 0, 1, b"after"),
    ];
    assert_eq!(packets(&[&file.concat()]), ["0:1 1000 Ethernet after"]);
}

#[test]
fn an_unreadable_packet_is_counted_and_left_out() {
    let file = [
        section(Little),
        interface(Little, 1, 0, &[]),
        enhanced(Little, 7, 1, b"lost"),
        simple(Little, 400, b"lost"),
        enhanced(Little, 0, 3, &vec![b'x'; 17 << 20]),
        enhanced(Little, 0, 4, b"kept"),
    ];
    let (packets, notes, error) = read(&[&file.concat()]);
    assert!(error.is_none());
    assert_eq!(packets, ["0:4 4000 Ethernet kept"]);
    assert_eq!(
        notes,
        [
            "packet 1 cannot be read (its interface 7 is not described); it is left out",
            "3 packets cannot be read; they are left out",
        ]
    );
}

#[test]
fn compression_is_recognised_by_content_in_any_number_of_parts() {
    let whole = every_block();
    let expected = packets(&[&whole]);
    for pack in [gzip, zstd] {
        assert_eq!(packets(&[&pack(&whole)]), expected);
        let (front, back) = whole.split_at(100);
        assert_eq!(packets(&[&[pack(front), pack(back)].concat()]), expected);
    }
    let skippable = [b"\x50\x2a\x4d\x18\x04\0\0\0junk", &zstd(&whole)[..]].concat();
    assert_eq!(packets(&[&skippable]), expected);
}

#[test]
fn several_files_interleave_by_time_each_in_its_own_order() {
    let first = pcap(
        Little,
        MICROSECONDS,
        1,
        &[(1, 0, b"a"), (5, 0, b"b"), (3, 0, b"c")],
    );
    let second = pcap(
        Big,
        NANOSECONDS,
        1,
        &[(1, 0, b"d"), (4, 0, b"e"), (9, 0, b"f")],
    );
    let empty = pcap(Big, NANOSECONDS, 1, &[]);
    let data = |lines: Vec<String>| -> Vec<String> {
        let short = |line: String| format!("{}{}", &line[..3], &line[line.len() - 1..]);
        lines.into_iter().map(short).collect()
    };
    assert_eq!(
        data(packets(&[&first, &empty, &second])),
        ["0:1a", "2:1d", "2:2e", "0:2b", "0:3c", "2:3f"]
    );
    assert_eq!(
        data(packets(&[&second, &first])),
        ["0:1d", "1:1a", "0:2e", "1:2b", "1:3c", "0:3f"]
    );
}

#[test]
fn a_packet_longer_than_the_buffer_is_read_whole() {
    let long = vec![b'x'; 1 << 20];
    let file = pcap(
        Little,
        MICROSECONDS,
        1,
        &[(1, 0, b"a"), (2, 0, &long), (3, 0, b"b")],
    );
    let mut capture = open(&[&file]).unwrap();
    let mut lengths = Vec::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        lengths.push(packet.data.len());
    }
    assert_eq!(lengths, [1, 1 << 20, 1]);
}
