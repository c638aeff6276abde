//! What the user typed, as plain options.

pub(crate) mod hints;

#[cfg(feature = "export")]
mod export;
#[cfg(all(feature = "keys", target_os = "linux"))]
mod keys;
mod limits;
#[cfg(feature = "live")]
mod live;
mod moment;
mod name_sources;
mod names;
#[cfg(all(feature = "otlp", any(feature = "live", feature = "export")))]
mod otlp;
mod prompts;
mod quantity;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::builder::NonEmptyStringValueParser;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory as _, Parser, Subcommand, ValueEnum, value_parser};
use clap_complete::Shell;
use h2sniff::inspect::{Filter, Moment};

use moment::moment;
pub(crate) use name_sources::NamesArgs;
pub(crate) use names::{INTERFACES, Names};
use quantity::duration;

#[cfg(feature = "export")]
pub(crate) use export::{Export, ExportFormat};
#[cfg(all(feature = "keys", target_os = "linux"))]
pub(crate) use keys::KeysArgs;
#[cfg(feature = "live")]
pub(crate) use limits::LimitArgs;
pub(crate) use limits::{FileLimitArgs, ReportLimitArgs};
#[cfg(feature = "live")]
pub(crate) use live::{LiveArgs, LiveEvents, LiveFormat, RecordArgs};
pub(crate) use moment::around;
#[cfg(all(feature = "otlp", any(feature = "live", feature = "export")))]
pub(crate) use otlp::{OtlpArgs, OtlpHeader};
pub(crate) use prompts::PROMPTS;
#[cfg(feature = "live")]
pub(crate) use prompts::live_prompts;

/// What stands below the commands: what people come for, and how to type it.
const AFTER_HELP: &str = "\
Which RPCs died, of what, and is a retry safe?
  h2sniff client.pcap
  tcpdump -i any -w - port 50051 | h2sniff
What became of the call with this error, or this request id?
  h2sniff analyze client.pcap --find 'rpc error: code = Unavailable desc = ...'
What happened around the GOAWAY, and on which frames?
  h2sniff timeline client.pcap --around goaway-race
  h2sniff frames client.pcap --conn 0 --stream 2121
Something for the ticket, the postmortem, the pipeline?
  h2sniff analyze client.pcap --format markdown
  h2sniff timeline client.pcap --format html -o story.html
  h2sniff analyze client.pcap --fail-on goaway-race
Until it happens again?
  h2sniff live -i eth0 --record /var/tmp/h2sniff tcp port 50051

Exit status: 0 the work was done; 1 a finding matched --fail-on; 2 it could not be done.";

/// Says which HTTP/2 and gRPC calls died on the wire, of what, and whether a retry is safe.
#[derive(Debug, Parser)]
#[command(version, about, max_term_width = 100, propagate_version = true)]
#[command(after_help = AFTER_HELP)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// What was typed: `h2sniff FILE` is `h2sniff analyze FILE`. Ends the program where it is no command.
    pub(crate) fn of_process() -> Self {
        let mut cli = Self::parse_from(with_command(std::env::args_os().collect()));
        if let Some(input) = cli.command.input() {
            input.read_piped();
            if input.captures.is_empty() {
                let missing = "no capture is named, and nothing is piped in";
                let kind = ErrorKind::MissingRequiredArgument;
                Self::command().error(kind, missing).exit();
            }
        }
        cli
    }
}

/// The same words with `analyze` before them, where the first names a file and no command.
fn with_command(mut words: Vec<OsString>) -> Vec<OsString> {
    let is_command = |word: &OsString| {
        let mut commands = Cli::command();
        commands.build();
        word.to_str()
            .is_none_or(|word| commands.find_subcommand(word).is_some())
    };
    let names_file = words.get(1).is_some_and(|word| {
        let is_option = word.as_encoded_bytes().starts_with(b"-");
        !is_option && Path::new(word).exists() && !is_command(word)
    });
    if names_file {
        words.insert(1, "analyze".into());
    }
    words
}

