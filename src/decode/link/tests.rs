//! Packets built byte by byte; here the helpers, link types, extension headers and scopes.

mod fragments;
mod lengths;
mod link_types;
mod names;
mod properties;
mod tunnels;

use std::net::SocketAddr;

use etherparse::{
    IpHeaders, IpNumber, Ipv4Extensions, Ipv4Header, Ipv6Header, PacketBuilder, TcpHeader,
};

use super::{Decoder, MAXIMUM_LAYERS, Other, PacketFault, Segment, Stop, Tunnel};
use crate::capture::{LinkType, Packet, Stamp, Timestamp};

const CLIENT: [u8; 4] = [10, 0, 0, 1];
const SERVER: [u8; 4] = [10, 0, 0, 2];
const CLIENT_V6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const SERVER_V6: [u8; 16] = [0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];
const PAYLOAD: &[u8] = b"PRI * HTTP/2.0";

/// Two addresses and an EtherType to come.
const MAC_ADDRESSES: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

const HOP_BY_HOP: u8 = 0;
const FRAGMENT: u8 = 44;
const DESTINATION_OPTIONS: u8 = 60;
const NO_NEXT_HEADER: u8 = 59;

const STAMP: Stamp = Stamp {
    time: Timestamp::from_nanos(1_700_000_000_000_000_000),
    packet: 7,
    file: 1,
};

/// Every link type with a decoder, and where its header (with an EtherType for IPv4) ends.
const LINK_TYPES: [(u32, &[u8]); 9] = [
    (1, &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x08, 0x00]),
    (113, &[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x08, 0x00]),
    (
        276,
        &[
            0x08, 0x00, 0, 0, 0, 0, 0, 3, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0,
        ],
    ),
    (0, &[2, 0, 0, 0]),
    (108, &[0, 0, 0, 2]),
    (101, &[]),
    (12, &[]),
    (14, &[]),
    (228, &[]),
];

fn tcp_header() -> TcpHeader {
    let mut header = TcpHeader::new(40_000, 50_051, 0x8000_0001, 4096);
    header.ack = true;
    header.psh = true;
    header.acknowledgment_number = 77;
    header
}

fn ipv4_packet() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv4(CLIENT, SERVER, 63)
        .tcp_header(tcp_header())
        .write(&mut bytes, PAYLOAD)
        .unwrap();
    bytes
}

fn ipv6_packet() -> Vec<u8> {
    let mut bytes = Vec::new();
    PacketBuilder::ipv6(CLIENT_V6, SERVER_V6, 62)
        .tcp_header(tcp_header())
        .write(&mut bytes, PAYLOAD)
        .unwrap();
    bytes
}

/// An IPv6 packet whose extension headers are `extensions` as bytes, the first one numbered `first`.
fn ipv6_packet_with(first: u8, extensions: &[u8]) -> Vec<u8> {
    let plain = ipv6_packet();
    let (header, tcp) = plain.split_at(Ipv6Header::LEN);
    let mut bytes = [header, extensions, tcp].concat();
    let length = u16::try_from(extensions.len() + tcp.len()).unwrap();
    bytes[4..6].copy_from_slice(&length.to_be_bytes());
    bytes[6] = first;
    bytes
}

/// An Ethernet II frame of `ether_types` (each tag's number, then its identifier) around `inner`.
fn frame(ether_types: &[u16], inner: &[u8]) -> Vec<u8> {
    let mut bytes = MAC_ADDRESSES.to_vec();
    for word in ether_types {
        bytes.extend(word.to_be_bytes());
    }
    bytes.extend(inner);
    bytes
}

fn packet(link_type: LinkType, data: &[u8]) -> Packet<'_> {
    Packet {
        stamp: STAMP,
        link_type,
        original_length: u32::try_from(data.len()).unwrap(),
        data,
        options: crate::capture::PacketOptions::default(),
    }
}

/// What a decoder without a past makes of `packet`.
fn decode<'a>(packet: &Packet<'a>) -> Result<Segment<'a>, Stop> {
    // A segment may borrow from its decoder, so the decoder must outlive the test.
    Box::leak(Box::<Decoder>::default()).decode(packet)
}

fn segment(link_type: LinkType, data: &[u8]) -> Segment<'_> {
    expect_segment(decode(&packet(link_type, data)))
}

