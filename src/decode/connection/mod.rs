//! One connection on its way from undecided bytes to a known protocol.
//!
//! In: the signals of its flow. Out: events, once it is known that it counts; what came before is
//! then told in order. What never happens here: keeping more than [`MAX_UNDECIDED_BYTES`] in doubt.
//!
//! ```text
//! Undecided --secrets known--> Negotiating --+--> Speaking   HTTP/2, in cleartext or decrypted
//!     |                                      +--> Watched    counts, but cannot be read
//!     +--------------------------------------+--> Ignored
//! ```

mod encrypted;
mod held;
mod negotiation;
mod undecided;

use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use super::anomaly::{Anomalies, Layer};
use super::detect::{self, Detection, Http2};
use super::event::{Event, Guess, Instead, Recognition, Transport};
use super::http2::{Keep, Session};
use super::tcp::{self, Flow, Side, SignalOf};
use super::tls::{self, KeyLog};
use super::{Carrier, Direction, StreamPart};
use encrypted::tell_decrypted;
use negotiation::{Negotiation, decrypt};
use undecided::Recording;

/// Bytes of both sides after which a connection is no longer kept in doubt. An HTTP/1.1 request that
/// asks for an upgrade fits with room to spare. Judged after each segment, so that what one segment
/// brings may exceed it once.
pub const MAX_UNDECIDED_BYTES: usize = 32 << 10;

/// What a segment brought, its bytes as TCP has them or out of TLS.
type Signal<'a> = SignalOf<StreamPart<'a>>;

/// A connection and what it is known to be.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    state: State,
}

#[derive(Debug)]
enum State {
    Undecided(Recording),
    /// TLS that can be decrypted.
    Negotiating(Box<Negotiation>),
    /// HTTP/2, decoded.
    Speaking {
        connection: u32,
        client: Side,
        session: Box<Session>,
        /// What decrypts it first.
        tls: Option<Box<tls::Session>>,
    },
    /// One that counts, but whose bytes are not read: TLS, or a connect that came to nothing.
    Watched {
        connection: u32,
        client: Side,
    },
    /// Unrelated.
    Ignored(Unrelated),
}

impl Default for State {
    fn default() -> Self {
        Self::Undecided(Recording::default())
    }
}

/// What an unrelated connection was, for the sentence that says what was found instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unrelated {
    /// TLS without `h2` among its protocols, or unknown which.
    Tls,
    /// TLS whose handshake was not captured: no key log can name its secrets.
    TlsUnderWay,
    /// HTTP/1.x.
    Http1,
    /// Nothing known here.
    Other,
    /// No data at all.
    Silent,
}

/// What decides how a connection is taken, beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surroundings<'a> {
    /// Server ports to take for HTTP/2 whatever the first bytes are.
    pub(super) ports: &'a [u16],
    /// Server addresses of connections that spoke HTTP/2.
    pub(super) known: &'a FxHashSet<SocketAddr>,
    /// How much to keep of what passes.
    pub(super) keep: Keep,
    /// The secrets known by now.
    pub(super) keys: &'a KeyLog,
}

impl Surroundings<'_> {
    fn is_forced(&self, flow: &Flow, server: Side) -> bool {
        self.ports.contains(&flow.address(server).port())
    }

    fn is_known(&self, flow: &Flow, server: Side) -> bool {
        self.known.contains(&flow.address(server))
    }
}

/// What a decision made of a conversation.
pub(super) enum Decision {
    Wait,
    Counts(Box<Counting>),
    Unrelated,
}

/// A conversation that counts, with what it takes to tell its story from the beginning.
pub(super) struct Counting {
    pub(super) recognition: Recognition,
    reading: Option<Http2>,
    client: Side,
    keep: Keep,
    recording: Recording,
    /// What decrypts it.
    tls: Option<Box<tls::Session>>,
    /// How it turned out not to speak HTTP/2.
    failure: Option<(Direction, Instead, Carrier)>,
    /// What was odd so far.
    oddities: Vec<(String, Carrier)>,
}

impl Counting {
    /// One whose bytes are not read.
    fn watched(recognition: Recognition, client: Side, recording: Recording) -> Self {
        Self {
            recognition,
            reading: None,
            client,
            keep: Keep::default(),
            recording,
            tls: None,
            failure: None,
            oddities: Vec::new(),
        }
    }
}

