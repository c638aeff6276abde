//! A connection as reports show it: plain data.

use std::net::SocketAddr;
use std::sync::Arc;

use super::super::stream::crossing::BothEnds;
use super::super::stream::rpc::{Doubt, Rpc};
use super::super::traffic::Traffic;
use super::super::traffic::ack_stall::AckStall;
use super::super::traffic::conformance::Conformance;
use super::super::traffic::idle::FirstGoAway;
use super::super::traffic::ping::PingCounts;
use super::super::traffic::ping::keepalive::KeepaliveRecord;
use super::super::traffic::quiet::QuietClose;
use super::capture_gaps::CaptureGaps;
use super::control_frames::ControlFrameLog;
use super::goaway::GoAway;
use super::late_opens::LateOpens;
use super::sparse::Sparse;
pub use super::verdict_counts::VerdictCounts;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::http2::{ErrorCode, SettingId, Settings};
use crate::decode::tcp::{Ending, Handshake};
use crate::decode::tls::{Facts, Reached};
use crate::decode::{
    Direction, Guess, NetworkPath, PerSide, Recognition, RecognitionOrder, Transport,
    UnexpectedProtocol,
};
use crate::names::Name;

/// Who is at the ends of a connection, where that is known.
pub type EndNames = PerSide<Option<Arc<Name>>>;

/// How many settings of a side are kept; honest peers know nine.
const MAX_SETTINGS: usize = 64;

/// The first FIN or RST of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Close {
    /// The side that sent it.
    pub by: Direction,
    /// Whether it was a FIN or a RST.
    pub ending: Ending,
    /// The segment that carried it.
    pub stamp: Stamp,
}

/// What a side sent in the place of HTTP/2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instead {
    /// Who sent it.
    pub by: Direction,
    /// What it was.
    pub protocol: UnexpectedProtocol,
    /// The segment that began it.
    pub stamp: Stamp,
}

/// How the grace after a server's GOAWAY ran out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct GraceEnd {
    /// The server's first GOAWAY.
    pub goaway: Stamp,
    /// The first that it did to its calls when the grace had run out.
    pub until: Stamp,
}

impl GraceEnd {
    /// How long the grace was, as the wire shows it.
    #[must_use]
    pub fn duration(&self) -> TimeDelta {
        self.until.time - self.goaway.time
    }
}

/// Who sends the same as often as this gets no answer.
const UNANSWERED_RETRANSMISSIONS: u64 = 3;

