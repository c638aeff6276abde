//! A server that closes connections at an age, without a GOAWAY before.
//!
//! In: a server's connections. Out: the age, where connections that carried open calls were closed at the same
//! one. tonic does so where both max_connection_age and max_connection_age_grace are set, at their sum.

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::peer::confidence::Confidence;
use super::super::peer::server::ServerStack;
use super::super::stream::rpc::Verdict;
use super::goaway_cause::age_at;
use super::{Estimate, nominal};
use crate::capture::Timestamp;
use crate::decode::Direction;

/// Ages this close to each other are one setting: in seconds, and as a share.
const SAME_AGE: (f64, f64) = (0.03, 0.02);

/// An age that is known no better than this share of it shows nothing.
const KNOWN_WITHIN: f64 = 0.1;

/// Closes within this time, in seconds, are one act of the server.
const SAME_MOMENT: f64 = 0.25;

/// When a server closed a connection, and between which ages, in seconds.
pub(crate) type AgedClose = (Timestamp, (f64, f64));

/// The age at which a server that runs this software closes connections in silence.
pub(super) fn of(connections: &[&Finished], stack: ServerStack) -> Option<Estimate> {
    if stack != ServerStack::Rust {
        return None;
    }
    let records = connections.iter().map(|finished| &finished.record);
    let in_silence = records.filter(|record| {
        let orderly = record.close.is_some_and(|close| close.ending.is_orderly());
        let silent = record.server_goaways().next().is_none();
        orderly && silent && record.verdicts.of(Verdict::CutByClose) > 0
    });
    let closes: Vec<_> = in_silence.filter_map(aged_close).collect();
    let (min, max) = same(&closes)?;
    let value = nominal::behind(min);
    Some(Estimate {
        value,
        samples: closes.len() as u64,
        min: min.min(value),
        max: max.max(value),
        confidence: Confidence::Likely,
    })
}

/// When, and between which ages, a server closed a connection whose beginning was captured.
pub(crate) fn aged_close(record: &ConnectionRecord) -> Option<AgedClose> {
    let close = record.close?;
    let by_server = close.by == Direction::ServerToClient;
    let moment = close.stamp.time;
    Some((moment, age_at(record, moment)?)).filter(|_| by_server)
}

/// The least and the greatest age seen, in seconds, where connections were closed at the same one: two at least, at
/// different moments.
pub(crate) fn same(closes: &[AgedClose]) -> Option<(f64, f64)> {
    let (first, last) = (
        closes.iter().map(|(moment, _)| *moment).min()?,
        closes.iter().map(|(moment, _)| *moment).max()?,
    );
    let ages = || closes.iter().map(|(_, age)| *age);
    let latest_beginning = ages().map(|(from, _)| from).reduce(f64::max)?;
    let (youngest, oldest) = (
        ages().map(|(_, to)| to).reduce(f64::min)?,
        ages().map(|(_, to)| to).reduce(f64::max)?,
    );
    let known = ages().all(|(from, to)| to - from <= to * KNOWN_WITHIN);
    let reach = SAME_AGE.0.max(youngest * SAME_AGE.1);
    let apart = (last - first).as_secs_f64() > SAME_MOMENT;
    let one = known && latest_beginning <= youngest + reach;
    (one && apart && closes.len() > 1).then_some((youngest, oldest))
}
