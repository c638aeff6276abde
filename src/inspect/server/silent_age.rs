//! A server that closes connections at an age, without a GOAWAY before.
//!
//! In: a server's connections. Out: the age, where connections that carried open calls were closed at the same
//! one. tonic does so where both max_connection_age and max_connection_age_grace are set, at their sum.

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::peer::confidence::Confidence;
use super::super::peer::server::ServerStack;
use super::super::stream::rpc::Verdict;
use super::{Estimate, nominal};
use crate::capture::Timestamp;
use crate::decode::Direction;
use crate::decode::tcp::Ending;

/// Ages this close to each other are one setting: in seconds, and as a share.
const SAME_AGE: (f64, f64) = (0.03, 0.02);

/// Closes within this time, in seconds, are one act of the server.
const SAME_MOMENT: f64 = 0.25;

/// The age at which a server that runs this software closes connections in silence.
pub(super) fn of(connections: &[&Finished], stack: ServerStack) -> Option<Estimate> {
    if stack != ServerStack::Rust {
        return None;
    }
    let records = connections.iter().map(|finished| &finished.record);
    let mut closes: Vec<_> = records.filter_map(closed_at).collect();
    closes.sort_by_key(|(moment, _)| *moment);
    let ages = || closes.iter().map(|(_, age)| *age);
    let (least, most) = (ages().reduce(f64::min)?, ages().reduce(f64::max)?);
    let reach = SAME_AGE.0.max(least * SAME_AGE.1);
    let (first, last) = (closes.first()?.0, closes.last()?.0);
    let apart = (last - first).as_secs_f64() > SAME_MOMENT;
    if closes.len() < 2 || most - least > reach || !apart {
        return None;
    }
    let value = nominal::behind(least);
    Some(Estimate {
        value,
        samples: closes.len() as u64,
        min: least.min(value),
        max: most.max(value),
        confidence: Confidence::Likely,
    })
}

/// When, and at which age, a server closed a connection with calls open and no GOAWAY.
fn closed_at(record: &ConnectionRecord) -> Option<(Timestamp, f64)> {
    let close = record
        .close
        .filter(|close| close.by == Direction::ServerToClient && close.ending == Ending::Fin)?;
    let silent = record.server_goaways().next().is_none();
    let cut = record.verdicts.of(Verdict::CutByClose) > 0;
    let age = close.stamp.time - record.opened?.time;
    (silent && cut).then(|| (close.stamp.time, age.as_secs_f64()))
}
