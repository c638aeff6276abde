//! One call that died, as a row of a table.

use std::borrow::Cow;

use super::Detail;
use crate::capture::{TimeDelta, Timestamp};
use crate::inspect::{ConnectionRecord, Rpc, Verdict};

/// One call that died.
#[derive(Debug)]
pub(in crate::report) struct RpcRow<'a> {
    pub(in crate::report) rpc: &'a Rpc,
    /// Wireshark's index of its connection.
    pub(in crate::report) tcp_stream: Option<u32>,
    /// Its method without what is secret in it, if it is known.
    pub(in crate::report) method: Option<Cow<'a, [u8]>>,
    /// When it was opened, since what the section counts from.
    pub(in crate::report) opened: Option<TimeDelta>,
    /// How long it waited; nothing waits for an answer beyond the last stream id.
    pub(in crate::report) waited: Option<TimeDelta>,
    /// The headers that were asked for, without what is secret in them.
    pub(in crate::report) headers: Vec<Header<'a>>,
}

/// A name, and its values as far as they are known.
pub(in crate::report) type Header<'a> = (&'a [u8], Vec<Option<Cow<'a, [u8]>>>);

impl<'a> RpcRow<'a> {
    pub(super) fn of(
        rpc: &'a Rpc,
        record: Option<&ConnectionRecord>,
        begin: Option<Timestamp>,
        detail: Detail,
    ) -> Self {
        let waits = rpc.verdict != Verdict::BeyondLastStreamId;
        let headers = rpc.headers.iter().map(|header| {
            let name: &[u8] = &header.name;
            let values = header.values.iter().map(|value| {
                let value = value.as_deref();
                value.map(|value| detail.secrets.value(name, value))
            });
            (name, values.collect())
        });
        Self {
            rpc,
            tcp_stream: record.map(|record| record.tcp_stream),
            method: detail.secrets.method(rpc),
            opened: rpc
                .opened
                .zip(begin)
                .map(|(stamp, begin)| stamp.time - begin),
            waited: rpc
                .duration()
                .filter(|waited| waits && !waited.is_negative()),
            headers: headers.collect(),
        }
    }
}
