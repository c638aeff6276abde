//! How lines and diagrams name things.

use crate::decode::http2::StreamId;
use crate::inspect::{GoAway, Processed, Rpc, Verdict};
use crate::report::escape;
use crate::report::redact::SecretDisplay;
use crate::report::units::duration;

/// What became of a call, to follow its name.
pub(super) const fn fate(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Ok => "ok",
        Verdict::Status => "answered with an error status",
        Verdict::BeyondLastStreamId => "beyond the last stream id",
        Verdict::CutByClose => "cut by the close",
        Verdict::Refused => "refused",
        Verdict::ResetByServer => "reset by the server",
        Verdict::ResetByClient => "reset by the client",
        Verdict::DeadlineExceeded => "out of time",
        Verdict::Unanswered => "not answered before the capture ends",
        Verdict::Unknown => "not known",
    }
}

/// Whether a retry is safe.
pub(super) const fn safety(processed: Processed) -> &'static str {
    match processed {
        Processed::No => "not processed, safe to retry",
        Processed::Maybe => "may have run",
        Processed::Yes => "the server had answered, a retry runs it twice",
    }
}

/// `0:2121`.
pub(super) fn call(rpc: &Rpc) -> String {
    format!("{}:{}", rpc.id.connection, rpc.id.stream)
}

/// The method as it may be printed.
pub(super) fn method(rpc: &Rpc, secrets: SecretDisplay) -> String {
    match secrets.method(rpc) {
        Some(method) => escape::terminal(&method),
        None => "(method unknown)".to_owned(),
    }
}

/// ` x-request-id=7`, for each header that was asked for and is there.
pub(super) fn headers(rpc: &Rpc, secrets: SecretDisplay) -> String {
    let mut out = String::new();
    for header in &rpc.headers {
        let name = escape::terminal(&header.name);
        for value in header.values.iter().flatten() {
            let value = escape::terminal(&secrets.value(&header.name, value));
            out.push_str(&format!(" {name}={value}"));
        }
    }
    out
}

/// `last stream id 399, NO_ERROR, "max_age"`.
pub(super) fn goaway(goaway: &GoAway) -> String {
    let last = match goaway.last_stream_id {
        StreamId::MAX => "2^31-1".to_owned(),
        id => id.to_string(),
    };
    let mut words = format!("last stream id {last}, {}", goaway.error);
    if !goaway.debug_data.is_empty() {
        words.push_str(&format!(", \"{}\"", escape::terminal(&goaway.debug_data)));
    }
    words
}

/// `5.74 s`, or `5.74 s to 6.67 s` where they differ.
pub(super) fn spread(nanos: impl Iterator<Item = i64> + Clone) -> Option<String> {
    let (shortest, longest) = (nanos.clone().min()?, nanos.max()?);
    let (shortest, longest) = (duration(shortest), duration(longest));
    Some(if shortest == longest {
        shortest
    } else {
        format!("{shortest} to {longest}")
    })
}
