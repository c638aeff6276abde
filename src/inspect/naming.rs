//! Names for the ends of connections, once an analysis has its connections, servers and findings.
//!
//! In: a [`Directory`], and what was found. Out: the same with names in it: of both ends of every connection as of its
//! opening, of servers, and before the addresses that findings speak of. What looks at addresses to judge has done so before.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::connection::record::ConnectionRecord;
use super::diagnosis::{Finding, NamedPair};
use super::live::News;
use super::report::Analysis;
use crate::capture::Timestamp;
use crate::decode::PerSide;
use crate::names::{Directory, IsServer, Name};

/// How many pairs a finding names.
const MAX_PAIRS: usize = 16;

/// How many names one server is called by that was several, one after the other.
const MAX_SERVER_NAMES: usize = 16;

/// Puts names into an analysis.
pub(crate) fn name_analysis(directory: &Directory, analysis: &mut Analysis) {
    if directory.is_empty() {
        return;
    }
    let mut servers: FxHashMap<SocketAddr, Vec<(_, Arc<Name>)>> = FxHashMap::default();
    for record in &mut analysis.connections {
        name_record(directory, record);
        if let Some(name) = &record.names.server {
            let names = servers.entry(record.server).or_default();
            let is_known = names.iter().any(|(_, known)| known == name);
            if !is_known && names.len() < MAX_SERVER_NAMES {
                names.push((began(record), name.clone()));
            }
        }
    }
    for server in &mut analysis.servers {
        let mut names = servers.remove(&server.address).unwrap_or_default();
        names.sort_by_key(|(began, _)| *began);
        server.names = names.into_iter().map(|(_, name)| name).collect();
    }
    let records = analysis.connections.iter();
    let records: FxHashMap<_, _> = records.map(|record| (record.number, record)).collect();
    for finding in &mut analysis.findings {
        name_finding(finding, &|number| records.get(&number).copied());
    }
}

/// Puts names into the findings of an analysis that goes on, and into the records of their connections.
pub(crate) fn name_findings<'a>(
    directory: &Directory,
    findings: &mut [Finding],
    records: impl Iterator<Item = &'a mut ConnectionRecord>,
) {
    if directory.is_empty() || findings.is_empty() {
        return;
    }
    let found = findings.iter().flat_map(|finding| &finding.connections);
    let found: FxHashSet<_> = found.copied().collect();
    let named: FxHashMap<_, _> = records
        .filter(|record| found.contains(&record.number))
        .map(|record| {
            name_record(directory, record);
            (record.number, &*record)
        })
        .collect();
    for finding in findings {
        name_finding(finding, &|number| named.get(&number).copied());
    }
}

fn began(record: &ConnectionRecord) -> Timestamp {
    record.opened.unwrap_or(record.recognised).time
}

fn name_record(directory: &Directory, record: &mut ConnectionRecord) {
    let at = began(record);
    let names = PerSide {
        client: directory.name_of(record.client, at),
        server: directory.name_of(record.server, at),
    };
    record.names = names.into();
}

/// Puts names into what became certain.
pub(crate) fn name_news(directory: &Directory, news: &mut [News]) {
    if directory.is_empty() {
        return;
    }
    for news in news {
        let (at, ends, names) = match news {
            News::Connection {
                recognition, names, ..
            } => {
                let ends = PerSide {
                    client: recognition.client,
                    server: recognition.server,
                };
                let began = recognition.opened.unwrap_or(recognition.recognised);
                (began.time, ends, names)
            }
            News::GoAway {
                goaway,
                ends,
                names,
                ..
            } => (goaway.stamp.time, *ends, names),
            News::Rpc {
                rpc,
                ends,
                names,
                since,
            } => {
                let at = rpc.opened.map_or(*since, |opened| opened.time);
                (at, *ends, names)
            }
        };
        *names = ends.map(|end| directory.name_of(end, at));
    }
}

type FindRecord<'a, 'b> = &'b dyn Fn(u32) -> Option<&'a ConnectionRecord>;

fn name_finding<'a>(finding: &mut Finding, record: FindRecord<'a, '_>) {
    let mut labels = LabelsByAddress::default();
    for record in finding
        .connections
        .iter()
        .filter_map(|number| record(*number))
    {
        labels.add(record.client, record.names.client.as_deref());
        labels.add(record.server, record.names.server.as_deref());
    }
    if labels.is_empty() {
        return;
    }
    finding.between = pairs(finding, record);
    let Finding {
        title,
        explanation,
        ruled_out,
        advice,
        evidence,
        ..
    } = finding;
    let texts = [title, explanation].into_iter();
    let texts = texts.chain(ruled_out).chain(advice);
    for text in texts.chain(evidence.iter_mut().map(|evidence| &mut evidence.text)) {
        if let Cow::Owned(named) = labels.put_into(text) {
            *text = named;
        }
    }
}

/// Between whom a finding is, those first that it hit most.
fn pairs<'a>(finding: &Finding, record: FindRecord<'a, '_>) -> Vec<NamedPair> {
    let mut pairs: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let mut calls: FxHashMap<u32, u64> = FxHashMap::default();
    for call in &finding.rpcs {
        *calls.entry(call.connection).or_default() += 1;
    }
    for record in finding
        .connections
        .iter()
        .filter_map(|number| record(*number))
    {
        if record.names.client.is_none() && record.names.server.is_none() {
            continue;
        }
        let (hit, connections) = pairs.entry(pair(record)).or_default();
        *hit += calls.get(&record.number).copied().unwrap_or_default();
        *connections += 1;
    }
    let mut pairs: Vec<_> = pairs
        .into_iter()
        .map(|(text, (calls, connections))| NamedPair {
            text,
            calls,
            connections,
        })
        .collect();
    pairs.sort_by_key(|pair| std::cmp::Reverse((pair.calls, pair.connections)));
    pairs.truncate(MAX_PAIRS);
    pairs
}