/// One connection, from its first packet to its last.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionRecord {
    /// Its number in this analysis.
    pub number: u32,
    /// Its number while the capture was read, by which calls were told that are not listed.
    pub(crate) told_as: u32,
    /// What that follows from.
    pub(crate) order: RecognitionOrder,
    /// Wireshark's `tcp.stream` index, counted over all TCP connections of the capture.
    pub tcp_stream: u32,
    /// The side that opened it.
    pub client: SocketAddr,
    /// The side that accepted it.
    pub server: SocketAddr,
    /// Who they are: known once an analysis has ended.
    pub names: Sparse<EndNames>,
    /// The protocol below HTTP/2, or that it turned out to be none.
    pub transport: Transport,
    /// What came instead of HTTP/2.
    pub(crate) instead: Option<Box<Instead>>,
    /// Whether the client's preface was seen.
    pub preface_seen: bool,
    /// Whether the capture holds its beginning: that preface, or all there was of a client that has sent none.
    pub beginning_seen: bool,
    /// How it was recognised without one.
    pub guess: Option<Guess>,
    /// What its TLS agreed on.
    pub tls: Option<Box<Facts>>,
    /// The SYN of the client; `None` where it was not captured.
    pub opened: Option<Stamp>,
    /// The packet that gave it away.
    pub recognised: Stamp,
    /// How far the capture was from both ends.
    pub handshake: Option<Handshake>,
    /// Its first FIN or RST.
    pub close: Option<Close>,
    /// How quiet it was then.
    pub quiet_close: Option<QuietClose>,
    /// Streams that the client opened, and the highest of their ids.
    pub streams_opened: u64,
    /// The highest id of those.
    pub highest_stream: u32,
    /// GOAWAYs of both sides, in order.
    pub goaways: Vec<GoAway>,
    /// For the server's final GOAWAY: whether the client had a round trip's warning before it;
    /// `None` where that cannot be judged, or there is none.
    pub warned: Option<bool>,
    /// Streams that the client opened although it had had a GOAWAY for a while.
    pub late_opens: Sparse<LateOpens>,
    /// The settings of each side, the latest value of each; `None` if no SETTINGS of it were seen.
    pub settings: PerSide<Option<Vec<(SettingId, u32)>>>,
    /// When both sides' first SETTINGS had been seen: the server's transport was up by then.
    pub set_up: Option<Timestamp>,
    /// The server's last frame.
    pub server_last_frame: Option<Timestamp>,
    /// How many PINGs there were, and how long their acknowledgements took.
    pub pings: Sparse<PingCounts>,
    /// What PINGs say of keepalive.
    pub keepalive: Sparse<KeepaliveRecord>,
    /// The server's first GOAWAY, and how busy it was then.
    pub(crate) first_goaway: Option<Box<FirstGoAway>>,
    /// How many streams were open at the same time at most.
    pub most_open: u64,
    /// The latest time in which what each side had sent stayed unacknowledged.
    pub ack_stalls: Sparse<PerSide<Option<AckStall>>>,
    /// Who first sent bytes that are not valid HTTP/2, though nothing of them is missing, and where.
    pub nonsense: Option<Box<(Direction, Stamp)>>,
    /// What it shows of the network below it.
    pub network: NetworkPath,
    /// What a capture at the server adds, where there is one beside that at the client.
    pub both_ends: Option<Box<BothEnds>>,
    /// What its frames say of windows, limits and floods.
    pub traffic: Traffic,
    /// What of it the protocol forbids, or its peers had asked not to be sent.
    pub conformance: Sparse<Conformance>,
    /// Settings and pings one by one; empty unless all calls were asked for.
    pub control_frames: Sparse<ControlFrameLog>,
    /// What the capture lacks of it.
    pub missing: Sparse<CaptureGaps>,
    /// How many of its calls had each verdict, listed or not.
    pub verdicts: VerdictCounts,
    /// How the time after its server's GOAWAY ran out under calls, if it did.
    pub grace_end: Option<Box<GraceEnd>>,
    /// The largest gRPC message that each side took in a call that succeeded; 0 if none was large.
    pub taken: PerSide<u32>,
    /// The first `user-agent` seen.
    pub user_agent: Option<Arc<[u8]>>,
    /// The first `server` header seen.
    pub server_header: Option<Arc<[u8]>>,
}

impl ConnectionRecord {
    /// Of a connection that was just recognised.
    pub(super) fn new(recognition: &Recognition) -> Self {
        Self {
            number: recognition.number,
            told_as: recognition.number,
            order: recognition.order,
            tcp_stream: recognition.tcp_stream,
            client: recognition.client,
            server: recognition.server,
            names: Sparse::default(),
            transport: recognition.transport,
            instead: None,
            preface_seen: recognition.preface_seen,
            beginning_seen: recognition.beginning_seen,
            guess: recognition.guess,
            tls: recognition.tls.clone().map(Box::new),
            opened: recognition.opened,
            recognised: recognition.recognised,
            handshake: recognition.handshake,
            close: None,
            quiet_close: None,
            streams_opened: 0,
            highest_stream: 0,
            goaways: Vec::new(),
            warned: None,
            late_opens: Sparse::default(),
            settings: PerSide::default(),
            set_up: None,
            server_last_frame: None,
            pings: Sparse::default(),
            keepalive: Sparse::default(),
            first_goaway: None,
            most_open: 0,
            ack_stalls: Sparse::default(),
            nonsense: None,
            network: NetworkPath::default(),
            both_ends: None,
            traffic: Traffic::default(),
            conformance: Sparse::default(),
            control_frames: Sparse::default(),
            missing: Sparse::default(),
            verdicts: VerdictCounts::default(),
            grace_end: None,
            taken: PerSide::default(),
            user_agent: None,
            server_header: None,
        }
    }

