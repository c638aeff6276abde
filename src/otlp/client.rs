//! One request to a collector, and what came of it.
//!
//! In: a request. Out: how much of it was taken, or why nothing was and whether to try again (OTLP 1.9, "OTLP/HTTP Response").

use std::io::Write as _;
#[cfg(feature = "export")]
use std::thread::sleep;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use h2sniff::report::otlp::{OtlpRequest, PartialSuccess};
use ureq::http::HeaderMap;
use ureq::http::header::{CONTENT_ENCODING, CONTENT_TYPE, RETRY_AFTER};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Error};

#[cfg(feature = "export")]
use super::clock::clock;
#[cfg(feature = "export")]
use super::error::OtlpError;
use super::target::OtlpTarget;
#[cfg(feature = "export")]
use crate::backoff::Backoff;

/// How much of an answer is read, in bytes.
const MAX_ANSWER: u64 = 64 << 10;

/// How much of an answer is repeated, in characters.
const MAX_MESSAGE: usize = 200;

/// Speaks to one collector, over connections that it keeps.
pub(crate) struct OtlpClient {
    agent: Agent,
    target: OtlpTarget,
}

/// Why a request was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SendFailure {
    pub(super) kind: FailureKind,
    pub(super) text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The collector is not there, or has too much to do: later it may take it. It may have said when.
    Away(Option<Duration>),
    /// It is not trusted, or cannot be spoken to: later only if somebody changes that.
    Untrusted,
    /// It does not take this.
    Refused,
}

impl OtlpClient {
    pub(crate) fn new(target: OtlpTarget) -> Self {
        let roots = match &target.certificates {
            Some(certificates) => certificates.iter().cloned().into(),
            None => RootCerts::WebPki,
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            // What is secret goes to whom it was given for.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(target.timeout))
            .user_agent(concat!(
                env!("CARGO_PKG_NAME"),
                "/",
                env!("CARGO_PKG_VERSION")
            ))
            .tls_config(TlsConfig::builder().root_certs(roots).build())
            .build();
        Self {
            agent: Agent::new_with_config(config),
            target,
        }
    }

    /// The collector's address, as it may be printed.
    pub(crate) fn shown(&self) -> &str {
        self.target.shown()
    }

    /// Sends a request; gives how many of its records were not taken though the request was.
    pub(super) fn send(&self, request: &OtlpRequest) -> Result<PartialSuccess, SendFailure> {
        let mut post = self.agent.post(self.target.url(request.signal));
        if let Some(headers) = post.headers_mut() {
            headers.extend(self.target.headers.clone());
        }
        let post = post
            .header(CONTENT_TYPE, "application/json")
            .header(CONTENT_ENCODING, "gzip");
        let mut answer = post.send(packed(&request.json)).map_err(failure)?;
        let body = answer.body_mut().with_config().limit(MAX_ANSWER);
        // A status without its body is still an answer.
        let body = body.read_to_vec().unwrap_or_default();
        let status = answer.status();
        if status.is_success() {
            return Ok(PartialSuccess::of_answer(request.signal, &body));
        }
        let said: String = String::from_utf8_lossy(&body)
            .chars()
            .take(MAX_MESSAGE)
            .collect();
        let text = match said.trim() {
            "" => format!("HTTP {status}"),
            said => format!("HTTP {status}: {said}"),
        };
        let kind = match status.as_u16() {
            429 | 502 | 503 | 504 => FailureKind::Away(retry_after(answer.headers())),
            _ => FailureKind::Refused,
        };
        Err(SendFailure { kind, text })
    }
}

fn packed(json: &str) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::fast());
    // A vector takes everything.
    let _ = out.write_all(json.as_bytes());
    out.finish().unwrap_or_default()
}

fn failure(error: Error) -> SendFailure {
    let kind = match &error {
        Error::Io(_)
        | Error::Timeout(_)
        | Error::HostNotFound
        | Error::ConnectionFailed
        | Error::Protocol(_) => FailureKind::Away(None),
        _ => FailureKind::Untrusted,
    };
    SendFailure {
        kind,
        text: error.to_string(),
    }
}

/// Seconds, as collectors say it; a date is not taken (RFC 9110, section 10.2.3).
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?;
    value.trim().parse().ok().map(Duration::from_secs)
}

/// Sends a request until it is taken, for no longer than `patience`; gives what was not taken of it.
#[cfg(feature = "export")]
pub(crate) fn deliver(
    client: &OtlpClient,
    request: &OtlpRequest,
    mut backoff: Backoff,
    patience: Duration,
) -> Result<PartialSuccess, OtlpError> {
    let begun = clock();
    loop {
        let failure = match client.send(request) {
            Ok(taken) => return Ok(taken),
            Err(failure) => failure,
        };
        let wait = match failure.kind {
            FailureKind::Away(after) => Some(backoff.wait(after)),
            FailureKind::Untrusted | FailureKind::Refused => None,
        };
        match wait.filter(|wait| begun.elapsed() + *wait < patience) {
            Some(wait) => sleep(wait),
            None => {
                return Err(OtlpError::NotTaken {
                    target: client.shown().to_owned(),
                    why: failure.text,
                });
            }
        }
    }
}