impl Command {
    /// The captures that it reads.
    fn input(&mut self) -> Option<&mut CaptureArgs> {
        match self {
            Self::Analyze(options) => Some(&mut options.input),
            Self::Timeline(options) => Some(&mut options.input),
            Self::Frames(options) => Some(&mut options.input),
            #[cfg(feature = "export")]
            Self::Export(options) => Some(&mut options.input),
            _ => None,
        }
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The verdict: what went wrong, which RPCs, why, what to do
    #[command(after_help = "Examples:\n  h2sniff analyze client.pcap\n  \
                            tcpdump -i any -w - port 50051 | h2sniff analyze\n  \
                            h2sniff analyze ring.pcap* --header x-request-id\n  \
                            h2sniff analyze client.pcap --find 'transport is closing'\n  \
                            h2sniff analyze client.pcap --method Reserve --since 12:30:05\n  \
                            h2sniff analyze client.pcap --fail-on error --format json")]
    Analyze(Analyze),
    /// What happened when, for a postmortem
    #[command(
        after_help = "Examples:\n  h2sniff timeline client.pcap --format html -o story.html\n  \
                            h2sniff timeline client.pcap --around goaway-race --window 200ms\n  \
                            h2sniff timeline client.pcap --format mermaid --around 0:2121"
    )]
    Timeline(Timeline),
    /// Every HTTP/2 frame, both directions, one per line
    #[command(
        after_help = "Examples:\n  h2sniff frames client.pcap --conn 0 --stream 2121\n  \
                            h2sniff frames client.pcap --format json | jq 'select(.type==\"GOAWAY\")'\n  \
                            h2sniff frames client.pcap --format http2debug --side server"
    )]
    Frames(Frames),
    /// Every call for other engines
    #[cfg(feature = "export")]
    #[command(
        after_help = "Examples:\n  h2sniff export node-7.pcap -o calls --label node=node-7\n  \
                            h2sniff export ring.pcap* -o calls --shard 3/8"
    )]
    Export(Box<Export>),
    /// What a rule means, what proves it and what to do; without a name, all rules
    Explain {
        /// The rule, as a report names it
        #[arg(value_parser = Names::Rules, hide_possible_values = true)]
        rule: Option<String>,
    },
    /// The same on live traffic
    #[cfg(feature = "live")]
    #[command(after_help = "Examples:\n  h2sniff live -i eth0 tcp port 50051\n  \
                            h2sniff live -i any --format json | jq 'select(.event==\"rpc\")'\n  \
                            h2sniff live -i eth0 --record /var/tmp/h2sniff --metrics 127.0.0.1:9464")]
    Live(Box<LiveArgs>),
    /// What can be captured
    #[cfg(feature = "live")]
    Interfaces,
    /// TLS secrets of running processes, as a key log (needs CAP_SYS_ADMIN)
    #[cfg(all(feature = "keys", target_os = "linux"))]
    #[command(after_help = "Examples:\n  h2sniff keys --list\n  \
                            h2sniff keys 4711 -o keys.log\n  \
                            h2sniff keys /usr/local/bin/envoy | h2sniff live -i eth0 --keylog /dev/stdin")]
    Keys(KeysArgs),
    /// A script that completes this program's options in a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// The manual, as man(1) reads it: a page for each command
    #[command(hide = true)]
    Man {
        /// Write all pages to this folder instead of the first to standard output
        #[arg(short = 'o', long = "output", value_name = "DIR")]
        directory: Option<PathBuf>,
    },
}

#[derive(Args, Debug)]
pub(crate) struct Analyze {
    #[command(flatten)]
    pub(crate) input: CaptureArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// How to print it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: AnalyzeFormat,
    /// Report this request header with each RPC (repeatable)
    #[arg(long = "header", value_name = "NAME")]
    pub(crate) headers: Vec<String>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Only the RPCs that a pasted line is about: an application's error message, a request id, a trace id
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, value_parser = NonEmptyStringValueParser::new())]
    pub(crate) find: Option<String>,
    /// Report the RPCs that succeeded too
    #[arg(long)]
    pub(crate) all: bool,
    /// How many victims of a kind the text shows
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) limit: usize,
    /// Exit with 1 if a finding has this rule or severity (repeatable; `warning` includes errors)
    #[arg(long, value_name = "RULE|SEVERITY", value_parser = Names::RulesAndSeverities, hide_possible_values = true)]
    pub(crate) fail_on: Vec<String>,
    #[command(flatten)]
    pub(crate) limits: ReportLimitArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Timeline {
    #[command(flatten)]
    pub(crate) input: CaptureArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// How to tell it
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: TimelineFormat,
    /// Show this request header with each RPC, and find by it (repeatable)
    #[arg(long = "header", value_name = "NAME")]
    pub(crate) headers: Vec<String>,
    #[command(flatten)]
    pub(crate) selection: Selection,
    /// Only what happened around a finding, a time (`+31.5s`, a time of day, or a date and time) or an RPC
    #[arg(
        long,
        allow_hyphen_values = true,
        value_name = "RULE|TIME|CONN:STREAM",
        value_parser = Names::Rules,
        hide_possible_values = true
    )]
    pub(crate) around: Option<String>,
    /// How much before and after that
    #[arg(long, value_name = "DURATION", value_parser = duration, default_value = "1s")]
    pub(crate) window: Duration,
    /// The lines of all connections in one story instead of one after the other
    #[arg(long)]
    pub(crate) merged: bool,
    /// How many RPCs of a kind the text names
    #[arg(long, value_name = "N", default_value_t = 3)]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) limits: ReportLimitArgs,
}

