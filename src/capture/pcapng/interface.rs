//! Interface Description Blocks (draft-ietf-opsawg-pcapng, section 4.2) and their clocks.

use pcap_parser::{
    InterfaceDescriptionBlock, OptionCode, PcapNGOption, parse_interfacedescriptionblock_be,
    parse_interfacedescriptionblock_le,
};

use super::ByteOrder;
use crate::capture::{Interface, LinkType, Resolution, TimeDelta, Timestamp};

/// How much of an interface's name is kept, in letters. Linux allows 15, Windows' are GUIDs.
const MAX_NAME_LENGTH: usize = 64;

const NANOSECONDS: u64 = 1_000_000_000;

/// What the packets of an interface need to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Described {
    pub(super) link_type: LinkType,
    /// 0 for no limit.
    pub(super) snap_length: u32,
    pub(super) clock: InterfaceClock,
}

/// Reads one whole block; `None` if it contradicts itself.
pub(super) fn parse(block: &[u8], order: ByteOrder) -> Option<(Described, Interface)> {
    let parsed = match order {
        ByteOrder::Little => parse_interfacedescriptionblock_le(block),
        ByteOrder::Big => parse_interfacedescriptionblock_be(block),
    };
    let (_, block) = parsed.ok()?;

    let link_type = LinkType(block.linktype.0.cast_unsigned());
    let resolution = resolution(block.if_tsresol);
    let described = Described {
        link_type,
        snap_length: block.snaplen,
        clock: InterfaceClock::new(resolution, offset_seconds(&block, order)),
    };
    let name = option(&block, OptionCode::IfName)
        .and_then(|option| option.as_bytes().ok())
        .map(|name| {
            String::from_utf8_lossy(name)
                .chars()
                .take(MAX_NAME_LENGTH)
                .collect()
        });
    let interface = Interface {
        name,
        link_type,
        snap_length: block.snaplen,
        resolution,
    };
    Some((described, interface))
}

fn option<'a>(
    block: &'a InterfaceDescriptionBlock<'_>,
    code: OptionCode,
) -> Option<&'a PcapNGOption<'a>> {
    block.options.iter().find(|option| option.code == code)
}

/// The `if_tsoffset` option in the section's byte order; pcap-parser reads it as little-endian
/// whatever the section is.
fn offset_seconds(block: &InterfaceDescriptionBlock<'_>, order: ByteOrder) -> i64 {
    option(block, OptionCode::IfTsoffset)
        .and_then(|option| option.value().first_chunk())
        .map_or(0, |&bytes| match order {
            ByteOrder::Little => i64::from_le_bytes(bytes),
            ByteOrder::Big => i64::from_be_bytes(bytes),
        })
}

/// The highest bit of `if_tsresol` tells the base, the others the negative power.
const fn resolution(tsresol: u8) -> Resolution {
    match tsresol & 0x7f {
        power if tsresol & 0x80 == 0 => Resolution::PowerOfTen(power),
        power => Resolution::PowerOfTwo(power),
    }
}

/// Turns the ticks of an interface into moments.
#[derive(Clone, Copy, Debug)]
pub(super) struct InterfaceClock {
    scale: Scale,
    /// What to add to every time stamp.
    offset: TimeDelta,
}

/// From ticks to nanoseconds without a division, for all clocks that exist.
#[derive(Clone, Copy, Debug)]
enum Scale {
    Multiply(u64),
    Divide(u64),
    /// Nanoseconds in a second, shifted right by this.
    Shift(u8),
    /// A tick too short for 64 bits of them to make a nanosecond.
    Zero,
}

impl InterfaceClock {
    pub(super) fn new(resolution: Resolution, offset_seconds: i64) -> Self {
        let power_of_ten = |power: u8| 10_u64.checked_pow(u32::from(power));
        let scale = match resolution {
            Resolution::PowerOfTen(power @ 0..=9) => {
                power_of_ten(9 - power).map_or(Scale::Zero, Scale::Multiply)
            }
            Resolution::PowerOfTen(power) => {
                power_of_ten(power - 9).map_or(Scale::Zero, Scale::Divide)
            }
            Resolution::PowerOfTwo(power) => Scale::Shift(power),
        };
        Self {
            scale,
            offset: TimeDelta::from_secs(offset_seconds),
        }
    }

    /// The moment of `ticks`; what 64 bits of nanoseconds cannot tell becomes the latest moment
    /// that they can.
    #[inline]
    pub(super) fn moment(self, ticks: u64) -> Timestamp {
        let nanoseconds = match self.scale {
            Scale::Multiply(factor) => ticks.saturating_mul(factor),
            Scale::Divide(divisor) => ticks / divisor,
            // 64 bits times 30 bits fit in 128; so does a shift by 127.
            Scale::Shift(power) => {
                let product = u128::from(ticks) * u128::from(NANOSECONDS);
                u64::try_from(product >> power).unwrap_or(u64::MAX)
            }
            Scale::Zero => 0,
        };
        let nanoseconds = i64::try_from(nanoseconds).unwrap_or(i64::MAX);
        Timestamp::from_nanos(nanoseconds) + self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nanoseconds(tsresol: u8, ticks: u64) -> i64 {
        InterfaceClock::new(resolution(tsresol), 0)
            .moment(ticks)
            .nanos()
    }

    #[test]
    fn ticks_become_nanoseconds_at_every_resolution() {
        assert_eq!(nanoseconds(0, 7), 7_000_000_000);
        assert_eq!(
            nanoseconds(6, 1_600_000_000_000_001),
            1_600_000_000_000_001_000
        );
        assert_eq!(
            nanoseconds(9, 1_600_000_000_000_000_001),
            1_600_000_000_000_000_001
        );
        assert_eq!(nanoseconds(12, 5_999), 5);
        assert_eq!(nanoseconds(0x80 | 10, 1536), 1_500_000_000);
        assert_eq!(nanoseconds(0x80 | 63, u64::MAX), 1_999_999_999);
    }

    #[test]
    fn no_resolution_overflows() {
        for tsresol in 0..=u8::MAX {
            for ticks in [0, 1, u64::MAX] {
                for offset in [i64::MIN, -1, 0, i64::MAX] {
                    InterfaceClock::new(resolution(tsresol), offset).moment(ticks);
                }
            }
        }
    }

    #[test]
    fn an_offset_is_added_in_seconds() {
        let clock = InterfaceClock::new(Resolution::PowerOfTen(6), -3600);
        assert_eq!(clock.moment(3_601_000_000).nanos(), 1_000_000_000);
    }
}
