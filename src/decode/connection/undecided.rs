//! What happened on a connection before it was known what it speaks.
//!
//! In: the signals of a flow, or what TLS made of them. Out: the first bytes of both sides to judge by,
//! and the signals again, in order. The caller bounds what is kept, by [`Undecided::is_full`].

use std::ops::Range;

use super::{MAX_UNDECIDED_BYTES, PartSignal};
use crate::decode::carrier::Carrier;
use crate::decode::detect::Prefix;
use crate::decode::stream_part::{StreamPart, StreamPartOf};
use crate::decode::tcp::{Flow, PerEnd, Side, SignalOf};

/// Signals kept at most; they outnumber the bytes only where segments are tiny.
const MAX_UNDECIDED_SIGNALS: usize = 1_024;

/// Signals kept of a connect that failed: its acknowledgements and ends, few by nature.
const MAX_UNREAD_SIGNALS: usize = 16;

/// A signal whose bytes are kept in [`SideBytes`].
type KeptSignal = SignalOf<StreamPartOf<Range<usize>>>;

/// What happened on a connection before it was known what it speaks.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    signals: Vec<KeptSignal>,
    sides: PerEnd<SideBytes>,
    /// Whether anything came since it was last judged.
    pub(super) fresh: bool,
}

/// The bytes of one side, without the gaps.
#[derive(Debug, Default)]
struct SideBytes {
    bytes: Vec<u8>,
    /// Where segments begin in `bytes`.
    segments: Vec<usize>,
    /// How many of `bytes` come before the first gap.
    unbroken: Option<usize>,
    /// Whether it begins with a gap.
    beginning_lost: bool,
}

impl Undecided {
    pub(super) fn keep(&mut self, signal: PartSignal<'_>) {
        self.fresh = true;
        let sides = &mut self.sides;
        let kept = signal.map(|from, part| {
            let side = &mut sides[from];
            if !matches!(part, StreamPart::Bytes { .. }) {
                side.lose();
            }
            part.map(|data| side.keep(data))
        });
        self.signals.push(kept);
    }

    /// How many bytes of memory it takes.
    pub(super) fn held(&self) -> usize {
        let bytes: usize = self.sides.iter().map(SideBytes::held).sum();
        bytes + self.signals.capacity() * size_of::<KeptSignal>()
    }

    /// Forgets what was said and keeps when: enough of a connection whose bytes are never read.
    pub(super) fn forget_bytes(&mut self) {
        self.sides = PerEnd::default();
        self.signals
            .retain(|signal| !matches!(signal, SignalOf::Chunk { .. }));
        self.signals.truncate(MAX_UNREAD_SIGNALS);
        self.signals.shrink_to_fit();
    }

    pub(super) fn is_full(&self) -> bool {
        let bytes: usize = self.sides.iter().map(|side| side.bytes.len()).sum();
        bytes >= MAX_UNDECIDED_BYTES || self.signals.len() >= MAX_UNDECIDED_SIGNALS
    }

    pub(super) fn is_silent(&self) -> bool {
        self.sides.iter().all(|side| side.bytes.is_empty())
    }

    pub(super) fn beginning(&self, side: Side, flow: &Flow) -> Prefix<'_> {
        let kept = &self.sides[side];
        let unbroken = kept.unbroken.unwrap_or(kept.bytes.len());
        Prefix {
            bytes: kept.bytes.get(..unbroken).unwrap_or_default(),
            segments: &kept.segments,
            complete: flow.begun(side) && !kept.beginning_lost,
            uncaptured: flow.is_uncaptured(side),
        }
    }

    /// Whether everything that a side has sent so far was captured.
    pub(super) fn is_whole(&self, side: Side, flow: &Flow) -> bool {
        let kept = &self.sides[side];
        flow.begun(side) && !kept.beginning_lost && kept.unbroken.is_none()
    }

    /// What carried the first bytes of a side.
    pub(super) fn first_carrier(&self, side: Side) -> Carrier {
        let mut carriers = self.signals.iter();
        let first = carriers.find_map(|signal| carrier_of_bytes(signal, side));
        first.unwrap_or_default()
    }

    /// What carried the last bytes of a side.
    pub(super) fn last_carrier(&self, side: Side) -> Carrier {
        let mut carriers = self.signals.iter().rev();
        let last = carriers.find_map(|signal| carrier_of_bytes(signal, side));
        last.unwrap_or_default()
    }

    /// Gives the signals again, each side's bytes from where its frames begin; a side without such
    /// a place from its first byte.
    pub(super) fn replay(
        self,
        frames_at: PerEnd<Option<usize>>,
        mut sink: impl FnMut(PartSignal<'_>),
    ) {
        let Self { signals, sides, .. } = self;
        for signal in signals {
            let skip = |range: &Range<usize>, from| {
                let begin = frames_at[from].unwrap_or(0);
                begin.clamp(range.start, range.end) - range.start
            };
            if let SignalOf::Chunk {
                from,
                chunk: StreamPartOf::Bytes { data, .. },
            } = &signal
                && skip(data, *from) == data.len()
            {
                continue;
            }
            sink(signal.map(|from, part| {
                let begins = match &part {
                    StreamPartOf::Bytes { data, .. } => skip(data, from),
                    _ => 0,
                };
                let bytes = &sides[from].bytes;
                let part = part.map(|range| bytes.get(range.start + begins..range.end));
                part.map(Option::unwrap_or_default).advanced_by(begins)
            }));
        }
    }
}

fn carrier_of_bytes(signal: &KeptSignal, side: Side) -> Option<Carrier> {
    match signal {
        SignalOf::Chunk {
            from,
            chunk: StreamPartOf::Bytes { carrier, .. },
        } if *from == side => Some(*carrier),
        _ => None,
    }
}

impl SideBytes {
    const fn held(&self) -> usize {
        self.bytes.capacity() + self.segments.capacity() * size_of::<usize>()
    }

    /// Where in `bytes` these lie from now on.
    fn keep(&mut self, data: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.segments.push(start);
        self.bytes.extend_from_slice(data);
        start..self.bytes.len()
    }

    /// Bytes are missing here.
    fn lose(&mut self) {
        if self.bytes.is_empty() {
            self.beginning_lost = true;
        } else {
            self.unbroken.get_or_insert(self.bytes.len());
        }
    }
}
