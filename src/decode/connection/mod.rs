//! One connection on its way from undecided bytes to a known protocol.
//!
//! In: the signals of its flow. Out: a call of [`Listener::recognised`] once it is known that the
//! connection counts, then its events; what came before is emitted in order. At most
//! [`MAX_UNDECIDED_BYTES`] are kept in doubt.
//!
//! ```text
//! Undecided --secrets known--> Negotiating --+--> Http2      in cleartext or decrypted
//!     |                                      +--> Unread     counts, but its bytes are not read
//!     +--------------------------------------+--> Unrelated
//! ```

mod candidate;
mod encrypted;
mod http2_events;
mod negotiation;
mod output;
mod undecided;
mod unrelated;

use std::net::SocketAddr;

use rustc_hash::FxHashMap;

use super::carrier::Carrier;
use super::detect::{self, Detection, Http2};
use super::direction::{Direction, PerSide};
use super::event::{Event, Guess, Place, Transport};
use super::listener::Listener;
use super::network::NetworkPath;
use super::stream_part::StreamPart;
use super::tcp::{self, Flow, Side, SignalOf};
use super::tls::{self, KeyLog};
use negotiation::Negotiation;
use undecided::Undecided;

use candidate::{Candidate, recognise};
pub use http2_events::{ConnectionSink, Http2Events, Keep};
use output::Counted;
pub(super) use output::{Numbers, Output};
pub use unrelated::Unrelated;

/// Bytes of both sides after which a connection is no longer kept in doubt. An HTTP/1.1 request that
/// asks for an upgrade fits with room to spare. Judged after each segment, so that what one segment
/// brings may exceed it once.
pub const MAX_UNDECIDED_BYTES: usize = 32 << 10;

/// What a segment brought, its bytes as TCP has them or out of TLS.
type PartSignal<'a> = SignalOf<StreamPart<'a>>;

/// What decoding knows of a connection, and, once it counts, the value that its listener made for it.
#[derive(Debug)]
pub(super) struct ConnectionDecoder<C> {
    state: State<C>,
}

#[derive(Debug)]
enum State<C> {
    Undecided(Undecided),
    /// TLS that can be decrypted.
    Negotiating(Box<Negotiation>),
    /// HTTP/2, decoded.
    Http2 {
        counted: Counted<C>,
        events: Box<Http2Events>,
        /// What decrypts it first.
        tls: Option<Box<tls::Session>>,
    },
    /// One that counts, but whose bytes are not read: TLS, or a connect that failed.
    Unread(Counted<C>),
    /// Its value was taken, or it never counted.
    Unrelated(Unrelated),
}

impl<C> Default for ConnectionDecoder<C> {
    fn default() -> Self {
        Self {
            state: State::default(),
        }
    }
}

impl<C> Default for State<C> {
    fn default() -> Self {
        Self::Undecided(Undecided::default())
    }
}

/// What decides how a connection is taken, beside its bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct DetectContext<'a> {
    /// Server ports to take for HTTP/2 whatever the first bytes are.
    pub(super) ports: &'a [u16],
    /// Server addresses of connections that spoke HTTP/2, and how many packets came before that was seen.
    pub(super) known: &'a FxHashMap<SocketAddr, u64>,
    /// How much to keep of what passes.
    pub(super) keep: Keep,
    /// The secrets known by now.
    pub(super) keys: &'a KeyLog,
    /// Where the connection is kept.
    pub(super) place: Option<Place>,
}

impl DetectContext<'_> {
    fn is_forced(&self, flow: &Flow, server: Side) -> bool {
        self.ports.contains(&flow.address(server).port())
    }

    fn is_known(&self, flow: &Flow, server: Side) -> bool {
        self.known.contains_key(&flow.address(server))
    }
}

/// What was decided about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Nothing yet, or nothing new.
    Wait,
    /// It counts from now on; the server's address, if it is seen to speak HTTP/2.
    Recognised { speaks_http2: Option<SocketAddr> },
    /// It does not count.
    Unrelated,
}

/// What judging an undecided connection came to.
enum Judged {
    Wait,
    Counts(Box<Candidate>),
    Unrelated(Unrelated),
}

impl<C> ConnectionDecoder<C> {
    /// Takes a signal: emits what it means if the connection counts, else keeps it.
    pub(super) fn push<L: Listener<Connection = C>>(
        &mut self,
        signal: tcp::Signal<'_>,
        out: &mut Output<'_, L>,
    ) {
        let signal: PartSignal<'_> = signal.map(|_, chunk| chunk.into());
        match &mut self.state {
            State::Undecided(undecided) => undecided.keep(signal),
            State::Negotiating(negotiation) => negotiation.take(signal, out.keys),
            State::Http2 {
                counted,
                events,
                tls,
            } => {
                let (client, keys) = (counted.client, out.keys);
                let mut emitter = counted.emitter(out);
                match (tls, signal) {
                    (Some(tls), PartSignal::Chunk { from, chunk }) => {
                        let by = direction(from, client);
                        tls.push(by, chunk, keys, &mut |by, output| {
                            encrypted::emit(output, by, events, &mut emitter);
                        });
                    }
                    _ => emit(signal, client, Some(events), &mut emitter),
                }
            }
            State::Unread(counted) => {
                let client = counted.client;
                emit(signal, client, None, &mut counted.emitter(out));
            }
            State::Unrelated(_) => {}
        }
    }

