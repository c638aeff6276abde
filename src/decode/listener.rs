//! Who takes what is decoded: one value per connection, kept beside its flow.
//!
//! The decoder makes no list of connections for the stage above. When it recognises one it asks its
//! [`Listener`] for a value, keeps that beside the connection's own state from then on, and hands it
//! back with each event: what is decoded and what is understood of a connection stand together, and
//! no number and no look-up is needed on the way. What spans connections is the listener's own.
//!
//! ```text
//! Decoder ── flow of a connection ── reading state
//!                                └── Listener::Connection     recognised() makes it, event() gets it,
//!                                                              finished() takes it
//! ```

use super::event::{Event, Recognition};
use super::network::NetworkPath;
use crate::capture::Timestamp;

/// Takes what is decoded of the connections that count, each with the value it made for it.
///
/// For every connection there is one call of [`recognised`](Self::recognised), then its
/// [events](Self::event) in the order of its packets, then one call of [`finished`](Self::finished).
pub trait Listener {
    /// What it keeps of one connection.
    type Connection;

    /// The capture has come to this moment. What follows came then, or had to wait until then.
    fn moment(&mut self, _now: Timestamp) {}

    /// A connection counts from here on: makes its value.
    fn recognised(&mut self, recognition: Recognition) -> Self::Connection;

    /// One thing that happened on a connection.
    fn event(&mut self, connection: &mut Self::Connection, event: &Event<'_>);

    /// Nothing more will come of a connection. `network` is what it showed of the path below it.
    fn finished(&mut self, connection: Self::Connection, network: NetworkPath);
}

/// The simplest listener: a function that gets each event with its connection's number.
///
/// ```
/// use h2sniff::decode::{Decoder, EachEvent, Event, Options};
///
/// let mut frames = 0;
/// let mut listener = EachEvent::new(|_connection, event: &Event<'_>| {
///     frames += u64::from(matches!(event, Event::Frame(_)));
/// });
/// let mut decoder = Decoder::new(Options::default());
/// decoder.finish(&mut listener);
/// assert_eq!(frames, 0);
/// ```
#[derive(Debug)]
pub struct EachEvent<F>(F);

impl<F: FnMut(u32, &Event<'_>)> EachEvent<F> {
    /// Gives each event to `function`, with its connection's [number](Recognition::number).
    pub const fn new(function: F) -> Self {
        Self(function)
    }
}

impl<F: FnMut(u32, &Event<'_>)> Listener for EachEvent<F> {
    type Connection = u32;

    fn recognised(&mut self, recognition: Recognition) -> u32 {
        recognition.number
    }

    fn event(&mut self, connection: &mut u32, event: &Event<'_>) {
        (self.0)(*connection, event);
    }

    fn finished(&mut self, _: u32, _: NetworkPath) {}
}
