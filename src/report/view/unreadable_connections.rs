//! Connections without a call that could be read: a kind and a server each.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use crate::decode::tcp::Ending;
use crate::decode::{Direction, Transport, UnexpectedProtocol};
use crate::inspect::ConnectionRecord;
use crate::inspect::report::Report;
use crate::report::named_end::named_end;
use crate::units::{counted, was};

/// Why no call of a connection could be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::report) enum UnreadableReason {
    /// Its server answered the client's preface with something else.
    Answered(UnexpectedProtocol),
    /// Its server closed at the client's preface, without a byte.
    ClosedOnPreface,
    /// The connect was refused.
    Refused,
    /// The connect was never answered.
    NeverAnswered,
    /// It is TLS that was not decrypted.
    Encrypted,
}

/// Connections whose calls could not be read for the same reason.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::report) struct UnreadableConnections {
    pub(in crate::report) reason: UnreadableReason,
    pub(in crate::report) count: u64,
    /// To how many servers.
    pub(in crate::report) servers: u64,
    /// The server with most of them, by name where it is known by one.
    pub(in crate::report) server: String,
    /// The first of them.
    pub(in crate::report) connection: u32,
}

impl UnreadableConnections {
    pub(super) fn all_of(report: &Report) -> Vec<Self> {
        let mut kinds: BTreeMap<UnreadableReason, BTreeMap<SocketAddr, (u64, &ConnectionRecord)>> =
            BTreeMap::new();
        for record in &report.analysis.connections {
            let Some(reason) = reason(record) else {
                continue;
            };
            let servers = kinds.entry(reason).or_default();
            servers.entry(record.server).or_insert((0, record)).0 += 1;
        }
        let kinds_found = kinds.into_iter().filter_map(|(reason, servers)| {
            let (server, (_, first)) = servers.iter().max_by_key(|(_, (count, _))| *count)?;
            Some(Self {
                reason,
                count: servers.values().map(|(count, _)| count).sum(),
                servers: u64::try_from(servers.len()).unwrap_or(u64::MAX),
                server: named_end(first.names.server.as_deref(), server),
                connection: first.number,
            })
        });
        kinds_found.collect()
    }

    /// How many connections to where.
    pub(in crate::report) fn subject(&self) -> String {
        let connections = counted(
            self.count,
            match self.reason {
                UnreadableReason::Refused | UnreadableReason::NeverAnswered => "connect",
                _ => "connection",
            },
        );
        match self.servers {
            1 => format!("{connections} to {}", self.server),
            many => format!(
                "{connections} to {} and {}",
                self.server,
                counted(many - 1, "other server")
            ),
        }
    }

    /// What became of them, after [`Self::subject`].
    pub(in crate::report) fn predicate(&self) -> String {
        match self.reason {
            UnreadableReason::Answered(instead) => {
                // Who sent an alert is told with its finding.
                let who = if instead.is_alert() {
                    "it ended"
                } else {
                    "the server answered"
                };
                format!("never spoke HTTP/2: {who} with {}", instead.name())
            }
            UnreadableReason::ClosedOnPreface => {
                "never spoke HTTP/2: the server closed on the client's preface without a byte"
                    .into()
            }
            UnreadableReason::Refused => format!("{} refused (RST)", was(self.count)),
            UnreadableReason::NeverAnswered => format!("{} never answered", was(self.count)),
            UnreadableReason::Encrypted => {
                let are = if self.count == 1 { "is" } else { "are" };
                format!("{are} TLS and not decrypted: the calls inside cannot be told")
            }
        }
    }
}

fn reason(record: &ConnectionRecord) -> Option<UnreadableReason> {
    match record.transport {
        Transport::H2c | Transport::H2 => None,
        Transport::Tls => record.is_hidden().then_some(UnreadableReason::Encrypted),
        Transport::NotHttp2 => Some(match record.instead() {
            Some(instead) => UnreadableReason::Answered(instead.protocol),
            None => UnreadableReason::ClosedOnPreface,
        }),
        Transport::None => {
            let refused = record.close.is_some_and(|close| {
                close.by == Direction::ServerToClient && close.ending == Ending::Rst
            });
            Some(if refused {
                UnreadableReason::Refused
            } else {
                UnreadableReason::NeverAnswered
            })
        }
    }
}