    /// A side sent SETTINGS.
    pub(super) fn learn_settings(
        &mut self,
        from: Direction,
        settings: Settings<'_>,
        time: Timestamp,
    ) {
        if self.settings[from].is_none() && self.settings[from.reverse()].is_some() {
            self.set_up.get_or_insert(time);
        }
        let known = self.settings[from].get_or_insert_default();
        for (id, value) in settings.iter() {
            if let Some((_, latest)) = known.iter_mut().find(|(known, _)| *known == id) {
                *latest = value;
            } else if known.len() < MAX_SETTINGS {
                known.push((id, value));
            }
        }
    }

    /// What came instead of HTTP/2.
    #[must_use]
    pub fn instead(&self) -> Option<Instead> {
        self.instead.as_deref().copied()
    }

    /// Something else than HTTP/2 came.
    pub(crate) fn set_instead(&mut self, instead: Instead) {
        self.instead = Some(Box::new(instead));
    }

    /// The server's first GOAWAY, and how busy it was then.
    #[must_use]
    pub fn first_goaway(&self) -> Option<FirstGoAway> {
        self.first_goaway.as_deref().copied()
    }

    /// The RST with which the server's kernel refused a connect; `None` if it did not.
    #[must_use]
    pub fn refused(&self) -> Option<Stamp> {
        let close = self.close.filter(|_| self.transport == Transport::None)?;
        let refused = close.by == Direction::ServerToClient && close.ending == Ending::Rst;
        refused.then_some(close.stamp)
    }

    /// The addresses of its two ends.
    #[must_use]
    pub const fn ends(&self) -> PerSide<SocketAddr> {
        PerSide {
            client: self.client,
            server: self.server,
        }
    }

    /// How long the handshake took: a round trip between client and server, wherever the capture was made.
    #[must_use]
    pub fn round_trip(&self) -> Option<TimeDelta> {
        let handshake = self.handshake?;
        Some(handshake.round_trip)
    }

    /// What a side set a setting to at last; `None` where it was not seen to set it.
    #[must_use]
    pub fn setting(&self, of: Direction, id: SettingId) -> Option<u32> {
        let mut settings = self.settings[of].iter().flatten();
        let (_, value) = settings.find(|(known, _)| *known == id)?;
        Some(*value)
    }

    /// The GOAWAYs of a side that end it, in order: not those that answer the other side's end of it.
    pub fn ending_goaways(&self, from: Direction) -> impl Iterator<Item = &GoAway> {
        let goaways = self.goaways.iter();
        goaways.filter(move |goaway| goaway.from == from && !goaway.after_end)
    }

    /// Whether a GOAWAY ends it in order: with NO_ERROR, or as Apache httpd's does, which has announced that
    /// it stops, and then fails a callback of its own on purpose.
    #[must_use]
    pub fn is_graceful(&self, goaway: &GoAway) -> bool {
        let announced = |error| {
            let mut before = self.ending_goaways(goaway.from);
            error == ErrorCode::CALLBACK_FAILURE
                && before.any(|other| other.is_announcement() && other.error == ErrorCode::NO_ERROR)
        };
        goaway.error == ErrorCode::NO_ERROR || announced(goaway.error)
    }

    /// The first GOAWAY that declares it broken.
    #[must_use]
    pub fn declared_broken(&self) -> Option<&GoAway> {
        let mut goaways = self.goaways.iter();
        goaways.find(|goaway| !goaway.after_end && !self.is_graceful(goaway))
    }

    /// What came instead of HTTP/2 took its place, unless it is an alert that answers the other side's end: then
    /// that had no use for the connection any more.
    pub(super) fn judge_transport(&mut self) {
        let Some(instead) = self.instead() else {
            return;
        };
        let answers_end = self
            .close
            .is_some_and(|close| close.by == instead.by.reverse() && close.stamp < instead.stamp);
        if answers_end && instead.protocol.is_alert() {
            self.instead = None;
        } else {
            self.transport = Transport::NotHttp2;
        }
    }

