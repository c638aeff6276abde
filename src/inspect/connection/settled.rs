//! Calls of a connection that are over.
//!
//! In: each with all that was seen of its stream. Out, when they are asked for: the calls to report, counts of
//! all of them, and attempts to be linked with others.
//!
//! Those that were answered are over once the client has acknowledged the answer; the others when the
//! connection ends.

use std::sync::Arc;
use std::time::Duration;

use rustc_hash::FxHashMap;

use super::record::{ConnectionRecord, VerdictCounts};
use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::decode::PerSide;
use crate::decode::http2::ErrorCode;
use crate::inspect::options::filter::Filter;
use crate::inspect::options::passed_over::PassedOver;
use crate::inspect::options::{Options, UnlistedCalls};
use crate::inspect::stream::attempt::{Attempt, AttemptNews};
use crate::inspect::stream::fingerprint::Identity;
use crate::inspect::stream::inferred_path::{PathsByShape, Shape};
use crate::inspect::stream::rpc::{CallId, Outcome, Rpc, TakenBack, Verdict};
use crate::inspect::stream::seen_call::SeenCall;
use crate::inspect::stream::verdict::VerdictDetails;
use crate::inspect::stream::{Known, Stream};
use crate::inspect::usual_times::UsualTime;

/// A call that was settled: its method and what became of it.
pub(in crate::inspect) type CountedCall = (Option<Arc<[u8]>>, Verdict);

/// Calls that are over, until they are taken.
#[derive(Clone, Debug)]
pub(super) struct SettledCalls {
    /// The connection's number.
    connection: u32,
    capture_begin: Timestamp,
    listed: Vec<Rpc>,
    /// Those that are not listed, where they are to be told.
    let_go: Vec<Rpc>,
    /// What another capture is compared with.
    seen: Vec<SeenCall>,
    /// Those of them whose method was not read.
    unnamed: Vec<(u32, Shape)>,
    counted: Vec<CountedCall>,
    attempts: Vec<AttemptNews>,
    verdicts: VerdictCounts,
    /// How many have a method that cannot be known.
    without_method: u64,
    /// How many have a status that was inferred.
    inferred: u64,
    /// How many have a verdict that was.
    inferred_verdicts: u64,
    usual: Vec<UsualTime>,
    /// Boxed, for it is empty unless a filter is set, and there are many connections.
    passed_over: Option<Box<PassedOver>>,
    /// The largest message that each side took in a call that succeeded, if it was large.
    taken: PerSide<u32>,
}

/// Of how many methods of a connection it is known how long they take.
const MAX_METHODS: usize = 64;

impl SettledCalls {
    /// None of them so far.
    pub(super) fn new(connection: u32, capture_begin: Timestamp) -> Self {
        Self {
            connection,
            capture_begin,
            listed: Vec::new(),
            let_go: Vec::new(),
            seen: Vec::new(),
            unnamed: Vec::new(),
            counted: Vec::new(),
            attempts: Vec::new(),
            verdicts: VerdictCounts::default(),
            without_method: 0,
            inferred: 0,
            inferred_verdicts: 0,
            usual: Vec::new(),
            passed_over: None,
            taken: PerSide::default(),
        }
    }

    /// A call is over: counts it, and lists it if a report asks for it.
    pub(super) fn settle(
        &mut self,
        id: u32,
        stream: Box<Stream>,
        details: VerdictDetails,
        options: &Options,
    ) {
        if options.only_compared {
            self.seen
                .push(SeenCall::of(self.call_id(id), &stream, &details));
            return;
        }
        let silent = matches!(details.verdict, Verdict::Ok | Verdict::Unknown);
        let reported = stream.reported;
        let asked_for = options
            .filter
            .wants_method(stream.request.method.as_deref());
        if options.methods && !reported && asked_for {
            self.counted
                .push((stream.request.method.clone(), details.verdict));
        }
        let identity = stream.request.fingerprint.identity();
        let timeout = stream.request.timeout;
        let shape = stream.request.shape;
        self.note_taken(&stream, details.verdict);
        let told = options.unlisted == UnlistedCalls::Told;
        // Most calls succeed, and are only counted.
        let plain = !options.all && !options.tell_all && !reported && !told;
        if details.verdict == Verdict::Ok && plain {
            self.count_success(id, &stream, &details, identity, options);
            return;
        }
        let rpc = rpc(self.call_id(id), *stream, details);
        self.note_time(rpc.verdict, rpc.method.as_ref(), rpc.duration());
        let attempt = attempt(&rpc, identity, timeout);
        self.attempts.push(AttemptNews::Over(rpc.id, attempt));
        let moment = rpc.opened.or(rpc.ended);
        let method = rpc.method.as_ref();
        if !is_asked_for(id, method, moment, &options.filter, self.capture_begin) {
            self.passed_over.get_or_insert_default().add(id, method);
            return;
        }
        self.verdicts.add(rpc.verdict);
        if let Some(why) = rpc.taken_back {
            self.verdicts.take_back(why, 1);
        }
        self.without_method += u64::from(rpc.method.is_none());
        self.inferred += u64::from(rpc.grpc_status_inferred);
        self.inferred_verdicts += u64::from(rpc.verdict_inferred);
        // What was reported once is reported to its end.
        // One whose method may yet be inferred waits for that.
        let waits = told && shape.is_some();
        if !silent || options.all || options.tell_all || reported || waits {
            self.unnamed.extend(shape.map(|shape| (id, shape)));
            self.listed.push(rpc);
        } else if told {
            self.let_go.push(rpc);
        }
    }