    /// The value of its listener, if it counts.
    pub(super) const fn listening_mut(&mut self) -> Option<&mut C> {
        match &mut self.state {
            State::Http2 { counted, .. } | State::Unread(counted) => Some(&mut counted.listening),
            State::Undecided(_) | State::Negotiating(_) | State::Unrelated(_) => None,
        }
    }

    /// What it was, if it does not count.
    pub(super) const fn unrelated(&self) -> Unrelated {
        match &self.state {
            State::Unrelated(unrelated) => *unrelated,
            _ => Unrelated::Silent,
        }
    }

    /// Whether it counts.
    pub(super) const fn counts(&self) -> bool {
        matches!(self.state, State::Http2 { .. } | State::Unread(_))
    }

    /// Nothing more will come: gives its value back to the listener, or says what it was instead.
    pub(super) fn finish<L: Listener<Connection = C>>(
        self,
        flow: &mut Flow,
        listener: &mut L,
    ) -> Result<(), Unrelated> {
        let counted = match self.state {
            State::Http2 {
                mut counted,
                mut events,
                ..
            } => {
                for inferred in events.take_inferred() {
                    listener.event(&mut counted.listening, &inferred);
                }
                counted
            }
            State::Unread(counted) => counted,
            State::Undecided(_) | State::Negotiating(_) | State::Unrelated(_) => {
                return Err(self.unrelated());
            }
        };
        let network = NetworkPath {
            sides: PerSide {
                client: flow.take_path_stats(counted.client),
                server: flow.take_path_stats(counted.client.peer()),
            },
            last_seen: flow.last_seen(),
        };
        listener.finished(counted.listening, network);
        Ok(())
    }

    /// How many bytes it holds: what waits to be decided or completed, and header tables.
    pub(super) fn held(&self) -> usize {
        match &self.state {
            State::Undecided(undecided) => undecided.held(),
            State::Negotiating(negotiation) => {
                negotiation.undecided.held() + negotiation.session.held()
            }
            State::Http2 { events, tls, .. } => {
                events.held() + tls.as_ref().map_or(0, |tls| tls.held())
            }
            State::Unread(_) | State::Unrelated(_) => 0,
        }
    }

    /// Forgets what an undecided one said: nobody will read it.
    pub(super) fn forget_bytes(&mut self) {
        if let State::Undecided(undecided) = &mut self.state {
            undecided.forget_bytes();
        }
    }

    /// Gives up what one in HTTP/2 holds; whether there was anything to give up.
    pub(super) fn shed<L: Listener<Connection = C>>(
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
        let (client, keys) = (counted.client, out.keys);
        let mut emitter = counted.emitter(out);
        if let Some(tls) = tls {
            for side in [Side::First, Side::Second] {
                let by = direction(side, client);
                let lost = StreamPart::Break {
                    missing: 0,
                    carrier,
                };
                tls.push(by, lost, keys, &mut |by, output| {
                    encrypted::emit(output, by, events, &mut emitter);
                });
            }
        }
        events.shed(carrier, &mut emitter);
        true
    }

    /// Whether it is still to be decided what it is, or as what to read it.
    pub(super) const fn is_in_doubt(&self) -> bool {
        matches!(self.state, State::Undecided(_) | State::Negotiating(_))
    }

    /// Judges an undecided connection anew; `last` says that no more bytes will come.
    pub(super) fn decide<L: Listener<Connection = C>>(
        &mut self,
        flow: &Flow,
        context: &DetectContext<'_>,
        last: bool,
        out: &mut Output<'_, L>,
    ) -> Decision {
        match self.judge(flow, context, last, out.trials) {
            Judged::Wait => Decision::Wait,
            Judged::Unrelated(unrelated) => {
                self.state = State::Unrelated(unrelated);
                Decision::Unrelated
            }
            Judged::Counts(candidate) => self.begin(*candidate, context.place, out),
        }
    }

