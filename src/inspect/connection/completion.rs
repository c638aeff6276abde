//! Streams that are over: their verdict is found, they are counted, and the record of the call is made.
//!
//! Those that were answered are over once the client has acknowledged the answer; the others when the
//! connection ends.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Connection;
use crate::capture::Timestamp;
use crate::inspect::options::Options;
use crate::inspect::options::filter::Filter;
use crate::inspect::stream::Stream;
use crate::inspect::stream::attempt::Attempt;
use crate::inspect::stream::fingerprint::Identity;
use crate::inspect::stream::rpc::{CallId, Outcome, Rpc, Verdict};
use crate::inspect::stream::verdict::{self, VerdictDetails};

impl Connection {
    /// The client has received everything up to `upto`: answers that end before are delivered.
    pub(super) fn settle(&mut self, upto: u64, options: &Options) {
        while let Some((id, call)) = self.streams.take_delivered(upto) {
            self.report(id, call, options);
        }
    }

    pub(super) fn report(&mut self, id: u32, stream: Stream, options: &Options) {
        self.context.final_goaway = self.goaways.final_of_server();
        let details = verdict::of(id, &stream, &self.context);
        let silent = matches!(details.verdict, Verdict::Ok | Verdict::Unknown);
        let told = stream.told;
        if options.methods && !told {
            self.counted
                .push((stream.request.method.clone(), details.verdict));
        }
        let identity = stream.request.fingerprint.identity();
        let timeout = stream.request.timeout;
        let shape = stream.request.shape;
        let rpc = tell(
            CallId {
                connection: self.record.number,
                stream: id,
            },
            stream,
            details,
        );
        if !told {
            self.note_attempt(&rpc, identity, timeout);
        }
        if !is_asked_for(&rpc, &options.filter, self.capture_begin) {
            return;
        }
        self.record.verdicts.add(rpc.verdict);
        self.record.missing.count(&rpc);
        // What was told once is told to its end.
        if !silent || options.all || told {
            self.unnamed.extend(shape.map(|shape| (id, shape)));
            self.settled.push(rpc);
        }
    }

    /// Gives settled calls the methods that could not be read, where the requests leave only one.
    pub(super) fn name_unnamed(&mut self) {
        if self.unnamed.is_empty() {
            return;
        }
        let inferred = self.requests.inferred_paths();
        let shapes: FxHashMap<_, _> = self.unnamed.drain(..).collect();
        for rpc in &mut self.settled {
            let shape = shapes.get(&rpc.id.stream).copied();
            if let Some(path) = shape.and_then(|shape| inferred.path(shape)) {
                rpc.method = Some(path);
                rpc.method_inferred = true;
            }
        }
    }

    pub(super) fn note_attempt(
        &mut self,
        rpc: &Rpc,
        identity: Option<Identity>,
        timeout: Option<Duration>,
    ) {
        let attempt = identity.and_then(|identity| Attempt::of(rpc, identity, timeout));
        self.attempts.extend(attempt);
    }

    /// The attempts that ended since this was last asked.
    pub(in crate::inspect) fn take_attempts(&mut self) -> impl Iterator<Item = Attempt> {
        self.attempts.drain(..)
    }
}

pub(super) fn tell(id: CallId, stream: Stream, details: VerdictDetails) -> Rpc {
    let VerdictDetails {
        verdict,
        ended,
        error,
        race,
        late_by,
        processed,
    } = details;
    let Stream {
        opened,
        request,
        answer,
        ..
    } = stream;
    let outcome = match verdict {
        Verdict::Ok => Outcome::Ok,
        Verdict::Status | Verdict::ResetByClient | Verdict::DeadlineExceeded => Outcome::Failed,
        // A retry may have saved the call; linking attempts tells.
        _ => Outcome::Unknown,
    };
    Rpc {
        id,
        method: request.method,
        method_inferred: false,
        authority: request.authority,
        opened: opened.map(|carrier| carrier.stamp),
        doubt: None,
        timeout: request.timeout,
        answer_begun: answer.begun,
        ended,
        verdict,
        race,
        late_by,
        processed,
        grpc_status: answer.grpc_status.value().cloned(),
        grpc_message: answer.grpc_message,
        http_status: answer.http_status.value().copied(),
        error,
        retried_as: None,
        retry_of: None,
        outcome,
        app_error: None,
        headers: request.headers,
        request_messages: (request.messages.count, request.messages.bytes),
        response_messages: (answer.messages.count, answer.messages.bytes),
    }
}

/// Whether a call is among those that are asked for.
fn is_asked_for(rpc: &Rpc, filter: &Filter, capture_begin: Timestamp) -> bool {
    let opened = rpc.opened.or(rpc.ended);
    filter.wants_stream(rpc.id.stream)
        && filter.wants_method(rpc.method.as_deref())
        && opened.is_none_or(|opened| filter.wants_time(opened.time, capture_begin))
}
