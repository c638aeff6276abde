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

mod negotiation;
mod recording;

use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use super::anomaly::Anomalies;
use super::anomaly::Layer;
use super::event::{Event, Guess, Instead, Recognition, Transport};
use super::http2::{Keep, Session};
use super::opening::{self, Http2, Verdict};
use super::tcp::{Flow, Side, Signal};
use super::tls::{self, ClientHello, Facts, Hellos, KeyLog, ServerFlight, Unreadable};
use super::{Carrier, Direction};
use negotiation::{Negotiation, Told, decrypt};
use recording::Recording;

/// Bytes of both sides after which a connection is no longer kept in doubt. An HTTP/1.1 request that
/// asks for an upgrade fits with room to spare. Judged after each segment, so that what one segment
/// brings may exceed it once.
pub const MAX_UNDECIDED_BYTES: usize = 32 << 10;

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
        signal: Signal<'_>,
        anomalies: &mut Anomalies,
        sink: &mut impl FnMut(u32, Event<'_>),
    ) {
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
        let verdict = opening::judge([first, recording.beginning(Side::Second, flow)]);
        let stop = last || full;
        match verdict {
            Verdict::Http2(http2)
                if http2.client.is_some() || stop || flow.opened_by().is_some() =>
            {
                self.speak(http2, flow, around)
            }
            Verdict::Tls { client, hello } => match self.tls(client, &hello, flow, around, stop) {
                Decision::Wait => self.decide_decrypted(flow, around, last),
                decision => decision,
            },
            Verdict::TlsUnderWay => self.under_way(flow, around),
            Verdict::Http1 => self.ignore(Unrelated::Http1),
            Verdict::Undecided | Verdict::Other | Verdict::Http2(_) => {
                self.fall_back(matches!(verdict, Verdict::Other) || stop, flow, around)
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

    /// TLS: waits for the server's hello and for secrets, for as long as bytes are kept.
    fn tls(
        &mut self,
        client: Side,
        hello: &ClientHello,
        flow: &Flow,
        around: &Surroundings<'_>,
        stop: bool,
    ) -> Decision {
        let State::Undecided(recording) = &mut self.state else {
            return Decision::Wait;
        };
        let server = client.peer();
        let counts =
            hello.offers_h2 || around.is_known(flow, server) || around.is_forced(flow, server);
        let answer = recording.beginning(server, flow);
        let flight = ServerFlight::read(answer.bytes);
        let foreign = flight.is_foreign && answer.complete;
        let instead = if foreign {
            Some((server, opening::instead_of_tls(answer.bytes)))
        } else {
            let of_client = || tls::cleartext_alert(recording.beginning(client, flow).bytes);
            let of_server = flight.alert.map(|alert| (server, alert));
            let alert = of_server.or_else(|| of_client().map(|alert| (client, alert)));
            alert
                .filter(|(_, alert)| !alert.is_closure())
                .map(|(by, alert)| (by, Instead::Alert(alert)))
        };
        let hellos = flight.hello.as_ref().map(|server| Hellos {
            client: hello,
            server,
        });
        let facts = hellos.map_or_else(
            || Facts {
                server_name: hello.server_name.clone(),
                ..Facts::default()
            },
            Hellos::facts,
        );
        if let Some((by, instead)) = instead {
            let carrier = recording.last_carrier(by);
            let failure = counts.then(|| (direction(by, client), instead, carrier));
            return self.watch(client, facts, failure, None, flow);
        }
        let refused = facts.alpn.as_deref().is_some_and(|alpn| alpn != b"h2");
        let reason = match hellos {
            Some(_) if refused => None,
            Some(hellos) => match tls::Session::new(hellos, around.keys) {
                Ok(session) => {
                    self.negotiate(client, session);
                    return Decision::Wait;
                }
                Err(Unreadable::NoSecrets) if counts && !stop => return Decision::Wait,
                Err(Unreadable::NoSecrets) if around.keys.is_empty() => None,
                Err(reason) => Some((reason.reason(), recording.last_carrier(client))),
            },
            None if !stop => return Decision::Wait,
            None => None,
        };
        if !counts || refused {
            return self.ignore(Unrelated::Tls);
        }
        self.watch(client, facts, None, reason, flow)
    }
    /// Goes on with what the records protect.
    fn negotiate(&mut self, client: Side, session: tls::Session) {
        let mut negotiation = Negotiation::new(client, session);
        self.take_recording()
            .replay([None, None], |signal| negotiation.take(signal));
        self.state = State::Negotiating(Box::new(negotiation));
    }

    /// Judges a conversation by what was decrypted of it.
    fn decide_decrypted(&mut self, flow: &Flow, around: &Surroundings<'_>, last: bool) -> Decision {
        let State::Negotiating(negotiation) = &mut self.state else {
            return Decision::Wait;
        };
        let heard = &mut negotiation.heard;
        if !heard.fresh && !last {
            return Decision::Wait;
        }
        heard.fresh = false;
        let stop = last || heard.is_full();
        let silent = heard.is_silent();
        let verdict = opening::judge([
            heard.beginning(Side::First, flow),
            heard.beginning(Side::Second, flow),
        ]);
        let stop = stop || negotiation.session.has_stopped();
        let chose_h2 = negotiation.alpn() == Some(b"h2");
        let reading = match verdict {
            Verdict::Http2(http2) if http2.preface || chose_h2 => Some(http2),
            _ if chose_h2 && stop && !silent && negotiation.failure.is_none() => {
                Some(Http2::unplaced(negotiation.client))
            }
            Verdict::Undecided | Verdict::Http2(_) if !stop && negotiation.failure.is_none() => {
                return Decision::Wait;
            }
            _ => None,
        };
        let State::Negotiating(negotiation) = std::mem::take(&mut self.state) else {
            return Decision::Wait;
        };
        match reading {
            Some(http2) => speak_decrypted(http2, *negotiation, flow, around),
            None => self.give_up(*negotiation, silent, flow),
        }
    }

    /// Takes a conversation that was decrypted, or could not be, for none in HTTP/2.
    fn give_up(&mut self, negotiation: Negotiation, silent: bool, flow: &Flow) -> Decision {
        let Negotiation {
            client,
            session,
            heard,
            failure,
            oddities,
        } = negotiation;
        let facts = session.facts().clone();
        let refused = facts.alpn.as_deref().is_some_and(|alpn| alpn != b"h2");
        if !silent || refused {
            return self.ignore(Unrelated::Tls);
        }
        let mut counting =
            Counting::watched(recognise(flow, client, Transport::Tls), client, heard);
        counting.recognition.tls = Some(facts);
        counting.oddities = oddities;
        match failure {
            Some((by, alert, carrier)) => {
                counting.failure = Some((by, Instead::Alert(alert), carrier));
            }
            None => {
                let text =
                    "no application data opens with its secrets in the key log: it stays encrypted";
                let carrier = counting.recording.last_carrier(client);
                counting.oddities.push((text.to_owned(), carrier));
            }
        }
        Decision::Counts(Box::new(counting))
    }

    /// A connection that counts, though its bytes are not read.
    fn watch(
        &mut self,
        client: Side,
        facts: Facts,
        failure: Option<(Direction, Instead, Carrier)>,
        oddity: Option<(String, Carrier)>,
        flow: &Flow,
    ) -> Decision {
        let recognition = recognise(flow, client, Transport::Tls);
        let mut counting = Counting::watched(recognition, client, self.take_recording());
        counting.recognition.tls = Some(facts);
        counting.failure = failure;
        counting.oddities.extend(oddity);
        Decision::Counts(Box::new(counting))
    }

    /// TLS whose handshake was not captured.
    fn under_way(&mut self, flow: &Flow, around: &Surroundings<'_>) -> Decision {
        let opener = flow.opened_by();
        let mut sides = [Side::First, Side::Second].into_iter();
        let server = sides.find(|side| {
            let known = around.is_known(flow, *side) || around.is_forced(flow, *side);
            opener != Some(*side) && known
        });
        let (Some(server), State::Undecided(recording)) = (server, &self.state) else {
            return self.ignore(Unrelated::TlsUnderWay);
        };
        let client = server.peer();
        let text = "its TLS handshake was not captured: without the client random no key log fits, and it \
                    stays encrypted";
        let oddity = (text.to_owned(), recording.last_carrier(client));
        self.watch(client, Facts::default(), None, Some(oddity), flow)
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

/// HTTP/2 that was decrypted.
fn speak_decrypted(
    http2: Http2,
    negotiation: Negotiation,
    flow: &Flow,
    around: &Surroundings<'_>,
) -> Decision {
    let Negotiation {
        client,
        session,
        heard,
        failure,
        oddities,
    } = negotiation;
    let mut recognition = recognise(flow, client, Transport::H2);
    recognition.tls = Some(session.facts().clone());
    recognition.preface_seen = http2.preface;
    recognition.guess = (!http2.preface).then_some(Guess::Frames);
    let mut counting = Counting::watched(recognition, client, heard);
    counting.reading = Some(http2);
    counting.keep = around.keep;
    counting.tls = Some(Box::new(session));
    counting.failure = failure.map(|(by, alert, carrier)| (by, Instead::Alert(alert), carrier));
    counting.oddities = oddities;
    Decision::Counts(Box::new(counting))
}

fn recognise(flow: &Flow, client: Side, transport: Transport) -> Recognition {
    Recognition {
        tcp_stream: flow.index(),
        client: flow.address(client),
        server: flow.address(client.peer()),
        transport,
        preface_seen: false,
        opened: flow.opened(),
        handshake_nanos: flow.handshake_nanos(),
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

/// Turns what was decrypted into events.
fn tell_decrypted(
    told: Told<'_>,
    by: Direction,
    connection: u32,
    session: &mut Session,
    anomalies: &mut Anomalies,
    sink: &mut impl FnMut(u32, Event<'_>),
) {
    match told {
        Told::Text(chunk) => session.push(by, chunk, connection, anomalies, &mut |event| {
            sink(connection, event);
        }),
        Told::Failed(alert, carrier) => {
            let instead = Instead::Alert(alert);
            let failed = Event::Failed {
                by,
                instead,
                carrier,
            };
            sink(connection, failed);
        }
        Told::Odd(text, carrier) => {
            anomalies.note(Layer::Tls, text, Some(carrier.stamp), Some(connection));
        }
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
        Signal::Acknowledged { by, upto, stamp } => {
            let by = direction(by, client);
            sink(connection, Event::Acknowledged { by, upto, stamp });
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
