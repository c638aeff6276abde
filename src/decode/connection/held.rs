//! How much memory a conversation takes, and how it gives it up.
//!
//! In: the wish for less. Out: events that say what was lost by it. What never happens here: a loss
//! that nobody is told of.

use super::{Connection, Output, State, direction, encrypted};
use crate::decode::listener::Listener;
use crate::decode::tcp::Side;
use crate::decode::{Carrier, StreamPart};

impl<C> Connection<C> {
    /// How many bytes it holds: what waits to be decided or completed, and header tables.
    pub(in crate::decode) fn held(&self) -> usize {
        match &self.state {
            State::Undecided(undecided) => undecided.held(),
            State::Negotiating(negotiation) => {
                negotiation.heard.held() + negotiation.session.held()
            }
            State::Http2 { events, tls, .. } => {
                events.held() + tls.as_ref().map_or(0, |tls| tls.held())
            }
            State::Unread(_) | State::Unrelated(_) => 0,
        }
    }

    /// Forgets what an undecided one said: nobody will read it.
    pub(in crate::decode) fn forget_bytes(&mut self) {
        if let State::Undecided(undecided) = &mut self.state {
            undecided.forget_bytes();
        }
    }

    /// Gives up what one in HTTP/2 holds; whether there was anything to give up.
    pub(in crate::decode) fn shed<L: Listener<Connection = C>>(
        &mut self,
        carrier: Carrier,
        out: &mut Output<'_, L>,
    ) -> bool {
        let State::Http2 {
            counted,
            events,
            tls,
        } = &mut self.state
        else {
            return false;
        };
        let client = counted.client;
        let mut emitter = counted.emitter(out);
        if let Some(tls) = tls {
            for side in [Side::First, Side::Second] {
                let by = direction(side, client);
                let lost = StreamPart::Break {
                    missing: 0,
                    carrier,
                };
                tls.push(by, lost, &mut |output| {
                    encrypted::emit(output, by, events, &mut emitter);
                });
            }
        }
        events.shed(carrier, &mut emitter);
        true
    }
}
