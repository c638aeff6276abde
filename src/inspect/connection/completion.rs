//! Streams that are over: judged, counted, and told.
//!
//! Answered ones are told once the client has acknowledged the answer; the others when the connection
//! ends.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::Connection;
use crate::inspect::options::Interest;
use crate::inspect::retry::{self, Attempt};
use crate::inspect::stream::Stream;
use crate::inspect::stream::fingerprint::{self, Identity};
use crate::inspect::stream::rpc::{CallId, Outcome, Rpc, Verdict};
use crate::inspect::stream::verdict::{Judgement, judge};

impl Connection {
    /// The client has received everything up to `upto`: answers that end before are delivered.
    pub(super) fn settle(&mut self, upto: u64, interest: &Interest) {
        while let Some((id, call)) = self.streams.take_delivered(upto) {
            self.report(id, call, interest);
        }
    }

    pub(super) fn report(&mut self, id: u32, stream: Stream, interest: &Interest) {
        self.context.final_goaway = self.goaways.final_of_server();
        let judgement = judge(id, &stream, &self.context);
        let silent = matches!(judgement.verdict, Verdict::Ok | Verdict::Unknown);
        let told = stream.told;
        if interest.methods && !told {
            self.counted
                .push((stream.request.method.clone(), judgement.verdict));
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
            judgement,
        );
        if !told {
            self.note_attempt(&rpc, identity, timeout);
        }
        if !interest.wants(&rpc) {
            return;
        }
        self.record.verdicts.add(rpc.verdict);
        self.record.missing.count(&rpc);
        // What was told once is told to its end.
        if !silent || interest.all || told {
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
        if let Some((identity, opened)) = identity.zip(rpc.opened) {
            let opened_nanos = opened.time.nanos();
            self.attempts.push(Attempt {
                call: rpc.id,
                identity,
                opened_nanos,
                lost_nanos: retry::lost_at(rpc),
                deadline_nanos: fingerprint::deadline(opened_nanos, timeout),
                verdict: rpc.verdict,
            });
        }
    }

    /// The attempts that ended since this was last asked.
    pub(in crate::inspect) fn take_attempts(&mut self) -> impl Iterator<Item = Attempt> {
        self.attempts.drain(..)
    }
}

pub(super) fn tell(id: CallId, stream: Stream, judgement: Judgement) -> Rpc {
    let Judgement {
        verdict,
        ended,
        error,
        race,
        late_by_nanos,
        processed,
    } = judgement;
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
        late_by_nanos,
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