#[derive(Args, Debug)]
pub(crate) struct Frames {
    #[command(flatten)]
    pub(crate) input: CaptureArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// How to print them
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: FramesFormat,
    /// Whose debug log to print: what it sent was written, what it received was read
    #[arg(long, value_enum, default_value_t)]
    pub(crate) side: SideOption,
    #[command(flatten)]
    pub(crate) selection: Selection,
}

/// Which part of a capture is asked for.
#[derive(Args, Debug)]
pub(crate) struct Selection {
    /// Only this connection, by its number
    #[arg(long, help_heading = "Filters", value_name = "N")]
    conn: Option<u32>,
    /// Only this stream
    #[arg(long, help_heading = "Filters", value_name = "N", value_parser = value_parser!(u32).range(..=0x7fff_ffff))]
    stream: Option<u32>,
    /// Only methods that match, such as `/shop.Orders/*`, or that are called so in any service: `Reserve`
    #[arg(long, help_heading = "Filters", value_name = "GLOB", value_parser = NonEmptyStringValueParser::new())]
    method: Option<String>,
    /// Only from here on: seconds after the first packet, a time of day (12:30:05), RFC 3339, or any time as it is printed
    #[arg(long, allow_hyphen_values = true, help_heading = "Filters", value_name = "TIME", value_parser = moment)]
    since: Option<Moment>,
    /// Only up to here
    #[arg(long, allow_hyphen_values = true, help_heading = "Filters", value_name = "TIME", value_parser = moment)]
    until: Option<Moment>,
}

impl Selection {
    pub(crate) fn filter(&self) -> Filter {
        Filter {
            connection: self.conn,
            stream: self.stream,
            method: self.method.clone().map(String::into_bytes),
            since: self.since,
            until: self.until,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct CaptureArgs {
    /// pcap or pcapng files, plain, gzip or zstd; `-` is standard input, as is none in a pipe; several are one story
    #[arg(value_name = "CAPTURE")]
    pub(crate) captures: Vec<PathBuf>,
    /// Take this server port for HTTP/2 even if no preface was seen (repeatable)
    #[arg(long = "port", value_name = "PORT", value_parser = value_parser!(u16).range(1..))]
    pub(crate) ports: Vec<u16>,
    /// NSS key log (SSLKEYLOGFILE) whose secrets decrypt TLS (repeatable)
    #[cfg(feature = "tls")]
    #[arg(long = "keylog", value_name = "FILE")]
    pub(crate) key_logs: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) names: NamesArgs,
    #[command(flatten)]
    pub(crate) limits: FileLimitArgs,
    /// Do not show on the terminal how far a long analysis has come
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl CaptureArgs {
    /// Takes standard input, where no capture is named and something is piped in.
    fn read_piped(&mut self) {
        if self.captures.is_empty() && !std::io::stdin().is_terminal() {
            self.captures.push("-".into());
        }
    }

    /// The files of TLS secrets.
    pub(crate) fn key_logs(&self) -> &[PathBuf] {
        #[cfg(feature = "tls")]
        let key_logs = &self.key_logs;
        #[cfg(not(feature = "tls"))]
        let key_logs = &[];
        key_logs
    }

    /// Whether secrets were given.
    pub(crate) const fn has_key_log(&self) -> bool {
        #[cfg(feature = "tls")]
        let given = !self.key_logs.is_empty();
        #[cfg(not(feature = "tls"))]
        let given = false;
        given
    }
}

#[derive(Args, Debug)]
pub(crate) struct OutputArgs {
    /// Write to this file instead of standard output
    #[arg(short = 'o', long = "output", value_name = "FILE")]
    pub(crate) path: Option<PathBuf>,
    /// Print credentials and queries instead of their length
    #[arg(long)]
    pub(crate) show_secrets: bool,
    /// Print what answers say beside their status (grpc-message) as its length too
    #[arg(long, conflicts_with = "show_secrets")]
    pub(crate) redact_messages: bool,
    /// When to colour text
    #[arg(long, value_enum, default_value_t)]
    pub(crate) color: Color,
}

impl OutputArgs {
    /// The file to write to; `None` for standard output, which `-` is too.
    pub(crate) fn file(&self) -> Option<&Path> {
        let path = self.path.as_deref();
        path.filter(|path| *path != Path::new("-"))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum AnalyzeFormat {
    /// For a terminal
    #[default]
    Text,
    /// h2sniff.report/1
    Json,
    /// For a ticket or a postmortem
    Markdown,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum TimelineFormat {
    /// The story in lines
    #[default]
    Text,
    /// A page for a browser, in one file
    Html,
    /// A sequence diagram of a finding, for wikis
    Mermaid,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum FramesFormat {
    /// For a terminal
    #[default]
    Text,
    /// One object a line
    Json,
    /// The lines that GODEBUG=http2debug=2 would have logged
    #[value(name = "http2debug")]
    Http2Debug,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SideOption {
    /// As the client would have logged it
    #[default]
    Client,
    /// As the server would have logged it
    Server,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// Where a terminal reads it and NO_COLOR is not set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}
