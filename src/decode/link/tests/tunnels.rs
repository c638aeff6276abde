//! Packets within packets: each way in, several at once, and what only looks like one.

use super::*;

/// An outer IPv4 packet of `protocol`.
pub(super) fn ip(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(payload.len()).unwrap();
    let outer = [[192, 0, 2, 1], [192, 0, 2, 2]];
    let header = Ipv4Header::new(length, 9, IpNumber(protocol), outer[0], outer[1]).unwrap();
    [&header.to_bytes()[..], payload].concat()
}

/// An outer UDP datagram to `port`.
fn udp(port: u16, payload: &[&[u8]]) -> Vec<u8> {
    let payload = payload.concat();
    let length = u16::try_from(payload.len() + 8).unwrap();
    let words = [33_333_u16, port, length, 0].map(u16::to_be_bytes).concat();
    ip(17, &[words, payload].concat())
}

fn vxlan(network: u8, inner: &[u8]) -> Vec<u8> {
    udp(4789, &[&[8, 0, 0, 0, 0, 0, network, 0], inner])
}

fn gre(header: &[u8], inner: &[u8]) -> Vec<u8> {
    ip(47, &[header, inner].concat())
}

fn geneve(header: &[u8], inner: &[u8]) -> Vec<u8> {
    udp(6081, &[header, inner])
}

fn gtp_u(header: &[u8], extensions: &[u8], inner: &[u8]) -> Vec<u8> {
    let length = u16::try_from(extensions.len() + inner.len()).unwrap();
    let length = length.to_be_bytes();
    udp(2152, &[header, &length, &[0, 0, 0, 9], extensions, inner])
}

fn inner_frame() -> Vec<u8> {
    frame(&[0x0800], &ipv4_packet())
}

