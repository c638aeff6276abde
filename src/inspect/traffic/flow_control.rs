//! Flow-control windows, and when a sender waited before a full one (RFC 9113, section 5.2).
//!
//! In: what one side sends and is granted. Out: [`Waits`], the longest ones with the packets that began
//! and ended them. Windows whose beginning was not captured are not guessed; the caller then asks for none.
//!
//! A window is what its receiver granted less what its sender sent. A stream's begins with the
//! receiver's INITIAL_WINDOW_SIZE, whose changes apply to all streams at once, old ones too (section
//! 6.9.2); so only grants and bytes are kept of each stream, and the size is added where it is asked
//! for. The connection's begins with 65,535 and no setting changes it.
//!
//! ```text
//!   sender   DATA ... DATA                                DATA
//!                        | window 0                          |
//!                        |<------- waits ------->|           | it had more to send: a stall
//!   receiver                               WINDOW_UPDATE
//! ```

use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::Frame;
use crate::decode::{Direction, PerSide, keep_longest};

/// Every window's size before anybody says otherwise (RFC 9113, section 6.9.2).
const INITIAL_WINDOW: i64 = 65_535;

/// A sender that has more to send does so this soon after its window opens; whoever takes longer had
/// nothing to send. It is longer than any round trip.
const RESUME: TimeDelta = TimeDelta::from_secs(1);

/// How many waits of a sender are kept, the longest ones.
const MAX_STALLS: usize = 8;

/// Which of the two windows of flow control was full (RFC 9113, section 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The window of one stream.
    Stream,
    /// The window that all streams of the connection share.
    Connection,
}

/// A sender waited before a full window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The side that had DATA to send, and waited.
    pub sender: Direction,
    /// The window that was full.
    pub window: Window,
    /// The stream whose DATA filled it.
    pub stream: u32,
    /// The DATA that filled it.
    pub filled: Stamp,
    /// What opened it again; `None` if nothing did.
    pub opened: Option<Stamp>,
    /// How long it was full, at the point of capture; up to the end of the stream, the connection or the
    /// capture if nothing opened it.
    pub lasted: TimeDelta,
}

/// How often and how long one side of a connection waited before full windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Waits {
    /// How often it waited, also of those waits that are not kept.
    pub count: u64,
    /// How long it waited in all, waits on several streams at once added up.
    pub total: TimeDelta,
    /// The longest of them, in order of their ends.
    pub longest: Vec<Stall>,
}

impl Waits {
    fn add(&mut self, stall: Stall) {
        self.count += 1;
        self.total += stall.lasted;
        keep_longest(&mut self.longest, MAX_STALLS, stall, |one| one.lasted);
    }
}

/// What one side may send on a connection.
#[derive(Clone, Debug)]
pub(crate) struct WindowedSender {
    direction: Direction,
    /// What a stream's window begins with.
    initial: i64,
    connection: Allowance,
    waits: Waits,
}

/// What one stream's frames say of its windows, until both sides have closed it.
#[derive(Clone, Debug)]
pub(crate) struct StreamFlow {
    /// When its HEADERS were first sent.
    pub(crate) opened: Timestamp,
    pub(crate) sides: PerSide<SideFlow>,
}

/// What one side does on a stream.
#[derive(Clone, Debug, Default)]
pub(crate) struct SideFlow {
    /// Whether it sent END_STREAM.
    pub(crate) ended: bool,
    /// Whether it sent DATA without a byte that did not end the stream.
    pub(crate) said_nothing: bool,
    pub(crate) allowance: Allowance,
}

impl StreamFlow {
    /// Of a stream that was just opened.
    pub(crate) fn new(opened: Timestamp) -> Self {
        Self {
            opened,
            sides: PerSide::default(),
        }
    }
}

/// What was granted less what was sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allowance {
    left: i64,
    /// In a place of its own: most windows are never full.
    full: Option<Box<FullWindow>>,
}

/// A window that was full, until its sender goes on.
#[derive(Clone, Copy, Debug)]
struct FullWindow {
    /// The stream whose DATA filled it.
    stream: u32,
    filled: Stamp,
    /// What opened it again; whether its sender waited shows with its next DATA.
    opened: Option<Stamp>,
}

impl WindowedSender {
    /// A side that has sent nothing yet.
    pub(crate) fn new(direction: Direction) -> Self {
        let connection = Allowance {
            left: INITIAL_WINDOW,
            full: None,
        };
        Self {
            direction,
            initial: INITIAL_WINDOW,
            connection,
            waits: Waits::default(),
        }
    }

