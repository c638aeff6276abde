//! Which network an address belongs to.

use etherparse::VlanId;

use super::stop::{PacketFault, Stop, Tunnel};

/// Width of a VLAN identifier (IEEE 802.1Q, section 9.6).
const VLAN_BITS: u32 = 12;

/// Identifiers that a scope has room for, five; devices stack two, rarely three.
const VLAN_TAGS: u32 = u64::BITS / VLAN_BITS;

/// What a header says about the network that its packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NetworkTag {
    /// The one around it.
    Same,
    /// A VLAN.
    Vlan(VlanId),
    /// A tunnel with the identifier that both directions of a connection share.
    Tunnel(Tunnel, u32),
}

/// The networks around a packet, as one number: 0 where there are none.
///
/// VLAN identifiers stand side by side, the innermost lowest. None of them is 0, so that different
/// tags or a different order of them always give different numbers. Where a tunnel names a network
/// too, all that is around it is mixed with the tunnel's kind and identifier into 64 bits, and VLAN
/// tags start anew inside.
///
/// Both directions of a connection must come to the same number. Therefore outer addresses are no
/// part of it, nor what a tunnel gives each direction its own of: GTP-U's endpoint identifiers, MPLS
/// labels, the interfaces in VN-tags. Nor is a tunnel that names no network (IP in IP, GRE without a
/// key): a balancer tunnels requests to servers whose answers travel bare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct NetworkScope {
    /// Everything up to and with the innermost tunnel; 0 where there is none.
    tunnels: u64,
    /// The VLAN identifiers inside that.
    vlans: u64,
}

impl NetworkScope {
    /// The scope within a header that names `network`.
    #[inline]
    pub(super) fn within(self, network: NetworkTag) -> Result<Self, Stop> {
        match network {
            NetworkTag::Same => Ok(self),
            NetworkTag::Vlan(identifier) => self.within_vlan(identifier),
            NetworkTag::Tunnel(tunnel, identifier) => Ok(self.within_tunnel(tunnel, identifier)),
        }
    }

    /// Identifier 0 marks priority alone, not a network (IEEE 802.1Q, section 9.6). An identifier
    /// without room is refused, since dropping one would make two networks one.
    fn within_vlan(self, identifier: VlanId) -> Result<Self, Stop> {
        if identifier == VlanId::ZERO {
            return Ok(self);
        }
        if self.vlans >> ((VLAN_TAGS - 1) * VLAN_BITS) != 0 {
            return Err(PacketFault::Nesting.into());
        }
        let vlans = self.vlans << VLAN_BITS | u64::from(identifier.value());
        Ok(Self { vlans, ..self })
    }

    fn within_tunnel(self, tunnel: Tunnel, identifier: u32) -> Self {
        // The kind is counted from 1: 0 stands for no tunnel.
        let step = (tunnel as u64 + 1) << u32::BITS | u64::from(identifier);
        Self {
            tunnels: mix(self.number(), step),
            vlans: 0,
        }
    }

    /// The number, for [`Segment::scope`](super::Segment::scope).
    pub(super) const fn number(self) -> u64 {
        match (self.tunnels, self.vlans) {
            (tunnels, 0) => tunnels,
            (0, vlans) => vlans,
            (tunnels, vlans) => mix(tunnels, vlans),
        }
    }
}

/// Two numbers as one. The rounds are the finalizer of SplitMix64 (Steele, Lea and Flood, "Fast
/// splittable pseudorandom number generators", 2014): bijective, and each bit in changes half of
/// the bits out, so that for one `outer` no two `inner`s meet, and any two networks of a capture
/// meet by chance alone.
const fn mix(outer: u64, inner: u64) -> u64 {
    const WEYL: u64 = 0x9e37_79b9_7f4a_7c15;
    finalize(finalize(outer.wrapping_add(WEYL)) ^ inner)
}

const fn finalize(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ number >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ number >> 31
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn vlan(identifier: u16) -> NetworkTag {
        NetworkTag::Vlan(VlanId::try_new(identifier).unwrap())
    }

    fn scope(networks: &[NetworkTag]) -> u64 {
        let start = Ok(NetworkScope::default());
        let scope = networks
            .iter()
            .fold(start, |scope, network| scope?.within(*network));
        scope.unwrap().number()
    }

    #[test]
    fn different_networks_have_different_numbers() {
        use NetworkTag::Tunnel as Within;
        let vni = |identifier| Within(Tunnel::Vxlan, identifier);
        let networks = [
            vec![],
            vec![vlan(5)],
            vec![vni(5)],
            vec![vni(0)],
            vec![vni(6)],
            vec![Within(Tunnel::Geneve, 5)],
            vec![Within(Tunnel::Gre, 5)],
            vec![vlan(5), vni(5)],
            vec![vni(5), vlan(5)],
            vec![vni(5), vni(5)],
            vec![vni(5), vni(6)],
            vec![vni(6), vni(5)],
            vec![vni(6), vlan(5), vlan(6)],
            vec![vni(6), vlan(6), vlan(5)],
        ];
        let numbers: BTreeSet<u64> = networks.iter().map(|around| scope(around)).collect();
        assert_eq!(numbers.len(), networks.len());
        assert!(numbers.contains(&0));
        assert_eq!(
            scope(&[NetworkTag::Same, vni(5), NetworkTag::Same]),
            scope(&[vni(5)])
        );
    }

    #[test]
    fn neighbouring_identifiers_spread_over_all_bits() {
        let numbers: Vec<u64> = (0..4096)
            .map(|identifier| scope(&[NetworkTag::Tunnel(Tunnel::Vxlan, identifier)]))
            .collect();
        let changed: u32 = numbers
            .windows(2)
            .map(|pair| (pair[0] ^ pair[1]).count_ones())
            .sum();
        let average = f64::from(changed) / 4095.0;
        assert!((31.0..33.0).contains(&average), "{average}");
    }
}