impl Conversation {
    /// Takes a signal: tells it at once if the connection is known, else keeps it.
    pub(super) fn take(
        &mut self,
        signal: tcp::Signal<'_>,
        anomalies: &mut Anomalies,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) {
        let signal: Signal<'_> = signal.convert();
        match &mut self.state {
            State::Undecided(recording) => recording.keep(signal),
            State::Negotiating(negotiation) => negotiation.take(signal),
            State::Speaking {
                connection,
                client,
                session,
                tls,
            } => {
                let (connection, client) = (*connection, *client);
                match (tls, signal) {
                    (Some(tls), Signal::Chunk { from, chunk }) => {
                        let by = direction(from, client);
                        decrypt(tls, by, chunk, &mut |told| {
                            tell_decrypted(told, by, connection, session, anomalies, sink);
                        });
                    }
                    _ => tell(signal, client, connection, Some(session), anomalies, sink),
                }
            }
            State::Watched { connection, client } => {
                tell(signal, *client, *connection, None, anomalies, sink);
            }
            State::Ignored(_) => {}
        }
    }

    /// The connection's number, if it counts.
    pub(super) const fn connection(&self) -> Option<u32> {
        match &self.state {
            State::Speaking { connection, .. } | State::Watched { connection, .. } => {
                Some(*connection)
            }
            State::Undecided(_) | State::Negotiating(_) | State::Ignored(_) => None,
        }
    }

    /// Which side is the client, if it counts.
    pub(super) const fn client(&self) -> Option<Side> {
        match &self.state {
            State::Speaking { client, .. } | State::Watched { client, .. } => Some(*client),
            State::Undecided(_) | State::Negotiating(_) | State::Ignored(_) => None,
        }
    }

    /// What it was, if it turned out unrelated.
    pub(super) const fn unrelated(&self) -> Option<Unrelated> {
        match &self.state {
            State::Ignored(unrelated) => Some(*unrelated),
            _ => None,
        }
    }

    /// Judges an undecided conversation anew; `last` says that no more bytes will come.
    pub(super) fn decide(
        &mut self,
        flow: &Flow,
        around: &Surroundings<'_>,
        last: bool,
    ) -> Decision {
        if matches!(self.state, State::Negotiating(_)) {
            return self.decide_decrypted(flow, around, last);
        }
        let State::Undecided(recording) = &mut self.state else {
            return Decision::Wait;
        };
        if !recording.fresh && !last {
            return Decision::Wait;
        }
        recording.fresh = false;
        let full = recording.is_full();
        let first = recording.beginning(Side::First, flow);
        let verdict = detect::detect([first, recording.beginning(Side::Second, flow)]);
        let stop = last || full;
        match verdict {
            Detection::Http2(http2)
                if http2.client.is_some() || stop || flow.opened_by().is_some() =>
            {
                self.speak(http2, flow, around)
            }
            Detection::Tls { client, hello } => {
                match self.tls(client, &hello, flow, around, stop) {
                    Decision::Wait => self.decide_decrypted(flow, around, last),
                    decision => decision,
                }
            }
            Detection::TlsUnderWay => self.under_way(flow, around),
            Detection::Http1 => self.ignore(Unrelated::Http1),
            Detection::Undecided | Detection::Other | Detection::Http2(_) => {
                self.fall_back(matches!(verdict, Detection::Other) || stop, flow, around)
            }
        }
    }

    /// Takes the connection for what its surroundings say, or for unrelated.
    fn fall_back(&mut self, stop: bool, flow: &Flow, around: &Surroundings<'_>) -> Decision {
        let State::Undecided(recording) = &self.state else {
            return Decision::Wait;
        };
        let silent = recording.is_silent();
        let opener = flow.opened_by();
        let mut sides = [Side::First, Side::Second].into_iter();
        let forced = sides.find(|side| opener != Some(*side) && around.is_forced(flow, *side));
        if let Some(server) = forced.filter(|_| !silent) {
            return self.speak(Http2::unplaced(server.peer()), flow, around);
        }
        match (stop, silent) {
            (true, false) => self.ignore(Unrelated::Other),
            (true, true) => self.ignore(Unrelated::Silent),
            (false, _) => Decision::Wait,
        }
    }

    /// Counts a connect that came to nothing.
    pub(super) fn count_connect(&mut self, flow: &Flow) -> Decision {
        let client = flow.opened_by().unwrap_or(Side::First);
        let recording = self.take_recording();
        let mut recognition = recognise(flow, client, Transport::None);
        recognition.recognised = flow.last_seen();
        Decision::Counts(Box::new(Counting::watched(recognition, client, recording)))
    }

