//! Stories of segments, each with what TCP makes of it.
//!
//! Packets 1 to 3 are the handshake unless a story has its own; sequence numbers count from the SYN.

use insta::assert_snapshot;

use super::super::{Arrivals, Flows};
use super::*;
use crate::capture::TimeDelta;

#[test]
fn bytes_come_in_order_with_the_packet_that_first_carried_them() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.client(2, 7, Some(1), 0, b"three");
    tape.client(3, 4, Some(1), 0, b"two");
    tape.server(4, 1, Some(12), 0, b"yes");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    first 3 "two" by 6, not the first copy
    first 6 "three" by 5
    second 0 "yes" by 7
    -- connection 0 over
    "#);
}

#[test]
fn sequence_numbers_may_wrap_inside_a_segment() {
    let mut peers = Peers::new(40_000, 50_051);
    peers.initial = [u32::MAX - 3, u32::MAX];
    let mut tape = Tape::begun_by(peers);
    tape.client(1, 1, Some(1), 0, b"abcdef");
    tape.client(2, 10, Some(1), 0, b"jkl");
    tape.client(3, 7, Some(1), 0, b"ghi");
    tape.server(4, 1, Some(13), FIN, b"yes");
    tape.client(5, 13, Some(5), FIN, b"");
    assert_snapshot!(tape.told(), @r#"
    first 0 "abcdef" by 4
    first 6 "ghi" by 6, not the first copy
    first 9 "jkl" by 5
    second 0 "yes" by 7
    second 3 FIN by 7
    first 12 FIN by 8
    -- connection 0 over
    "#);
}

#[test]
fn a_keepalive_probe_is_neither_data_nor_a_retransmission() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.server(2, 1, Some(4), 0, b"");
    tape.client(9_000, 3, Some(1), 0, b"\0");
    tape.server(9_001, 1, Some(4), 0, b"");
    tape.client(18_000, 3, Some(1), 0, b"");
    tape.client(18_500, 4, Some(1), 0, b"two");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    first 3 "two" by 9
    -- connection 0 over
    "#);
}

#[test]
fn a_segment_sent_again_is_counted_and_its_bytes_stay_with_the_first_copy() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.client(201, 1, Some(1), 0, b"one");
    // Sent again with more behind it: the new part is new.
    tape.client(401, 1, Some(1), 0, b"onetwo");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    first 3 "two" by 6, not the first copy
    -- connection 0 over, 2 sent again
    "#);
}

#[test]
fn of_two_copies_that_differ_the_first_counts() {
    let mut tape = Tape::begun();
    tape.client(1, 4, Some(1), 0, b"two");
    tape.client(2, 1, Some(1), 0, b"oneTWO");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 5, not the first copy
    first 3 "two" by 4
    -- connection 0 over
    "#);
}

#[test]
fn a_hole_is_given_up_once_it_is_acknowledged_and_patience_is_spent() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.client(2, 7, Some(1), 0, b"three");
    tape.server(3, 1, Some(12), 0, b"");
    // Within 200 ms the missing packet may still turn up in a capture that is out of order.
    tape.server(150, 1, Some(12), 0, b"a");
    tape.server(250, 2, Some(12), 0, b"b");
    tape.client(251, 4, Some(3), 0, b"two");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    second 0 "a" by 7
    first 3 3 missing
    first 6 "three" by 5
    second 1 "b" by 8
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn a_hole_that_nobody_acknowledged_waits_for_its_retransmission() {
    let mut tape = Tape::begun();
    tape.client(1, 4, Some(1), 0, b"two");
    for step in 1..=100 {
        tape.server(step, 1, Some(1), 0, b"");
    }
    tape.client(20_000, 1, Some(1), 0, b"one");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 105, not the first copy
    first 3 "two" by 4
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn what_is_missing_before_the_fin_is_a_gap() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.client(2, 11, Some(1), FIN, b"");
    tape.server(3, 1, Some(12), FIN, b"");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    first 10 FIN by 5
    second 0 FIN by 6
    first 3 7 missing
    -- connection 0 over
    "#);
}

#[test]
fn what_was_acknowledged_and_never_captured_is_a_gap() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.server(2, 1, Some(9), 0, b"yes");
    tape.client(3, 9, Some(4), 0, b"");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    second 0 "yes" by 5
    first 3 5 missing
    -- connection 0 over
    "#);
}

#[test]
fn the_acknowledgement_of_a_fin_that_was_not_captured_shows_that_it_is_missing() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.server(2, 1, Some(5), 0, b"yes");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    second 0 "yes" by 5
    first 3 1 missing
    -- connection 0 over
    "#);
}

#[test]
fn a_syn_captured_behind_the_first_data_opens_the_same_connection() {
    let mut tape = Tape::new();
    tape.client(0, 1, Some(1), 0, b"one");
    tape.client(0, 0, None, SYN, b"");
    tape.server(0, 0, Some(1), SYN, b"");
    tape.client(1, 4, Some(1), 0, b"two");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 1
    first 3 "two" by 4
    -- connection 0 over
    "#);
}

