//! A scenario's events to the packets that a capture of it holds.

use std::collections::{BTreeMap, BTreeSet};

use super::{Captured, Line};
use crate::decode::http2::{ErrorCode, SettingId};
use crate::testing::wire::{self, End, Peers};

/// How long a scenario's handshake takes, in nanoseconds.
const ROUND_TRIP_NANOS: i64 = 10_000_000;

/// An empty gRPC message.
const MESSAGE: &[u8] = &[0; 5];

/// The packets so far, and the state of each connection by its number.
#[derive(Debug, Default)]
pub(super) struct Recording {
    pub(super) mid_connection: bool,
    pub(super) upgrade: bool,
    /// Whether connections lead on by tens: those from 10 on from the first ones' server to another, and so forth.
    pub(super) hops: bool,
    /// Whose packets alone were captured.
    pub(super) only: Option<End>,
    connections: BTreeMap<u16, Connection>,
    pub(super) captured: Vec<Captured>,
}

/// A connection: what was sent on it.
#[derive(Debug)]
struct Connection {
    peers: Peers,
    client: Sent,
    server: Sent,
    /// Streams whose request was sent.
    requested: BTreeSet<u32>,
}

/// What one end sent. Numbers count from its SYN.
#[derive(Clone, Debug)]
struct Sent {
    next: u32,
    /// Where each segment of the scenario ended; the first entry is the end of the opening.
    ends: Vec<u32>,
    goaway: Option<u32>,
    /// Where each segment stood and what it held, by the words of its line.
    segments: BTreeMap<String, (u32, Vec<u8>)>,
}

impl Default for Sent {
    fn default() -> Self {
        Self {
            next: 1,
            ends: Vec::new(),
            goaway: None,
            segments: BTreeMap::new(),
        }
    }
}

impl Sent {
    /// Counts what was sent; gives the sequence number at which it stands.
    fn add(&mut self, length: usize) -> u32 {
        let at = self.next;
        self.next += u32::try_from(length).unwrap();
        if length > 0 {
            self.ends.push(self.next);
        }
        at
    }
}

impl Recording {
    /// Records the packet of one event, behind those of the handshake if it is a connection's first.
    pub(super) fn add(&mut self, line: &Line) {
        if line.parts.concat().iter().any(|word| word == "REFUSED") {
            return self.refuse(line);
        }
        let mut connection = match self.connections.remove(&line.connection) {
            Some(connection) => connection,
            None => self.open(line),
        };
        let (payload, flags, goaway) = if line.again {
            Default::default()
        } else {
            connection.segment(line)
        };
        let (own, peer) = match line.from {
            End::Client => (&mut connection.client, &connection.server),
            End::Server => (&mut connection.server, &connection.client),
        };
        let key = line.parts.concat().join(" ");
        let (sequence, payload) = if line.again {
            own.segments[&key].clone()
        } else {
            let sequence = own.add(payload.len() + usize::from(flags & wire::FIN));
            let goaway = goaway.map(|end| sequence + u32::try_from(end).unwrap());
            own.goaway = goaway.or(own.goaway);
            own.segments.insert(key, (sequence, payload.clone()));
            let before = u32::from(line.parts.iter().flatten().any(|word| word == "PROBE"));
            (sequence - before, payload)
        };
        let ack = match line.ack.as_str() {
            "all" => Some(peer.next),
            "none" => None,
            "before" => Some(peer.ends[peer.ends.len().saturating_sub(2)]),
            "goaway" => Some(peer.goaway.expect("a GOAWAY to acknowledge")),
            segments => Some(peer.ends[segments.parse::<usize>().unwrap()]),
        };
        let packet = connection
            .peers
            .packet(line.from, sequence, ack, flags, &payload);
        let cut = line.cut.map_or(0, |kept| payload.len() - kept);
        if !line.lost && self.only.is_none_or(|only| only == line.from) {
            self.record(line.nanos, packet, cut);
        }
        self.connections.insert(line.connection, connection);
    }

    /// A connect that the server's kernel refuses.
    fn refuse(&mut self, line: &Line) {
        let peers = self.peers(line);
        let syn = peers.packet(End::Client, 0, None, wire::SYN, &[]);
        let rst = peers.packet(End::Server, 0, Some(1), wire::RST, &[]);
        self.record(line.nanos, syn, 0);
        self.record(line.nanos, rst, 0);
    }

