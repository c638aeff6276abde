//! Which network an address belongs to.

use etherparse::VlanId;

use super::content::{Fault, Stop};

/// Width of a VLAN identifier (IEEE 802.1Q, section 9.6).
const VLAN_BITS: u32 = 12;

/// Identifiers that a scope has room for, five; devices stack two, rarely three.
const VLAN_TAGS: u32 = u64::BITS / VLAN_BITS;

/// The networks around a packet, outermost first, as one number: 0 where there are none.
///
/// VLAN identifiers stand side by side, the innermost lowest. None of them is 0, so that different
/// tags or a different order of them always give different numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope(u64);

impl Scope {
    /// The scope within a VLAN tag. Identifier 0 marks priority alone, not a network (IEEE 802.1Q,
    /// section 9.6). An identifier without room is refused, since dropping one would make two
    /// networks one.
    pub(super) fn within_vlan(self, identifier: VlanId) -> Result<Self, Stop> {
        if identifier == VlanId::ZERO {
            return Ok(self);
        }
        if self.0 >> ((VLAN_TAGS - 1) * VLAN_BITS) != 0 {
            return Err(Fault::Nesting.into());
        }
        Ok(Self(self.0 << VLAN_BITS | u64::from(identifier.value())))
    }

    /// The number, for [`Segment::scope`](super::Segment::scope).
    pub(super) const fn number(self) -> u64 {
        self.0
    }
}
