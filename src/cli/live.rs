//! What the user typed after `live`.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum, value_parser};

#[cfg(feature = "otlp")]
use super::OtlpArgs;
use super::quantity::{duration, size, small_size};
use super::{LimitArgs, Names, NamesArgs, OutputArgs};

#[derive(Args, Debug)]
pub(crate) struct LiveArgs {
    /// Listen on this interface (repeatable, or a list with commas); `any` is all of them
    #[arg(
        short,
        long = "interface",
        value_name = "IFACE",
        required = true,
        value_delimiter = ','
    )]
    pub(crate) interfaces: Vec<String>,
    /// Which packets, in the syntax of pcap-filter(7)
    #[arg(value_name = "FILTER")]
    pub(crate) filter: Vec<String>,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: LiveFormat,
    /// Take this server port for HTTP/2 even if no preface was seen (repeatable)
    #[arg(long = "port", value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) ports: Vec<u16>,
    /// NSS key log (SSLKEYLOGFILE) whose secrets decrypt TLS, followed while it grows (repeatable)
    #[cfg(feature = "tls")]
    #[arg(long = "keylog", value_name = "FILE")]
    key_logs: Vec<PathBuf>,
    /// Take the TLS secrets of this process, or of all that run this program (repeatable; needs CAP_SYS_ADMIN)
    #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
    #[arg(long = "tls-keys", value_name = "PID|EXE")]
    pub(crate) tls_keys: Vec<String>,
    #[command(flatten)]
    pub(crate) names: NamesArgs,
    /// Report this request header with each RPC (repeatable)
    #[arg(long = "header", value_name = "NAME")]
    pub(crate) headers: Vec<String>,
    /// Only methods that match, such as `/shop.Orders/*`
    #[arg(long, value_name = "GLOB")]
    pub(crate) method: Option<String>,
    /// How many victims of a kind the text of the report shows
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) limit: usize,
    /// Exit with 1 if a finding has this rule or severity (repeatable; `warning` includes errors)
    #[arg(long, value_name = "RULE|SEVERITY", value_parser = Names::RulesAndSeverities, hide_possible_values = true)]
    pub(crate) fail_on: Vec<String>,
    /// Stop after this time
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,
    /// Stop after this many packets
    #[arg(long, value_name = "N", value_parser = value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Which calls JSON has an event for: those that died, those that did not succeed, or all of them
    #[arg(long, value_enum, value_name = "WHICH", default_value_t)]
    pub(crate) events: LiveEvents,
    /// How long the report at the end may take
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "20s")]
    pub(crate) end_within: Duration,
    /// How often JSON has a status event
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub(crate) interval: Duration,
    /// See packets that are not for this host
    #[arg(long)]
    pub(crate) promiscuous: bool,
    /// Bytes of a packet to capture at most
    #[arg(long, value_name = "SIZE", value_parser = small_size, default_value = "262144")]
    pub(crate) snaplen: u32,
    /// Memory that the kernel keeps packets in until they are read
    #[arg(long, value_name = "SIZE", value_parser = size, default_value = "64MiB")]
    pub(crate) ring: usize,
    #[command(flatten)]
    pub(crate) record: RecordArgs,
    /// Write all packets to this file, as pcapng
    #[arg(short = 'w', long = "write", value_name = "FILE")]
    pub(crate) write: Option<PathBuf>,
    /// Serve Prometheus metrics and /healthz here; on loopback if there is only a port
    #[arg(long, value_name = "ADDR:PORT", value_parser = address)]
    pub(crate) metrics: Option<SocketAddr>,
    #[cfg(feature = "otlp")]
    #[command(flatten)]
    pub(crate) otlp: OtlpArgs,
    /// With --otlp: spans of all calls, not only of those that died
    #[cfg(feature = "otlp")]
    #[arg(long, requires = "otlp")]
    pub(crate) all: bool,
    /// With --otlp: an attribute of the resource that says where this is, such as `node=node-7` (repeatable)
    #[cfg(feature = "otlp")]
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = super::otlp::label, requires = "otlp")]
    pub(crate) labels: Vec<(String, String)>,
    /// Become this user once everything that takes rights is open
    #[arg(long, value_name = "USER")]
    pub(crate) user: Option<String>,
    #[command(flatten)]
    pub(crate) limits: LimitArgs,
}

impl LiveArgs {
    /// Key logs to follow.
    pub(crate) fn key_logs(&self) -> &[PathBuf] {
        #[cfg(feature = "tls")]
        return &self.key_logs;
        #[cfg(not(feature = "tls"))]
        return &[];
    }
}

/// What is kept in memory of the packets that passed, and when it is written.
#[derive(Args, Clone, Debug)]
pub(crate) struct RecordArgs {
    /// Keep the last packets in memory, and write them to this directory when an error is found
    #[arg(long = "record", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// How far a recording goes back
    #[arg(
        long = "record-window",
        value_name = "TIME",
        value_parser = duration,
        default_value = "60s",
        requires = "directory"
    )]
    pub(crate) window: Duration,
    /// How much memory a recording takes at most
    #[arg(
        long = "record-size",
        value_name = "SIZE",
        value_parser = size,
        default_value = "64MiB",
        requires = "directory"
    )]
    pub(crate) size: usize,
    /// How far a recording goes on after what was found
    #[arg(
        long = "record-after",
        value_name = "TIME",
        value_parser = duration,
        default_value = "5s",
        requires = "directory"
    )]
    pub(crate) after: Duration,
    /// Write on findings of this rule instead of on all errors (repeatable)
    #[arg(
        long = "record-on",
        value_name = "RULE",
        requires = "directory",
        value_parser = Names::Rules,
        hide_possible_values = true
    )]
    pub(crate) on: Vec<String>,
    /// How many recordings stay
    #[arg(
        long = "record-keep",
        value_name = "N",
        default_value_t = 20,
        requires = "directory"
    )]
    pub(crate) keep: usize,
    /// Put the TLS secrets of its connections into a recording, so that whoever has it can read them
    #[cfg(feature = "tls")]
    #[arg(long = "record-secrets", requires = "directory")]
    pub(crate) secrets: bool,
}

impl RecordArgs {
    /// Whether recordings hold TLS secrets.
    pub(crate) const fn holds_secrets(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.secrets;
        #[cfg(not(feature = "tls"))]
        return false;
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LiveFormat {
    /// For a terminal
    #[default]
    Text,
    /// One object a line
    Json,
}

/// Which calls have an event of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LiveEvents {
    /// That died
    #[default]
    Died,
    /// That did not succeed, those answered with an error included
    Failed,
    /// All of them
    All,
}

/// An address with a port, or a port on loopback: a page about who talks to whom is not for everybody.
fn address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text);
    if let Ok(port) = port.parse() {
        return Ok((Ipv4Addr::LOCALHOST, port).into());
    }
    let text = text.replacen("localhost:", "127.0.0.1:", 1);
    text.parse()
        .map_err(|_| "expected an address such as 127.0.0.1:9464, or a port".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metrics_are_served_on_loopback_unless_said_otherwise() {
        let at = |text| address(text).map(|address| address.to_string());
        assert_eq!(at("9464").as_deref(), Ok("127.0.0.1:9464"));
        assert_eq!(at(":9464").as_deref(), Ok("127.0.0.1:9464"));
        assert_eq!(at("0.0.0.0:9464").as_deref(), Ok("0.0.0.0:9464"));
        assert_eq!(at("[::1]:9464").as_deref(), Ok("[::1]:9464"));
        assert!(at("somewhere").is_err());
    }
}
