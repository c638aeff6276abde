//! Whether a gap in what a client sent can hold a header block.
//!
//! In: gaps, and the frames that begin header blocks. Out: whether a block before such a frame may be missing. A new
//! stream's id is above all before it (RFC 9113, section 5.1.1): where the next one is the next odd number, none was
//! opened in between. What is left is a trailer section of an older stream, which gRPC's clients do not send; of a
//! client that was seen to send one, or anything else, every gap is taken to hide blocks.
//!
//! ```text
//! HEADERS 5    gap    HEADERS 7     none is missing: the header table is what it was
//! HEADERS 5    gap    HEADERS 9     that of stream 7 is, and with it what it did to the table
//! ```

use super::frame::{FrameHeader, FrameType};

/// The streams that a client has opened.
#[derive(Debug, Default)]
pub(super) struct OpenedStreams {
    /// The highest one seen; 0 before the first.
    highest: u32,
    /// A header block is missing since then, and its stream is not known.
    lost: bool,
    /// Frames are missing since then.
    gap: bool,
    /// Other header blocks than those that open streams were seen.
    has_others: bool,
}

impl OpenedStreams {
    /// Frames are missing.
    pub(super) const fn miss(&mut self) {
        self.gap = true;
    }

    /// A header block is missing.
    pub(super) const fn lose(&mut self) {
        self.lost = true;
        self.gap = false;
    }

    /// Whether header blocks may be missing, since the last one, that were not known to be; this frame comes next.
    pub(super) fn hides_blocks_before(&mut self, frame: FrameHeader) -> bool {
        if frame.kind == FrameType::CONTINUATION {
            return false;
        }
        let id = frame.stream.0;
        let opens = frame.kind == FrameType::HEADERS
            && frame.stream.is_client_initiated()
            && id > self.highest;
        self.has_others |= !opens;
        let next = self
            .highest
            .saturating_add(if self.highest == 0 { 1 } else { 2 });
        let follows = opens && id == next && !self.lost && !self.has_others;
        let hidden = self.gap && !follows;
        self.gap = false;
        if opens {
            self.highest = id;
            self.lost = false;
        }
        hidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::http2::frame::{Flags, StreamId};

    fn headers(stream: u32) -> FrameHeader {
        FrameHeader {
            length: 1,
            kind: FrameType::HEADERS,
            flags: Flags::END_HEADERS,
            reserved: false,
            stream: StreamId(stream),
        }
    }

    /// Whether blocks are hidden in the last gap; 0 stands for a gap.
    fn hides(streams: &[u32]) -> bool {
        let mut opened = OpenedStreams::default();
        let mut hides = false;
        for stream in streams {
            match stream {
                0 => opened.miss(),
                stream => hides = opened.hides_blocks_before(headers(*stream)),
            }
        }
        hides
    }

    #[test]
    fn a_gap_between_consecutive_streams_hides_nothing() {
        assert!(!hides(&[0, 1]));
        assert!(!hides(&[1, 0, 3]));
        assert!(!hides(&[1, 3, 0, 5, 0, 0, 7]));
        assert!(!hides(&[1, 0, 7, 0, 9]));
    }

    #[test]
    fn a_stream_that_is_missing_is_hidden() {
        assert!(hides(&[0, 3]));
        assert!(hides(&[1, 0, 5]));
        assert!(hides(&[1, 0, 3, 0, 9]));
    }

    #[test]
    fn a_client_that_sends_trailers_may_have_sent_others() {
        assert!(hides(&[1, 3, 0, 3]));
        assert!(hides(&[1, 3, 1, 0, 5]));
        assert!(hides(&[1, 3, 1, 5, 7, 0, 9]));
    }

    #[test]
    fn a_stream_whose_block_is_lost_is_not_taken_for_the_next_one() {
        let mut opened = OpenedStreams::default();
        assert!(!opened.hides_blocks_before(headers(1)));
        opened.lose();
        opened.miss();
        assert!(opened.hides_blocks_before(headers(3)));
        opened.miss();
        assert!(!opened.hides_blocks_before(headers(5)));
    }
}
