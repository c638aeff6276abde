//! The options that say where OTLP is sent.

use std::fmt;
use std::path::PathBuf;

use clap::Args;

/// The collector, and what it wants.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct OtlpArgs {
    /// Send spans of the calls that died and log records of findings to this OpenTelemetry Collector, as OTLP/JSON over
    /// HTTP, such as http://127.0.0.1:4318; `env` takes OTEL_EXPORTER_OTLP_ENDPOINT
    #[arg(long = "otlp", value_name = "URL|env", id = "otlp")]
    pub(crate) url: Option<String>,
    /// Send this header to it, besides those in OTEL_EXPORTER_OTLP_HEADERS (repeatable; others see what stands on a
    /// command line)
    #[arg(long = "otlp-header", value_name = "NAME=VALUE", value_parser = header, requires = "otlp")]
    pub(crate) otlp_headers: Vec<OtlpHeader>,
    /// Trust these certificates (PEM) instead of the public ones; otherwise OTEL_EXPORTER_OTLP_CERTIFICATE
    #[arg(long = "otlp-ca", value_name = "FILE", requires = "otlp")]
    pub(crate) otlp_ca: Option<PathBuf>,
}

/// A header whose value nobody prints.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct OtlpHeader {
    pub(crate) name: String,
    pub(crate) value: String,
}

impl fmt::Debug for OtlpHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=<{} bytes>", self.name, self.value.len())
    }
}

fn header(text: &str) -> Result<OtlpHeader, String> {
    let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
    Ok(OtlpHeader {
        name: name.trim().to_owned(),
        value: value.to_owned(),
    })
}

/// A name that any engine takes as a column's, and a value.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("expected KEY=VALUE")?;
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    let begins = key.starts_with(|first: char| first.is_ascii_lowercase());
    if !begins || !key.bytes().all(is_word) {
        return Err("a key is a lower case letter, then letters, digits and _".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_names_that_any_engine_takes() {
        let parsed = ("deployment".to_owned(), "a=b".to_owned());
        assert_eq!(label("deployment=a=b"), Ok(parsed));
        for refused in ["deployment", "=x", "1a=x", "a-b=x", "A=x", "a b=x"] {
            assert!(label(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_value_of_a_header_is_not_printed() {
        let parsed = header("authorization=Bearer a=b").unwrap();
        assert_eq!(parsed.value, "Bearer a=b");
        assert_eq!(format!("{parsed:?}"), "authorization=<10 bytes>");
        assert!(header("authorization").is_err());
    }
}
