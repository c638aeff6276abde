//! One connection on its way from undecided bytes to a known protocol.
//!
//! In: the signals of its flow. Out: events, once it is known that it counts; what came before is
//! then told in order. What never happens here: keeping more than [`MAX_UNDECIDED_BYTES`] in doubt.

use std::net::SocketAddr;

use rustc_hash::FxHashSet;

use super::anomaly::Anomalies;
use super::event::{Event, Guess, Instead, Recognition, Transport};
use super::http2::{Keep, Session};
use super::opening::{self, Beginning, ClientHello, Http2, Verdict};
use super::tcp::{Chunk, Ending, Flow, Side, Signal};
use super::{Carrier, Direction};
use crate::capture::Stamp;

/// Bytes of both sides after which a connection is no longer kept in doubt. An HTTP/1.1 request that
/// asks for an upgrade fits with room to spare. Judged after each segment, so that what one segment
/// brings may exceed it once.
pub const MAX_UNDECIDED_BYTES: usize = 32 << 10;

/// Signals kept for the same time; they outnumber the bytes only where segments are tiny.
const MAX_UNDECIDED_SIGNALS: usize = 1_024;

/// A connection and what it is known to be.
#[derive(Debug, Default)]
pub(super) struct Conversation {
    state: State,
}

#[derive(Debug)]
enum State {
    Undecided(Recording),
    /// HTTP/2, decoded.
    Speaking {
        connection: u32,
        client: Side,
        session: Box<Session>,
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
            State::Speaking {
                connection,
                client,
                session,
            } => {
                let connection = *connection;
                tell(signal, *client, connection, Some(session), anomalies, sink);
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
            State::Undecided(_) | State::Ignored(_) => None,
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
            Verdict::Tls { client, hello } => self.tls(client, &hello, flow, around),
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
            let unplaced = Http2 {
                client: Some(server.peer()),
                frames_at: [None, None],
                preface: false,
                upgraded: None,
            };
            return self.speak(unplaced, flow, around);
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
        let recording = match &mut self.state {
            State::Undecided(recording) => std::mem::take(recording),
            _ => Recording::default(),
        };
        let mut recognition = recognise(flow, client, Transport::None);
        recognition.recognised = flow.last_seen();
        Decision::Counts(Box::new(Counting {
            recognition,
            reading: None,
            client,
            keep: Keep::default(),
            recording,
        }))
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
        } = counting;
        sink(connection, Event::Recognised(recognition));
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
        self.counts(recognition, Some(http2), client, around.keep)
    }

    fn tls(
        &mut self,
        client: Side,
        hello: &ClientHello,
        flow: &Flow,
        around: &Surroundings<'_>,
    ) -> Decision {
        let server = client.peer();
        if hello.offers_h2 || around.is_known(flow, server) || around.is_forced(flow, server) {
            let recognition = recognise(flow, client, Transport::Tls);
            return self.counts(recognition, None, client, around.keep);
        }
        self.ignore(Unrelated::Tls)
    }

    fn counts(
        &mut self,
        recognition: Recognition,
        reading: Option<Http2>,
        client: Side,
        keep: Keep,
    ) -> Decision {
        let recording = match &mut self.state {
            State::Undecided(recording) => std::mem::take(recording),
            _ => Recording::default(),
        };
        Decision::Counts(Box::new(Counting {
            recognition,
            reading,
            client,
            keep,
            recording,
        }))
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
        handshake_nanos: flow.handshake_nanos(),
        recognised: flow.last_seen(),
        guess: None,
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

/// What happened on a connection before it was known what it speaks.
#[derive(Debug, Default)]
struct Recording {
    signals: Vec<Recorded>,
    first: Heard,
    second: Heard,
    /// Whether anything came since it was last judged.
    fresh: bool,
}

/// The bytes of one side, without the gaps.
#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    /// Where segments begin in `bytes`.
    segments: Vec<usize>,
    /// How many of `bytes` come before the first gap.
    unbroken: Option<usize>,
    /// Whether the first thing heard was a gap.
    beginning_lost: bool,
}

#[derive(Debug)]
enum Recorded {
    Bytes {
        from: Side,
        position: u64,
        start: usize,
        end: usize,
        carrier: Carrier,
    },
    Gap {
        from: Side,
        position: u64,
        length: u64,
        carrier: Carrier,
    },
    Acknowledged {
        by: Side,
        upto: u64,
        stamp: Stamp,
        whole: bool,
    },
    Ended {
        by: Side,
        ending: Ending,
        position: u64,
        carrier: Carrier,
    },
}

impl Recording {
    fn keep(&mut self, signal: Signal<'_>) {
        self.fresh = true;
        let recorded = match signal {
            Signal::Chunk {
                from,
                chunk:
                    Chunk::Bytes {
                        position,
                        data,
                        carrier,
                    },
            } => {
                let heard = self.heard_mut(from);
                let start = heard.bytes.len();
                heard.segments.push(start);
                heard.bytes.extend_from_slice(data);
                Recorded::Bytes {
                    from,
                    position,
                    start,
                    end: start + data.len(),
                    carrier,
                }
            }
            Signal::Chunk {
                from,
                chunk:
                    Chunk::Gap {
                        position,
                        length,
                        carrier,
                    },
            } => {
                let heard = self.heard_mut(from);
                heard.beginning_lost |= heard.bytes.is_empty();
                if !heard.bytes.is_empty() {
                    heard.unbroken.get_or_insert(heard.bytes.len());
                }
                Recorded::Gap {
                    from,
                    position,
                    length,
                    carrier,
                }
            }
            Signal::Acknowledged {
                by,
                upto,
                stamp,
                whole,
            } => Recorded::Acknowledged {
                by,
                upto,
                stamp,
                whole,
            },
            Signal::Ended {
                by,
                ending,
                position,
                carrier,
            } => Recorded::Ended {
                by,
                ending,
                position,
                carrier,
            },
        };
        self.signals.push(recorded);
    }