/// IPv4's segment in tunnels that name no network.
fn within_no_network() -> Vec<(LinkType, Vec<u8>)> {
    let (inner, framed) = (ipv4_packet(), inner_frame());
    let raw = [
        ip(4, &inner),
        ip(97, &[&[0x30, 0][..], &framed].concat()),
        ip(143, &framed),
        ip(137, &[&[0, 1, 0x01, 64][..], &inner].concat()),
        ip(4, &ip(4, &inner)),
        gre(&[0, 0, 0x08, 0], &inner),
        gre(&[0, 0, 0x65, 0x58], &framed),
        gre(&[0x90, 0, 0x08, 0, 1, 2, 0, 0, 0, 0, 0, 7], &inner),
        // Version 1, with call, sequence and acknowledgement, around PPP.
        gre(
            &[
                0x30, 0x81, 0x88, 0x0b, 0, 9, 0, 1, 0, 0, 0, 5, 0, 0, 0, 4, 0xff, 3, 0, 0x21,
            ],
            &inner,
        ),
        gre(&[0, 0, 0x88, 0xbe], &framed),
        gre(
            &[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0, 7, 0, 0, 0, 0],
            &framed,
        ),
        gre(
            &[
                0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0,
            ],
            &framed,
        ),
        gre(
            &[
                0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 7, 0, 0, 0, 0, 0, 0, 8, 1, //
                1, 2, 3, 4, 5, 6, 7, 8,
            ],
            &inner,
        ),
        gre(&[0, 0, 0x88, 0x3e], &inner),
        gre(&[0, 0, 0x88, 0x3e, 0, 0, 0, 1], &inner),
        gtp_u(&[0x30, 255], &[], &inner),
        gtp_u(&[0x32, 255], &[0, 5, 0, 0], &inner),
        gtp_u(
            &[0x34, 255],
            &[0, 0, 0, 0x85, 1, 0x10, 9, 0xc0, 2, 0, 0, 0, 0, 0, 0, 0],
            &inner,
        ),
        udp(4754, &[&[0, 0, 0x08, 0], &inner]),
        udp(6635, &[&[0, 1, 0x01, 64], &inner]),
        udp(37008, &[&[1, 0, 0, 1, 0, 13, 1, 7, 1], &framed]),
    ];
    let ethernet = [
        frame(&[0x8847, 0x0001, 0x0040, 0x0002, 0x0140], &inner),
        frame(&[0x8848, 0x0002, 0x0140], &framed),
        // A pseudowire with its control word.
        frame(&[0x8847, 0x0002, 0x0140, 0, 0], &framed),
        frame(
            &[
                0x8864,
                0x1100,
                1,
                u16::try_from(inner.len() + 2).unwrap(),
                0x0021,
            ],
            &inner,
        ),
        frame(&[0x893f, 0, 0, 0, 0x0800], &inner),
        frame(&[0x8926, 0, 0, 0x0800], &inner),
        frame(
            &[0x894f, 0x0fc6, 0x0101, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
            &inner,
        ),
        frame(&[60, 0xaaaa, 0x0300, 0, 0x0800], &inner),
        frame(&[0x8870, 0xaaaa, 0x0300, 0x00f8, 0x0800], &inner),
    ];
    let raw = raw.into_iter().map(|bytes| (LinkType::RAW, bytes));
    let ethernet = ethernet
        .into_iter()
        .map(|bytes| (LinkType::ETHERNET, bytes));
    raw.chain(ethernet).collect()
}

/// IPv4's segment in tunnels of different networks.
fn within_networks() -> Vec<(LinkType, Vec<u8>)> {
    let (inner, framed) = (ipv4_packet(), inner_frame());
    let tagged = frame(&[0x8100, 7, 0x0800], &inner);
    let raw = [
        vxlan(1, &framed),
        vxlan(2, &framed),
        vxlan(1, &tagged),
        udp(8472, &[&[0x88, 0, 1, 2, 0, 0, 9, 0], &framed]),
        udp(4790, &[&[0x0c, 0, 0, 1, 0, 0, 3, 0], &inner]),
        udp(4790, &[&[0x0c, 0, 0, 3, 0, 0, 4, 0], &framed]),
        geneve(&[0, 0, 0x65, 0x58, 0, 0, 1, 0], &framed),
        geneve(
            &[2, 0x80, 0x65, 0x58, 0, 0, 2, 0, 1, 2, 3, 1, 5, 6, 7, 8],
            &framed,
        ),
        geneve(&[0, 0, 0x08, 0x00, 0, 0, 3, 0], &inner),
        gre(&[0x20, 0, 0x08, 0, 0, 0, 0, 1], &inner),
        gre(
            &[0xb0, 0, 0x08, 0, 9, 9, 0, 0, 0, 0, 0, 2, 0, 0, 0, 5],
            &inner,
        ),
        gre(&[0x20, 0, 0x65, 0x58, 0, 0, 7, 1], &framed),
        vxlan(1, &frame(&[0x0800], &vxlan(1, &framed))),
        vxlan(
            1,
            &frame(&[0x0800], &gre(&[0x20, 0, 0x08, 0, 0, 0, 0, 1], &inner)),
        ),
        // A VLAN in VXLAN in GRE.
        gre(&[0x20, 0, 0x08, 0, 0, 0, 0, 1], &vxlan(1, &tagged)),
    ];
    let backbone = frame(&[0x88e7, 0, 77], &framed);
    let raw = raw.into_iter().map(|bytes| (LinkType::RAW, bytes));
    raw.chain([(LinkType::ETHERNET, backbone)]).collect()
}

/// Every tunnel of these tests.
pub(super) fn all() -> Vec<(LinkType, Vec<u8>)> {
    [within_no_network(), within_networks()].concat()
}

fn without_scope(segment: Segment<'_>) -> Segment<'_> {
    Segment {
        of_any_interface: false,
        scope: 0,
        ..segment
    }
}

#[test]
fn every_tunnel_leads_to_its_segment() {
    for (link_type, bytes) in all() {
        assert_is_the_ipv4_segment(&without_scope(segment(link_type, &bytes)));
    }
}

#[test]
fn ipv6_is_found_in_tunnels_too() {
    let inner = ipv6_packet();
    let over_ipv6 = |port: u16, header: &[u8], inner: &[u8]| {
        let mut bytes = Vec::new();
        PacketBuilder::ipv6(SERVER_V6, CLIENT_V6, 3)
            .udp(33_333, port)
            .write(&mut bytes, &[header, inner].concat())
            .unwrap();
        bytes
    };
    let teredo = [
        0, 1, 2, 1, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5,
    ];
    for bytes in [
        ip(41, &inner),
        gre(&[0, 0, 0x86, 0xdd], &inner),
        gtp_u(&[0x30, 255], &[], &inner),
        udp(3544, &[&inner]),
        udp(3544, &[&teredo, &inner]),
        udp(
            5072,
            &[&[0x40, 0x52, 0x11, 41], &[9; 4], &[1; 16], &[2; 20], &inner],
        ),
        over_ipv6(4789, &[8, 0, 0, 0, 0, 0, 1, 0], &frame(&[0x86dd], &inner)),
        over_ipv6(6081, &[0, 0, 0x86, 0xdd, 0, 0, 1, 0], &inner),
    ] {
        assert_is_the_ipv6_segment(&without_scope(segment(LinkType::RAW, &bytes)));
    }
    let session = frame(&[0x8864, 0x1100, 1, 0, 0x0057], &inner);
    let length = u16::try_from(inner.len() + 2).unwrap().to_be_bytes();
    let session = [&session[..18], &length, &session[20..]].concat();
    assert_is_the_ipv6_segment(&segment(LinkType::ETHERNET, &session));
}

#[test]
fn tunnels_that_name_no_network_leave_the_scope() {
    for (link_type, bytes) in within_no_network() {
        assert_eq!(segment(link_type, &bytes).scope, 0);
    }
    let endpoints = [[0, 0, 0, 1], [0, 0, 0, 2]].map(|endpoint| {
        let mut bytes = gtp_u(&[0x30, 255], &[], &ipv4_packet());
        bytes[32..36].copy_from_slice(&endpoint);
        segment(LinkType::RAW, &bytes).scope
    });
    assert_eq!(endpoints[0], endpoints[1]);
}

#[test]
fn tunnels_that_name_a_network_make_the_scope() {
    let within = within_networks();
    let mut scopes: Vec<u64> = within
        .iter()
        .map(|(link_type, bytes)| segment(*link_type, bytes).scope)
        .collect();
    scopes.extend([0, 7]);
    scopes.sort_unstable();
    scopes.dedup();
    assert_eq!(scopes.len(), within.len() + 2);
}

#[test]
fn outer_addresses_and_flow_hashes_are_no_scope() {
    let scope = |bytes: &[u8]| segment(LinkType::RAW, bytes).scope;
    let plain = vxlan(1, &inner_frame());
    let mut other_way = plain.clone();
    other_way[12..20].copy_from_slice(&[192, 0, 2, 2, 192, 0, 2, 1]);
    other_way[20] ^= 0xff;
    assert_eq!(scope(&plain), scope(&other_way));
    let virtual_network = |hash: u8| gre(&[0x20, 0, 0x65, 0x58, 0, 0, 7, hash], &inner_frame());
    assert_eq!(scope(&virtual_network(1)), scope(&virtual_network(2)));
}

#[test]
fn a_port_alone_is_no_tunnel() {
    let framed = inner_frame();
    let mut broken = ipv4_packet();
    broken[0] = 0x55;
    let mut dense = ipv4_packet();
    dense[3] = 30;
    for bytes in [
        vxlan(1, &frame(&[0x0800], &broken)),
        vxlan(1, &frame(&[0x0800], &dense)),
        udp(4789, &[&[0, 0, 0, 0, 0, 0, 1, 0], &framed]),
        udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 1], &framed]),
        udp(4789, &[&[8, 0, 0]]),
        udp(4790, &[&[0x08, 0, 0, 3, 0, 0, 1, 0], &framed]),
        geneve(&[0x40, 0, 0x65, 0x58, 0, 0, 1, 0], &framed),
        geneve(&[0, 1, 0x65, 0x58, 0, 0, 1, 0], &framed),
        geneve(&[0, 0, 0, 60, 0, 0, 1, 0], &framed),
        geneve(&[0x3f, 0, 0x65, 0x58, 0, 0, 1, 0], &framed),
        gtp_u(&[0x50, 255], &[], &ipv4_packet()),
        gtp_u(&[0x34, 255], &[0, 0, 0, 0x85, 0, 0, 0, 0], &ipv4_packet()),
        udp(
            2152,
            &[&[0x30, 255, 0xff, 0xff, 0, 0, 0, 1], &ipv4_packet()],
        ),
        udp(3544, &[&ipv4_packet()]),
        udp(4500, &[&[0, 0, 0, 0], PAYLOAD]),
        udp(4500, &[&[0xff]]),
        udp(51820, &[PAYLOAD]),
        udp(37008, &[PAYLOAD]),
        udp(443, &[&framed]),
    ] {
        assert_eq!(other(LinkType::RAW, &bytes), Other::Udp);
    }
}

