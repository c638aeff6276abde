//! Which software a server is: from its PINGs, its SETTINGS, its `server` header, and how it sends GOAWAY.
//!
//! In: the records of one server's connections. Out: the [`Stack`] that most of them show.
//!
//! A PING's payload and a SETTINGS frame are the peer's own; a `server` header may have been passed on by a
//! proxy from what stands behind it. So a header names the software only where the SETTINGS agree, or say
//! nothing.

use rustc_hash::FxHashMap;

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::traffic::ping::kind::{PingKind, Purpose};
use super::client::Client;
use super::confidence::Confidence;
use super::signature;
use crate::decode::http2::ErrorCode;

/// How much of a `server` header is repeated, in characters.
const MAX_HEADER: usize = 64;

/// Software that rules know the settings of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ServerStack {
    /// grpc-go.
    GrpcGo,
    /// grpc-java on Netty or OkHttp.
    GrpcJava,
    /// grpc-js (Node).
    GrpcJs,
    /// gRPC C-core and what wraps it: C++, Python, Ruby, PHP.
    Core,
    /// Rust h2 and what is built on it: hyper, tonic.
    Rust,
    /// Go's net/http.
    NetHttp,
    /// Node's http2 module without gRPC.
    Node,
    /// ASP.NET Core's Kestrel.
    Kestrel,
    /// nginx, before whatever it passes calls on to.
    Nginx,
    /// Envoy, and what is built on it.
    Envoy,
    /// HAProxy.
    HaProxy,
    /// Apache httpd with mod_http2.
    Httpd,
    /// Caddy.
    Caddy,
    /// AWS Application Load Balancer.
    Alb,
    /// Anything else, and what shows nothing of itself.
    Other,
}

/// How a `server` header begins, in lower case, and whose it is.
const HEADERS: [(&str, ServerStack); 9] = [
    ("nginx", ServerStack::Nginx),
    ("openresty", ServerStack::Nginx),
    ("envoy", ServerStack::Envoy),
    ("istio-envoy", ServerStack::Envoy),
    ("apache", ServerStack::Httpd),
    ("caddy", ServerStack::Caddy),
    ("kestrel", ServerStack::Kestrel),
    ("awselb", ServerStack::Alb),
    ("haproxy", ServerStack::HaProxy),
];

impl ServerStack {
    /// The software that a `server` header names.
    fn named(header: &str) -> Self {
        let header = header.to_ascii_lowercase();
        let known = HEADERS.iter().find(|(name, _)| header.starts_with(name));
        known.map_or(Self::Other, |(_, stack)| *stack)
    }

    /// Its name, where nothing says a version.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::GrpcGo => "grpc-go",
            Self::GrpcJava => "grpc-java",
            Self::GrpcJs => "grpc-js",
            Self::Core => "gRPC C-core",
            Self::Rust => "Rust h2 (hyper, tonic)",
            Self::NetHttp => "Go net/http",
            Self::Node => "Node http2",
            Self::Kestrel => "Kestrel",
            Self::Nginx => "nginx",
            Self::Envoy => "envoy",
            Self::HaProxy => "HAProxy",
            Self::Httpd => "Apache httpd",
            Self::Caddy => "Caddy",
            Self::Alb => "AWS ALB",
            Self::Other => "",
        }
    }

    /// Whether it spreads the greatest age of its connections by chance (gRFC A9).
    pub(in crate::inspect) const fn spreads_ages(self) -> bool {
        matches!(
            self,
            Self::GrpcGo | Self::GrpcJava | Self::GrpcJs | Self::Core
        )
    }

    /// Whether software that sends SETTINGS as this does may call itself `other`: what is built on it.
    fn may_be(self, other: Self) -> bool {
        self == other
            || matches!(
                (self, other),
                (Self::NetHttp, Self::Caddy) | (Self::Nginx, Self::Alb)
            )
    }
}

/// The software a server shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stack {
    /// Which it is of those that rules know.
    pub kind: ServerStack,
    /// Its name, with versions as far as they show: `grpc-go < 1.56`.
    pub name: String,
    /// How many connections showed it.
    pub samples: u64,
    /// How sure that is: the surest of the connections that showed it.
    pub confidence: Confidence,
}

/// The server's software, if most of its connections that show any show the same.
pub(crate) fn of(connections: &[&Finished]) -> Option<Stack> {
    let records = connections.iter().map(|finished| &finished.record);
    let shown: Vec<_> = records.filter_map(shown_by).collect();
    let mut alike: FxHashMap<_, usize> = FxHashMap::default();
    for one in &shown {
        *alike.entry(one.software()).or_default() += 1;
    }
    let count = |one: &Shown| alike.get(&one.software()).copied().unwrap_or_default();
    let best = shown.iter().max_by_key(|one| count(one))?;
    let samples = count(best);
    if samples * 2 <= shown.len() {
        return None;
    }
    let same = || {
        let others = shown.iter();
        others.filter(|other| other.software() == best.software())
    };
    // The longest name says most of it, such as its version.
    let name = same()
        .map(|one| one.name.as_str())
        .max_by_key(|name| name.len())?;
    let version = same().find_map(|one| one.version);
    Some(Stack {
        kind: best.kind,
        name: [name, version.unwrap_or_default()].concat(),
        samples: samples as u64,
        confidence: same().map(|one| one.confidence).min()?,
    })
}

