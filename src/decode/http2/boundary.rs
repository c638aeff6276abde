//! Finding a frame boundary where none is known: after a gap, or where the capture begins.
//!
//! In: bytes of one direction. Out: the offset of a frame header, if a chain of headers that HTTP/2
//! allows leads from there to the end of the bytes. A single header in the middle of a segment
//! convinces nobody.

use super::frame::{Flags, FrameHeader, FrameType, StreamId};

/// Largest payload that a sender may use unasked (RFC 9113, section 6.5.2).
pub const DEFAULT_MAX_FRAME_SIZE: u32 = 16_384;

/// Largest payload taken for plausible where the receiver's SETTINGS were not seen: what the stacks
/// known to raise the limit raise it to (1 MiB), so that their frames are found and most other
/// protocols' first bytes are not.
pub const UNSEEN_MAX_FRAME_SIZE: u32 = 1 << 20;

/// Frames that must follow each other where the first does not begin a segment. One header matches
/// random bytes about once in a hundred million offsets; two make chance negligible.
const FRAMES_INSIDE: usize = 2;

/// How many headers in a row are looked at: far more than convince, few enough that hostile bytes
/// cannot make each offset cost a walk to the end.
const FRAMES_ENOUGH: usize = 32;

/// How a run of bytes reads as frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chain {
    /// Plausible headers in a row.
    pub frames: usize,
    /// Whether the last one's payload ends where the bytes end.
    pub exact: bool,
}

impl Chain {
    /// Reads `bytes` as frames; `None` as soon as one is implausible.
    #[must_use]
    pub fn along(bytes: &[u8], limit: u32) -> Option<Self> {
        let mut rest = bytes;
        let mut frames = 0;
        while let Some(first) = rest.first_chunk::<{ FrameHeader::LENGTH }>() {
            let header = FrameHeader::parse(first);
            if !is_plausible(&header, limit) {
                return None;
            }
            frames += 1;
            let length = FrameHeader::LENGTH + header.length as usize;
            match rest.get(length..) {
                Some(after) if frames < FRAMES_ENOUGH => rest = after,
                _ => {
                    return Some(Self {
                        frames,
                        exact: false,
                    });
                }
            }
        }
        (frames > 0).then_some(Self {
            frames,
            exact: rest.is_empty(),
        })
    }

    /// Whether this suffices to take the bytes for HTTP/2.
    #[must_use]
    pub const fn is_convincing(self) -> bool {
        self.frames >= 2 || self.exact
    }
}

/// The first offset in `bytes` where frames begin.
#[must_use]
pub fn find(bytes: &[u8], limit: u32) -> Option<usize> {
    (0..bytes.len()).find(|offset| {
        let least = if *offset == 0 { 1 } else { FRAMES_INSIDE };
        let rest = bytes.get(*offset..).unwrap_or_default();
        let chain = Chain::along(rest, limit).filter(|_| !says_nothing(rest));
        chain.is_some_and(|chain| chain.frames >= least)
    })
}

/// Whether `bytes` begin with the header of a DATA frame without payload or flags. Nobody has a
/// reason to send one, and zeros inside other frames look like it.
fn says_nothing(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0; 5])
}

/// Whether an honest peer sends such a header (RFC 9113, section 6): a known type, only the flags and
/// lengths it defines, a stream where it belongs to one.
#[must_use]
pub fn is_plausible(header: &FrameHeader, limit: u32) -> bool {
    let FrameHeader {
        length,
        kind,
        flags,
        reserved,
        stream,
    } = *header;
    if reserved || length > limit {
        return false;
    }
    let on_stream = stream != StreamId::CONNECTION;
    let only = |allowed: u8| flags.0 & !allowed == 0;
    let bits = |flags: &[Flags]| flags.iter().fold(0, |all, flag| all | flag.0);
    match kind {
        FrameType::DATA => on_stream && only(bits(&[Flags::END_STREAM, Flags::PADDED])),
        FrameType::HEADERS => {
            let allowed = [
                Flags::END_STREAM,
                Flags::END_HEADERS,
                Flags::PADDED,
                Flags::PRIORITY,
            ];
            on_stream && length > 0 && only(bits(&allowed))
        }
        FrameType::PRIORITY => on_stream && length == 5 && only(0),
        FrameType::RST_STREAM => on_stream && length == 4 && only(0),
        FrameType::SETTINGS => {
            let acknowledges = flags.contains(Flags::ACK);
            !on_stream
                && length % 6 == 0
                && only(Flags::ACK.0)
                && !(acknowledges && length > 0)
                && length <= 6 * 64
        }
        FrameType::PUSH_PROMISE => {
            on_stream && length > 4 && only(bits(&[Flags::END_HEADERS, Flags::PADDED]))
        }
        FrameType::PING => !on_stream && length == 8 && only(Flags::ACK.0),
        FrameType::GOAWAY => !on_stream && length >= 8 && only(0),
        FrameType::WINDOW_UPDATE => length == 4 && only(0),
        FrameType::CONTINUATION => on_stream && only(Flags::END_HEADERS.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PING: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
    const WINDOW_UPDATE: [u8; 13] = [0, 0, 4, 8, 0, 0, 0, 0, 1, 0, 0, 1, 0];

    #[test]
    fn frames_in_a_row_are_found_behind_the_rest_of_a_lost_one() {
        let mut bytes = b"the end of a message".to_vec();
        let offset = bytes.len();
        bytes.extend(PING);
        bytes.extend(WINDOW_UPDATE);
        assert_eq!(find(&bytes, DEFAULT_MAX_FRAME_SIZE), Some(offset));
    }

    #[test]
    fn one_frame_counts_only_at_the_beginning_of_a_segment() {
        assert_eq!(find(&PING, DEFAULT_MAX_FRAME_SIZE), Some(0));
        let mut bytes = vec![0xff];
        bytes.extend(PING);
        assert_eq!(find(&bytes, DEFAULT_MAX_FRAME_SIZE), None);
    }

    #[test]
    fn other_protocols_are_not_frames() {
        for opening in [
            &b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
            b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
            &[
                0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03,
            ],
            &[
                0x17, 0x03, 0x03, 0x00, 0x13, 0x5e, 0x11, 0x99, 0x03, 0x4d, 0x22,
            ],
            &[0; 64],
        ] {
            let chain = Chain::along(opening, UNSEEN_MAX_FRAME_SIZE);
            assert!(!chain.is_some_and(Chain::is_convincing), "{opening:?}");
        }
    }
}
