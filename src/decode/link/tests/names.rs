//! What was found instead of TCP, by name.

use etherparse::{EtherType, IpFragOffset, Ipv6FragmentHeader};

use super::*;

fn assert_is_a_fragment(bytes: &[u8]) {
    let packet = packet(LinkType::RAW, bytes);
    assert!(matches!(decode(&packet), Err(Stop::Fragment)));
}

#[test]
fn fragments_are_named() {
    for (more, offset) in [(true, 0), (false, 100), (true, 100)] {
        let mut header = Ipv4Header::new(20, 63, IpNumber::TCP, CLIENT, SERVER).unwrap();
        header.more_fragments = more;
        header.fragment_offset = IpFragOffset::try_new(offset).unwrap();
        let bytes = [&header.to_bytes()[..], &[0; 20]].concat();
        assert_is_a_fragment(&bytes);

        let fragment = Ipv6FragmentHeader::new(
            IpNumber(DESTINATION_OPTIONS),
            IpFragOffset::try_new(offset).unwrap(),
            more,
            9,
        );
        // What follows a later fragment's header must not be taken for an extension header.
        let extensions = [&fragment.to_bytes()[..], &[0xff; 8]].concat();
        let bytes = ipv6_packet_with(FRAGMENT, &extensions);
        assert_is_a_fragment(&bytes);
    }
}

#[test]
fn what_is_no_tcp_is_named() {
    let ip = |protocol: u8| {
        let header = Ipv4Header::new(8, 63, IpNumber(protocol), CLIENT, SERVER).unwrap();
        other(LinkType::RAW, &[&header.to_bytes()[..], &[0; 8]].concat())
    };
    assert_eq!(ip(1), Other::Icmp);
    assert_eq!(ip(58), Other::Icmp);
    assert_eq!(ip(47), Other::Tunnel(Tunnel::Gre), "a keepalive");
    assert_eq!(ip(50), Other::Tunnel(Tunnel::Esp));
    assert_eq!(ip(132), Other::IpProtocol(132));
    let bytes = ipv6_packet_with(NO_NEXT_HEADER, &[]);
    assert_eq!(other(LinkType::RAW, &bytes), Other::IpProtocol(59));

    let udp = |port: u16| {
        let mut bytes = Vec::new();
        PacketBuilder::ipv6(CLIENT_V6, SERVER_V6, 62)
            .udp(53, port)
            .write(&mut bytes, PAYLOAD)
            .unwrap();
        other(LinkType::RAW, &bytes)
    };
    assert_eq!(udp(53), Other::Udp);

    let ether = |number: u16| other(LinkType::ETHERNET, &frame(&[number], &[0; 46]));
    assert_eq!(ether(EtherType::ARP.0), Other::Arp);
    assert_eq!(ether(0x88cc), Other::EtherType(0x88cc));
    assert_eq!(ether(46), Other::LengthFrame);
    assert_eq!(ether(0x8863), Other::Tunnel(Tunnel::Pppoe), "discovery");
    assert_eq!(ether(0x88e5), Other::Tunnel(Tunnel::Macsec));

    let unknown = other(LinkType(147), &[]);
    assert_eq!(unknown, Other::LinkType(LinkType(147)));
    assert_eq!(unknown.to_string(), "link type 147");
    assert_eq!(unknown.name(), "unsupported link type");
    assert_eq!(ether(0x88cc).to_string(), "EtherType 0x88cc");
    assert_eq!(ip(47).to_string(), "GRE");
}
