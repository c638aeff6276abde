//! A connection that shows what happened, as a row of a table.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::Index;
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::Direction;
use crate::decode::http2::ErrorCode;
use crate::decode::tcp::Ending;
use crate::inspect::ConnectionRecord;

/// A connection that shows what happened.
#[derive(Debug)]
pub(in crate::report) struct ConnectionRow<'a> {
    pub(in crate::report) record: &'a ConnectionRecord,
    /// When its server first sent GOAWAY, since what the section counts from.
    pub(in crate::report) goaway: Option<TimeDelta>,
    /// The last stream id of the final one.
    pub(in crate::report) last_stream_id: Option<u32>,
    /// Who closed it, and when.
    pub(in crate::report) closed: Option<Closed>,
    /// How many of the section's calls it carried.
    pub(in crate::report) affected: u64,
}

/// The end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) struct Closed {
    pub(in crate::report) by: Direction,
    pub(in crate::report) ending: Ending,
    /// How long after the GOAWAY, where there was one before.
    pub(in crate::report) after_goaway: Option<TimeDelta>,
    /// When, since what the section counts from.
    pub(in crate::report) at: TimeDelta,
}

impl<'a> ConnectionRow<'a> {
    pub(super) fn of(
        record: &'a ConnectionRecord,
        affected: u64,
        begin: Option<Timestamp>,
    ) -> Self {
        let since = |stamp: Stamp| begin.map(|begin| stamp.time - begin);
        let first = record.server_goaways().next();
        let closed = record.close.and_then(|close| {
            let after_goaway = first.map(|goaway| close.stamp.time - goaway.stamp.time);
            Some(Closed {
                by: close.by,
                ending: close.ending,
                after_goaway: after_goaway.filter(|after| !after.is_negative()),
                at: since(close.stamp)?,
            })
        });
        Self {
            record,
            goaway: first.and_then(|goaway| since(goaway.stamp)),
            last_stream_id: record.final_goaway().map(|goaway| goaway.last_stream_id.0),
            closed,
            affected,
        }
    }
}

/// From when a connection's moments count.
pub(super) fn beginning(
    record: &ConnectionRecord,
    index: &Index<'_>,
    since_opening: bool,
) -> Option<Timestamp> {
    if since_opening {
        record.opened.map(|stamp| stamp.time)
    } else {
        index.epoch
    }
}

/// What the final GOAWAYs said beside NO_ERROR, most frequent first.
pub(super) fn goaway_texts<'a>(
    records: &[(&'a ConnectionRecord, u64)],
) -> Vec<(ErrorCode, &'a [u8], u64)> {
    let mut words: BTreeMap<_, u64> = BTreeMap::new();
    for (record, _) in records {
        let Some(goaway) = record.final_goaway() else {
            continue;
        };
        if goaway.error != ErrorCode::NO_ERROR || !goaway.debug_data.is_empty() {
            *words
                .entry((goaway.error, &*goaway.debug_data))
                .or_default() += 1;
        }
    }
    let mut words: Vec<_> = words
        .into_iter()
        .map(|((error, text), count)| (error, text, count))
        .collect();
    words.sort_by_key(|(_, _, count)| Reverse(*count));
    words
}
