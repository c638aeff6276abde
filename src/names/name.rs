//! A name: who has an address, as far as its source says.

use std::fmt::Write as _;
use std::sync::Arc;

/// The longest name that is kept, in bytes: that of a domain (RFC 1035, section 2.3.4).
const MAX_NAME: usize = 253;

/// Where a name comes from; what stands first is believed before what stands below.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NameSource {
    /// A hosts file that the user named: written by hand.
    Hosts,
    /// Kubernetes' objects, from a file or from the API server.
    Kubernetes,
    /// A comment of the packets themselves, as ptcpdump writes them.
    PacketComment,
    /// A name resolution block of the capture (draft-ietf-opsawg-pcapng, section 4.5).
    NameResolution,
}

impl NameSource {
    /// All of them, the most believed first.
    pub const ALL: [Self; 4] = [
        Self::Hosts,
        Self::Kubernetes,
        Self::PacketComment,
        Self::NameResolution,
    ];

    /// As reports have it: `hosts`, `kubernetes`, `packet-comment` or `name-resolution-block`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hosts => "hosts",
            Self::Kubernetes => "kubernetes",
            Self::PacketComment => "packet-comment",
            Self::NameResolution => "name-resolution-block",
        }
    }
}

/// Who has an address; `None` where no source says it. Every text is printable and short.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Name {
    /// The most believed of the sources that say something.
    pub source: NameSource,
    /// Kubernetes' namespace of the pod or the service.
    pub namespace: Option<Arc<str>>,
    /// The pod.
    pub pod: Option<Arc<str>>,
    /// The service whose address it is, or that has the pod behind it.
    pub service: Option<Arc<str>>,
    /// The node whose address it is, or that the pod runs on.
    pub node: Option<Arc<str>>,
    /// What owns the pod: its deployment, stateful set, daemon set or job.
    pub workload: Option<Arc<str>>,
    /// The container.
    pub container: Option<Arc<str>>,
    /// The program that the socket belongs to.
    pub process: Option<Arc<str>>,
    /// The host, by a hosts file or a name resolution block.
    pub host: Option<Arc<str>>,
}

impl Name {
    /// A name that says nothing yet.
    #[must_use]
    pub const fn of(source: NameSource) -> Self {
        Self {
            source,
            namespace: None,
            pod: None,
            service: None,
            node: None,
            workload: None,
            container: None,
            process: None,
            host: None,
        }
    }

    /// A host's name; `None` where nothing of it can be kept.
    pub(super) fn of_host(source: NameSource, host: &str) -> Option<Self> {
        let host = printable(host)?;
        Some(Self {
            host: Some(host),
            ..Self::of(source)
        })
    }

    /// Takes what another, less believed, knows beside it. Of another pod it takes nothing.
    pub(super) fn complete(&mut self, other: &Self) {
        if self.pod.is_some() && other.pod.is_some() && self.pod != other.pod {
            return;
        }
        let fields = [
            (&mut self.namespace, &other.namespace),
            (&mut self.pod, &other.pod),
            (&mut self.service, &other.service),
            (&mut self.node, &other.node),
            (&mut self.workload, &other.workload),
            (&mut self.container, &other.container),
            (&mut self.process, &other.process),
            (&mut self.host, &other.host),
        ];
        for (own, other) in fields {
            if own.is_none() {
                own.clone_from(other);
            }
        }
    }

    /// The most particular that is known, to stand before the address: `shop/orders-7d9f8-x2x`.
    #[must_use]
    pub fn label(&self) -> String {
        if let (NameSource::Hosts, Some(host)) = (self.source, &self.host) {
            return host.to_string();
        }
        let within = self.pod.as_ref().or(self.service.as_ref());
        self.within_namespace(within).unwrap_or_else(|| {
            let rest = [&self.host, &self.node, &self.container, &self.process];
            let known = rest.into_iter().flatten().next();
            known.map_or_else(|| "?".to_owned(), ToString::to_string)
        })
    }

    /// What it is one of, with its namespace: the workload of a client's pod, the service of a server's.
    pub(crate) fn group(&self, is_server: IsServer) -> (Option<&str>, String) {
        let by_hand = self.host.as_ref();
        if let (NameSource::Hosts, Some(host)) = (self.source, by_hand) {
            return (None, host.to_string());
        }
        let [first, second] = match is_server {
            IsServer::Yes => [&self.service, &self.workload],
            IsServer::No => [&self.workload, &self.service],
        };
        let group = first.as_ref().or(second.as_ref()).or(self.pod.as_ref());
        match group {
            Some(group) => (self.namespace.as_deref(), group.to_string()),
            None => (None, self.label()),
        }
    }

    fn within_namespace(&self, name: Option<&Arc<str>>) -> Option<String> {
        let name = name?;
        Some(match &self.namespace {
            Some(namespace) => format!("{namespace}/{name}"),
            None => name.to_string(),
        })
    }
}

/// Which end of a connection a name is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IsServer {
    /// The end that accepted it.
    Yes,
    /// The end that opened it.
    No,
}

/// Text that can be printed as it is, cut to [`MAX_NAME`] bytes; `None` where there is none. Letters, digits and the marks
/// of names stay, all else is escaped.
pub(super) fn printable(text: &str) -> Option<Arc<str>> {
    let mut kept = String::new();
    for letter in text.trim().chars() {
        let before = kept.len();
        match letter {
            '-' | '.' | '_' | '/' | ':' | '+' | '(' | ')' | ' ' => kept.push(letter),
            letter if letter.is_alphanumeric() => kept.push(letter),
            // Memory takes all that is written to it.
            other => drop(write!(kept, "\\u{{{:x}}}", u32::from(other))),
        }
        if kept.len() > MAX_NAME {
            kept.truncate(before);
            break;
        }
    }
    (!kept.is_empty()).then(|| kept.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str) -> Name {
        Name {
            namespace: Some("shop".into()),
            pod: Some(name.into()),
            ..Name::of(NameSource::Kubernetes)
        }
    }

    #[test]
    fn names_are_printable_and_short() {
        let kept = |text: &str| printable(text).map(|kept| kept.to_string());
        assert_eq!(kept("orders-1.shop"), Some("orders-1.shop".to_owned()));
        assert_eq!(kept("\u{1b}[2Jx"), Some("\\u{1b}\\u{5b}2Jx".to_owned()));
        assert_eq!(kept("a\u{202e}b"), Some("a\\u{202e}b".to_owned()));
        assert_eq!(kept(" \n"), None);
        assert_eq!(kept(&"x".repeat(1_000)).map(|kept| kept.len()), Some(253));
        assert!(kept(&"\u{1b}".repeat(1_000)).is_some_and(|kept| kept.ends_with('}')));
    }

    #[test]
    fn a_name_takes_from_others_what_it_lacks() {
        let mut name = pod("orders-1");
        let mut process = pod("orders-1");
        process.process = Some("orders".into());
        name.complete(&process);
        assert_eq!(name.process.as_deref(), Some("orders"));
        let mut other = pod("payments-1");
        other.service = Some("payments".into());
        name.complete(&other);
        assert_eq!(name.service, None);
        assert_eq!(name.label(), "shop/orders-1");
    }

    #[test]
    fn ends_are_grouped_by_what_they_are_called_by() {
        let mut name = pod("orders-1");
        assert_eq!(
            name.group(IsServer::Yes),
            (Some("shop"), "orders-1".to_owned())
        );
        name.workload = Some("orders".into());
        name.service = Some("orders-grpc".into());
        assert_eq!(name.group(IsServer::No).1, "orders");
        assert_eq!(name.group(IsServer::Yes).1, "orders-grpc");
    }
}
