//! `uneven-load`: one client's connections put most RPCs on few of the servers it knows.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use super::server_view::{EvidenceList, ServerView};
use super::{Check, Confidence, Finding, Rule, Says, Severity};
use crate::capture::{TimeDelta, Timestamp};
use crate::inspect::connection::record::ConnectionRecord;
use crate::units::{count, counted};

/// Fewer RPCs of a client may fall anywhere.
const MIN_RPCS: u64 = 200;

/// The few servers take at least so many of a hundred RPCs …
const MOST_PER_CENT: u64 = 80;

/// … and are at most one in so many servers (one of two or three counts as few, too).
const FEW: usize = 4;

/// For how much of the time, in per cent, a server must have been connected to count as one that could
/// have taken its share: a client that moves from one to the next is not uneven.
const CONNECTED_PER_CENT: i64 = 50;

pub(super) const RULE: Rule = Rule {
    name: "uneven-load",
    meaning: "one client's connections put at least 80 % of its RPCs on few of the servers that it was \
              connected to all the time",
    evidence: "How many RPCs each server got on the client's connections.",
    fixes: &[
        "Balance per call (grpc: round_robin, a layer-7 proxy), not per connection",
        "MaxConnectionAge makes clients look for servers again",
        "By stack: grpc-java: maxConnectionAge; C-core, grpc-js: grpc.max_connection_age_ms; tonic: max_connection_age",
    ],
    says: Says::WhatHappened,
    check: Check::AllServers(check),
};

/// What one client did at one server.
struct Share<'a> {
    server: SocketAddr,
    records: Vec<&'a ConnectionRecord>,
    rpcs: u64,
}

