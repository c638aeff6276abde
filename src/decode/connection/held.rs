//! How much memory a conversation takes, and how it gives it up.
//!
//! In: the wish for less. Out: events that say what was lost by it. What never happens here: a loss
//! that nobody is told of.

use super::encrypted::tell_decrypted;
use super::negotiation::decrypt;
use super::{Conversation, State, direction};
use crate::decode::Carrier;
use crate::decode::StreamPart;
use crate::decode::anomaly::Anomalies;
use crate::decode::event::Event;
use crate::decode::tcp::Side;

impl Conversation {
    /// How many bytes it holds: what waits to be decided or completed, and header tables.
    pub(in crate::decode) fn held(&self) -> usize {
        match &self.state {
            State::Undecided(recording) => recording.held(),
            State::Negotiating(negotiation) => {
                negotiation.heard.held() + negotiation.session.held()
            }
            State::Speaking { session, tls, .. } => {
                session.held() + tls.as_ref().map_or(0, |tls| tls.held())
            }
            State::Watched { .. } | State::Ignored(_) => 0,
        }
    }

    /// Forgets what an undecided one said: nobody will read it.
    pub(in crate::decode) fn forget_bytes(&mut self) {
        if let State::Undecided(recording) = &mut self.state {
            recording.forget_bytes();
        }
    }

    /// Gives up what one in HTTP/2 holds; whether there was anything to give up.
    pub(in crate::decode) fn let_go(
        &mut self,
        carrier: Carrier,
        anomalies: &mut Anomalies,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) -> bool {
        let State::Speaking {
            connection,
            client,
            session,
            tls,
        } = &mut self.state
        else {
            return false;
        };
        let (connection, client) = (*connection, *client);
        if let Some(tls) = tls {
            for side in [Side::First, Side::Second] {
                let by = direction(side, client);
                let lost = StreamPart::Break {
                    missing: 0,
                    carrier,
                };
                decrypt(tls, by, lost, &mut |told| {
                    tell_decrypted(told, by, connection, session, anomalies, sink);
                });
            }
        }
        session.let_go(carrier, &mut |event| sink(connection, event));
        true
    }
}
