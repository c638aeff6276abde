//! Flow-control windows, and when a sender waited before one with no room (RFC 9113, section 5.2).
//!
//! In: what one side sends and is granted. Out: [`Waits`], the longest ones with the packets that began
//! and ended them. A window has no room once DATA has filled it, SETTINGS have shut it, or where it never had
//! any; what was sent before SETTINGS shrank it leaves it negative (section 6.9.2). Windows whose beginning was not captured are not guessed; the caller then asks for none.
//!
//! A window is what its receiver granted less what its sender sent. A stream's begins with the
//! receiver's INITIAL_WINDOW_SIZE, whose changes apply to all streams at once, old ones too (section
//! 6.9.2); so only grants and bytes are kept of each stream, and the size is added where it is asked
//! for. The connection's begins with 65,535 and no setting changes it. A sender that waits for both at once
//! waits once.
//!
//! ```text
//!   sender   DATA ... DATA                                DATA
//!                        | window 0                          |
//!                        |<------- waits ------->|           | it had more to send: a stall
//!   receiver                               WINDOW_UPDATE
//! ```

use super::window_holders::{Parties, WindowHolders};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::Frame;
use crate::decode::{Direction, PerSide, keep_longest};

/// Every window's size before anybody says otherwise (RFC 9113, section 6.9.2).
const INITIAL_WINDOW: i64 = 65_535;

/// A sender that has more to send does so this soon after its window opens; whoever takes longer had
/// nothing to send. It is longer than any round trip.
const RESUME: TimeDelta = TimeDelta::from_secs(1);

/// Of a wait this long before the connection's window it is asked who held it.
const LONG_WAIT: TimeDelta = TimeDelta::from_millis(100);

/// How many waits of a sender are kept, the longest ones.
const MAX_STALLS: usize = 8;

/// Which of the two windows of flow control had no room (RFC 9113, section 5.2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// The window of one stream.
    Stream,
    /// The window that all streams of the connection share.
    Connection,
    /// Both at once.
    Both,
}

/// What left a window with no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutBy {
    /// DATA that filled it.
    Data,
    /// SETTINGS that lowered INITIAL_WINDOW_SIZE (RFC 9113, section 6.9.2).
    Settings,
    /// INITIAL_WINDOW_SIZE was 0 when the stream was opened.
    Opening,
}

/// A sender waited before a window with no room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stall {
    /// The side that had DATA to send, and waited.
    pub sender: Direction,
    /// The window that had no room.
    pub window: Window,
    /// The stream whose DATA filled it, or whose window it is.
    pub stream: u32,
    /// What left it with no room.
    pub shut_by: ShutBy,
    /// The frame that did.
    pub filled: Stamp,
    /// How much room it had then: 0, or less.
    pub room: i64,
    /// What opened it again; `None` if nothing did.
    pub opened: Option<Stamp>,
    /// How long it had no room, at the point of capture; up to the end of the stream, the connection or the
    /// capture if nothing opened it.
    pub lasted: TimeDelta,
    /// For a long wait before the connection's window: who held it, and who starved.
    pub parties: Option<Box<Parties>>,
}

/// How often and how long one side of a connection waited before windows with no room.
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
    holders: WindowHolders,
    /// Who held the connection's window in the wait that is just over.
    parties: Option<Box<Parties>>,
    /// A wait before the connection's window in which a stream was given up, and when the latest was. Nobody
    /// may be left to end it with DATA.
    given_up: Option<(FullWindow, Stamp)>,
    /// What filled the connection's window in the wait that was noted last.
    noted: Option<Stamp>,
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
    /// Whether it sent DATA.
    pub(super) sent: bool,
    /// In which filling of the connection's window it sent HEADERS with no DATA since; 0 where in none.
    pub(super) begun_in: u32,
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