fn expect_segment(content: Result<Segment<'_>, Stop>) -> Segment<'_> {
    match content {
        Ok(segment) => segment,
        other => panic!("expected a segment, found {other:?}"),
    }
}

fn other(link_type: LinkType, data: &[u8]) -> Other {
    match decode(&packet(link_type, data)) {
        Err(Stop::Other(other)) => other,
        content => panic!("expected something else, found {content:?}"),
    }
}

fn fault(link_type: LinkType, data: &[u8]) -> PacketFault {
    match decode(&packet(link_type, data)) {
        Err(Stop::Damaged(fault)) => fault,
        content => panic!("expected damage, found {content:?}"),
    }
}

fn assert_is_the_ipv4_segment(segment: &Segment<'_>) {
    assert_eq!(segment.stamp, STAMP);
    assert_eq!(segment.source, SocketAddr::from((CLIENT, 40_000)));
    assert_eq!(segment.destination, SocketAddr::from((SERVER, 50_051)));
    assert_eq!(segment.hop_limit, 63);
    assert_is_the_tcp(segment);
}

fn assert_is_the_ipv6_segment(segment: &Segment<'_>) {
    assert_eq!(segment.source, SocketAddr::from((CLIENT_V6, 40_000)));
    assert_eq!(segment.destination, SocketAddr::from((SERVER_V6, 50_051)));
    assert_eq!(segment.hop_limit, 62);
    assert_is_the_tcp(segment);
}

fn assert_is_the_tcp(segment: &Segment<'_>) {
    assert_eq!(segment.scope, 0);
    assert_eq!(segment.sequence, 0x8000_0001);
    assert_eq!(segment.acknowledgement, Some(77));
    assert_eq!(segment.flags.0, 0x18);
    assert_eq!(segment.window, 4096);
    assert_eq!(segment.payload, PAYLOAD);
    assert_eq!(segment.payload_length as usize, PAYLOAD.len());
}

#[test]
fn every_link_type_leads_to_ipv4() {
    for (number, header) in LINK_TYPES {
        let bytes = [header, &ipv4_packet()].concat();
        assert_is_the_ipv4_segment(&segment(LinkType(number), &bytes));
    }
}

#[test]
fn every_link_type_leads_to_ipv6() {
    let ethernet = frame(&[0x86dd], &ipv6_packet());
    assert_is_the_ipv6_segment(&segment(LinkType::ETHERNET, &ethernet));
    let cooked = [
        &[0, 0, 3, 4, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd][..],
        &ipv6_packet(),
    ]
    .concat();
    assert_is_the_ipv6_segment(&segment(LinkType::LINUX_SLL, &cooked));
    let mut header = [0; 20];
    header[..2].copy_from_slice(&[0x86, 0xdd]);
    let cooked = [&header[..], &ipv6_packet()].concat();
    assert_is_the_ipv6_segment(&segment(LinkType::LINUX_SLL2, &cooked));
    for link_type in [LinkType::RAW, LinkType(12), LinkType(14), LinkType::IPV6] {
        assert_is_the_ipv6_segment(&segment(link_type, &ipv6_packet()));
    }
}

#[test]
fn loopback_families_are_read_in_either_byte_order() {
    for link_type in [LinkType::NULL, LinkType::LOOP] {
        for family in [10_u32, 24, 28, 30] {
            for header in [family.to_be_bytes(), family.to_le_bytes()] {
                let bytes = [&header[..], &ipv6_packet()].concat();
                assert_is_the_ipv6_segment(&segment(link_type, &bytes));
            }
        }
        for header in [2_u32.to_be_bytes(), 2_u32.to_le_bytes()] {
            let bytes = [&header[..], &ipv4_packet()].concat();
            assert_is_the_ipv4_segment(&segment(link_type, &bytes));
        }
        let appletalk = other(link_type, &[0, 0, 0, 16, 1, 2, 3]);
        assert_eq!(appletalk, Other::AddressFamily(16));
    }
}

#[test]
fn the_interface_of_a_cooked_packet_is_no_scope() {
    let (number, header) = LINK_TYPES[2];
    let mut bytes = [header, &ipv4_packet()].concat();
    bytes[7] = 9;
    assert_eq!(segment(LinkType(number), &bytes).scope, 0);
}

#[test]
fn cooked_packets_of_devices_without_ether_types_are_named() {
    let netlink = [0, 4, 3, 56, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00];
    let bytes = [&netlink[..], &ipv4_packet()].concat();
    assert_eq!(other(LinkType::LINUX_SLL, &bytes), Other::Device(824));
}

#[test]
fn options_of_ip_and_tcp_are_no_payload() {
    let mut header = Ipv4Header::new(0, 63, IpNumber::TCP, CLIENT, SERVER).unwrap();
    header.options = [1; 8].into();
    let mut tcp = tcp_header();
    tcp.set_options_raw(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2])
        .unwrap();
    let mut bytes = Vec::new();
    PacketBuilder::ip(IpHeaders::Ipv4(header, Ipv4Extensions::default()))
        .tcp_header(tcp)
        .write(&mut bytes, PAYLOAD)
        .unwrap();
    assert_eq!(bytes.len(), 20 + 8 + 20 + 12 + PAYLOAD.len());
    assert_is_the_ipv4_segment(&segment(LinkType::RAW, &bytes));
}