    /// A call that is lost for certain, while its stream is still followed: as it stands.
    pub(super) fn report_early(&mut self, id: u32, stream: Stream, details: VerdictDetails) -> Rpc {
        let identity = stream.request.fingerprint.identity();
        let timeout = stream.request.timeout;
        let rpc = rpc(self.call_id(id), stream, details);
        let attempt = attempt(&rpc, identity, timeout);
        self.attempts.extend(attempt.map(AttemptNews::Lost));
        rpc
    }

    /// Gives listed calls the methods that could not be read, where `paths` has them.
    pub(super) fn name_unnamed(&mut self, paths: impl FnOnce() -> PathsByShape) {
        if self.unnamed.is_empty() {
            return;
        }
        let paths = paths();
        let shapes: FxHashMap<_, _> = self.unnamed.drain(..).collect();
        for rpc in &mut self.listed {
            let shape = shapes.get(&rpc.id.stream).copied();
            if let Some(path) = shape.and_then(|shape| paths.path(shape)) {
                rpc.method = Some(path);
                rpc.method_inferred = true;
            }
        }
    }

    /// How many are listed.
    pub(super) const fn listed(&self) -> usize {
        self.listed.len()
    }

    /// Lists `calls` fewer, the last ones, and tells them where that is asked for.
    pub(super) fn unlist(&mut self, calls: usize, unlisted: UnlistedCalls) {
        let left = self.listed.len().saturating_sub(calls);
        match unlisted {
            UnlistedCalls::Counted => self.listed.truncate(left),
            UnlistedCalls::Told => self.let_go.extend(self.listed.drain(left..)),
        }
    }

    /// Whether any of them left attempts, a call to tell, or a call to compare.
    #[inline]
    pub(super) const fn has_news(&self) -> bool {
        !self.attempts.is_empty() || !self.let_go.is_empty() || !self.seen.is_empty()
    }

    /// Since this was last called: those that are told instead of listed go into `told`, and those that another capture
    /// is compared with into `seen`.
    pub(super) fn give_unlisted(&mut self, told: &mut Vec<Rpc>, seen: &mut Vec<SeenCall>) {
        // Most bring neither.
        if !self.let_go.is_empty() {
            told.append(&mut self.let_go);
        }
        if !self.seen.is_empty() {
            seen.append(&mut self.seen);
        }
    }

    /// Those listed since this was last called, in the order of their ends.
    pub(super) fn take_listed(&mut self) -> Vec<Rpc> {
        let mut listed = std::mem::take(&mut self.listed);
        listed.shrink_to_fit();
        listed
    }

    /// Methods and verdicts of all that were settled since this was last called.
    pub(super) fn take_counted(&mut self) -> Vec<CountedCall> {
        std::mem::take(&mut self.counted)
    }

    /// What became known of attempts since this was last called goes into `all`.
    pub(super) fn give_attempts(&mut self, all: &mut Vec<AttemptNews>) {
        all.append(&mut self.attempts);
    }

    /// A call succeeded of which no report will tell.
    fn count_success(
        &mut self,
        id: u32,
        stream: &Stream,
        details: &VerdictDetails,
        identity: Option<Identity>,
        options: &Options,
    ) {
        let method = stream.request.method.as_ref();
        let opened = stream.opened.map(|carrier| carrier.stamp);
        let took = opened
            .zip(details.ended)
            .map(|(opened, ended)| ended.time - opened.time);
        self.note_time(details.verdict, method, took);
        if let (Some(identity), Some(opened)) = (identity, opened) {
            let ended = details.ended.map(|ended| ended.time);
            let timeout = stream.request.timeout;
            let attempt =
                Attempt::of_success(self.call_id(id), identity, opened.time, ended, timeout);
            let over = AttemptNews::Over(attempt.call, Some(attempt));
            self.attempts.push(over);
        }
        let moment = opened.or(details.ended);
        if is_asked_for(id, method, moment, &options.filter, self.capture_begin) {
            self.verdicts.add(Verdict::Ok);
            self.without_method += u64::from(method.is_none());
            self.inferred += u64::from(stream.answer.status_inferred);
            self.inferred_verdicts += u64::from(details.inferred);
        } else {
            self.passed_over.get_or_insert_default().add(id, method);
        }
    }