    /// Tells the story so far under the connection's number.
    pub(super) fn begin(
        &mut self,
        connection: u32,
        counting: Counting,
        anomalies: &mut Anomalies,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) {
        let Counting {
            recognition,
            reading,
            client,
            keep,
            recording,
            tls,
            failure,
            oddities,
        } = counting;
        sink(connection, Event::Recognised(recognition));
        for (text, carrier) in oddities {
            anomalies.note(Layer::Tls, text, Some(carrier.stamp), Some(connection));
        }
        if let Some((by, instead, carrier)) = failure {
            let failed = Event::Failed {
                by,
                instead,
                carrier,
            };
            sink(connection, failed);
        }
        let Some(http2) = reading else {
            self.state = State::Watched { connection, client };
            recording.replay([None, None], |signal| {
                tell(signal, client, connection, None, anomalies, sink);
            });
            return;
        };
        if let Some(request) = &http2.upgraded {
            let carrier = recording.first_carrier(client);
            sink(connection, Event::Upgraded { request, carrier });
        }
        let [first, second] = http2.frames_at.map(|at| at.is_some());
        let begun = match client {
            _ if !http2.preface && http2.upgraded.is_none() => [false, false],
            Side::First => [first, second],
            Side::Second => [second, first],
        };
        let mut session = Box::new(Session::new(begun, keep));
        recording.replay(http2.frames_at, |signal| {
            tell(
                signal,
                client,
                connection,
                Some(&mut session),
                anomalies,
                sink,
            );
        });
        self.state = State::Speaking {
            connection,
            client,
            session,
            tls,
        };
    }

    fn speak(&mut self, http2: Http2, flow: &Flow, around: &Surroundings<'_>) -> Decision {
        let client = flow.opened_by().filter(|_| !http2.preface).or(http2.client);
        let guessed = client.is_none();
        let client = client.unwrap_or_else(|| by_ports(flow));
        let mut recognition = recognise(flow, client, Transport::H2c);
        recognition.preface_seen = http2.preface;
        recognition.guess = match (http2.preface, guessed) {
            (true, _) => None,
            (false, true) => Some(Guess::FramesAndPorts),
            (false, false) => Some(Guess::Frames),
        };
        let mut counting = Counting::watched(recognition, client, self.take_recording());
        counting.reading = Some(http2);
        counting.keep = around.keep;
        Decision::Counts(Box::new(counting))
    }

    fn take_recording(&mut self) -> Recording {
        match &mut self.state {
            State::Undecided(recording) => std::mem::take(recording),
            _ => Recording::default(),
        }
    }

    fn ignore(&mut self, unrelated: Unrelated) -> Decision {
        self.state = State::Ignored(unrelated);
        Decision::Unrelated
    }
}

fn recognise(flow: &Flow, client: Side, transport: Transport) -> Recognition {
    Recognition {
        tcp_stream: flow.index(),
        client: flow.address(client),
        server: flow.address(client.peer()),
        transport,
        preface_seen: false,
        opened: flow.opened(),
        handshake: flow.handshake(),
        recognised: flow.last_seen(),
        guess: None,
        tls: None,
    }
}

/// The client by its port: servers listen on the lower one more often than not.
fn by_ports(flow: &Flow) -> Side {
    let port = |side| flow.address(side).port();
    if port(Side::First) >= port(Side::Second) {
        Side::First
    } else {
        Side::Second
    }
}

const fn direction(from: Side, client: Side) -> Direction {
    match (from, client) {
        (Side::First, Side::First) | (Side::Second, Side::Second) => Direction::ClientToServer,
        _ => Direction::ServerToClient,
    }
}

/// Turns a signal into events.
fn tell(
    signal: Signal<'_>,
    client: Side,
    connection: u32,
    session: Option<&mut Session>,
    anomalies: &mut Anomalies,
    sink: &mut impl FnMut(u32, Event<'_>),
) {
    match signal {
        Signal::Chunk { from, chunk } => {
            if let Some(session) = session {
                let direction = direction(from, client);
                session.push(direction, chunk, connection, anomalies, &mut |event| {
                    sink(connection, event);
                });
            }
        }
        Signal::Acknowledged {
            by,
            upto,
            stamp,
            whole,
        } => {
            let by = direction(by, client);
            sink(
                connection,
                Event::Acknowledged {
                    by,
                    upto,
                    stamp,
                    whole,
                },
            );
        }
        Signal::Ended {
            by,
            ending,
            position,
            carrier,
        } => {
            let by = direction(by, client);
            sink(
                connection,
                Event::Ended {
                    by,
                    ending,
                    position,
                    carrier,
                },
            );
        }
    }
}

impl Unrelated {
    /// Its name in a sentence about several.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS without h2",
            Self::TlsUnderWay => "TLS begun before the capture",
            Self::Http1 => Instead::Http1.name(),
            Self::Other => "other protocols",
            Self::Silent => "no data",
        }
    }
}
