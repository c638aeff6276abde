//! Where what is decoded of a connection goes: to its listener, with the value that it made.

use super::ConnectionSink;
use crate::decode::anomaly::{Anomalies, Layer};
use crate::decode::carrier::Carrier;
use crate::decode::event::{Event, RecognitionOrder};
use crate::decode::listener::Listener;
use crate::decode::tcp::Side;
use crate::decode::tls::{KeyLog, Trials};

/// Where what is decoded goes.
pub(in crate::decode) struct Output<'a, L> {
    pub(in crate::decode) listener: &'a mut L,
    pub(in crate::decode) anomalies: &'a mut Anomalies,
    pub(in crate::decode) numbers: &'a mut Numbers,
    /// The secrets known by now.
    pub(in crate::decode) keys: &'a KeyLog,
    /// How much may still be tried to find out which of them a connection has.
    pub(in crate::decode) trials: &'a mut Trials,
    /// Where a connection stands that is recognised now.
    pub(in crate::decode) order: RecognitionOrder,
}

/// The numbers of connections that are recognised.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Numbers {
    next: u32,
    step: u32,
}

impl Numbers {
    /// The numbers that fall to `part` of so many `parts`: all of them are different, and in order within a
    /// part.
    pub(in crate::decode) const fn of(part: u32, parts: u32) -> Self {
        Self {
            next: part,
            step: parts,
        }
    }

    /// The next one.
    pub(super) const fn take(&mut self) -> u32 {
        let number = self.next;
        self.next = number.saturating_add(self.step);
        number
    }
}

/// A connection that counts, as its listener knows it.
#[derive(Debug)]
pub(super) struct Counted<C> {
    pub(super) listening: C,
    pub(super) number: u32,
    pub(super) client: Side,
}

/// One connection and where its events go.
pub(super) struct Emitter<'a, L: Listener> {
    listener: &'a mut L,
    listening: &'a mut L::Connection,
    anomalies: &'a mut Anomalies,
    number: u32,
}

impl<L: Listener> ConnectionSink for Emitter<'_, L> {
    fn event(&mut self, event: &Event<'_>) {
        self.listener.event(self.listening, event);
    }

    fn anomaly(&mut self, layer: Layer, text: String, carrier: Carrier) {
        self.anomalies
            .note(layer, text, Some(carrier.stamp), Some(self.number));
    }
}

impl<C> Counted<C> {
    pub(super) fn emitter<'a, L: Listener<Connection = C>>(
        &'a mut self,
        out: &'a mut Output<'_, L>,
    ) -> Emitter<'a, L> {
        Emitter {
            listener: out.listener,
            listening: &mut self.listening,
            anomalies: out.anomalies,
            number: self.number,
        }
    }
}
