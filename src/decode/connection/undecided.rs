//! What happened on a connection before it was known what it speaks.
//!
//! In: the signals of a flow, or what TLS made of them. Out: the first bytes of both sides to judge by,
//! and the signals again, in order. What never happens here: a judgement; the caller bounds what is
//! kept by [`MAX_UNDECIDED_BYTES`].

use super::MAX_UNDECIDED_BYTES;
use super::Signal;
use crate::capture::Stamp;
use crate::decode::Carrier;
use crate::decode::detect::Prefix;
use crate::decode::tcp::{Ending, Flow, Side};
use crate::decode::{StreamPart, TlsRecordSpan};

/// Signals kept at most; they outnumber the bytes only where segments are tiny.
const MAX_UNDECIDED_SIGNALS: usize = 1_024;

/// Signals kept of a connect that came to nothing: its acknowledgements and ends, few by nature.
const MAX_UNREAD_SIGNALS: usize = 16;

/// What happened on a connection before it was known what it speaks.
#[derive(Debug, Default)]
pub(super) struct Undecided {
    signals: Vec<Recorded>,
    first: SideBytes,
    second: SideBytes,
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
    /// Whether the first thing heard was a gap.
    beginning_lost: bool,
}

#[derive(Debug)]
enum Recorded {
    Bytes {
        from: Side,
        position: u64,
        start: usize,
        end: usize,
        carrier: Carrier,
        record: Option<TlsRecordSpan>,
    },
    Gap {
        from: Side,
        position: u64,
        length: u64,
        carrier: Carrier,
    },
    Break {
        from: Side,
        missing: u64,
        carrier: Carrier,
    },
    Acknowledged {
        by: Side,
        upto: u64,
        stamp: Stamp,
        whole: bool,
    },
    Ended {
        by: Side,
        ending: Ending,
        position: u64,
        carrier: Carrier,
    },
}

impl Undecided {
    pub(super) fn keep(&mut self, signal: Signal<'_>) {
        self.fresh = true;
        let recorded = match signal {
            Signal::Chunk {
                from,
                chunk:
                    StreamPart::Bytes {
                        position,
                        data,
                        carrier,
                        record,
                    },
            } => {
                let heard = self.heard_mut(from);
                let start = heard.bytes.len();
                heard.segments.push(start);
                heard.bytes.extend_from_slice(data);
                Recorded::Bytes {
                    from,
                    position,
                    start,
                    end: start + data.len(),
                    carrier,
                    record,
                }
            }
            Signal::Chunk {
                from,
                chunk:
                    StreamPart::Gap {
                        position,
                        length,
                        carrier,
                    },
            } => {
                self.heard_mut(from).lose();
                Recorded::Gap {
                    from,
                    position,
                    length,
                    carrier,
                }
            }
            Signal::Chunk {
                from,
                chunk: StreamPart::Break { missing, carrier },
            } => {
                self.heard_mut(from).lose();
                Recorded::Break {
                    from,
                    missing,
                    carrier,
                }
            }
            Signal::Acknowledged {
                by,
                upto,
                stamp,
                whole,
            } => Recorded::Acknowledged {
                by,
                upto,
                stamp,
                whole,
            },
            Signal::Ended {
                by,
                ending,
                position,
                carrier,
            } => Recorded::Ended {
                by,
                ending,
                position,
                carrier,
            },
        };
        self.signals.push(recorded);
    }

    /// How many bytes of memory it takes.
    pub(super) const fn held(&self) -> usize {
        self.first.held() + self.second.held() + self.signals.capacity() * size_of::<Recorded>()
    }

    /// Forgets what was said and keeps when: enough of a connection whose bytes are never read.
    pub(super) fn forget_bytes(&mut self) {
        self.first = SideBytes::default();
        self.second = SideBytes::default();
        self.signals.retain(|recorded| {
            matches!(
                recorded,
                Recorded::Acknowledged { .. } | Recorded::Ended { .. }
            )
        });
        self.signals.truncate(MAX_UNREAD_SIGNALS);
        self.signals.shrink_to_fit();
    }