#[test]
fn what_no_decoder_opens_is_named() {
    let raw = |bytes: Vec<u8>| other(LinkType::RAW, &bytes);
    let message = |kind: u8, length: usize| {
        let mut message = vec![0; length];
        message[0] = kind;
        raw(udp(51820, &[&message]))
    };
    for (kind, length) in [(1, 148), (2, 92), (3, 64), (4, 32), (4, 1440)] {
        assert_eq!(message(kind, length), Other::Tunnel(Tunnel::WireGuard));
    }
    for (kind, length) in [(1, 147), (4, 33), (4, 16), (5, 32)] {
        assert_eq!(message(kind, length), Other::Udp);
    }
    assert_eq!(
        raw(udp(4500, &[&[0, 0, 1, 0], PAYLOAD])),
        Other::Tunnel(Tunnel::Esp)
    );
    assert_eq!(
        raw(gtp_u(&[0x32, 1], &[0; 4], &[])),
        Other::Tunnel(Tunnel::GtpU)
    );
    assert_eq!(
        raw(gtp_u(&[0x30, 255], &[], &inner_frame())),
        Other::Tunnel(Tunnel::GtpU)
    );
    assert_eq!(
        raw(gre(&[0x40, 0, 0x08, 0], PAYLOAD)),
        Other::Tunnel(Tunnel::Gre)
    );
    assert_eq!(
        raw(gre(&[0, 0, 0x82, 0], PAYLOAD)),
        Other::Tunnel(Tunnel::Gre)
    );
    let associated_channel = frame(&[0x8847, 0x0002, 0x0140, 0x1000, 0], PAYLOAD);
    assert_eq!(
        other(LinkType::ETHERNET, &associated_channel),
        Other::Tunnel(Tunnel::Mpls)
    );
    assert_eq!(Tunnel::WireGuard.name(), "WireGuard");
}

