//! What a capture at the server adds to what the client's end saw.
//!
//! In: the connections as the client's end saw them, and an [`Analysis`] of a capture at the server with what the two
//! captures are to each other. Out: the same connections, each call with what became of it [there](AtServer). The
//! client's end decides verdicts as ever; what the server's end proves is whether a call can have run.

mod crossings;

use std::collections::HashMap;
use std::net::SocketAddr;

use super::connection::record::{ConnectionRecord, Finished};
use super::report::Analysis;
use super::stream::at_server::{AtServer, LostOnTheWay};
use super::stream::rpc::{Processed, Rpc, Verdict};
use super::stream::seen_call::SeenCall;
use crate::decode::{AckWatch, OtherEndBytes, UNDER_WAY, Vantages};
use crossings::{Asked, Twins};

/// A capture at the server, analysed by itself.
#[derive(Debug)]
pub struct ServerEnd<'a> {
    /// How it stands to the others.
    pub vantages: &'a Vantages,
    /// Which of the captures it is, from 0 in the order given.
    pub file: usize,
    /// What it shows.
    pub analysis: &'a Analysis,
    /// What it shows to be acknowledged of what only the other capture has.
    pub acks: &'a AckWatch,
}

/// The connections of a capture at the server, by the addresses of client and server as the client's capture has them.
type ByEnds<'a> = HashMap<(SocketAddr, SocketAddr), Vec<&'a ConnectionRecord>>;

impl ServerEnd<'_> {
    /// Adds what it shows to the connections that it has too.
    pub fn add_to(&self, finished: &mut [Finished]) {
        let mut there = ByEnds::new();
        for record in &self.analysis.connections {
            let ends = (record.client, record.server);
            if let Some(ends) = self.vantages.seen_by_client(self.file, ends) {
                there.entry(ends).or_default().push(record);
            }
        }
        // An address and port used again is another connection: those of both captures stand in the same order.
        let mut used: HashMap<(SocketAddr, SocketAddr), usize> = HashMap::new();
        let mut asked = Asked::default();
        for (number, Finished { record, rpcs }) in finished.iter_mut().enumerate() {
            let ends = (record.client, record.server);
            let Some(records) = there.get(&ends) else {
                continue;
            };
            let place = used.entry(ends).or_default();
            let twin = records.get(*place);
            *place += 1;
            if let Some(twin) = twin {
                let ends = (twin.client, twin.server);
                // Their sequence numbers are two connections'.
                let only = records.len() == 1;
                let bytes = match only {
                    true => self.vantages.other_end_bytes(self.file, ends),
                    false => OtherEndBytes::default(),
                };
                let there = self.calls_of(twin);
                self.add(record, rpcs, there, bytes);
                let twins = Twins {
                    record,
                    rpcs,
                    twin,
                    there,
                    file: u32::try_from(self.file).unwrap_or(u32::MAX),
                    acks: self.acks,
                };
                let transits = self.vantages.transits(self.file, ends);
                let both = twins.both_ends(bytes, transits.filter(|_| only));
                if only {
                    asked.add(number, ends, &both);
                }
                record.both_ends = Some(Box::new(both));
            }
        }
        let fates = self.vantages.fates(self.file, asked.segments());
        for ((number, place), transit) in asked.answers(fates) {
            let record = finished.get_mut(number).map(|one| &mut one.record);
            let both = record.and_then(|record| record.both_ends.as_deref_mut());
            if let Some(crossing) = both.and_then(|both| both.crossings.get_mut(place)) {
                crossings::answer(crossing, &transit);
            }
        }
    }

    /// The calls of a connection of the capture at the server.
    fn calls_of(&self, twin: &ConnectionRecord) -> &[SeenCall] {
        let calls = &self.analysis.seen.calls;
        let begin = calls.partition_point(|seen| seen.call.connection < twin.number);
        let end = calls.partition_point(|seen| seen.call.connection <= twin.number);
        calls.get(begin..end).unwrap_or_default()
    }

    fn add(
        &self,
        record: &ConnectionRecord,
        rpcs: &mut [Rpc],
        there: &[SeenCall],
        bytes: OtherEndBytes,
    ) {
        for rpc in rpcs {
            let seen = SeenCall::of_stream(there, rpc.id.stream);
            let at_server = match seen {
                Some(call) => AtServer {
                    arrived: call.opened.map(|stamp| stamp.time),
                    answered: call.answered().map(|stamp| stamp.time),
                    lost: (bytes.answer_lost && call.answered().is_some() && !rpc.is_answered())
                        .then_some(LostOnTheWay::Answer),
                },
                None => AtServer {
                    lost: self
                        .never_came(record, rpc, bytes)
                        .then_some(LostOnTheWay::Request),
                    ..AtServer::default()
                },
            };
            if rpc.processed == Processed::Maybe {
                if at_server.lost == Some(LostOnTheWay::Request) {
                    rpc.processed = Processed::No;
                } else if seen.is_some_and(|call| call.verdict == Verdict::Ok) {
                    rpc.processed = Processed::Yes;
                }
            }
            rpc.at_server = Some(Box::new(at_server));
        }
    }

    /// Whether a call that the capture at the server does not have never came there: bytes of its client are missing there
    /// that nobody acknowledged, that capture lacks none that were, and the server went on to say so when nothing of them
    /// could come any more.
    fn never_came(&self, record: &ConnectionRecord, rpc: &Rpc, bytes: OtherEndBytes) -> bool {
        let all_seen = self.analysis.seen.left_out == 0 && self.analysis.unlisted.connections == 0;
        let waited = rpc
            .opened
            .zip(bytes.last_acknowledgement)
            .is_some_and(|(opened, last)| {
                let last = self.vantages.at_client(self.file, last);
                last - opened.time >= UNDER_WAY
            });
        bytes.request_lost
            && !bytes.request_uncaptured
            && all_seen
            && record.close.is_some()
            && waited
    }
}
