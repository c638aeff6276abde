//! Link types beside Ethernet's: what stands in front of IP, and what is refused by name.

use super::*;

/// Each link type with bytes that lead to IPv4.
const LEAD_TO_IP: [(u32, &[u8]); 33] = [
    (
        6,
        &[
            0x10, 0x40, 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0,
        ],
    ),
    // Token Ring with a source route of four bytes.
    (
        6,
        &[
            0x10, 0x40, 2, 0, 0, 0, 0, 1, 0x82, 0, 0, 0, 0, 2, 0xc4, 0, 0, 1, 0xaa, 0xaa, 3, 0, 0,
            0, 8, 0,
        ],
    ),
    (7, &[1, 2, 240]),
    (7, &[1, 2, 212, 0, 0, 7]),
    (129, &[1, 2, 0, 0, 240]),
    (8, &[0; 16]),
    (9, &[0xff, 3, 0, 0x21]),
    (9, &[0, 0x21]),
    (9, &[0x21]),
    (9, &[0x0f, 0, 8, 0]),
    (50, &[0xff, 3, 0, 0x21]),
    (50, &[0x8f, 0, 8, 0]),
    (
        10,
        &[
            0x50, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0,
        ],
    ),
    (100, &[0xaa, 0xaa, 3, 0, 0, 0, 8, 0]),
    (104, &[0x0f, 0, 8, 0]),
    (105, &WIRELESS),
    (107, &[0x18, 0x41, 3, 0xcc]),
    (107, &[0x18, 0x41, 3, 0, 0x80, 0, 0, 0, 8, 0]),
    (107, &[0x18, 0x41, 8, 0]),
    (109, &[2, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0]),
    (
        226,
        &[
            1, 2, 0, 4, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
    ),
    (
        239,
        &[
            2, 0, 0, 5, 8, 0, 1, 0, 8, 0, 0, 3, 5, 0, 10, 0, 0, 0, 0, 0, 62, 0, 9, 0,
        ],
    ),
    (239, &[2, 0, 0, 5, 0, 8, 0, 1, 8, 0, 0, 3, 0, 62, 0, 9]),
    (242, &INFINIBAND),
    (240, &[0, 0, 0, 0, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]),
    (281, &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0, 0, 0, 8, 8, 0]),
    (282, &[0, 0, 0, 8, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]),
    (
        284,
        &[2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x40, 0, 0, 9, 8, 0],
    ),
    (
        285,
        &[
            2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0xda, 0xda, 0, 0, 0x40, 0, 0, 9, 8, 0,
        ],
    ),
    (
        149,
        &[16, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 7, 7, 7, 2, 0, 0, 0],
    ),
    (258, &[16, 0, 0, 0, 1, 0, 0, 0, 12, 0, 0, 0, 7, 7, 7, 7]),
    (192, &[0, 0, 8, 0, 9, 0, 0, 0, 0xff, 3, 0, 0x21]),
    (51, &[0x11, 0, 0, 1, 0, 56, 0, 0x21]),
];

/// A data frame from an access point, with logical link control.
const WIRELESS: [u8; 32] = [
    0x08, 0x02, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 0x10, 0, 0xaa, 0xaa, 3,
    0, 0, 0, 8, 0,
];

/// Routing that nobody reads, and an EtherType.
const INFINIBAND: [u8; 44] = {
    let mut header = [0; 44];
    header[40] = 8;
    header
};

#[test]
fn each_leads_to_ip() {
    for (number, header) in LEAD_TO_IP {
        let bytes = [header, &ipv4_packet()].concat();
        assert_is_the_ipv4_segment(&segment(LinkType(number), &bytes));
    }
    // The filter's log pads its header of 61 bytes to 64.
    let mut log = [0; 64];
    log[..2].copy_from_slice(&[61, 2]);
    let bytes = [&log[..], &ipv4_packet()].concat();
    assert_is_the_ipv4_segment(&segment(LinkType::PFLOG, &bytes));
}