/// A window with no room, until its sender goes on.
#[derive(Clone, Copy, Debug)]
struct FullWindow {
    /// The stream whose DATA filled it, or whose window it is.
    stream: u32,
    shut_by: ShutBy,
    filled: Stamp,
    room: i64,
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
            holders: WindowHolders::new(INITIAL_WINDOW),
            parties: None,
            given_up: None,
            noted: None,
            waits: Waits::default(),
        }
    }

    /// It sent HEADERS on a stream, and not END_STREAM: DATA is to follow.
    pub(crate) fn begun(&self, stream: u32, side: &mut SideFlow, stamp: Stamp) {
        if self.connection.still_full().is_some() && !side.sent {
            side.begun_in = self.holders.filling();
        }
        let room = side.allowance.left.saturating_add(self.initial);
        if room <= 0 && !side.sent {
            side.allowance.shut(FullWindow {
                stream,
                shut_by: ShutBy::Opening,
                filled: stamp,
                room,
                opened: None,
            });
        }
    }

    /// Whether DATA that is sent now ends a long wait before the connection's window.
    pub(crate) fn ends_long_wait(&self, now: Stamp) -> bool {
        let full = self.connection.full.as_deref();
        full.is_some_and(|full| full.opened.is_some() && now.time - full.filled.time >= LONG_WAIT)
    }

    /// Whether it has waited long before the connection's window, and still does.
    pub(crate) fn waits_long(&self, now: Stamp) -> bool {
        let full = self.connection.still_full();
        full.is_some_and(|full| now.time - full.filled.time >= LONG_WAIT)
    }

    /// Names who holds the connection's window, among these streams and those that ended in the wait.
    pub(crate) fn name_parties<'a>(&mut self, open: impl Iterator<Item = (u32, &'a SideFlow)>) {
        let taken = self.connection.left;
        self.parties = Some(Box::new(self.holders.parties(taken, open)));
    }

    /// It sent DATA on a stream; padding counts (RFC 9113, section 6.1).
    pub(crate) fn sent(&mut self, frame: &Frame<'_>, side: Option<&mut SideFlow>) {
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
        match (&connection, &self.connection.full) {
            (Some(_), _) => self.given_up = None,
            (None, None) => self.note_given_up(),
            (None, Some(_)) => {}
        }
        if self.connection.spend(length, 0, stream, ended) {
            self.holders.filled();
        }
        let of_stream = match side {
            Some(side) => {
                side.sent = true;
                side.begun_in = 0;
                let allowance = &mut side.allowance;
                let waited = allowance.resumed(began);
                let before = allowance.unreturned();
                allowance.spend(length, self.initial, stream, ended);
                self.holders.hold(allowance.unreturned() - before);
                waited
            }
            // It was reset, and this was on its way.
            None => {
                self.holders.drop_on_the_way(length);
                None
            }
        };
        self.note_resumed(connection, of_stream);
    }

    /// One wait, though it may have been for two windows.
    fn note_resumed(
        &mut self,
        connection: Option<(FullWindow, Stamp)>,
        stream: Option<(FullWindow, Stamp)>,
    ) {
        match (connection, stream) {
            (Some((all, all_opened)), Some((one, one_opened))) => {
                let first = if all.filled < one.filled { all } else { one };
                let both = FullWindow {
                    stream: one.stream,
                    opened: all.opened.max(one.opened),
                    ..first
                };
                self.noted = Some(all.filled);
                self.note(Window::Both, both, all_opened.max(one_opened));
            }
            (Some((full, opened)), None) => {
                self.noted = Some(full.filled);
                self.note(Window::Connection, full, opened);
            }
            // Where another stream's DATA ended the wait before both, it is counted already.
            (None, Some((full, opened))) if self.noted != Some(full.filled) => {
                self.note(Window::Stream, full, opened);
            }
            (None, _) => {}
        }
    }

    /// What is left of the connection's window, and of a stream's what was granted beside its initial size.
    pub(crate) fn left(&self, allowance: Option<&Allowance>) -> (i64, Option<i64>) {
        let granted = allowance.map(|allowance| allowance.left);
        (self.connection.left, granted)
    }

    /// Its peer granted more on a stream, whose window is this large then.
    pub(crate) fn granted(
        &mut self,
        allowance: &mut Allowance,
        increment: u32,
        stamp: Stamp,
    ) -> i64 {
        let before = allowance.unreturned();
        allowance.grant(i64::from(increment), self.initial, stamp);
        self.holders.hold(allowance.unreturned() - before);
        allowance.left.saturating_add(self.initial)
    }

    /// Its peer granted more on the connection, whose window is this large then.
    pub(crate) fn granted_to_all(&mut self, increment: u32, stamp: Stamp) -> i64 {
        self.connection.grant(i64::from(increment), 0, stamp);
        self.holders.granted(self.connection.left);
        self.connection.left
    }

    /// Its peer changed what all streams' windows begin with, those that are open included; how large the
    /// largest of those is then.
    pub(crate) fn resized<'a>(
        &mut self,
        size: u32,
        stamp: Stamp,
        open: impl Iterator<Item = (u32, &'a mut SideFlow)>,
    ) -> i64 {
        self.initial = i64::from(size);
        let mut largest = self.initial;
        for (stream, side) in open {
            let allowance = &mut side.allowance;
            allowance.grant(0, self.initial, stamp);
            let room = allowance.left.saturating_add(self.initial);
            largest = largest.max(room);
            if room <= 0 && side.sent && !side.ended {
                allowance.shut(FullWindow {
                    stream,
                    shut_by: ShutBy::Settings,
                    filled: stamp,
                    room,
                    opened: None,
                });
            }
        }
        largest
    }

    /// A stream on which it still had to send is over; it may have waited to the end.
    pub(crate) fn ended(&mut self, stream: u32, side: &SideFlow, end: Stamp) {
        let all = self.connection.still_full();
        if let Some(all) = all
            && (self.holders.ended_waiting(stream, side) || side.sent)
        {
            self.given_up = Some((all, end));
        }
        if let Some(full) = side.allowance.still_full()
            // The wait for both is that for the connection's window, which goes on.
            && all.is_none_or(|all| all.filled != full.filled)
        {
            self.note(Window::Stream, full, end);
        }
    }

    /// A stream is over; `dropped` says whether its receiver gave it up, and owes what is under way.
    pub(crate) fn closed(&mut self, stream: u32, side: &SideFlow, dropped: bool) {
        self.holders
            .closed(stream, side.allowance.unreturned(), dropped);
    }

    /// What it waited, if nothing more comes after `end`; `sending` says whether a stream is left on which
    /// it had to send.
    pub(crate) fn finish(&mut self, sending: bool, both: bool, end: Stamp) -> Waits {
        match self.connection.still_full().filter(|_| sending) {
            Some(full) if both => self.note(Window::Both, full, end),
            Some(full) => self.note(Window::Connection, full, end),
            None => self.note_given_up(),
        }
        std::mem::take(&mut self.waits)
    }

    /// Whether a stream's window was filled by the same DATA as the connection's, and neither has room.
    pub(crate) fn fills_both(&self, side: &SideFlow) -> bool {
        let (all, one) = (self.connection.still_full(), side.allowance.still_full());
        all.zip(one)
            .is_some_and(|(all, one)| all.filled == one.filled)
    }

    /// Nobody ended a wait with DATA: it lasted until the last stream that waited was given up.
    fn note_given_up(&mut self) {
        if let Some((full, until)) = self.given_up.take() {
            self.name_parties(std::iter::empty());
            self.note(Window::Connection, full, until);
        }
    }

    fn note(&mut self, window: Window, full: FullWindow, until: Stamp) {
        let parties = match window {
            Window::Stream => None,
            Window::Connection | Window::Both => self.parties.take(),
        };
        self.waits.add(Stall {
            sender: self.direction,
            window,
            stream: full.stream,
            shut_by: full.shut_by,
            filled: full.filled,
            room: full.room,
            opened: full.opened,
            lasted: (until.time - full.filled.time).max(TimeDelta::ZERO),
            parties,
        });
    }
}

