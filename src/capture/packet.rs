//! One captured packet, and the stamp that says where and when a thing was seen.

use std::fmt;
use std::time::Duration;

use super::LinkType;

/// A moment in nanoseconds since 1970-01-01T00:00:00Z, as the capture recorded it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `nanoseconds` after (or, negative, before) the epoch.
    #[must_use]
    pub const fn from_nanos(nanoseconds: i64) -> Self {
        Self(nanoseconds)
    }

    /// Reads RFC 3339, such as [`Display`](fmt::Display) writes; `None` if it is not that.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let moment: jiff::Timestamp = text.parse().ok()?;
        i64::try_from(moment.as_nanosecond()).ok().map(Self)
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// Nanoseconds from `earlier` to here; negative where `earlier` is later.
    #[must_use]
    pub const fn nanos_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }

    /// This moment moved by `duration`.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        let nanoseconds = i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
        Self(self.0.saturating_add(nanoseconds))
    }
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-22T06:50:53.295471000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(moment) => write!(formatter, "{moment:.9}"),
            Err(_) => formatter.write_str("1970-01-01T00:00:00.000000000Z"),
        }
    }
}

/// Where and when a thing was seen: what a claim cites.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stamp {
    /// When the packet was captured.
    pub time: Timestamp,
    /// The packet's number in its file, from 1, as Wireshark counts.
    pub packet: u64,
    /// The file the packet came from, from 0 in the order given.
    pub file: u32,
}

/// One packet as captured, borrowed from the reader's buffer.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// Where and when.
    pub stamp: Stamp,
    /// What kind of header `data` begins with.
    pub link_type: LinkType,
    /// Length on the wire in bytes; longer than `data` where the snap length cut the packet.
    pub original_length: u32,
    /// The captured bytes, from the link-layer header on.
    pub data: &'a [u8],
}
