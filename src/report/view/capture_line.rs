//! What was looked at.

use std::path::Path;

use super::Chosen;
use crate::capture::TimeDelta;
use crate::decode::Transport;
use crate::inspect::ConnectionRecord;
use crate::inspect::report::Report;
use crate::units::{count, counted, duration};

/// What was looked at.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::report) struct CaptureLine {
    /// The name of the first file, without its folder.
    pub(in crate::report) name: String,
    other_files: u64,
    duration: Option<TimeDelta>,
    packets: u64,
    http2: u64,
    tls: u64,
    not_http2: u64,
    failed_connects: u64,
    /// Calls of any verdict.
    pub(in crate::report) rpcs: u64,
    /// How many of how many were asked for, where that is not all.
    chosen: Option<String>,
    goaways: u64,
    pings: u64,
    unanswered_pings: u64,
    retransmissions: u64,
    missing_bytes: u64,
}

impl CaptureLine {
    pub(super) fn of(report: &Report) -> Self {
        let connections = &report.analysis.connections;
        let with = |transport| {
            let alike = connections
                .iter()
                .filter(|record| record.transport == transport);
            u64::try_from(alike.count()).unwrap_or(u64::MAX)
        };
        let sum = |of: fn(&ConnectionRecord) -> u64| {
            connections.iter().map(of).fold(0, u64::saturating_add)
        };
        let name = report.files.first().map(|file| {
            let name = Path::new(&file.path).file_name();
            name.map_or_else(
                || file.path.clone(),
                |name| name.to_string_lossy().into_owned(),
            )
        });
        Self {
            name: name.unwrap_or_else(|| "live".to_owned()),
            other_files: super::beyond(report.files.len(), 1),
            duration: report
                .last_packet
                .zip(report.first_packet)
                .map(|(last, first)| last - first),
            packets: report.packets,
            http2: with(Transport::H2c) + with(Transport::H2),
            tls: with(Transport::Tls),
            not_http2: with(Transport::NotHttp2),
            failed_connects: with(Transport::None),
            rpcs: report.analysis.verdicts.total(),
            chosen: Chosen::of(report).map(|chosen| chosen.share()),
            goaways: sum(|record| record.goaways.len() as u64),
            pings: sum(|record| {
                record
                    .pings
                    .sent
                    .client
                    .saturating_add(record.pings.sent.server)
            }),
            unanswered_pings: sum(|record| record.pings.unanswered),
            retransmissions: sum(|record| record.network.retransmissions()),
            missing_bytes: sum(|record| record.missing.bytes),
        }
    }

    /// How many other files there are, after the name.
    pub(in crate::report) fn others(&self) -> String {
        match self.other_files {
            0 => String::new(),
            others => format!(" and {}", counted(others, "more file")),
        }
    }

    /// The capture in figures, after its name.
    pub(in crate::report) fn figures(&self) -> Vec<String> {
        let mut figures = Vec::new();
        figures.extend(self.duration.map(duration));
        figures.push(counted(self.packets, "packet"));
        figures.push(counted(self.http2, "HTTP/2 connection"));
        let others = [
            (self.tls, counted(self.tls, "TLS connection")),
            (
                self.not_http2,
                format!("{} that never spoke it", count(self.not_http2)),
            ),
            (
                self.failed_connects,
                counted(self.failed_connects, "failed connect"),
            ),
        ];
        let others = others.into_iter().filter(|(number, _)| *number > 0);
        figures.extend(others.map(|(_, words)| words));
        figures.push(match &self.chosen {
            Some(share) => share.clone(),
            None => counted(self.rpcs, "RPC"),
        });
        figures
    }

    /// What was looked at in vain.
    pub(in crate::report) fn looked_at(&self) -> Vec<String> {
        let pings = match (self.pings, self.unanswered_pings) {
            (0, _) => "0 PINGs".to_owned(),
            (pings, 0) => format!("{} (all answered)", counted(pings, "PING")),
            (pings, unanswered) => {
                format!(
                    "{} ({} not answered)",
                    counted(pings, "PING"),
                    count(unanswered)
                )
            }
        };
        vec![
            counted(self.goaways, "GOAWAY"),
            pings,
            counted(self.retransmissions, "TCP retransmission"),
            match self.missing_bytes {
                0 => "no byte missing from the capture".to_owned(),
                bytes => format!("{} missing from the capture", counted(bytes, "byte")),
            },
        ]
    }
}