#[test]
fn each_can_be_cut_anywhere() {
    for (number, header) in LEAD_TO_IP {
        let bytes = [header, &ipv4_packet()].concat();
        for length in 0..bytes.len() {
            let mut cut = packet(LinkType(number), &bytes);
            cut.data = &bytes[..length];
            match decode(&cut) {
                Ok(segment) => assert!(segment.payload.len() < PAYLOAD.len()),
                Err(Stop::Damaged(fault)) => assert!(fault.is_cut(), "{number}: {fault}"),
                content => panic!("{number}: {content:?} at {length}"),
            }
        }
    }
}

#[test]
fn wireless_frames_have_headers_of_many_lengths() {
    let inner = [&WIRELESS[24..], &ipv4_packet()].concat();
    let wireless = |control: [u8; 2], length: usize| {
        let mut header = vec![0; length];
        header[..2].copy_from_slice(&control);
        [&header[..], &inner].concat()
    };
    for (control, length) in [
        ([0x08, 0x01], 24),
        ([0x08, 0x03], 30),
        ([0x88, 0x01], 26),
        ([0x88, 0x03], 32),
        ([0x88, 0x81], 30),
    ] {
        let bytes = wireless(control, length);
        assert_is_the_ipv4_segment(&segment(LinkType::IEEE802_11, &bytes));
        let radiotap = [&[0, 0, 8, 0, 0, 0, 0, 0][..], &bytes].concat();
        assert_is_the_ipv4_segment(&segment(LinkType::IEEE802_11_RADIOTAP, &radiotap));
        let prism = [&[0, 0, 0, 0x44, 12, 0, 0, 0, 1, 2, 3, 4][..], &bytes].concat();
        assert_is_the_ipv4_segment(&segment(LinkType::IEEE802_11_PRISM, &prism));
        let avs = [&[0x80, 0x21, 0x10, 1, 0, 0, 0, 12, 1, 2, 3, 4][..], &bytes].concat();
        assert_is_the_ipv4_segment(&segment(LinkType::IEEE802_11_AVS, &avs));
        assert_is_the_ipv4_segment(&segment(LinkType::IEEE802_11_PRISM, &avs));
    }
    // Padded from 26 to 28 bytes, as the flags behind two words and the time say.
    let flags = [
        0, 0, 26, 0, 3, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x20, 0,
    ];
    let padded = [&flags[..], &wireless([0x88, 0x01], 28)].concat();
    assert_is_the_ipv4_segment(&segment(LinkType::IEEE802_11_RADIOTAP, &padded));

    let name = |control: [u8; 2]| other(LinkType::IEEE802_11, &wireless(control, 30));
    assert_eq!(name([0x80, 0x00]), Other::Wireless, "a beacon");
    assert_eq!(name([0x48, 0x01]), Other::Wireless, "null data");
    assert_eq!(name([0x08, 0x41]), Other::WirelessEncrypted);
}

#[test]
fn what_is_something_else_is_named() {
    let unknown = other(LinkType::USER2, &[1; 40]);
    assert_eq!(unknown, Other::LinkType(LinkType::PKTAP));
    assert_eq!(
        other(LinkType::PPP, &[0xff, 3, 0xc0, 0x21, 1]),
        Other::PppProtocol(0xc021)
    );
    assert_eq!(
        other(LinkType::CISCO_HDLC, &[0x8f, 0, 0x80, 0x35]),
        Other::EtherType(0x8035)
    );
    assert_eq!(
        other(LinkType::NFLOG, &[7, 0, 0, 0]),
        Other::AddressFamily(7)
    );
    assert_eq!(other(LinkType::FDDI, &[0; 20]), Other::LengthFrame);
    assert_eq!(other(LinkType::ARCNET, &[1, 2, 213]), Other::Arp);
    assert_eq!(
        Other::PppProtocol(0xc021).to_string(),
        "PPP protocol 0xc021"
    );
}