    /// It sent DATA on a stream; padding counts (RFC 9113, section 6.1).
    pub(crate) fn sent(&mut self, frame: &Frame<'_>, allowance: Option<&mut Allowance>) {
        let length = i64::from(frame.header.length);
        if length == 0 {
            return;
        }
        let (stream, began, ended) = (
            frame.header.stream.0,
            frame.began.stamp,
            frame.completed.stamp,
        );
        let connection = self.connection.resumed(began);
        self.connection.spend(length, 0, stream, ended);
        let of_stream = allowance.and_then(|allowance| {
            let waited = allowance.resumed(began);
            allowance.spend(length, self.initial, stream, ended);
            waited
        });
        for (window, waited) in [
            (Window::Connection, connection),
            (Window::Stream, of_stream),
        ] {
            if let Some((full, opened)) = waited {
                self.note(window, full, opened);
            }
        }
    }

    /// What is left of the connection's window, and of a stream's what was granted beside its initial size.
    pub(crate) fn left(&self, allowance: Option<&Allowance>) -> (i64, Option<i64>) {
        let granted = allowance.map(|allowance| allowance.left);
        (self.connection.left, granted)
    }

    /// Its peer granted more on a stream, whose window is this large then.
    pub(crate) fn granted(&self, allowance: &mut Allowance, increment: u32, stamp: Stamp) -> i64 {
        allowance.grant(i64::from(increment), self.initial, stamp);
        allowance.left.saturating_add(self.initial)
    }

    /// Its peer granted more on the connection, whose window is this large then.
    pub(crate) fn granted_to_all(&mut self, increment: u32, stamp: Stamp) -> i64 {
        self.connection.grant(i64::from(increment), 0, stamp);
        self.connection.left
    }

    /// Its peer changed what all streams' windows begin with, those that are open included; how large the
    /// largest of those is then.
    pub(crate) fn resized<'a>(
        &mut self,
        size: u32,
        stamp: Stamp,
        open: impl Iterator<Item = &'a mut Allowance>,
    ) -> i64 {
        self.initial = i64::from(size);
        let mut largest = self.initial;
        for allowance in open {
            allowance.grant(0, self.initial, stamp);
            largest = largest.max(allowance.left.saturating_add(self.initial));
        }
        largest
    }

    /// A stream on which it still had to send is over; it may have waited to the end.
    pub(crate) fn ended(&mut self, allowance: &Allowance, end: Stamp) {
        if let Some(full) = allowance.still_full() {
            self.note(Window::Stream, full, end);
        }
    }

    /// What it waited, if nothing more comes after `end`; `sending` says whether a stream is left on which
    /// it had to send.
    pub(crate) fn finish(&mut self, sending: bool, end: Stamp) -> Waits {
        if let Some(full) = self.connection.still_full().filter(|_| sending) {
            self.note(Window::Connection, full, end);
        }
        std::mem::take(&mut self.waits)
    }

    fn note(&mut self, window: Window, full: FullWindow, until: Stamp) {
        self.waits.add(Stall {
            sender: self.direction,
            window,
            stream: full.stream,
            filled: full.filled,
            opened: full.opened,
            lasted: (until.time - full.filled.time).max(TimeDelta::ZERO),
        });
    }
}

impl Allowance {
    /// DATA of this length was sent.
    fn spend(&mut self, length: i64, initial: i64, stream: u32, filled: Stamp) {
        self.left = self.left.saturating_sub(length);
        if self.left.saturating_add(initial) > 0 {
            return;
        }
        let full = FullWindow {
            stream,
            filled,
            opened: None,
        };
        match &mut self.full {
            Some(known) => **known = full,
            None => self.full = Some(Box::new(full)),
        }
    }

    /// So many bytes more may be sent.
    fn grant(&mut self, increment: i64, initial: i64, opened: Stamp) {
        self.left = self.left.saturating_add(increment);
        if let Some(full) = &mut self.full
            && self.left.saturating_add(initial) > 0
        {
            full.opened.get_or_insert(opened);
        }
    }

    /// DATA is sent again: the wait that ended before, and what ended it, if its sender waited.
    fn resumed(&mut self, now: Stamp) -> Option<(FullWindow, Stamp)> {
        let full = self.full.take_if(|full| full.opened.is_some())?;
        let opened = full.opened?;
        (now.time - opened.time <= RESUME).then_some((*full, opened))
    }

    /// What filled it, if nothing opened it again.
    fn still_full(&self) -> Option<FullWindow> {
        self.full
            .as_deref()
            .copied()
            .filter(|full| full.opened.is_none())
    }
}
