//! Where a span stands among all spans: its trace, its own id, and the application's span above it.
//!
//! In: a call and the addresses of its connection. Out: ids that are the same whenever the same call is exported, from a
//! watch or from a capture of it.

use std::net::SocketAddr;

use crate::capture::Timestamp;
use crate::decode::PerSide;
use crate::inspect::Rpc;
use crate::report::key::DerivedKey;

/// Ids in hex: 16 bytes of a trace, 8 of a span.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SpanPlace {
    pub(super) trace: String,
    pub(super) span: String,
    pub(super) parent: Option<String>,
}

impl SpanPlace {
    /// Of a call that began at `began`.
    pub(super) fn of(rpc: &Rpc, ends: PerSide<SocketAddr>, began: Timestamp) -> Self {
        let (span, own_trace) = derived(ends, rpc.id.stream, began);
        match application_span(rpc) {
            Some((trace, parent)) => Self {
                trace,
                span,
                parent: Some(parent),
            },
            None => Self {
                trace: own_trace,
                span,
                parent: None,
            },
        }
    }

    /// Of a retry of which only its stream and its beginning are known, where it is not listed itself: in its first attempt's
    /// own trace, if that is the application's.
    pub(super) fn of_retry(
        first: &Self,
        ends: PerSide<SocketAddr>,
        stream: u32,
        began: Timestamp,
    ) -> Self {
        let (span, own_trace) = derived(ends, stream, began);
        let trace = first.parent.as_ref().map(|_| first.trace.clone());
        Self {
            trace: trace.unwrap_or(own_trace),
            span,
            parent: None,
        }
    }
}

/// The ids of a span, and of a trace that it is alone in. Files in which times have microseconds give the same as a watch.
fn derived(ends: PerSide<SocketAddr>, stream: u32, began: Timestamp) -> (String, String) {
    let mut key = DerivedKey::default();
    key.add(ends.client.to_string().as_bytes());
    key.add(ends.server.to_string().as_bytes());
    key.add(&stream.to_be_bytes());
    key.add(&began.nanos().div_euclid(1_000).to_be_bytes());
    let span = key.to_string();
    key.add(b"trace");
    let trace = format!("{span}{key}");
    (span, trace)
}

/// The trace and the span that the request names: `00-TRACE-SPAN-FLAGS` (W3C Trace Context, section 3.2).
pub(super) fn application_span(rpc: &Rpc) -> Option<(String, String)> {
    let value = std::str::from_utf8(first_value(rpc, b"traceparent")?).ok()?;
    let mut parts = value.trim().split('-');
    let version = parts.next()?;
    let (trace, span) = (parts.next()?, parts.next()?);
    let is_id = |text: &str, length: usize| {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        text.len() == length && text.bytes().all(is_hex) && text.bytes().any(|byte| byte != b'0')
    };
    let known = version.len() == 2 && version != "ff";
    (known && is_id(trace, 32) && is_id(span, 16)).then(|| (trace.to_owned(), span.to_owned()))
}

/// The first value of a request header that was asked for.
pub(super) fn first_value<'a>(rpc: &'a Rpc, name: &[u8]) -> Option<&'a [u8]> {
    let mut headers = rpc.headers.iter();
    let header = headers.find(|header| *header.name == *name)?;
    header.values.first()?.as_deref()
}