#[test]
fn ipv6_extension_headers_are_no_payload() {
    let extensions = [
        DESTINATION_OPTIONS,
        0,
        1,
        4,
        0,
        0,
        0,
        0, // hop-by-hop options: padding
        FRAGMENT,
        1,
        1,
        12,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        0, // destination options, 16 bytes
        6,
        0,
        0,
        0,
        0,
        0,
        0,
        9, // an atomic fragment is a whole packet (RFC 6946)
    ];
    let bytes = ipv6_packet_with(HOP_BY_HOP, &extensions);
    assert_is_the_ipv6_segment(&segment(LinkType::IPV6, &bytes));
}

#[test]
fn a_hop_by_hop_header_out_of_place_is_damage() {
    let extensions = [
        HOP_BY_HOP, 0, 1, 4, 0, 0, 0, 0, // destination options
        6, 0, 1, 4, 0, 0, 0, 0, // hop-by-hop options
    ];
    let bytes = ipv6_packet_with(DESTINATION_OPTIONS, &extensions);
    assert_eq!(fault(LinkType::RAW, &bytes), PacketFault::ExtensionHeader);
}

#[test]
fn the_acknowledgement_counts_with_its_bit_alone() {
    let mut header = tcp_header();
    header.ack = false;
    header.psh = false;
    header.syn = true;
    let mut bytes = Vec::new();
    PacketBuilder::ipv4(CLIENT, SERVER, 63)
        .tcp_header(header)
        .write(&mut bytes, &[])
        .unwrap();
    let syn = segment(LinkType::RAW, &bytes);
    assert_eq!(syn.acknowledgement, None);
    assert_eq!(syn.flags.0, 0x02);
    assert_eq!(syn.payload_length, 0);
}

#[test]
fn vlan_tags_make_the_scope() {
    let scope = |ether_types: &[u16]| {
        let bytes = frame(ether_types, &ipv4_packet());
        let segment = segment(LinkType::ETHERNET, &bytes);
        assert_eq!(segment.payload, PAYLOAD);
        segment.scope
    };
    assert_eq!(scope(&[0x8100, 5, 0x0800]), 5);
    // The upper four bits are priority and drop eligibility.
    assert_eq!(scope(&[0x8100, 0xf005, 0x0800]), 5);
    assert_eq!(scope(&[0x8100, 0xe000, 0x0800]), 0);
    assert_eq!(scope(&[0x88a8, 1, 0x8100, 2, 0x0800]), 0x1002);
    assert_eq!(scope(&[0x88a8, 2, 0x8100, 1, 0x0800]), 0x2001);
    assert_eq!(scope(&[0x9100, 1, 0x8100, 2, 0x0800]), 0x1002);
    assert_eq!(scope(&[0x8100, 0, 0x8100, 2, 0x0800]), 2);
    let five = [
        0x8100, 0xfff, 0x8100, 1, 0x8100, 1, 0x8100, 1, 0x8100, 1, 0x0800,
    ];
    assert_eq!(scope(&five), 0xfff_001_001_001_001);
}

#[test]
fn tags_inside_cooked_packets_make_the_scope_too() {
    let mut header = [0; 20];
    header[..2].copy_from_slice(&[0x81, 0x00]);
    let bytes = [&header[..], &[0x00, 0x2a, 0x08, 0x00], &ipv4_packet()].concat();
    assert_eq!(segment(LinkType::LINUX_SLL2, &bytes).scope, 42);
}

#[test]
fn more_tags_than_a_scope_holds_are_refused() {
    let six = [[0x8100, 1]; 6].concat();
    let bytes = frame(&[&six[..], &[0x0800]].concat(), &ipv4_packet());
    assert_eq!(fault(LinkType::ETHERNET, &bytes), PacketFault::Nesting);
    // Priority tags take no room in the scope; the bound on layers ends them.
    let many = [[0x8100, 0]; 300].concat();
    let bytes = frame(&[&many[..], &[0x0800]].concat(), &ipv4_packet());
    assert_eq!(fault(LinkType::ETHERNET, &bytes), PacketFault::Nesting);
}