#[test]
fn nesting_has_an_end() {
    let mut bytes = ipv4_packet();
    for _ in 0..MAXIMUM_LAYERS {
        bytes = ip(4, &bytes);
    }
    assert_eq!(fault(LinkType::RAW, &bytes), PacketFault::Nesting);
    assert_is_the_ipv4_segment(&segment(LinkType::RAW, &bytes[20..]));
    let labels = frame(&[&[0x8847][..], &[0; 400]].concat(), &[]);
    assert_eq!(fault(LinkType::ETHERNET, &labels), PacketFault::Nesting);
}

#[test]
fn a_tunnel_cut_anywhere_gives_a_part_of_its_segment_or_none() {
    for (link_type, data) in all() {
        let headers = data.len() - PAYLOAD.len();
        for length in 0..=data.len() {
            let mut cut = packet(link_type, &data);
            cut.data = &data[..length];
            match decode(&cut) {
                Ok(segment) => {
                    assert_eq!(segment.payload, &PAYLOAD[..length - headers]);
                    assert_eq!(segment.payload_length as usize, PAYLOAD.len());
                }
                Err(Stop::Damaged(fault)) => {
                    assert!(length < headers && fault.is_cut(), "{fault} at {length}");
                }
                Err(Stop::Other(_)) => assert!(length < headers),
                Err(Stop::Fragment) => panic!("no fragment was sent"),
            }
        }
    }
}
