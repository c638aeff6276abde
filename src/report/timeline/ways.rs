//! What passed between the two ends of a connection, by the clock of the client's capture.
//!
//! In: the crossings of a connection and the clock of the capture at its server. Out: a [`Way`] for each, with when it
//! was at either end. Clocks are known within bounds: what the server's end saw stands in their middle, and how long
//! something took is told as bounds.

use crate::capture::{TimeDelta, Timestamp};
use crate::decode::{Direction, TransitFate, Vantage};
use crate::inspect::report::Report;
use crate::inspect::{BothEnds, ConnectionRecord, Crossing, CrossingKind};
use crate::units::{count, counted, duration};

/// One thing on its way between the two captures.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub(super) crossing: &'a Crossing,
    /// When the capture at the client has it.
    pub(super) client: Option<Timestamp>,
    /// When that at the server has it, in the middle of what the clocks allow.
    pub(super) server: Option<Timestamp>,
    /// How long it took, at least and at most.
    pub(super) took: Option<(TimeDelta, TimeDelta)>,
    /// When that at the server shows that it was acknowledged, and in which packet.
    pub(super) acknowledged: Option<(Timestamp, Option<u64>)>,
}

impl Way<'_> {
    /// When it left, or came where that is not known.
    pub(super) fn time(&self) -> Option<Timestamp> {
        match self.crossing.from {
            Direction::ClientToServer => self.client.or(self.server),
            Direction::ServerToClient => self.server.or(self.client),
        }
    }

    /// What became of it.
    pub(super) const fn fate(&self) -> WayFate {
        WayFate::of(self.crossing)
    }
}

/// What became of what one end sent, as far as two captures show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WayFate {
    /// It came.
    Came,
    /// The network lost it, and a copy came.
    LostOnce,
    /// The network lost it for good.
    Lost,
    /// It came, and the capture there lacks it.
    Uncaptured,
    /// It came, and the capture at its sender lacks it.
    Unsent,
    /// The captures do not show it.
    Unknown,
}

impl WayFate {
    pub(super) const ALL: [Self; 6] = [
        Self::Came,
        Self::LostOnce,
        Self::Lost,
        Self::Uncaptured,
        Self::Unsent,
        Self::Unknown,
    ];

    pub(super) const fn of(crossing: &Crossing) -> Self {
        match (crossing.sent, crossing.fate) {
            (None, TransitFate::Uncaptured) => Self::Unsent,
            // It came; only when it left is not known.
            (None, _) | (_, TransitFate::Came) => Self::Came,
            (_, TransitFate::Lost(Some(_))) => Self::LostOnce,
            (_, TransitFate::Lost(None)) => Self::Lost,
            (_, TransitFate::Uncaptured) => Self::Uncaptured,
            (_, TransitFate::Unknown) => Self::Unknown,
        }
    }

    /// Its name in the page's data.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Came => "came",
            Self::LostOnce => "lost_once",
            Self::Lost => "lost",
            Self::Uncaptured => "uncaptured",
            Self::Unsent => "unsent",
            Self::Unknown => "unknown",
        }
    }

    /// In a word or two, where it is drawn.
    pub(super) const fn brief(self) -> &'static str {
        match self {
            Self::Came => "",
            Self::LostOnce | Self::Lost => "lost",
            Self::Uncaptured | Self::Unsent => "not captured",
            Self::Unknown => "not known",
        }
    }

    /// What it is, and what proves it.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Came => "it came",
            Self::LostOnce => {
                "the network lost it: it never came, and a copy sent later was the first that did"
            }
            Self::Lost => "the network lost it: it never came, and nobody acknowledged it",
            Self::Uncaptured => {
                "it came, for it was acknowledged: the capture there lacks it, the network lost nothing"
            }
            Self::Unsent => "it came, and the capture at its sender lacks it",
            Self::Unknown => "whether it came is not known",
        }
    }

    /// The same of several.
    pub(super) const fn words_of_several(self) -> &'static str {
        match self {
            Self::Came => "they came",
            Self::LostOnce => "the network lost them, and copies came",
            Self::Lost => "the network lost them, and nobody acknowledged them",
            Self::Uncaptured => {
                "they came, for they were acknowledged: the capture there lacks them"
            }
            Self::Unsent => "they came, and the capture at their sender lacks them",
            Self::Unknown => "whether they came is not known",
        }
    }
}