impl Allowance {
    /// DATA of this length was sent; whether it left no room.
    fn spend(&mut self, length: i64, initial: i64, stream: u32, filled: Stamp) -> bool {
        self.left = self.left.saturating_sub(length);
        let room = self.left.saturating_add(initial);
        if room > 0 {
            return false;
        }
        let full = FullWindow {
            stream,
            shut_by: ShutBy::Data,
            filled,
            room,
            opened: None,
        };
        match &mut self.full {
            Some(known) => **known = full,
            None => self.full = Some(Box::new(full)),
        }
        true
    }

    /// It has no room, for another reason than DATA. A wait that goes on goes on.
    fn shut(&mut self, shut: FullWindow) {
        match &mut self.full {
            Some(known) => known.opened = None,
            None => self.full = Some(Box::new(shut)),
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

    /// How much of what was sent no grant has given back.
    pub(super) fn unreturned(&self) -> i64 {
        self.left.saturating_neg().max(0)
    }

    /// DATA is sent again: the wait that ended before, and what ended it, if its sender waited.
    fn resumed(&mut self, now: Stamp) -> Option<(FullWindow, Stamp)> {
        let full = self.full.take_if(|full| full.opened.is_some())?;
        let opened = full.opened?;
        (now.time - opened.time <= RESUME).then_some((*full, opened))
    }

    /// What left it with no room, if nothing opened it again.
    fn still_full(&self) -> Option<FullWindow> {
        self.full
            .as_deref()
            .copied()
            .filter(|full| full.opened.is_none())
    }
}