#[test]
fn a_capture_may_begin_anywhere() {
    let mut tape = Tape::new();
    tape.server(0, 7_000, Some(900), 0, b"mid");
    tape.client(1, 900, Some(7_003), 0, b"dle");
    tape.server(2, 7_003, Some(903), 0, b"yes");
    assert_snapshot!(tape.told(), @r#"
    first 0 "mid" by 1
    second 0 "dle" by 2
    first 3 "yes" by 3
    -- connection 0 over
    "#);
}

#[test]
fn a_new_syn_between_the_same_addresses_is_a_new_connection() {
    let mut tape = Tape::begun();
    tape.client(1, 1, Some(1), 0, b"one");
    tape.client(2, 100_000, None, SYN, b"");
    tape.server(3, 200_000, Some(100_001), SYN, b"");
    tape.client(4, 100_001, Some(200_001), 0, b"two");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    -- connection 0 over
    first 0 "two" by 7
    -- connection 1 over
    "#);
}

#[test]
fn a_syn_sent_again_is_the_same_connection() {
    let mut tape = Tape::new();
    tape.client(0, 0, None, SYN, b"");
    tape.client(1_000, 0, None, SYN, b"");
    tape.server(1_010, 0, Some(1), SYN, b"");
    tape.client(1_020, 1, Some(1), 0, b"one");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    -- connection 0 over
    "#);
}

#[test]
fn each_side_ends_its_half_once() {
    let mut tape = Tape::begun();
    tape.server(1, 1, Some(1), FIN, b"bye");
    tape.client(2, 1, Some(5), 0, b"one");
    tape.server(3, 1, Some(1), FIN, b"bye");
    tape.client(4, 4, Some(5), FIN, b"");
    tape.client(5, 5, Some(5), RST, b"");
    assert_snapshot!(tape.told(), @r#"
    second 0 "bye" by 4
    second 3 FIN by 4
    first 0 "one" by 5
    first 3 FIN by 7
    first 4 RST by 8
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn a_segment_that_the_snap_length_cut_is_a_gap_of_known_length() {
    let mut tape = Tape::begun();
    let packet = tape
        .peers
        .packet(End::Client, 1, Some(1), 0, b"one two three");
    tape.push(1, &packet, packet.len() - 6);
    tape.client(2, 14, Some(1), 0, b" four");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one two" by 4
    first 7 6 missing
    first 13 " four" by 5
    -- connection 0 over
    "#);
}

#[test]
fn stray_packets_of_a_finished_connection_open_no_new_one() {
    let mut flows: Flows<()> = Flows::default();
    let peers = Peers::new(40_000, 50_051);
    let push = |flows: &mut Flows<()>, seconds: i64, data: &[u8]| {
        let packet = Packet {
            stamp: Stamp {
                time: Timestamp::from_nanos(seconds * 1_000_000_000),
                ..Stamp::default()
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
        let over = flows.pop_finished(segment.stamp.time).is_some();
        let arrival = Arrivals::default().next(&segment);
        let located = flows.locate(FlowKey::of(&segment));
        (
            over,
            flows
                .push(located, &segment, arrival, &mut |(), _| {})
                .is_some(),
        )
    };
    let syn = peers.packet(End::Client, 0, None, SYN, b"");
    let rst = peers.packet(End::Server, 0, Some(1), RST, b"");
    let stray = peers.packet(End::Server, 1, Some(1), 0, b"late");
    assert_eq!(push(&mut flows, 0, &syn), (false, true));
    assert_eq!(push(&mut flows, 0, &rst), (false, true));
    assert_eq!(
        push(&mut flows, 1, &stray),
        (false, true),
        "it is still listened to"
    );
    assert_eq!(push(&mut flows, 5, &stray), (true, false), "it is let go");
    assert_eq!(flows.count(), 1);
    assert_eq!(
        push(&mut flows, 6, &syn),
        (false, true),
        "the addresses may be used again"
    );
    assert_eq!(flows.count(), 2);
}

#[test]
fn a_round_trip_is_measured_from_the_syn_that_was_answered_and_not_from_one_that_was_lost() {
    let mut tape = Tape::new();
    tape.client(0, 0, None, SYN, b"");
    tape.client(1_000, 0, None, SYN, b"");
    tape.server(1_008, 0, Some(1), SYN, b"");
    tape.client(1_010, 1, Some(1), 0, b"");
    let place = tape.flows.places()[0];
    let (flow, _) = tape.flows.forget(place.1).unwrap();
    let handshake = flow.handshake().unwrap();
    assert_eq!(handshake.round_trip, TimeDelta::from_millis(10));
    assert_eq!(handshake.beyond, Some(TimeDelta::from_millis(8)));
    assert_eq!(flow.opened().unwrap().packet, 1);
}
