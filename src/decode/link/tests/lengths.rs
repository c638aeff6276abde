//! Where the payload ends, and what a packet that ends early is called.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;

use super::*;

#[test]
fn padding_of_short_frames_is_no_payload() {
    let mut bytes = Vec::new();
    PacketBuilder::ethernet2([2; 6], [4; 6])
        .ipv4(CLIENT, SERVER, 63)
        .tcp_header(tcp_header())
        .write(&mut bytes, &[])
        .unwrap();
    assert_eq!(bytes.len(), 54);
    bytes.resize(60, 0xaa);
    let acknowledgement = segment(LinkType::ETHERNET, &bytes);
    assert_eq!(acknowledgement.payload, b"");
    assert_eq!(acknowledgement.payload_length, 0);

    let padded = [frame(&[0x86dd], &ipv6_packet()), vec![0xaa; 6]].concat();
    assert_is_the_ipv6_segment(&segment(LinkType::ETHERNET, &padded));
}

#[test]
fn without_an_ip_length_the_frame_ends_the_packet() {
    let mut ipv4 = ipv4_packet();
    ipv4[2..4].fill(0);
    assert_is_the_ipv4_segment(&segment(LinkType::RAW, &ipv4));
    let mut ipv6 = ipv6_packet();
    ipv6[4..6].fill(0);
    let ethernet = frame(&[0x86dd], &ipv6);
    assert_is_the_ipv6_segment(&segment(LinkType::ETHERNET, &ethernet));

    // 64 KiB offloaded, of which the snap length left the headers and a little.
    let mut cut = packet(LinkType::ETHERNET, &ethernet);
    cut.original_length = 14 + 40 + 20 + 65_536;
    let segment = expect_segment(decode(&cut));
    assert_eq!(segment.payload, PAYLOAD);
    assert_eq!(segment.payload_length, 65_536);
}

#[test]
fn an_incredible_original_length_is_not_believed() {
    let mut bytes = ipv4_packet();
    bytes[2..4].fill(0);
    let mut claim = packet(LinkType::RAW, &bytes);
    claim.original_length = u32::MAX;
    let segment = expect_segment(decode(&claim));
    assert_eq!(segment.payload_length, (1 << 19) - 40);
    claim.original_length = 0;
    assert_is_the_ipv4_segment(&expect_segment(decode(&claim)));
}

#[test]
fn an_ip_length_outweighs_the_original_length() {
    // Some tools cut packets and record the cut length as the original one.
    let whole = ipv4_packet();
    let cut = segment(LinkType::RAW, &whole[..whole.len() - 4]);
    assert_eq!(cut.payload, &PAYLOAD[..PAYLOAD.len() - 4]);
    assert_eq!(cut.payload_length as usize, PAYLOAD.len());
}

#[test]
fn a_jumbogram_is_read_to_its_end() {
    let options = [6, 0, 0xc2, 4, 0, 1, 0, 0];
    let mut bytes = ipv6_packet_with(HOP_BY_HOP, &options);
    bytes[4..6].fill(0);
    bytes.resize(40 + 8 + 20 + 70_000, 1);
    let segment = segment(LinkType::IPV6, &bytes);
    assert_eq!(segment.payload.len(), 70_000);
    assert_eq!(segment.payload_length, 70_000);
}

#[test]
fn a_packet_cut_anywhere_is_consistent() {
    let mut tcp = tcp_header();
    tcp.set_options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
        .unwrap();
    let mut ipv4 = Vec::new();
    PacketBuilder::ipv4(CLIENT, SERVER, 63)
        .tcp_header(tcp)
        .write(&mut ipv4, PAYLOAD)
        .unwrap();
    let extended = ipv6_packet_with(HOP_BY_HOP, &[6, 0, 1, 4, 0, 0, 0, 0]);
    let whole = [
        (LinkType::ETHERNET, frame(&[0x0800], &ipv4)),
        (
            LinkType::ETHERNET,
            frame(&[0x88a8, 1, 0x8100, 2, 0x86dd], &extended),
        ),
        (LinkType::LINUX_SLL, [LINK_TYPES[1].1, &ipv4].concat()),
        (LinkType::LINUX_SLL2, [LINK_TYPES[2].1, &ipv4].concat()),
        (LinkType::NULL, [LINK_TYPES[3].1, &ipv4].concat()),
        (LinkType::LOOP, [LINK_TYPES[4].1, &ipv4].concat()),
        (LinkType::RAW, extended),
        (LinkType::IPV4, ipv4.clone()),
    ];
    for (link_type, data) in &whole {
        let headers = data.len() - PAYLOAD.len();
        // Twelve bytes of options end IPv4's TCP header, and nothing here needs them.
        let needed = headers - if data.ends_with(&ipv4) { 12 } else { 0 };
        for length in 0..=data.len() {
            let mut cut = packet(*link_type, data);
            cut.data = &data[..length];
            match decode(&cut) {
                Ok(segment) => {
                    assert!(length >= needed);
                    assert_eq!(segment.sequence, 0x8000_0001);
                    assert_eq!(segment.payload, &PAYLOAD[..length.saturating_sub(headers)]);
                    assert_eq!(segment.payload_length as usize, PAYLOAD.len());
                }
                Err(Stop::Damaged(fault)) => {
                    assert!(length < needed, "{fault} at {length}");
                    assert_ne!(fault, PacketFault::TcpDataOffset);
                }
                content => panic!("{content:?} at {length}"),
            }
        }
    }
}

#[test]
fn what_is_cut_is_named() {
    let data = frame(&[0x0800], &ipv4_packet());
    assert_eq!(
        fault(LinkType::ETHERNET, &data[..13]),
        PacketFault::LinkHeaderCut
    );
    let cut = |length: usize| {
        let mut cut = packet(LinkType::ETHERNET, &data);
        cut.data = &data[..length];
        match decode(&cut) {
            Err(Stop::Damaged(fault)) => fault,
            content => panic!("expected damage, found {content:?}"),
        }
    };
    assert_eq!(cut(14), PacketFault::IpHeaderCut);
    assert_eq!(cut(33), PacketFault::IpHeaderCut);
    assert_eq!(cut(34), PacketFault::TcpHeaderCut);
    assert_eq!(cut(53), PacketFault::TcpHeaderCut);
}

#[test]
fn contradictions_are_damage() {
    let whole = ipv4_packet();
    let with = |offset: usize, value: u8| {
        let mut bytes = whole.clone();
        bytes[offset] = value;
        fault(LinkType::RAW, &bytes)
    };
    assert_eq!(with(0, 0x55), PacketFault::IpHeader, "version 5");
    assert_eq!(
        with(0, 0x44),
        PacketFault::IpHeader,
        "a header of four words"
    );
    assert_eq!(with(3, 19), PacketFault::IpLength);
    assert_eq!(with(3, 39), PacketFault::TcpDataOffset, "no room for TCP");
    assert_eq!(with(32, 0x40), PacketFault::TcpDataOffset, "four words");
    assert_eq!(with(32, 0xf0), PacketFault::TcpDataOffset, "past the end");
    let mut bytes = whole.clone();
    bytes[16] ^= 0xff;
    assert_eq!(
        segment(LinkType::RAW, &bytes).destination.ip(),
        Ipv4Addr::new(SERVER[0] ^ 0xff, SERVER[1], SERVER[2], SERVER[3]),
        "checksums are not verified"
    );
}
