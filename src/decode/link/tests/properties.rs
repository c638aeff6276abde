//! What holds for any bytes.

use proptest::prelude::*;

use super::*;

fn any_link_type() -> impl Strategy<Value = LinkType> {
    prop_oneof![
        9 => (0..LINK_TYPES.len()).prop_map(|index| LinkType(LINK_TYPES[index].0)),
        1 => any::<u32>().prop_map(LinkType),
    ]
}

/// What holds for every packet: the payload is part of the packet and not longer than it says.
fn check(packet: &Packet<'_>) -> Result<(), TestCaseError> {
    if let Ok(segment) = decode(packet) {
        // No bytes are a part of every packet, wherever they lie.
        if !segment.payload.is_empty() {
            let (whole, part) = (packet.data.as_ptr_range(), segment.payload.as_ptr_range());
            prop_assert!(whole.start <= part.start && part.end <= whole.end);
        }
        prop_assert!(segment.payload.len() <= segment.payload_length as usize);
        prop_assert!(segment.payload_length <= 1 << 19);
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_bytes_panic(
        link_type in any_link_type(),
        original_length: u32,
        data in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        check(&Packet { stamp: STAMP, link_type, original_length, data: &data, options: crate::capture::PacketOptions::default() })?;
    }

    /// Random bytes seldom get past the first header; a damaged packet gets far.
    #[test]
    fn no_damage_panics(
        (number, header) in prop::sample::select(LINK_TYPES.to_vec()),
        is_ipv6: bool,
        original_length: u32,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in 0_usize..120,
    ) {
        let extensions = [DESTINATION_OPTIONS, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4, 0, 0, 0, 0];
        let inner = if is_ipv6 {
            ipv6_packet_with(HOP_BY_HOP, &extensions)
        } else {
            ipv4_packet()
        };
        let mut data = [header, &inner].concat();
        for (index, value) in damage {
            let offset = index.index(data.len());
            data[offset] = value;
        }
        data.truncate(length);
        check(&Packet { stamp: STAMP, link_type: LinkType(number), original_length, data: &data, options: crate::capture::PacketOptions::default() })?;
    }
}

proptest! {
    #[test]
    fn no_damage_to_a_tunnel_panics(
        (link_type, whole) in prop::sample::select(tunnels::all()),
        original_length in prop_oneof![Just(0), any::<u32>()],
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6),
        length in 0_usize..300,
    ) {
        let mut data = whole;
        for (index, value) in damage {
            let offset = index.index(data.len());
            data[offset] = value;
        }
        data.truncate(length);
        check(&Packet { stamp: STAMP, link_type, original_length, data: &data, options: crate::capture::PacketOptions::default() })?;
    }
}