fn pair(record: &ConnectionRecord) -> String {
    let group = |name: &Option<Arc<Name>>, is_server, address: SocketAddr| match name {
        Some(name) => {
            let (namespace, group) = name.group(is_server);
            (namespace.map(str::to_owned), group)
        }
        None => (None, address.ip().to_string()),
    };
    let (client_in, client) = group(&record.names.client, IsServer::No, record.client);
    let (server_in, server) = group(&record.names.server, IsServer::Yes, record.server);
    match (client_in, server_in) {
        (Some(one), Some(other)) if one == other => format!("{one}: {client} → {server}"),
        (client_in, server_in) => {
            let within = |namespace: Option<String>, name| match namespace {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name,
            };
            format!(
                "{} → {}",
                within(client_in, client),
                within(server_in, server)
            )
        }
    }
}

/// What addresses of a finding are called, in the order of its connections.
#[derive(Debug, Default)]
struct LabelsByAddress {
    sockets: BTreeMap<SocketAddr, Vec<String>>,
    hosts: BTreeMap<IpAddr, Vec<String>>,
}

/// How many names stand before one address; it has had more.
const MAX_LABELS: usize = 3;

impl LabelsByAddress {
    fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }

    fn add(&mut self, address: SocketAddr, name: Option<&Name>) {
        let Some(label) = name.map(Name::label) else {
            return;
        };
        let socket = self.sockets.entry(address).or_default();
        let host = self.hosts.entry(address.ip()).or_default();
        for labels in [socket, host] {
            if labels.len() <= MAX_LABELS && !labels.contains(&label) {
                labels.push(label.clone());
            }
        }
    }

    /// A text with names before the addresses that have one, each once. What is quoted is what a peer said, and stays.
    fn put_into<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let mut out = String::new();
        let (mut copied, mut at) = (0, 0);
        let mut is_quoted = false;
        let mut told = Vec::new();
        while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
            let length = rest
                .find(|letter| !is_of_address(letter))
                .unwrap_or(rest.len());
            let Some(word) = rest.get(..length).filter(|_| length > 0) else {
                let letter = rest.chars().next().unwrap_or_default();
                is_quoted ^= letter == '"';
                // A word that goes on before this letter is no address.
                at += letter.len_utf8();
                if letter.is_alphanumeric() {
                    let word = text.get(at..).unwrap_or_default();
                    at += word
                        .find(|letter: char| !letter.is_alphanumeric())
                        .unwrap_or(word.len());
                }
                continue;
            };
            let begins = at;
            at += length;
            let word = word.trim_end_matches(['.', ':', ',']);
            let labels = self
                .of(word)
                .filter(|_| !is_quoted && !told.contains(&word));
            if let Some(labels) = labels {
                told.push(word);
                out.push_str(text.get(copied..begins).unwrap_or_default());
                out.push_str(&labels);
                out.push(' ');
                copied = begins;
            }
        }
        if copied == 0 && out.is_empty() {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }

    fn of(&self, word: &str) -> Option<String> {
        let by_socket = || self.sockets.get(&word.parse::<SocketAddr>().ok()?);
        let by_host = || self.hosts.get(&word.parse::<IpAddr>().ok()?);
        let labels = by_socket().or_else(by_host)?;
        let shown: Vec<_> = labels.iter().take(MAX_LABELS).map(String::as_str).collect();
        let more = if labels.len() > MAX_LABELS {
            ", …"
        } else {
            ""
        };
        Some(format!("{}{more}", shown.join(", later ")))
    }
}

fn is_of_address(letter: char) -> bool {
    letter.is_ascii_hexdigit() || matches!(letter, '.' | ':' | '[' | ']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NameSource;

    fn labels() -> LabelsByAddress {
        let mut labels = LabelsByAddress::default();
        let mut add = |address: &str, pod: &str| {
            let mut name = Name::of(NameSource::Kubernetes);
            name.namespace = Some("shop".into());
            name.pod = Some(pod.into());
            labels.add(address.parse().unwrap(), Some(&name));
        };
        add("10.0.0.2:50051", "orders-1");
        add("10.0.0.1:4000", "web-1");
        add("[fd00::7]:80", "db-1");
        labels
    }

    #[test]
    fn a_name_stands_once_before_its_address() {
        for (text, expected) in [
            (
                "5 RPCs to 10.0.0.2:50051 were lost, which 10.0.0.2:50051 announced.",
                "5 RPCs to shop/orders-1 10.0.0.2:50051 were lost, which 10.0.0.2:50051 announced.",
            ),
            (
                "10.0.0.1 sent all to [fd00::7]:80.",
                "shop/web-1 10.0.0.1 sent all to shop/db-1 [fd00::7]:80.",
            ),
            (
                "at 12:30:05 added 10.0.0.20 and abcd",
                "at 12:30:05 added 10.0.0.20 and abcd",
            ),
            (
                "it said \"dial 10.0.0.2:50051: refused\" to 10.0.0.1:4000",
                "it said \"dial 10.0.0.2:50051: refused\" to shop/web-1 10.0.0.1:4000",
            ),
            ("x10.0.0.1 é10.0.0.1", "x10.0.0.1 é10.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(labels().put_into(text), expected);
        }
    }

    #[test]
    fn an_address_that_was_several_has_their_names() {
        let mut labels = labels();
        let mut name = Name::of(NameSource::Hosts);
        name.host = Some("payments".into());
        labels.add("10.0.0.2:50051".parse().unwrap(), Some(&name));
        assert_eq!(
            labels.put_into("to 10.0.0.2:50051"),
            "to shop/orders-1, later payments 10.0.0.2:50051"
        );
    }
}
