//! Where bytes are missing, or are no frames: how reading goes on.

use super::passing::Passing;
use super::{FrameReader, Item, Loss, PROBATION, State};
use crate::decode::Carrier;
use crate::decode::http2::boundary;
use crate::decode::http2::frame::{FrameHeader, FrameType, Malformation};

impl FrameReader {
    pub(super) fn search(
        &mut self,
        data: &[u8],
        carrier: Carrier,
        sink: &mut impl FnMut(Item<'_>),
    ) -> usize {
        let found = boundary::find(data, self.max_frame_size);
        if found != Some(0) {
            self.miss(Loss::Gap, carrier, sink);
        }
        let Some(offset) = found else {
            return data.len();
        };
        if std::mem::take(&mut self.missed) {
            sink(Item::Found { carrier });
        }
        self.state = State::Gather;
        self.probation = PROBATION;
        offset
    }

    /// Says once that frames are missed from here on.
    fn miss(&mut self, cause: Loss, carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) {
        if !std::mem::replace(&mut self.missed, true) {
            sink(Item::Lost { cause, carrier });
        }
    }

    /// Goes on behind a gap: inside the payload it fell into, or lost.
    pub(super) fn jump(
        &mut self,
        position: u64,
        length: u64,
        carrier: Carrier,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        let after = position + length;
        if matches!(self.state, State::Lost) {
            self.miss(Loss::Gap, carrier, sink);
            return;
        }
        if let Some(passing) = self.passing(position)
            && after <= passing.end
        {
            self.jump_inside(passing, position, after, sink);
            return;
        }
        self.tear(carrier, sink);
    }

    /// Goes on behind a gap of which nothing is known.
    pub(super) fn tear(&mut self, carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) {
        if matches!(self.state, State::Lost) {
            return;
        }
        self.gathered.clear();
        self.lose(Loss::Gap, carrier, sink);
    }

    /// The frame whose payload the position lies in, if its header was read.
    fn passing(&self, position: u64) -> Option<Passing> {
        match self.state {
            State::Data(passing) | State::Skip(passing, _) => Some(passing),
            State::Lost => None,
            State::Gather => {
                let header = FrameHeader::parse(self.gathered.first_chunk()?);
                let start = position - self.gathered.len() as u64;
                let end = start + FrameHeader::LENGTH as u64 + u64::from(header.length);
                Some(Passing {
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
        passing: Passing,
        position: u64,
        after: u64,
        sink: &mut impl FnMut(Item<'_>),
    ) {
        match self.state {
            State::Data(_) => {
                // A padding length that was not captured is taken for none: it can only make the
                // count of bytes too large, by less than 256.
                let passing = Passing {
                    awaits_padding: false,
                    ..passing
                };
                let body_end = passing.end - u64::from(passing.padding);
                let length = after.min(body_end).saturating_sub(position);
                if length > 0 {
                    sink(Item::DataMissing {
                        stream: passing.header.stream,
                        length,
                    });
                }
                self.state = State::Data(passing);
                if after == passing.end {
                    self.finish_data(passing, sink);
                }
            }
            State::Gather => {
                self.begin_skip(passing, Malformation::Incomplete);
                if after == passing.end {
                    self.finish_skip(passing, Malformation::Incomplete, sink);
                }
            }
            State::Skip(_, why) => {
                if after == passing.end {
                    self.finish_skip(passing, why, sink);
                }
            }
            State::Lost => {}
        }
    }

    pub(super) fn lose(&mut self, cause: Loss, carrier: Carrier, sink: &mut impl FnMut(Item<'_>)) {
        self.state = State::Lost;
        self.blocks.lose();
        self.miss(cause, carrier, sink);
    }

    /// A frame that holds part of a header block cannot be read.
    pub(super) fn lose_block(&mut self, header: FrameHeader) {
        match header.kind {
            FrameType::HEADERS | FrameType::PUSH_PROMISE | FrameType::CONTINUATION => {
                self.blocks.lose();
            }
            _ => {}
        }
    }
}