    fn is_full(&self) -> bool {
        let bytes = self.first.bytes.len() + self.second.bytes.len();
        bytes >= MAX_UNDECIDED_BYTES || self.signals.len() >= MAX_UNDECIDED_SIGNALS
    }

    fn is_silent(&self) -> bool {
        self.first.bytes.is_empty() && self.second.bytes.is_empty()
    }

    fn beginning(&self, side: Side, flow: &Flow) -> Beginning<'_> {
        let heard = self.heard(side);
        let unbroken = heard.unbroken.unwrap_or(heard.bytes.len());
        Beginning {
            bytes: heard.bytes.get(..unbroken).unwrap_or_default(),
            segments: &heard.segments,
            complete: flow.begun(side) && !heard.beginning_lost,
        }
    }

    fn first_carrier(&self, side: Side) -> Carrier {
        let carrier = self.signals.iter().find_map(|recorded| match recorded {
            Recorded::Bytes { from, carrier, .. } if *from == side => Some(*carrier),
            _ => None,
        });
        carrier.unwrap_or_default()
    }

    /// Gives the signals again, each side's bytes from where its frames begin; a side without such
    /// a place from its first byte.
    fn replay(self, frames_at: [Option<usize>; 2], mut sink: impl FnMut(Signal<'_>)) {
        let [first, second] = frames_at;
        for recorded in &self.signals {
            match *recorded {
                Recorded::Bytes {
                    from,
                    position,
                    start,
                    end,
                    carrier,
                } => {
                    let skip = match from {
                        Side::First => first,
                        Side::Second => second,
                    };
                    let begin = skip.unwrap_or(0).clamp(start, end);
                    let data = self.heard(from).bytes.get(begin..end).unwrap_or_default();
                    let position = position + (begin - start) as u64;
                    if !data.is_empty() {
                        let chunk = Chunk::Bytes {
                            position,
                            data,
                            carrier,
                        };
                        sink(Signal::Chunk { from, chunk });
                    }
                }
                Recorded::Gap {
                    from,
                    position,
                    length,
                    carrier,
                } => {
                    sink(Signal::Chunk {
                        from,
                        chunk: Chunk::Gap {
                            position,
                            length,
                            carrier,
                        },
                    });
                }
                Recorded::Acknowledged {
                    by,
                    upto,
                    stamp,
                    whole,
                } => {
                    sink(Signal::Acknowledged {
                        by,
                        upto,
                        stamp,
                        whole,
                    });
                }
                Recorded::Ended {
                    by,
                    ending,
                    position,
                    carrier,
                } => {
                    sink(Signal::Ended {
                        by,
                        ending,
                        position,
                        carrier,
                    });
                }
            }
        }
    }

    const fn heard(&self, side: Side) -> &Heard {
        match side {
            Side::First => &self.first,
            Side::Second => &self.second,
        }
    }

    const fn heard_mut(&mut self, side: Side) -> &mut Heard {
        match side {
            Side::First => &mut self.first,
            Side::Second => &mut self.second,
        }
    }
}

impl Unrelated {
    /// Its name in a sentence about several.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS without h2",
            Self::Http1 => Instead::Http1.name(),
            Self::Other => "other protocols",
            Self::Silent => "no data",
        }
    }
}