    fn peers(&self, line: &Line) -> Peers {
        let mut peers = Peers::new(40_000 + line.connection, 50_051);
        if self.hops {
            let tier = u8::try_from(line.connection / 10).unwrap();
            peers.client.set_ip([192, 0, 2, 1 + tier].into());
            peers.server.set_ip([192, 0, 2, 2 + tier].into());
        }
        peers
    }

    /// The handshake and both prefaces, recorded before a connection's first event.
    fn open(&mut self, line: &Line) -> Connection {
        let peers = self.peers(line);
        let mut connection = Connection {
            peers,
            client: Sent::default(),
            server: Sent::default(),
            requested: BTreeSet::new(),
        };
        let mut opening = Vec::new();
        if !self.mid_connection {
            opening = vec![
                peers.packet(End::Client, 0, None, wire::SYN, &[]),
                peers.packet(End::Server, 0, Some(1), wire::SYN, &[]),
                peers.packet(End::Client, 1, Some(1), 0, &[]),
            ];
            let mut from_client = Vec::new();
            let mut from_server = Vec::new();
            if self.upgrade {
                connection.requested.insert(1);
                from_client.extend(
                    b"GET /upgraded HTTP/1.1\r\nhost: a\r\nconnection: Upgrade, HTTP2-Settings\r\n\
                      upgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n\r\n",
                );
                from_server.extend(
                    b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n",
                );
            } else {
                from_client.extend(wire::PREFACE);
                from_client.extend(wire::settings(&[]));
            }
            from_server.extend(wire::settings(&[]));
            connection.client.add(from_client.len());
            opening.push(peers.packet(End::Client, 1, Some(1), 0, &from_client));
            connection.server.add(from_server.len());
            let acknowledged = Some(connection.client.next);
            opening.push(peers.packet(End::Server, 1, acknowledged, 0, &from_server));
            if self.upgrade {
                let mut rest = wire::PREFACE.to_vec();
                rest.extend(wire::settings(&[]));
                let at = connection.client.next;
                opening.push(peers.packet(End::Client, at, Some(connection.server.next), 0, &rest));
                connection.client.add(rest.len());
            }
        }
        connection.client.ends = vec![connection.client.next];
        connection.server.ends = vec![connection.server.next];
        let steps = [ROUND_TRIP_NANOS, ROUND_TRIP_NANOS / 2, 0, 0, 0, 0];
        // Its SYN, the SYN-ACK, the ACK; then both prefaces.
        let froms = [
            End::Client,
            End::Server,
            End::Client,
            End::Client,
            End::Server,
            End::Client,
        ];
        for ((packet, before), from) in opening.into_iter().zip(steps).zip(froms) {
            if self.only.is_none_or(|only| only == from) {
                self.record(line.nanos - before, packet, 0);
            }
        }
        connection
    }

    pub(super) fn record(&mut self, nanos: i64, data: Vec<u8>, cut: usize) {
        self.captured.push(Captured { nanos, data, cut });
    }
}

impl Connection {
    /// A new segment's payload, its flags, and where in the payload a GOAWAY ends.
    fn segment(&mut self, line: &Line) -> (Vec<u8>, u8, Option<usize>) {
        let (mut payload, mut flags, mut goaway) = (Vec::new(), 0, None);
        for words in &line.parts {
            match words.first().map(String::as_str) {
                Some("ACK" | "PROBE") | None => {}
                Some("FIN") => flags |= wire::FIN,
                Some("TCP_RST") => flags |= wire::RST,
                Some(kind) => {
                    payload.extend(self.bytes(line.from, kind, &words[1..]));
                    if kind == "GOAWAY" {
                        goaway = Some(payload.len());
                    }
                }
            }
        }
        (payload, flags, goaway)
    }