fn check(views: &[ServerView<'_>]) -> Vec<Finding> {
    // Servers of one port are taken for replicas of one service.
    let mut clients: BTreeMap<(IpAddr, u16), Vec<Share<'_>>> = BTreeMap::new();
    for view in views {
        let mut shares: BTreeMap<IpAddr, Share<'_>> = BTreeMap::new();
        let records = view.connections().map(|connection| &connection.record);
        for record in records.filter(|record| record.transport.is_http2()) {
            let share = shares.entry(record.client.ip()).or_insert_with(|| Share {
                server: view.server,
                records: Vec::new(),
                rpcs: 0,
            });
            share.records.push(record);
            share.rpcs += record.streams_opened;
        }
        for (client, share) in shares {
            clients
                .entry((client, view.server.port()))
                .or_default()
                .push(share);
        }
    }
    let findings = clients.into_iter();
    findings
        .filter_map(|((client, _), shares)| judge(client, shares))
        .collect()
}

fn judge(client: IpAddr, mut shares: Vec<Share<'_>>) -> Option<Finding> {
    let (begin, end) = span(shares.iter().flat_map(|share| &share.records))?;
    let whole = end - begin;
    shares.retain(|share| {
        let lifetimes = share.records.iter().map(|record| lifetime(record));
        let connected: TimeDelta = lifetimes.map(|(from, to)| to - from).sum();
        // Several connections at a time only make a server count for more.
        connected * 100 >= whole * CONNECTED_PER_CENT
    });
    shares.sort_by_key(|share| (std::cmp::Reverse(share.rpcs), share.server));
    let all: u64 = shares.iter().map(|share| share.rpcs).sum();
    let few = (shares.len() / FEW).max(1);
    let most: u64 = shares.iter().take(few).map(|share| share.rpcs).sum();
    if shares.len() < 2 || all < MIN_RPCS || most * 100 < all * MOST_PER_CENT {
        return None;
    }
    let mut evidence = EvidenceList::default();
    for share in &shares {
        let text = format!(
            "{} got {} of {}",
            share.server,
            count(share.rpcs),
            counted(all, "RPC")
        );
        evidence.cite(share.records.first().map(|record| record.recognised), text);
    }
    let mut connections: Vec<_> = shares
        .iter()
        .flat_map(|share| share.records.iter().map(|record| record.number))
        .collect();
    connections.sort_unstable();
    Some(Finding {
        severity: Severity::Warning,
        confidence: Confidence::Possible,
        title: format!(
            "client {client} put {} of {} on {few} of {}",
            count(most),
            counted(all, "RPC"),
            counted(shares.len(), "server"),
        ),
        connections,
        evidence: evidence.into_vec(),
        explanation: format!(
            "The client was connected to all {} servers for most of the time, and {few} of them got \
             {} % of its RPCs. The capture does not show whether that is wanted (weights, affinity, \
             sharding).",
            shares.len(),
            most * 100 / all,
        ),
        advice: vec![
            "Client: choose a server for each call, not for each connection (gRPC: the round_robin \
             policy over all addresses instead of pick_first)"
                .into(),
            "Server: a greatest age of connections (grpc-go: MaxConnectionAge) makes clients choose again from \
             time to time"
                .into(),
        ],
        ..Finding::of_rule(RULE.name)
    })
}

/// From a connection's first packet to its last.
fn lifetime(record: &ConnectionRecord) -> (Timestamp, Timestamp) {
    let from = record.opened.unwrap_or(record.recognised).time;
    (from, record.network.last_seen.time.max(from))
}

/// From the first packet of any to the last.
fn span<'a>(
    records: impl Iterator<Item = &'a &'a ConnectionRecord>,
) -> Option<(Timestamp, Timestamp)> {
    records
        .map(|record| lifetime(record))
        .reduce(|(from, to), (begins, ends)| (from.min(begins), to.max(ends)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Stamp;
    use crate::decode::{Recognition, RecognitionOrder, Transport};
    use crate::inspect::connection::Connection;
    use crate::inspect::connection::record::Finished;
    use crate::inspect::diagnosis::diagnose;
    use crate::inspect::options::Options;
    use crate::inspect::server::{Inferred, Server};
    use crate::inspect::threads::Threads;

    /// A connection of one client to the server of this number: seconds and RPCs.
    fn connection(server: u8, from: i64, to: i64, rpcs: u64) -> Finished {
        let at = |seconds: i64| Stamp {
            time: Timestamp::from_nanos(seconds * 1_000_000_000),
            packet: 1,
            file: 0,
        };
        let recognition = Recognition {
            number: u32::from(server),
            place: None,
            order: RecognitionOrder::default(),
            tcp_stream: 0,
            client: "10.0.0.1:40000".parse().unwrap(),
            server: SocketAddr::from(([10, 0, 1, server], 50_051)),
            transport: Transport::H2c,
            preface_seen: true,
            beginning_seen: true,
            opened: Some(at(from)),
            handshake: None,
            tls: None,
            recognised: at(from),
            guess: None,
        };
        let mut finished =
            Connection::new(&recognition, Timestamp::default()).finish(None, &Options::default());
        finished.record.streams_opened = rpcs;
        finished.record.network.last_seen = at(to);
        finished
    }

    fn found(connections: &[Finished]) -> Vec<String> {
        let mut of: BTreeMap<_, Vec<&Finished>> = BTreeMap::new();
        for connection in connections {
            of.entry(connection.record.server)
                .or_default()
                .push(connection);
        }
        let servers = of.iter().map(|(address, of)| Server {
            address: *address,
            connections: of.len() as u64,
            inferred: Inferred::of(of),
            names: Vec::new(),
        });
        let servers: Vec<_> = servers.collect();
        let views = servers.iter().zip(of.into_values());
        let views: Vec<_> = views
            .map(|(server, of)| ServerView::new(server, of, None))
            .collect();
        let findings = diagnose(&views, Threads::ALONE).into_iter();
        let uneven = findings.filter(|finding| finding.rule == RULE.name);
        uneven.map(|finding| finding.title).collect()
    }

    #[test]
    fn one_server_of_three_that_gets_nearly_all_is_told() {
        let connections = [
            connection(1, 0, 60, 960),
            connection(2, 0, 60, 20),
            connection(3, 1, 60, 20),
        ];
        assert_eq!(
            found(&connections),
            ["client 10.0.0.1 put 960 of 1,000 RPCs on 1 of 3 servers"]
        );
    }

    #[test]
    fn even_shares_few_rpcs_one_server_or_a_move_from_one_to_the_next_are_not() {
        let even = [
            connection(1, 0, 60, 400),
            connection(2, 0, 60, 300),
            connection(3, 0, 60, 300),
        ];
        assert!(found(&even).is_empty());
        let idle = [connection(1, 0, 60, 90), connection(2, 0, 60, 0)];
        assert!(found(&idle).is_empty());
        assert!(found(&[connection(1, 0, 60, 5_000)]).is_empty());
        let moved = [connection(1, 0, 50, 5_000), connection(2, 50, 60, 10)];
        assert!(found(&moved).is_empty());
    }

    #[test]
    fn lifetimes_of_centuries_add_up() {
        let centuries = 9_000_000_000;
        let connections = [
            connection(1, 0, centuries, 960),
            connection(1, 0, centuries, 20),
            connection(2, 0, centuries, 20),
        ];
        assert_eq!(
            found(&connections),
            ["client 10.0.0.1 put 980 of 1,000 RPCs on 1 of 2 servers"]
        );
    }
}
