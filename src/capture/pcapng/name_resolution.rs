//! Name Resolution Blocks (draft-ietf-opsawg-pcapng, section 4.5): addresses with their names.
//!
//! ```text
//! +------+--------+---------------------------------+--
//! | kind | length | address, names each ended by 0  | ...
//! +------+--------+---------------------------------+--
//!    2       2      4 or 16 bytes
//! ```

use std::net::IpAddr;

use super::ByteOrder;
use crate::capture::summary::Aside;

/// The end of all records; options follow.
const END: u16 = 0;

const IPV4: u16 = 1;

const IPV6: u16 = 2;

/// Reads one whole block: of an address's names the first.
pub(super) fn read(block: &[u8], order: ByteOrder, aside: &mut Aside) {
    let mut rest = block
        .get(8..block.len().saturating_sub(4))
        .unwrap_or_default();
    while let (Some(kind), Some(length)) = (order.half(rest, 0), order.half(rest, 2)) {
        let length = usize::from(length);
        let Some(value) = rest.get(4..).and_then(|rest| rest.get(..length)) else {
            return;
        };
        rest = rest
            .get(4 + length.next_multiple_of(4)..)
            .unwrap_or_default();
        let entry = match kind {
            END => return,
            IPV4 => value
                .split_first_chunk::<4>()
                .map(|(address, names)| (IpAddr::from(*address), names)),
            IPV6 => value
                .split_first_chunk::<16>()
                .map(|(address, names)| (IpAddr::from(*address), names)),
            _ => None,
        };
        if let Some((address, names)) = entry {
            let name = names.split(|byte| *byte == 0).next().unwrap_or_default();
            aside.keep_name(address, name);
        }
    }
}
