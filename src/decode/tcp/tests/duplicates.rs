//! Stories of segments that were captured twice, or sent twice, or captured too early.
//!
//! Packets 1 to 3 are the handshake unless a story has its own; times are microseconds.

use insta::assert_snapshot;

use super::*;

/// A client's data as a host sends it that numbers its packets.
fn numbered(number: u16, sequence: u32, bytes: &[u8]) -> Vec<u8> {
    let peers = Peers::new(40_000, 50_051);
    let mut packet = peers.packet(End::Client, sequence, Some(1), 0, bytes);
    packet[4..6].copy_from_slice(&number.to_be_bytes());
    packet
}

/// The same with the host's clock in the timestamps option (RFC 7323, section 3.2).
fn stamped(clock: u32, mut packet: Vec<u8>) -> Vec<u8> {
    let [a, b, c, d] = clock.to_be_bytes();
    packet.splice(40..40, [1, 1, 8, 10, a, b, c, d, 0, 0, 0, 0]);
    packet[3] += 12;
    packet[32] += 3 << 4;
    packet
}

fn story(packets: &[(i64, Vec<u8>)]) -> String {
    let mut tape = Tape::begun();
    for (micros, packet) in packets {
        tape.push_of(0, *micros, packet, packet.len());
    }
    tape.told()
}

#[test]
fn what_has_the_same_number_is_a_copy_however_late() {
    let told = story(&[
        (1_000, numbered(7, 1, b"one")),
        (1_100, numbered(8, 4, b"two")),
        (90_000, numbered(7, 1, b"one")),
        (90_100, numbered(8, 4, b"two")),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 4
    first 3 "two" by 5
    -- connection 0 over, 2 captured before
    "#);
}

#[test]
fn what_has_another_number_was_sent_again_however_soon() {
    let told = story(&[
        (1_000, numbered(7, 1, b"one")),
        (1_050, numbered(8, 1, b"one")),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 4
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn a_number_that_never_changes_is_no_mark() {
    let told = story(&[
        (1_000, numbered(7, 1, b"one")),
        (2_000, numbered(7, 4, b"two")),
        (300_000, numbered(7, 4, b"two")),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 4
    first 3 "two" by 5
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn the_senders_clock_is_a_mark_where_it_numbers_nothing() {
    let told = story(&[
        (1_000, stamped(50, numbered(0, 1, b"one"))),
        (40_000, stamped(50, numbered(0, 1, b"one"))),
        (41_000, stamped(90, numbered(0, 1, b"one"))),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 4
    -- connection 0 over, 1 sent again, 1 captured before
    "#);
}

#[test]
fn without_marks_only_what_is_near_is_a_copy() {
    let told = story(&[
        (1_000, numbered(0, 1, b"one")),
        (1_800, numbered(0, 1, b"one")),
        (9_000, numbered(0, 1, b"one")),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 4
    -- connection 0 over, 1 sent again, 1 captured before
    "#);
}

#[test]
fn copies_may_be_cut_up_or_put_together() {
    let told = story(&[
        (1_000, stamped(50, numbered(7, 1, b"onetwo"))),
        (2_000, stamped(50, numbered(7, 1, b"one"))),
        (2_001, stamped(50, numbered(8, 4, b"two"))),
        (3_000, stamped(51, numbered(9, 7, b"red"))),
        (3_001, stamped(51, numbered(10, 10, b"sun"))),
        (4_000, stamped(51, numbered(9, 7, b"redsun"))),
        // Sent again within the same tick of the clock, but with a number of its own.
        (4_100, stamped(51, numbered(11, 10, b"sun"))),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "onetwo" by 4
    first 6 "red" by 7
    first 9 "sun" by 8
    -- connection 0 over, 1 sent again, 3 captured before
    "#);
}

#[test]
fn a_part_that_fills_a_hole_is_no_copy() {
    let told = story(&[
        (1_000, numbered(0, 1, b"one")),
        (1_010, numbered(0, 7, b"three")),
        (1_020, numbered(0, 1, b"onetwo")),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 4
    first 3 "two" by 6, not the first copy
    first 6 "three" by 5
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn copies_of_handshake_and_ends_are_no_second_ones() {
    let mut tape = Tape::new();
    for _ in 0..2 {
        tape.client(0, 0, None, SYN, b"");
    }
    for _ in 0..2 {
        tape.server(0, 0, Some(1), SYN, b"");
    }
    for _ in 0..2 {
        tape.client(0, 1, Some(1), FIN, b"");
    }
    // That one is left out too, but may have been sent twice: a host answers each segment alike.
    for _ in 0..2 {
        tape.server(1, 1, Some(2), RST, b"");
    }
    assert_snapshot!(tape.told(), @"
    first 0 FIN by 5
    second 0 RST by 7
    -- connection 0 over, 3 captured before
    ");
}

#[test]
fn of_two_files_the_one_that_shows_a_connection_first_counts() {
    let peers = Peers::new(40_000, 50_051);
    let syn = peers.packet(End::Client, 0, None, SYN, b"");
    let answer = peers.packet(End::Server, 0, Some(1), SYN, b"");
    let data = peers.packet(End::Server, 1, Some(1), 0, b"yes");
    let mut tape = Tape::new();
    for (file, micros, packet) in [
        (0, 0, &syn),
        (1, 25_000, &syn),
        (1, 25_050, &answer),
        (1, 25_090, &data),
        (0, 50_050, &answer),
        (0, 50_090, &data),
    ] {
        tape.push_of(file, micros, packet, packet.len());
    }
    assert_snapshot!(tape.told(), @r#"
    second 0 "yes" by 6
    -- connection 0 over, 3 captured before
    "#);
}

#[test]
fn a_file_that_goes_on_where_another_ends_is_the_same_view() {
    let mut tape = Tape::begun();
    for (file, micros, number, sequence) in
        [(0, 1_000, 7, 1), (1, 200_000, 8, 1), (1, 200_100, 9, 4)]
    {
        let packet = numbered(number, sequence, b"one");
        tape.push_of(file, micros, &packet, packet.len());
    }
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 4
    first 3 "one" by 6
    -- connection 0 over, 1 sent again
    "#);
}

#[test]
fn an_end_waits_for_the_data_before_it() {
    let mut tape = Tape::begun();
    tape.server(5, 4, Some(4), FIN, b"");
    tape.server(5, 1, Some(4), 0, b"yes");
    tape.client(6, 1, Some(1), 0, b"one");
    assert_snapshot!(tape.told(), @r#"
    first 0 "one" by 6
    second 0 "yes" by 5, not the first copy
    second 3 FIN by 4
    -- connection 0 over
    "#);
}

#[test]
fn a_number_tells_which_of_two_was_sent_first() {
    let told = story(&[
        (1_000, numbered(8, 4, b"two")),
        (1_500, numbered(7, 1, b"one")),
    ]);
    assert_snapshot!(told, @r#"
    first 0 "one" by 5
    first 3 "two" by 4
    -- connection 0 over
    "#);
}

#[test]
fn nothing_waits_for_what_does_not_come() {
    let mut tape = Tape::begun();
    tape.server(1, 1, Some(4), 0, b"yes");
    tape.server(20, 4, Some(4), 0, b"and");
    tape.server(21, 7, Some(4), FIN, b"");
    assert_snapshot!(tape.told(), @r#"
    second 0 "yes" by 4
    second 3 "and" by 5
    second 6 FIN by 6
    first 0 3 missing
    -- connection 0 over
    "#);
}