    /// Whether its calls are hidden: TLS that was not decrypted, unless its client closed it without having sent
    /// anything to hide.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        let reached = self.tls.as_ref().map(|facts| facts.reached);
        let left = matches!(reached, Some(Reached::Unfinished | Reached::Unused))
            && self
                .close
                .is_some_and(|close| close.by == Direction::ClientToServer);
        self.transport == Transport::Tls && !left
    }

    /// The side of which nothing was captured though the other acknowledges its bytes, or goes on as if they
    /// came: nothing may be concluded from what it was not seen to send.
    #[must_use]
    pub fn uncaptured(&self) -> Option<Direction> {
        let sides = self.network.sides.iter();
        let mut silent = sides.filter(|(_, stats)| !stats.captured);
        let uncaptured = silent.find(|(side, _)| {
            let other = &self.network.sides[side.reverse()];
            // One that nobody answers sends the same again and again.
            let given_up = other.retransmissions >= UNANSWERED_RETRANSMISSIONS;
            other.captured && (self.missing.per_side[*side].bytes > 0 || !given_up)
        });
        uncaptured.map(|(side, _)| side)
    }

    /// Forgets what was concluded from the silence of a side that was not captured.
    pub(super) fn forget_silence(&mut self) {
        if self.uncaptured().is_none() {
            return;
        }
        let answered = PingCounts {
            unanswered: 0,
            ..*self.pings
        };
        self.pings = answered.into();
        self.keepalive = Sparse::default();
        self.ack_stalls = Sparse::default();
        self.traffic = Traffic::default();
    }

    /// Whether the server's first GOAWAY only answers the client's own: it ends nothing then.
    #[must_use]
    pub fn goaway_answers_client(&self) -> bool {
        let Some(first) = self.server_goaways().next() else {
            return false;
        };
        let mut farewells = self.goaways.iter().filter(|goaway| goaway.from_client());
        let farewell = farewells.any(|goaway| {
            let received = goaway.received;
            received.is_some_and(|received| received <= first.stamp)
        });
        let half_trip = self.round_trip().unwrap_or_default() / 2;
        let closed = self.close.is_some_and(|close| {
            let since = first.stamp.time - close.stamp.time;
            close.by == Direction::ClientToServer && since >= half_trip && first.stamp > close.stamp
        });
        farewell || closed
    }

    /// Whether it had begun before the capture did. What a capture lacks of a beginning whose SYN it has is missing, or
    /// was not decrypted.
    #[must_use]
    pub const fn began_before(&self) -> bool {
        !self.beginning_seen && self.opened.is_none()
    }

    /// Whether the server sent again what the client has not acknowledged since, as far as is known by now.
    pub(crate) fn server_resent_in_vain(&self) -> bool {
        let unacknowledged = self.network.sides.server.unacknowledged.as_ref();
        unacknowledged.is_some_and(|silence| silence.resent.is_some())
    }

    /// Why what became of a call on it cannot be known.
    #[must_use]
    pub fn doubt(&self, rpc: &Rpc) -> Doubt {
        self.doubt_about(rpc.opened, rpc.doubt)
    }

    /// The same of a call of which only its opening is known, and what made it doubtful in itself.
    pub(crate) fn doubt_about(&self, opened: Option<Stamp>, own: Option<Doubt>) -> Doubt {
        let missing = &self.missing;
        match () {
            () if missing.evicted > 0 || missing.streams > 0 => Doubt::Evicted,
            () if opened.is_none() && self.began_before() => Doubt::BeganBefore,
            () if opened.is_none() => Doubt::HeadersMissing,
            () if self.uncaptured().is_some() => Doubt::OneWay,
            () if missing.losses > 0 => own.unwrap_or(Doubt::FramesMissing),
            () => own.unwrap_or(Doubt::StatusUnreadable),
        }
    }

    /// The server's final GOAWAY: the first of those with the smallest last stream id.
    #[must_use]
    pub fn final_goaway(&self) -> Option<&GoAway> {
        // `min_by_key` gives the first of equal ones.
        self.server_goaways()
            .min_by_key(|goaway| goaway.last_stream_id)
    }

    /// The server's GOAWAYs in order.
    pub fn server_goaways(&self) -> impl Iterator<Item = &GoAway> {
        self.goaways
            .iter()
            .filter(|goaway| goaway.from == Direction::ServerToClient)
    }
}

/// A connection and those of its calls that are to be reported.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What is known of the connection.
    pub record: ConnectionRecord,
    /// Its calls that are to be reported, by stream.
    pub rpcs: Vec<Rpc>,
}

/// The calls of all connections, in order.
pub(in crate::inspect) fn calls_mut(finished: &mut [Finished]) -> impl Iterator<Item = &mut Rpc> {
    finished.iter_mut().flat_map(|finished| &mut finished.rpcs)
}