/// What passed on a connection, in order of time; nothing where it was not captured at both ends.
pub(super) fn of<'a>(report: &Report, record: &'a ConnectionRecord) -> Vec<Way<'a>> {
    let Some(both) = record.both_ends.as_deref() else {
        return Vec::new();
    };
    let vantages = report.vantages.iter();
    let vantage = vantages.clone().find(|vantage| vantage.file == both.file);
    let mut ways: Vec<_> = both
        .crossings
        .iter()
        .filter_map(|crossing| way(crossing, vantage?))
        .collect();
    ways.sort_by_key(|way| (way.time(), way.crossing.what.stream()));
    // Before both captures had begun one of them could not have anything.
    let mut whole = ways.iter().filter(|way| way.crossing.is_whole());
    let begun = whole.next().and_then(Way::time);
    ways.retain(|way| {
        let is_open =
            !way.crossing.is_whole() && matches!(way.fate(), WayFate::Came | WayFate::Unknown);
        !is_open || begun.is_none_or(|begun| way.time() >= Some(begun))
    });
    ways
}

fn way<'a>(crossing: &'a Crossing, vantage: &Vantage) -> Option<Way<'a>> {
    let clock = vantage.clock.as_ref()?;
    let (client, server) = match crossing.from {
        Direction::ClientToServer => (crossing.sent, crossing.came),
        Direction::ServerToClient => (crossing.came, crossing.sent),
    };
    let middle = |(early, late): (Timestamp, Timestamp)| early + (late - early) / 2;
    let client = client.map(|end| end.time);
    let bounds = server.map(|end| clock.at_client(end.time));
    let took = client.zip(bounds).map(|(client, (early, late))| {
        let (least, most) = match crossing.from {
            Direction::ClientToServer => (early - client, late - client),
            Direction::ServerToClient => (client - late, client - early),
        };
        (least.max(TimeDelta::ZERO), most.max(TimeDelta::ZERO))
    });
    Some(Way {
        crossing,
        client,
        server: bounds.map(middle),
        acknowledged: crossing
            .acknowledged
            .map(|end| (middle(clock.at_client(end.time)), end.packet)),
        took,
    })
}

/// The least that each side's data took, at least and at most: what the path itself costs.
pub(super) fn least_of(ways: &[Way<'_>], from: Direction) -> Option<(TimeDelta, TimeDelta)> {
    let took = ways.iter().filter(|way| way.crossing.from == from);
    took.filter_map(|way| way.took)
        .min_by_key(|(_, most)| *most)
}

/// What something is called.
pub(super) fn name(what: CrossingKind) -> String {
    match what {
        CrossingKind::Request(stream) => format!("HEADERS of stream {stream}"),
        CrossingKind::Answer(stream) => format!("the end of the answer on stream {stream}"),
        CrossingKind::Reset(stream) => format!("RST_STREAM of stream {stream}"),
        CrossingKind::GoAway(_) => "GOAWAY".to_owned(),
        CrossingKind::Segment(bytes) => format!("a segment of {}", counted(bytes, "byte")),
        CrossingKind::Retransmission(bytes) => {
            format!("{} sent again", counted(bytes, "byte"))
        }
        other => kind(other).to_owned(),
    }
}

/// The kind of it, as short as it is drawn.
pub(super) const fn kind(what: CrossingKind) -> &'static str {
    match what {
        CrossingKind::Request(_) => "HEADERS",
        CrossingKind::Answer(_) => "END_STREAM",
        CrossingKind::Reset(_) => "RST_STREAM",
        CrossingKind::GoAway(_) => "GOAWAY",
        CrossingKind::Fin => "FIN",
        CrossingKind::Rst => "RST",
        CrossingKind::CloseNotify => "close_notify",
        CrossingKind::Retransmission(_) => "sent again",
        _ => "segment",
    }
}

/// A connection's two ends in a line.
pub(super) fn summary(both: &BothEnds, ways: &[Way<'_>]) -> String {
    let mut parts = vec!["captured at both ends".to_owned()];
    // What separates the bounds of the clocks is a round trip between the two places.
    let sides = [Direction::ClientToServer, Direction::ServerToClient];
    let trips = sides.into_iter().filter_map(|from| least_of(ways, from));
    if let Some((_, round_trip)) = trips.min_by_key(|(_, most)| *most) {
        let round_trip = duration(round_trip);
        parts.push(format!("a round trip takes {round_trip} or more"));
    }
    parts.extend(
        both.lost_segments
            .map(|lost| match (lost.client, lost.server) {
                (0, 0) => "nothing was lost".to_owned(),
                (client, server) => format!(
                    "lost: {} of the client, {} of the server",
                    counted(client, "segment"),
                    count(server)
                ),
            }),
    );
    parts.join("; ")
}