    fn judge(
        &mut self,
        flow: &Flow,
        context: &DetectContext<'_>,
        last: bool,
        trials: &mut tls::Trials,
    ) -> Judged {
        if matches!(self.state, State::Negotiating(_)) {
            return self.judge_decrypted(flow, context, last);
        }
        let State::Undecided(undecided) = &mut self.state else {
            return Judged::Wait;
        };
        if !undecided.fresh && !last {
            return Judged::Wait;
        }
        undecided.fresh = false;
        let full = undecided.is_full();
        let first = undecided.beginning(Side::First, flow);
        let verdict = detect::detect([first, undecided.beginning(Side::Second, flow)]);
        let stop = last || full;
        match verdict {
            Detection::Http2(http2)
                if http2.client.is_some() || stop || flow.opened_by().is_some() =>
            {
                self.speak(http2, flow, context)
            }
            Detection::Tls { client, hello } => match self.tls(client, &hello, flow, context, stop)
            {
                Judged::Wait => self.judge_decrypted(flow, context, last),
                judged => judged,
            },
            Detection::TlsUnderWay => match self.under_way(flow, context, trials) {
                Judged::Wait => self.judge_decrypted(flow, context, last),
                judged => judged,
            },
            Detection::Http1 => Judged::Unrelated(Unrelated::Http1),
            Detection::Undecided | Detection::Other | Detection::Http2(_) => {
                self.fall_back(matches!(verdict, Detection::Other) || stop, flow, context)
            }
        }
    }

    /// Takes the connection for what its surroundings say, or for unrelated.
    fn fall_back(&mut self, stop: bool, flow: &Flow, context: &DetectContext<'_>) -> Judged {
        let State::Undecided(undecided) = &self.state else {
            return Judged::Wait;
        };
        let silent = undecided.is_silent();
        let opener = flow.opened_by();
        let mut sides = [Side::First, Side::Second].into_iter();
        let forced = sides.find(|side| opener != Some(*side) && context.is_forced(flow, *side));
        if let Some(server) = forced.filter(|_| !silent) {
            let [of_client, of_server] =
                [server.peer(), server].map(|side| undecided.beginning(side, flow));
            // Of what is whole from its first byte on, more may come that says what it is.
            if !stop && of_client.complete && of_server.complete {
                return Judged::Wait;
            }
            return self.speak(
                Http2::without_preface(server.peer(), of_server),
                flow,
                context,
            );
        }
        match (stop, silent) {
            (true, false) => Judged::Unrelated(Unrelated::Other),
            (true, true) => Judged::Unrelated(Unrelated::Silent),
            (false, _) => Judged::Wait,
        }
    }

    /// Counts a connect that was refused or never answered.
    pub(super) fn count_connect<L: Listener<Connection = C>>(
        &mut self,
        flow: &Flow,
        out: &mut Output<'_, L>,
    ) {
        let client = flow.opened_by().unwrap_or(Side::First);
        let undecided = self.take_undecided();
        let recognition = recognise(flow, client, Transport::None);
        let candidate = Candidate::unread(recognition, client, undecided);
        self.begin(candidate, None, out);
    }

    fn speak(&mut self, http2: Http2, flow: &Flow, context: &DetectContext<'_>) -> Judged {
        let client = flow.opened_by().filter(|_| !http2.preface).or(http2.client);
        let guessed = client.is_none();
        let client = client.unwrap_or_else(|| by_ports(flow));
        let mut recognition = recognise(flow, client, Transport::H2c);
        recognition.preface_seen = http2.preface;
        recognition.beginning_seen = http2.preface || self.is_whole(client, flow);
        recognition.guess = match (http2.preface, guessed) {
            (true, _) => None,
            (false, true) => Some(Guess::FramesAndPorts),
            (false, false) => Some(Guess::Frames),
        };
        let mut candidate = Candidate::unread(recognition, client, self.take_undecided());
        candidate.reading = Some(http2);
        candidate.keep = context.keep;
        Judged::Counts(Box::new(candidate))
    }

    /// Whether everything that a side has sent so far was captured.
    fn is_whole(&self, side: Side, flow: &Flow) -> bool {
        let State::Undecided(undecided) = &self.state else {
            return false;
        };
        undecided.is_whole(side, flow)
    }

    fn take_undecided(&mut self) -> Undecided {
        match &mut self.state {
            State::Undecided(undecided) => std::mem::take(undecided),
            _ => Undecided::default(),
        }
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

/// Turns a signal into events; the bytes only where they are read as HTTP/2.
fn emit(
    signal: PartSignal<'_>,
    client: Side,
    events: Option<&mut Http2Events>,
    sink: &mut impl ConnectionSink,
) {
    match signal {
        PartSignal::Chunk { from, chunk } => {
            if let Some(events) = events {
                events.push(direction(from, client), chunk, sink);
            }
        }
        PartSignal::Acknowledged(acknowledged) => {
            let acknowledged = acknowledged.map(|by| direction(by, client));
            sink.event(&Event::Acknowledged(acknowledged));
        }
        PartSignal::Ended(ended) => {
            let ended = ended.map(|by| direction(by, client));
            sink.event(&Event::Ended(ended));
        }
    }
}
