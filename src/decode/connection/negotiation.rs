//! A TLS connection whose secrets are known, until it shows what it speaks under them.
//!
//! In: the signals of its flow. Out: the same signals with the text in the place of the bytes that
//! protected it, kept until the protocol is known. What it is, is decided by its caller.

use super::undecided::Undecided;
use super::{PartSignal, direction};
use crate::decode::carrier::Carrier;
use crate::decode::direction::Direction;
use crate::decode::tcp::{Ended, Ending, Side};
use crate::decode::tls::{Alert, KeyLog, Session, TlsOutput};

/// How many oddities are kept until the connection has a number; they are few by nature.
const MAX_ODDITIES: usize = 16;

/// A TLS connection that may turn out to speak HTTP/2.
#[derive(Debug)]
pub(super) struct Negotiation {
    pub(super) client: Side,
    /// Whether it tried to speak HTTP/2, as far as its hello and its server say.
    pub(super) counts: bool,
    /// Whether HTTP/2 was offered, or its port was named: then another protocol is a failure to agree.
    pub(super) wants_http2: bool,
    pub(super) session: Session,
    /// What both sides sent, decrypted.
    pub(super) undecided: Undecided,
    /// What carried the server's first bytes.
    pub(super) answered: Carrier,
    /// Who gave up before it said anything.
    pub(super) failure: Option<(Direction, Alert, Carrier)>,
    pub(super) oddities: Vec<(String, Carrier)>,
}

impl Negotiation {
    pub(super) fn new(client: Side, counts: bool, wants_http2: bool, session: Session) -> Self {
        Self {
            client,
            counts,
            wants_http2,
            session,
            undecided: Undecided::default(),
            answered: Carrier::default(),
            failure: None,
            oddities: Vec::new(),
        }
    }

    pub(super) fn take(&mut self, signal: PartSignal<'_>, keys: &KeyLog) {
        self.undecided.fresh = true;
        let PartSignal::Chunk { from, chunk } = signal else {
            self.undecided.keep(signal);
            return;
        };
        let direction = direction(from, self.client);
        if direction == Direction::ServerToClient && self.answered == Carrier::default() {
            self.answered = chunk.carrier();
        }
        let (undecided, failure, oddities) =
            (&mut self.undecided, &mut self.failure, &mut self.oddities);
        let client = self.client;
        let side = |by| match by {
            Direction::ClientToServer => client,
            Direction::ServerToClient => client.peer(),
        };
        let take = &mut |by: Direction, output: TlsOutput<'_>| match output {
            TlsOutput::Text(chunk) => {
                let from = side(by);
                undecided.keep(PartSignal::Chunk { from, chunk });
            }
            TlsOutput::Closed { position, carrier } => undecided.keep(PartSignal::Ended(Ended {
                by: side(by),
                ending: Ending::CloseNotify,
                position,
                carrier,
                answers: None,
            })),
            TlsOutput::Failed { alert, carrier } => {
                failure.get_or_insert((by, alert, carrier));
            }
            TlsOutput::Odd { text, carrier } if oddities.len() < MAX_ODDITIES => {
                oddities.push((text, carrier));
            }
            TlsOutput::Odd { .. } => {}
        };
        self.session.push(direction, chunk, keys, take);
    }
}
