//! Which software a server is: from its `server` header, its PINGs, and how it sends GOAWAY.

use super::super::connection::record::{ConnectionRecord, Finished};
use super::super::traffic::ping::kind::{PingKind, Purpose};
use super::confidence::Confidence;
use crate::decode::http2::ErrorCode;

/// How much of a `server` header is repeated, in characters.
const MAX_HEADER: usize = 64;

/// Software that rules know the settings of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServerStack {
    /// grpc-go.
    GrpcGo,
    /// grpc-java on Netty or OkHttp.
    GrpcJava,
    /// grpc-js (Node).
    GrpcJs,
    /// nginx, before whatever it passes calls on to.
    Nginx,
    /// Anything else, and what shows nothing of itself.
    Other,
}

impl ServerStack {
    /// The software whose name this is, as [`Stack::name`] words it or a `server` header begins.
    fn named(name: &str) -> Self {
        let known = [
            ("grpc-go", Self::GrpcGo),
            ("grpc-java", Self::GrpcJava),
            ("grpc-js", Self::GrpcJs),
            ("nginx", Self::Nginx),
        ];
        let known = known.iter().find(|(known, _)| name.starts_with(known));
        known.map_or(Self::Other, |(_, stack)| *stack)
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
    let shown: Vec<_> = connections
        .iter()
        .filter_map(|finished| shown_by(&finished.record))
        .collect();
    let alike = |one: &Shown| {
        shown
            .iter()
            .filter(|other| other.product == one.product)
            .count()
    };
    let best = shown.iter().max_by_key(|one| alike(one))?;
    let samples = alike(best);
    if samples * 2 <= shown.len() {
        return None;
    }
    let same = || shown.iter().filter(|other| other.product == best.product);
    let version = same().find_map(|one| one.version);
    Some(Stack {
        kind: ServerStack::named(&best.product),
        name: [best.product.as_str(), version.unwrap_or_default()].concat(),
        samples: samples as u64,
        confidence: same().map(|one| one.confidence).min()?,
    })
}

struct Shown {
    product: String,
    version: Option<&'static str>,
    confidence: Confidence,
}

/// What one connection shows; a signature in a PING goes before a header, which a proxy may pass on.
fn shown_by(record: &ConnectionRecord) -> Option<Shown> {
    let kinds = record.keepalive.kinds.server;
    let debug_data = || record.server_goaways().map(|goaway| &*goaway.debug_data);
    let shown = |product: &str, version, confidence| {
        Some(Shown {
            product: product.to_owned(),
            version,
            confidence,
        })
    };
    if kinds.contains(PingKind::GoDrain) {
        // The text came with 1.56; before, a graceful end never had one.
        let says_why = debug_data().any(|data| !data.is_empty());
        let version = if says_why { " >= 1.56" } else { " < 1.56" };
        return shown("grpc-go", Some(version), Confidence::Certain);
    }
    for (kind, product) in [
        (PingKind::JavaDrain, "grpc-java (Netty)"),
        (PingKind::OkHttpDrain, "grpc-java (OkHttp)"),
        (PingKind::RustDrain, "Rust h2 (hyper, tonic)"),
        (PingKind::HyperPing, "Rust h2 (hyper, tonic)"),
        (PingKind::JavaServerKeepalive, "grpc-java"),
        (PingKind::JavaProbe, "grpc-java (Netty)"),
    ] {
        if kinds.contains(kind) {
            return shown(product, None, Confidence::Certain);
        }
    }
    if kinds.contains(PingKind::GoProbe) {
        return shown("grpc-go", None, Confidence::Certain);
    }
    if let Some(header) = &record.server_header {
        let plain: String = String::from_utf8_lossy(header)
            .chars()
            .filter(|character| character.is_ascii_graphic() || *character == ' ')
            .take(MAX_HEADER)
            .collect();
        return shown(&plain.replacen('/', " ", 1), None, Confidence::Likely);
    }
    // grpc-js ends a session of its own age without asking for a round trip.
    let drains = PingKind::ALL.iter().any(|kind| {
        let drain = kind.purpose() == Purpose::Drain || *kind == PingKind::Unknown;
        drain && kinds.contains(*kind)
    });
    let aged = record.server_goaways().any(|goaway| {
        goaway.is_announcement()
            && goaway.error == ErrorCode::NO_ERROR
            && *goaway.debug_data == *b"max_age"
    });
    if aged && !drains {
        return shown("grpc-js", None, Confidence::Likely);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rules_know_is_told_by_its_name() {
        for (name, stack) in [
            ("grpc-go < 1.56", ServerStack::GrpcGo),
            ("grpc-java (Netty)", ServerStack::GrpcJava),
            ("grpc-js", ServerStack::GrpcJs),
            ("nginx 1.25.3", ServerStack::Nginx),
            ("Rust h2 (hyper, tonic)", ServerStack::Other),
            ("envoy", ServerStack::Other),
        ] {
            assert_eq!(ServerStack::named(name), stack, "{name}");
        }
    }
}
