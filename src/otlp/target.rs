//! Where a collector is, and what it wants to be told.
//!
//! In: options, and the environment that OpenTelemetry's SDKs read (specification 1.50, "OpenTelemetry Protocol Exporter").
//! Out: addresses for each signal, headers, trusted certificates. Options win over the environment.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use h2sniff::report::otlp::OtlpSignal;
use ureq::http::{HeaderMap, HeaderName, HeaderValue, Uri};
use ureq::tls::{Certificate, PemItem, parse_pem};

use super::error::OtlpError;
use crate::cli::{OtlpArgs, OtlpHeader};

/// How long a request may take unless the environment says otherwise, as the specification has it.
const TIMEOUT: Duration = Duration::from_secs(10);

const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const CERTIFICATE: &str = "OTEL_EXPORTER_OTLP_CERTIFICATE";
const TIMEOUT_MS: &str = "OTEL_EXPORTER_OTLP_TIMEOUT";

/// A collector.
#[derive(Clone, Debug)]
pub(crate) struct OtlpTarget {
    /// Its address, without a slash at the end.
    base: String,
    pub(super) headers: HeaderMap,
    /// Trusted instead of the public ones.
    pub(super) certificates: Option<Vec<Certificate<'static>>>,
    pub(super) timeout: Duration,
}

impl OtlpTarget {
    /// What the options and the environment say; `None` where nothing is to be sent.
    ///
    /// # Errors
    /// If they say what cannot be.
    pub(crate) fn of(
        args: &OtlpArgs,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, OtlpError> {
        let environment = |name: &str| environment(name).filter(|value| !value.is_empty());
        let base = match args.url.as_deref() {
            None => return Ok(None),
            Some("env") => environment(ENDPOINT).ok_or(OtlpError::NoEndpoint)?,
            Some(url) => url.to_owned(),
        };
        let listed = environment(HEADERS).map_or(Ok(Vec::new()), |list| header_list(&list))?;
        let mut headers = HeaderMap::new();
        for header in listed.iter().chain(&args.otlp_headers) {
            let wrong = || OtlpError::Header {
                name: header.name.clone(),
            };
            let name: HeaderName = header.name.parse().map_err(|_| wrong())?;
            let mut value: HeaderValue = header.value.parse().map_err(|_| wrong())?;
            value.set_sensitive(true);
            headers.insert(name, value);
        }
        let file = args.otlp_ca.clone();
        let file = file.or_else(|| environment(CERTIFICATE).map(PathBuf::from));
        let timeout = environment(TIMEOUT_MS).map_or(Ok(TIMEOUT), |value| match value.parse() {
            Ok(milliseconds) if milliseconds > 0 => Ok(Duration::from_millis(milliseconds)),
            _ => Err(OtlpError::Timeout {
                variable: TIMEOUT_MS,
                value,
            }),
        });
        Ok(Some(Self {
            base: checked(&base)?,
            headers,
            certificates: file.map(certificates).transpose()?,
            timeout: timeout?,
        }))
    }

    /// Its address, as it may be printed.
    pub(crate) fn shown(&self) -> &str {
        let end = self.base.find(['?', '#']).unwrap_or(self.base.len());
        self.base.get(..end).unwrap_or_default()
    }

    pub(super) fn url(&self, signal: OtlpSignal) -> String {
        format!("{}/{}", self.base, signal.path())
    }
}

fn checked(base: &str) -> Result<String, OtlpError> {
    let uri: Uri = base.parse().map_err(|_| OtlpError::NoUrl)?;
    let is_web = matches!(uri.scheme_str(), Some("http" | "https"));
    let authority = uri.authority().filter(|_| is_web).ok_or(OtlpError::NoUrl)?;
    if authority.as_str().contains('@') {
        return Err(OtlpError::UserInUrl);
    }
    if authority.host().is_empty() {
        return Err(OtlpError::NoUrl);
    }
    Ok(base.trim_end_matches('/').to_owned())
}

/// `NAME=VALUE,NAME=VALUE`, values percent-encoded, as W3C Baggage has it.
fn header_list(list: &str) -> Result<Vec<OtlpHeader>, OtlpError> {
    let pairs = list.split(',').filter(|pair| !pair.trim().is_empty());
    let headers = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').ok_or(OtlpError::HeaderList)?;
        Ok(OtlpHeader {
            name: name.trim().to_owned(),
            value: decoded(value.trim()).ok_or(OtlpError::HeaderList)?,
        })
    });
    headers.collect()
}

fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut parts = text.split('%');
    bytes.extend_from_slice(parts.next()?.as_bytes());
    for part in parts {
        let digits = part.get(..2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend_from_slice(part.get(2..)?.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

fn certificates(path: PathBuf) -> Result<Vec<Certificate<'static>>, OtlpError> {
    let pem = match fs::read(&path) {
        Ok(pem) => pem,
        Err(source) => return Err(OtlpError::Certificates { path, source }),
    };
    let items = parse_pem(&pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    });
    let found: Vec<_> = items.collect();
    match found.is_empty() {
        true => Err(OtlpError::NoCertificate { path }),
        false => Ok(found),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(url: &str, environment: &[(&str, &str)]) -> Result<Option<OtlpTarget>, OtlpError> {
        let args = OtlpArgs {
            url: Some(url.to_owned()),
            ..OtlpArgs::default()
        };
        OtlpTarget::of(&args, |name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_paths_of_signals_are_added_to_the_address() {
        for url in ["http://127.0.0.1:4318", "http://127.0.0.1:4318/"] {
            let target = target(url, &[]).unwrap().unwrap();
            let url = target.url(OtlpSignal::Traces);
            assert_eq!(url, "http://127.0.0.1:4318/v1/traces");
        }
        let hosted = target("https://otlp.example/otlp", &[]).unwrap().unwrap();
        let url = hosted.url(OtlpSignal::Logs);
        assert_eq!(url, "https://otlp.example/otlp/v1/logs");
    }

    #[test]
    fn the_environment_is_read_as_sdks_read_it() {
        let found = target(
            "env",
            &[
                (ENDPOINT, "https://otlp.example"),
                (HEADERS, "api-key=a%20b, x=1=2"),
                (TIMEOUT_MS, "250"),
            ],
        );
        let found = found.unwrap().unwrap();
        assert_eq!(found.shown(), "https://otlp.example");
        assert_eq!(found.headers.get("api-key").unwrap(), "a b");
        assert_eq!(found.headers.get("x").unwrap(), "1=2");
        assert_eq!(found.timeout, Duration::from_millis(250));
        assert!(!format!("{found:?}").contains("a b"));
    }

    #[test]
    fn what_cannot_be_is_said_without_secrets() {
        let refused = [
            ("env", &[][..]),
            ("127.0.0.1:4318", &[]),
            ("ftp://127.0.0.1", &[]),
            ("http://", &[]),
            ("http://user:hunter2@127.0.0.1", &[]),
            ("http://h", &[(HEADERS, "hunter2")]),
            ("http://h", &[(HEADERS, "a b=hunter2")]),
            ("http://h", &[(HEADERS, "a=hunter2%0a")]),
            ("http://h", &[(TIMEOUT_MS, "soon")]),
            ("http://h", &[(CERTIFICATE, "/nowhere/at/all")]),
        ];
        for (url, environment) in refused {
            let error = target(url, environment).unwrap_err();
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