    fn note_time(&mut self, verdict: Verdict, method: Option<&Arc<[u8]>>, took: Option<TimeDelta>) {
        let (Verdict::Ok, Some(method), Some(took)) = (verdict, method, took) else {
            return;
        };
        // One connection's paths are one value each.
        let known = self
            .usual
            .iter_mut()
            .find(|usual| Arc::ptr_eq(&usual.method, method));
        if let Some(usual) = known {
            usual.calls += 1;
            usual.longest = usual.longest.max(took);
        } else if self.usual.len() < MAX_METHODS {
            self.usual.push(UsualTime {
                method: Arc::clone(method),
                calls: 1,
                longest: took,
            });
        }
    }

    /// What the filter left out.
    pub(super) fn take_passed_over(&mut self) -> PassedOver {
        self.passed_over
            .take()
            .map_or_else(PassedOver::default, |passed_over| *passed_over)
    }

    /// How long calls took that were answered well.
    pub(super) fn take_usual(&mut self) -> Vec<UsualTime> {
        std::mem::take(&mut self.usual)
    }

    /// Puts the counts into the record.
    pub(super) fn put_into(&self, record: &mut ConnectionRecord) {
        record.verdicts = self.verdicts;
        if self.without_method > 0 {
            record.missing.methods = self.without_method;
        }
        if self.inferred > 0 {
            record.missing.inferred = self.inferred;
        }
        if self.inferred_verdicts > 0 {
            record.missing.inferred_verdicts = self.inferred_verdicts;
        }
        record.taken = self.taken;
    }

    /// Remembers how large a message a side has taken.
    fn note_taken(&mut self, stream: &Stream, verdict: Verdict) {
        if let Some(message) = stream.large_message().filter(|_| verdict == Verdict::Ok) {
            let taken = &mut self.taken[message.by.reverse()];
            *taken = message.length.max(*taken);
        }
    }

    const fn call_id(&self, stream: u32) -> CallId {
        CallId {
            connection: self.connection,
            stream,
        }
    }
}

/// What of a call is compared with others; `None` where its request is not fully known.
fn attempt(rpc: &Rpc, identity: Option<Identity>, timeout: Option<Duration>) -> Option<Attempt> {
    Attempt::of(rpc, identity?, timeout)
}

/// The call of a stream, as reports show it.
fn rpc(id: CallId, stream: Stream, details: VerdictDetails) -> Rpc {
    let VerdictDetails {
        verdict,
        ended,
        error,
        race,
        late_by,
        processed,
        contradiction,
        rejected,
        doubt,
        inferred,
    } = details;
    let owes_request = stream.owes_request();
    let server_reset = stream.reset_by_server.map(|(_, code)| code);
    let large_message = stream.large_message().map(Box::new);
    let Stream {
        opened,
        request,
        answer,
        progress,
        ..
    } = stream;
    let cancelled = verdict == Verdict::ResetByClient && error == Some(ErrorCode::CANCEL);
    let taken_back = (cancelled && request.from_browser).then_some(TakenBack::Browser);
    let outcome = Outcome::alone(verdict, taken_back);
    Rpc {
        id,
        method: request.method,
        method_inferred: false,
        authority: request.authority,
        opened: opened.map(|carrier| carrier.stamp),
        doubt,
        timeout: request.timeout,
        answer_begun: answer.begun,
        owes_request,
        cut_by_grace: false,
        rejected,
        answer_is_foreign: request.format.is_some() && answer.content == Known::Value(None),
        body_mismatch: answer.body_mismatch(),
        server_reset,
        progress,
        ended,
        verdict,
        verdict_inferred: inferred && verdict != Verdict::Unknown,
        race,
        late_by,
        processed,
        at_server: None,
        hops: None,
        contradiction,
        grpc_status_inferred: answer.status_inferred && answer.grpc_status.value().is_some(),
        grpc_status: answer.grpc_status.value().map(|status| (**status).into()),
        grpc_message: answer.grpc_message,
        http_status: answer.http_status.value().copied(),
        foreign_answer: answer.foreign,
        error,
        retried_as: None,
        retry_of: None,
        previous_attempts: request.fingerprint.previous_attempts,
        taken_back,
        outcome,
        app_error: None,
        headers: request.headers,
        request_messages: (request.messages.count, request.messages.bytes),
        response_messages: (answer.messages.count, answer.messages.bytes),
        large_message,
    }
}

/// Whether a call of a stream, with this method and begun at this moment, is among those that are asked for.
fn is_asked_for(
    stream: u32,
    method: Option<&Arc<[u8]>>,
    moment: Option<Stamp>,
    filter: &Filter,
    capture_begin: Timestamp,
) -> bool {
    filter.wants_stream(stream)
        && filter.wants_method(method.map(|method| &**method))
        && moment.is_none_or(|moment| filter.wants_time(moment.time, capture_begin))
}
