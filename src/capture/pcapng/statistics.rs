//! Interface Statistics Blocks: how many packets a capture lacks, as the program that made it counted them
//! (draft-ietf-opsawg-pcapng, section 4.6).
//!
//! In: blocks. Out: the drops of a section's interfaces. Counts begin with the capture, so that a later block of an
//! interface takes the place of the one before.

use std::collections::BTreeMap;

use super::ByteOrder;
use crate::capture::DroppedPackets;

/// Where the options begin: behind type, length, interface and time.
const OPTIONS: usize = 20;

const END_OF_OPTIONS: u16 = 0;
/// `isb_ifdrop`.
pub(super) const DROPPED_BY_INTERFACE: u16 = 5;
/// `isb_osdrop`.
pub(super) const DROPPED_BY_SYSTEM: u16 = 7;

/// Of how many interfaces of a section statistics are kept.
const MAX_INTERFACES: usize = 4_096;

/// What is known of the interfaces of a section.
#[derive(Debug, Default)]
pub(super) struct Statistics(BTreeMap<u32, DroppedPackets>);

impl Statistics {
    /// Takes a block, and counts in `all` what it adds.
    pub(super) fn take(&mut self, block: &[u8], order: ByteOrder, all: &mut DroppedPackets) {
        let Some(interface) = order.word(block, 8) else {
            return;
        };
        if self.0.len() >= MAX_INTERFACES && !self.0.contains_key(&interface) {
            return;
        }
        let now = read(block, order);
        let before = self.0.insert(interface, now).unwrap_or_default();
        all.add(DroppedPackets {
            by_system: now.by_system.saturating_sub(before.by_system),
            by_interface: now.by_interface.saturating_sub(before.by_interface),
        });
    }

    /// Another section has other interfaces.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}

fn read(block: &[u8], order: ByteOrder) -> DroppedPackets {
    let mut dropped = DroppedPackets::default();
    let mut at = OPTIONS;
    while let (Some(code), Some(length)) = (order.half(block, at), order.half(block, at + 2)) {
        if code == END_OF_OPTIONS {
            break;
        }
        let count = match length {
            8 => order.long(block, at + 4),
            _ => None,
        };
        match code {
            DROPPED_BY_INTERFACE => dropped.by_interface = count.unwrap_or_default(),
            DROPPED_BY_SYSTEM => dropped.by_system = count.unwrap_or_default(),
            _ => {}
        }
        at += 4 + usize::from(length).next_multiple_of(4);
    }
    dropped
}
