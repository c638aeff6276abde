//! A TLS connection whose secrets are known, until it shows what it speaks under them.
//!
//! In: the signals of its flow. Out: the same signals with the text in the place of the bytes that
//! protected it, kept until the protocol is known. What never happens here: a decision.

use super::undecided::Undecided;
use super::{Signal, direction};
use crate::decode::tcp::Side;
use crate::decode::tls::{Alert, Session, TlsOutput};
use crate::decode::{Carrier, Direction};

/// How many oddities are kept until the connection has a number; they are few by nature.
const MAX_ODDITIES: usize = 16;

/// A TLS connection that may turn out to speak HTTP/2.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) client: Side,
    /// Whether it tried to speak HTTP/2, as far as its hello and its server say.
    pub(super) counts: bool,
    pub(super) session: Session,
    /// What was said, decrypted.
    pub(super) heard: Undecided,
    /// Who gave up before it said anything.
    pub(super) failure: Option<(Direction, Alert, Carrier)>,
    pub(super) oddities: Vec<(String, Carrier)>,
}

impl Negotiation {
    pub(super) fn new(client: Side, counts: bool, session: Session) -> Self {
        Self {
            client,
            counts,
            session,
            heard: Undecided::default(),
            failure: None,
            oddities: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, signal: Signal<'_>) {
        self.heard.fresh = true;
        let Signal::Chunk { from, chunk } = signal else {
            self.heard.keep(signal);
            return;
        };
        let direction = direction(from, self.client);
        let (heard, failure, oddities) = (&mut self.heard, &mut self.failure, &mut self.oddities);
        let take = &mut |output: TlsOutput<'_>| match output {
            TlsOutput::Text(chunk) => heard.keep(Signal::Chunk { from, chunk }),
            TlsOutput::Failed { alert, carrier } => {
                failure.get_or_insert((direction, alert, carrier));
            }
            TlsOutput::Odd { text, carrier } if oddities.len() < MAX_ODDITIES => {
                oddities.push((text, carrier));
            }
            TlsOutput::Odd { .. } => {}
        };
        self.session.push(direction, chunk, take);
    }

    /// The protocol that the server chose.
    pub(super) fn alpn(&self) -> Option<&[u8]> {
        self.session.facts().alpn.as_deref()
    }
}