/// What one connection shows.
struct Shown {
    kind: ServerStack,
    name: String,
    version: Option<&'static str>,
    confidence: Confidence,
}

impl Shown {
    fn of(kind: ServerStack, name: &str, confidence: Confidence) -> Self {
        Self {
            kind,
            name: name.to_owned(),
            version: None,
            confidence,
        }
    }

    /// What two connections share that show the same software, one of them perhaps more of it.
    fn software(&self) -> (ServerStack, Option<&str>) {
        let unknown = self.kind == ServerStack::Other;
        (self.kind, unknown.then_some(self.name.as_str()))
    }
}

fn shown_by(record: &ConnectionRecord) -> Option<Shown> {
    by_pings(record)
        .or_else(|| by_settings_and_header(record))
        .or_else(|| by_goaways(record))
        .or_else(|| by_silence(record))
}

/// The payloads of its PINGs are constants of its source.
fn by_pings(record: &ConnectionRecord) -> Option<Shown> {
    let kinds = record.keepalive.kinds.server;
    if kinds.contains(PingKind::GoDrain) {
        // The text came with 1.56; before, a graceful end never had one.
        let says_why = record
            .server_goaways()
            .any(|goaway| !goaway.debug_data.is_empty());
        let version = if says_why { " >= 1.56" } else { " < 1.56" };
        return Some(Shown {
            version: Some(version),
            ..Shown::of(ServerStack::GrpcGo, "grpc-go", Confidence::Certain)
        });
    }
    [
        (
            PingKind::JavaDrain,
            ServerStack::GrpcJava,
            "grpc-java (Netty)",
        ),
        (
            PingKind::OkHttpDrain,
            ServerStack::GrpcJava,
            "grpc-java (OkHttp)",
        ),
        (
            PingKind::RustDrain,
            ServerStack::Rust,
            ServerStack::Rust.name(),
        ),
        (
            PingKind::HyperPing,
            ServerStack::Rust,
            ServerStack::Rust.name(),
        ),
        (
            PingKind::JavaServerKeepalive,
            ServerStack::GrpcJava,
            "grpc-java",
        ),
        (
            PingKind::JavaProbe,
            ServerStack::GrpcJava,
            "grpc-java (Netty)",
        ),
        (PingKind::GoProbe, ServerStack::GrpcGo, "grpc-go"),
    ]
    .into_iter()
    .find(|(ping, _, _)| kinds.contains(*ping))
    .map(|(_, kind, name)| Shown::of(kind, name, Confidence::Certain))
}

fn by_settings_and_header(record: &ConnectionRecord) -> Option<Shown> {
    let sent = signature::of_server(record);
    let header = record.server_header.as_deref().map(plain);
    match (sent, header) {
        (Some(sent), Some(header)) if !sent.may_be(ServerStack::named(&header)) => {
            Some(Shown::of(sent, sent.name(), Confidence::Likely))
        }
        (_, Some(header)) => {
            let kind = ServerStack::named(&header);
            Some(Shown::of(
                kind,
                &header.replacen('/', " ", 1),
                Confidence::Likely,
            ))
        }
        (Some(sent), None) => Some(Shown::of(sent, sent.name(), Confidence::Likely)),
        (None, None) => None,
    }
}

/// What a report can show of a `server` header.
fn plain(header: &[u8]) -> String {
    String::from_utf8_lossy(header)
        .chars()
        .filter(|character| character.is_ascii_graphic() || *character == ' ')
        .take(MAX_HEADER)
        .collect()
}

/// grpc-js ends a session of its own age without asking for a round trip.
fn by_goaways(record: &ConnectionRecord) -> Option<Shown> {
    let kinds = record.keepalive.kinds.server;
    let drains = PingKind::ALL.iter().any(|kind| {
        let drain = kind.purpose() == Purpose::Drain || *kind == PingKind::Unknown;
        drain && kinds.contains(*kind)
    });
    let aged = record.server_goaways().any(|goaway| {
        goaway.is_announcement()
            && goaway.error == ErrorCode::NO_ERROR
            && *goaway.debug_data == *b"max_age"
    });
    (aged && !drains).then(|| Shown::of(ServerStack::GrpcJs, "grpc-js", Confidence::Likely))
}

/// Node sends no settings of its own; others may do so too.
fn by_silence(record: &ConnectionRecord) -> Option<Shown> {
    let kind = match Client::of(record).stack.is_grpc() {
        true => ServerStack::GrpcJs,
        false => ServerStack::Node,
    };
    let silent = signature::sends_none(record);
    silent.then(|| Shown::of(kind, kind.name(), Confidence::Possible))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_names_what_rules_know() {
        for (header, stack) in [
            ("nginx/1.25.3", ServerStack::Nginx),
            ("openresty/1.21.4.1", ServerStack::Nginx),
            ("istio-envoy", ServerStack::Envoy),
            ("Apache/2.4.71 (Debian)", ServerStack::Httpd),
            ("Caddy", ServerStack::Caddy),
            ("awselb/2.0", ServerStack::Alb),
            ("gunicorn", ServerStack::Other),
        ] {
            assert_eq!(ServerStack::named(header), stack, "{header}");
        }
    }

    #[test]
    fn a_header_that_a_proxy_passed_on_does_not_name_the_proxy() {
        assert!(!ServerStack::HaProxy.may_be(ServerStack::Nginx));
        assert!(ServerStack::NetHttp.may_be(ServerStack::Caddy));
    }
}