    pub(super) fn is_full(&self) -> bool {
        let bytes = self.first.bytes.len() + self.second.bytes.len();
        bytes >= MAX_UNDECIDED_BYTES || self.signals.len() >= MAX_UNDECIDED_SIGNALS
    }

    pub(super) fn is_silent(&self) -> bool {
        self.first.bytes.is_empty() && self.second.bytes.is_empty()
    }

    pub(super) fn beginning(&self, side: Side, flow: &Flow) -> Prefix<'_> {
        let heard = self.heard(side);
        let unbroken = heard.unbroken.unwrap_or(heard.bytes.len());
        Prefix {
            bytes: heard.bytes.get(..unbroken).unwrap_or_default(),
            segments: &heard.segments,
            complete: flow.begun(side) && !heard.beginning_lost,
        }
    }

    pub(super) fn first_carrier(&self, side: Side) -> Carrier {
        let carrier = self.signals.iter().find_map(|recorded| match recorded {
            Recorded::Bytes { from, carrier, .. } if *from == side => Some(*carrier),
            _ => None,
        });
        carrier.unwrap_or_default()
    }

    /// What carried the last bytes of a side.
    pub(super) fn last_carrier(&self, side: Side) -> Carrier {
        let carrier = self
            .signals
            .iter()
            .rev()
            .find_map(|recorded| match recorded {
                Recorded::Bytes { from, carrier, .. } if *from == side => Some(*carrier),
                _ => None,
            });
        carrier.unwrap_or_default()
    }

    /// Gives the signals again, each side's bytes from where its frames begin; a side without such
    /// a place from its first byte.
    pub(super) fn replay(self, frames_at: [Option<usize>; 2], mut sink: impl FnMut(Signal<'_>)) {
        let [first, second] = frames_at;
        for recorded in &self.signals {
            match *recorded {
                Recorded::Bytes {
                    from,
                    position,
                    start,
                    end,
                    carrier,
                    record,
                } => {
                    let skip = match from {
                        Side::First => first,
                        Side::Second => second,
                    };
                    let begin = skip.unwrap_or(0).clamp(start, end);
                    let data = self.heard(from).bytes.get(begin..end).unwrap_or_default();
                    let position = position + (begin - start) as u64;
                    if !data.is_empty() {
                        let chunk = StreamPart::Bytes {
                            position,
                            data,
                            carrier,
                            record,
                        };
                        sink(Signal::Chunk { from, chunk });
                    }
                }
                Recorded::Gap {
                    from,
                    position,
                    length,
                    carrier,
                } => {
                    sink(Signal::Chunk {
                        from,
                        chunk: StreamPart::Gap {
                            position,
                            length,
                            carrier,
                        },
                    });
                }
                Recorded::Break {
                    from,
                    missing,
                    carrier,
                } => {
                    let chunk = StreamPart::Break { missing, carrier };
                    sink(Signal::Chunk { from, chunk });
                }
                Recorded::Acknowledged {
                    by,
                    upto,
                    stamp,
                    whole,
                } => {
                    sink(Signal::Acknowledged {
                        by,
                        upto,
                        stamp,
                        whole,
                    });
                }
                Recorded::Ended {
                    by,
                    ending,
                    position,
                    carrier,
                } => {
                    sink(Signal::Ended {
                        by,
                        ending,
                        position,
                        carrier,
                    });
                }
            }
        }
    }

    const fn heard(&self, side: Side) -> &SideBytes {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }

    const fn heard_mut(&mut self, side: Side) -> &mut SideBytes {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}

impl SideBytes {
    const fn held(&self) -> usize {
        self.bytes.capacity() + self.segments.capacity() * size_of::<usize>()
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
