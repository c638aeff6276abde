//! Payloads that pass without being gathered: DATA, and what is skipped.

use super::{FrameReader, ReaderItem, ReaderState};
use crate::decode::http2::frame::{Flags, FrameHeader, FrameType, Malformation, Payload};
use crate::decode::http2::payload::goaway;

#[derive(Clone, Copy, Debug)]
pub(super) struct PassingFrame {
    pub(super) header: FrameHeader,
    pub(super) start: u64,
    pub(super) end: u64,
    /// Whether the padding length is still to come.
    pub(super) awaits_padding: bool,
    pub(super) padding: u32,
}

impl FrameReader {
    pub(super) fn pass_data(
        &mut self,
        mut passing: PassingFrame,
        position: u64,
        data: &[u8],
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) -> usize {
        let left = usize::try_from(passing.end - position).unwrap_or(usize::MAX);
        let here = data.get(..left.min(data.len())).unwrap_or_default();
        let mut body = here;
        let mut body_position = position;
        if passing.awaits_padding
            && let Some((padding, rest)) = here.split_first()
        {
            passing.awaits_padding = false;
            passing.padding = u32::from(*padding);
            body = rest;
            body_position += 1;
            if passing.padding >= passing.header.length {
                self.state = ReaderState::Skip(passing, Malformation::Padding);
                return 1 + self.skip(
                    passing,
                    Malformation::Padding,
                    body_position,
                    body.len(),
                    sink,
                );
            }
        }
        let body_end = passing.end - u64::from(passing.padding);
        let length = usize::try_from(body_end.saturating_sub(body_position)).unwrap_or(usize::MAX);
        let bytes = body.get(..length.min(body.len())).unwrap_or_default();
        if !bytes.is_empty() {
            let room = self.keep.saturating_sub(self.kept.len()).min(bytes.len());
            self.kept
                .extend_from_slice(bytes.get(..room).unwrap_or_default());
            sink(ReaderItem::Data {
                stream: passing.header.stream,
                bytes,
            });
        }
        self.state = ReaderState::Data(passing);
        if position + here.len() as u64 == passing.end {
            self.finish_data(passing, sink);
        }
        here.len()
    }

    pub(super) fn finish_if_empty(
        &mut self,
        passing: PassingFrame,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        if passing.header.length > 0 {
            return;
        }
        match self.state {
            ReaderState::Data(_) => self.finish_data(passing, sink),
            ReaderState::Skip(_, why) => self.finish_skip(passing, why, sink),
            ReaderState::Gather | ReaderState::Lost => {}
        }
    }

    pub(super) fn finish_data(
        &mut self,
        passing: PassingFrame,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        self.state = ReaderState::Gather;
        let padded = passing.header.flags.contains(Flags::PADDED);
        let overhead = passing.padding + u32::from(padded);
        let length = passing.header.length.saturating_sub(overhead);
        let kept = std::mem::take(&mut self.kept);
        let payload = Payload::Data {
            length,
            prefix: &kept,
        };
        sink(ReaderItem::Frame(&self.frame(
            passing.header,
            payload,
            passing.start,
        )));
        self.kept = kept;
    }

    pub(super) fn skip(
        &mut self,
        passing: PassingFrame,
        why: Malformation,
        position: u64,
        available: usize,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) -> usize {
        let left = usize::try_from(passing.end - position).unwrap_or(usize::MAX);
        if available >= left {
            self.finish_skip(passing, why, sink);
        }
        left.min(available)
    }

    /// Begins to pass over a payload. A header block in it is lost to the header table.
    pub(super) fn begin_skip(&mut self, passing: PassingFrame, why: Malformation) {
        self.lose_block(passing.header);
        self.state = ReaderState::Skip(passing, why);
    }

    pub(super) fn finish_skip(
        &mut self,
        passing: PassingFrame,
        why: Malformation,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        self.state = ReaderState::Gather;
        let partial = std::mem::take(&mut self.gathered);
        let payload = match partial.get(FrameHeader::LENGTH..) {
            Some(payload) if passing.header.kind == FrameType::GOAWAY => {
                goaway(payload).unwrap_or(Payload::Malformed(why))
            }
            _ => Payload::Malformed(why),
        };
        sink(ReaderItem::Frame(&self.frame(
            passing.header,
            payload,
            passing.start,
        )));
    }
}