    /// The bytes of one event.
    fn bytes(&mut self, from: End, kind: &str, words: &[String]) -> Vec<u8> {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let has = |word: &str| words.contains(&word);
        let flag = |word: &str, flag: u8| if has(word) { flag } else { 0 };
        let number = |at: usize| words[at].parse::<u32>().unwrap();
        let value = |name: &str| {
            let pair = words.iter().filter_map(|word| word.split_once('='));
            pair.clone()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value)
        };
        let fields: Vec<_> = words
            .iter()
            .filter_map(|word| {
                let at = word.get(1..)?.find('=')? + 1;
                Some((&word[..at], &word[at + 1..]))
            })
            .collect();
        match kind {
            "HEADERS" => {
                let stream = number(0);
                let request = from == End::Client && self.requested.insert(stream);
                let fields = if request {
                    with_defaults(&fields)
                } else {
                    fields
                };
                let ends = if has("NO_END_HEADERS") {
                    0
                } else {
                    wire::END_HEADERS
                };
                let flags = ends | flag("END_STREAM", wire::END_STREAM);
                wire::frame(wire::HEADERS, flags, stream, &wire::literals(&fields))
            }
            "CONTINUATION" => {
                let flags = flag("END_HEADERS", wire::END_HEADERS);
                wire::frame(
                    wire::CONTINUATION,
                    flags,
                    number(0),
                    &wire::literals(&fields),
                )
            }
            "DATA" => {
                let zeros = value("bytes").map(|bytes| vec![0; bytes.parse().unwrap()]);
                let flags = flag("END_STREAM", wire::END_STREAM);
                let payload = zeros.as_deref().unwrap_or(MESSAGE);
                wire::frame(wire::DATA, flags, number(0), payload)
            }
            "ANSWER" => {
                let mut trailers = fields;
                if trailers.is_empty() {
                    trailers.push(("grpc-status", "0"));
                }
                let head = [(":status", "200"), ("content-type", "application/grpc")];
                let mut bytes = wire::headers(0, number(0), &head);
                bytes.extend(wire::frame(wire::DATA, 0, number(0), MESSAGE));
                bytes.extend(wire::headers(wire::END_STREAM, number(0), &trailers));
                bytes
            }
            "RST" => wire::reset(number(0), error(words[1])),
            "GOAWAY" => {
                let last = value("last").unwrap().parse().unwrap();
                let debug = value("debug").unwrap_or_default();
                wire::goaway(last, error(words[1]), debug.as_bytes())
            }
            "PING" => {
                let payload = words[0].parse::<u64>().unwrap().to_be_bytes();
                wire::frame(wire::PING, flag("ACK", wire::ACK), 0, &payload)
            }
            "SETTINGS" if has("ACK") => wire::frame(wire::SETTINGS, wire::ACK, 0, &[]),
            "SETTINGS" => {
                let pairs = fields
                    .iter()
                    .map(|(name, value)| (setting(name), value.parse().unwrap()));
                wire::settings(&pairs.collect::<Vec<_>>())
            }
            "WINDOW_UPDATE" => {
                wire::frame(wire::WINDOW_UPDATE, 0, number(0), &number(1).to_be_bytes())
            }
            "PUSH_PROMISE" => {
                let promised: u32 = value("promised").unwrap().parse().unwrap();
                let mut payload = Vec::from(promised.to_be_bytes());
                payload.extend(wire::literals(&[(":path", "/pushed")]));
                wire::frame(wire::PUSH_PROMISE, wire::END_HEADERS, number(0), &payload)
            }
            "RAW" => {
                let digits = |at: usize| u8::from_str_radix(&words[0][at..at + 2], 16).unwrap();
                (0..words[0].len()).step_by(2).map(digits).collect()
            }
            unknown => panic!("no such event: {unknown}"),
        }
    }
}

/// A gRPC request's fields, where the scenario does not say otherwise; an empty value leaves one out.
fn with_defaults<'a>(fields: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let defaults = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/a"),
        (":authority", "server"),
        ("content-type", "application/grpc"),
    ];
    let given = |name: &str| fields.iter().any(|(known, _)| *known == name);
    let defaults = defaults.into_iter().filter(|(name, _)| !given(name));
    let given = fields
        .iter()
        .copied()
        .filter(|(_, value)| !value.is_empty());
    let mut fields: Vec<_> = defaults.chain(given).collect();
    // Pseudo-header fields come first (RFC 9113, section 8.3).
    fields.sort_by_key(|(name, _)| !name.starts_with(':'));
    fields
}

fn error(name: &str) -> u32 {
    let named = (0..=13).find(|code| ErrorCode(*code).name() == Some(name));
    named.unwrap_or_else(|| name.parse().unwrap())
}

fn setting(name: &str) -> u16 {
    let named = (1..=9).find(|id| SettingId(*id).name() == Some(name));
    named.unwrap_or_else(|| name.parse().unwrap())
}
