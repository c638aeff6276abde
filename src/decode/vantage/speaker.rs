//! Whether a side of a connection whose beginning was not captured asks or answers, by its HEADERS.

/// HEADERS (RFC 9113, section 6.2), and the length of a frame header.
const HEADERS: u8 = 1;
const FRAME_HEADER: usize = 9;

/// Flags of HEADERS that put something before the block.
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;

/// Whether a segment that begins with HEADERS is of a client: its block begins with `:method` rather than `:status`, as
/// indexed fields of the static table (RFC 7541, appendix A). `None` where it begins otherwise.
pub(super) fn asks(payload: &[u8]) -> Option<bool> {
    let (header, mut block) = payload.split_at_checked(FRAME_HEADER)?;
    let &[0, _, _, HEADERS, flags, ..] = header else {
        return None;
    };
    if flags & PADDED != 0 {
        block = block.get(1..)?;
    }
    if flags & PRIORITY != 0 {
        block = block.get(5..)?;
    }
    // A change of the table's size stands before all fields (RFC 7541, section 4.2).
    let first = block.iter().find(|byte| !(0x20..0x40).contains(*byte))?;
    match first {
        0x82 | 0x83 => Some(true),
        0x88..=0x8e => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(flags: u8, block: &[u8]) -> Vec<u8> {
        let mut frame = vec![0, 0, 20, HEADERS, flags, 0, 0, 0, 1];
        frame.extend(block);
        frame
    }

    #[test]
    fn a_method_asks_and_a_status_answers() {
        assert_eq!(asks(&headers(4, &[0x83, 0x86])), Some(true));
        assert_eq!(asks(&headers(4, &[0x3f, 0x88])), Some(false));
        assert_eq!(asks(&headers(0x2c, &[3, 0, 0, 0, 0, 16, 0x82])), Some(true));
        assert_eq!(asks(&headers(5, &[0xbe])), None);
        assert_eq!(asks(&headers(0x2c, &[3])), None);
        assert_eq!(asks(b"HTTP/1.1 200 OK"), None);
    }
}
