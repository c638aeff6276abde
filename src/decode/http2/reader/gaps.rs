//! Where bytes are missing, or are no frames: how reading goes on.

use super::passing::PassingFrame;
use super::{FrameReader, Loss, PROBATION, ReaderItem, ReaderState};
use crate::decode::carrier::Carrier;
use crate::decode::http2::boundary;
use crate::decode::http2::frame::{FrameHeader, FrameType, Malformation};

impl FrameReader {
    pub(super) fn search(
        &mut self,
        position: u64,
        data: &[u8],
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) -> usize {
        let found = boundary::find(data, self.max_frame_size);
        if found != Some(0) {
            self.miss(Loss::Gap, carrier, sink);
        }
        let Some(offset) = found else {
            return data.len();
        };
        if let Some(lost_at) = self.lost_at.take() {
            let bytes = (position + offset as u64).saturating_sub(lost_at);
            self.blocks.miss(bytes);
        }
        if std::mem::take(&mut self.missed) {
            sink(ReaderItem::Found { carrier });
        }
        self.state = ReaderState::Gather;
        self.probation = PROBATION;
        offset
    }

    /// Says once that frames are missed from here on.
    fn miss(&mut self, cause: Loss, carrier: Carrier, sink: &mut impl FnMut(ReaderItem<'_>)) {
        if !std::mem::replace(&mut self.missed, true) {
            sink(ReaderItem::Lost { cause, carrier });
        }
    }

    /// Goes on behind a gap: inside the payload it fell into, or lost.
    pub(super) fn jump(
        &mut self,
        position: u64,
        length: u64,
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        let after = position + length;
        if matches!(self.state, ReaderState::Lost) {
            self.miss(Loss::Gap, carrier, sink);
            return;
        }
        if let Some(passing) = self.passing(position)
            && after <= passing.end
        {
            self.jump_inside(passing, position, after, sink);
            return;
        }
        self.lost_at = Some(position.saturating_sub(self.gathered.len() as u64));
        self.tear(Loss::Gap, carrier, sink);
    }

    /// Whether a frame has begun and is not complete.
    pub(super) const fn is_within_frame(&self) -> bool {
        !matches!(self.state, ReaderState::Gather) || !self.gathered.is_empty()
    }

    /// Goes on behind a gap of which nothing is known.
    pub(super) fn tear(
        &mut self,
        cause: Loss,
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        if matches!(self.state, ReaderState::Lost) {
            return;
        }
        self.gathered.clear();
        self.lose(cause, carrier, sink);
    }

    /// The frame whose payload the position lies in, if its header was read.
    fn passing(&self, position: u64) -> Option<PassingFrame> {
        match self.state {
            ReaderState::Data(passing) | ReaderState::Skip(passing, _) => Some(passing),
            ReaderState::Lost => None,
            ReaderState::Gather => {
                let header = FrameHeader::parse(self.gathered.first_chunk()?);
                let start = position - self.gathered.len() as u64;
                let end = start + FrameHeader::LENGTH as u64 + u64::from(header.length);
                Some(PassingFrame {
                    header,
                    start,
                    end,
                    awaits_padding: false,
                    padding: 0,
                })
            }
        }
    }

    fn jump_inside(
        &mut self,
        passing: PassingFrame,
        position: u64,
        after: u64,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        match self.state {
            ReaderState::Data(_) => {
                // A padding length that was not captured is taken for none: it can only make the
                // count of bytes too large, by less than 256.
                let passing = PassingFrame {
                    awaits_padding: false,
                    ..passing
                };
                let body_end = passing.end - u64::from(passing.padding);
                let length = after.min(body_end).saturating_sub(position);
                if length > 0 {
                    sink(ReaderItem::DataMissing {
                        stream: passing.header.stream,
                        length,
                    });
                }
                self.state = ReaderState::Data(passing);
                if after == passing.end {
                    self.finish_data(passing, sink);
                }
            }
            ReaderState::Gather => {
                self.begin_skip(passing, Malformation::Incomplete);
                if after == passing.end {
                    self.finish_skip(passing, Malformation::Incomplete, sink);
                }
            }
            ReaderState::Skip(_, why) => {
                if after == passing.end {
                    self.finish_skip(passing, why, sink);
                }
            }
            ReaderState::Lost => {}
        }
    }

    pub(super) fn lose(
        &mut self,
        cause: Loss,
        carrier: Carrier,
        sink: &mut impl FnMut(ReaderItem<'_>),
    ) {
        self.state = ReaderState::Lost;
        if cause == Loss::Nonsense {
            self.blocks.lose();
        }
        self.miss(cause, carrier, sink);
    }

    /// A frame that holds part of a header block cannot be read.
    pub(super) fn lose_block(&mut self, header: FrameHeader) {
        match header.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                self.blocks.lose_frame(header.length.into());
            }
            _ => {}
        }
    }
}
