//! The two tables of a section, as columns and cells: which columns there are follows from what is
//! known.

use std::borrow::Cow;

use super::{Closed, ConnectionRow, RpcRow, Section};
use crate::capture::Stamp;
use crate::decode::Transport;
use crate::decode::http2::StreamId;
use crate::decode::tls::Facts;
use crate::inspect::report::Files;
use crate::inspect::{Outcome, Race, Rpc};
use crate::names::Name;
use crate::report::named_end::named_end;
use crate::units::{count, duration, moment};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Column {
    /// A connection's number.
    Connection,
    Client,
    /// Who the server was, where that changed.
    Server,
    /// The name that TLS asked for.
    ServerName,
    /// The protocol that TLS agreed on.
    Alpn,
    /// Bytes of the client, and of the server.
    Bytes,
    /// When its server first said GOAWAY.
    GoAway,
    /// The final last stream id.
    LastStreamId,
    /// Who closed it, and when.
    Closed,
    /// How many of its calls the section is about.
    Died,
    /// Connection and stream.
    Stream,
    Method,
    /// When it was opened.
    Opened,
    /// How long it waited.
    Waited,
    /// How it came to be beyond the last stream id.
    Race,
    /// The code it was reset with.
    Error,
    /// Whether the server can have run it.
    Processed,
    /// The attempt that followed.
    RetriedAs,
    /// Where it began and ended.
    Packets,
    /// The same, with the number of the file, from 0.
    FilePackets,
}

/// What stands in a cell.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::report) enum Cell<'a> {
    /// Our words.
    Words(String),
    /// Bytes as a peer sent them: to be escaped.
    Wire(Cow<'a, [u8]>),
}

#[derive(Debug, Default)]
pub(in crate::report) struct Grid<'a> {
    pub(in crate::report) columns: Vec<Column>,
    /// Its rows, a cell for each column.
    pub(in crate::report) rows: Vec<Vec<Cell<'a>>>,
}

impl Column {
    /// What stands over it.
    pub(in crate::report) const fn title(self) -> &'static str {
        match self {
            Self::Connection => "conn",
            Self::Client => "client",
            Self::Server => "server",
            Self::ServerName => "server name",
            Self::Alpn => "ALPN",
            Self::Bytes => "bytes out / in",
            Self::GoAway => "GOAWAY",
            Self::LastStreamId => "last id",
            Self::Closed => "closed by",
            Self::Died => "RPCs hit",
            Self::Stream => "stream",
            Self::Method => "method",
            Self::Opened => "opened",
            Self::Waited => "waited",
            Self::Race => "HEADERS left",
            Self::Error => "code",
            Self::Processed => "ran",
            Self::RetriedAs => "retried as",
            Self::Packets => "packets",
            Self::FilePackets => "file:packet",
        }
    }
}

impl Section<'_> {
    /// Its connections as a table.
    pub(in crate::report) fn connection_grid(&self) -> Grid<'_> {
        let all = &self.connection_rows;
        let with_goaway = all.iter().any(|row| row.goaway.is_some());
        let with_affected = all.iter().any(|row| row.affected > 0);
        let mut servers = all.iter().map(|row| &row.record.names.server);
        let first = servers.next();
        let servers_differ = servers.any(|server| Some(server) != first);
        let hidden = all.iter().any(|row| row.record.transport == Transport::Tls);
        let tls = |known: fn(&Facts) -> bool| {
            let facts = all.iter().filter_map(|row| row.record.tls.as_deref());
            hidden && facts.into_iter().any(known)
        };
        let columns = [
            (Column::Connection, true),
            (Column::Client, true),
            (Column::Server, servers_differ),
            (Column::ServerName, tls(|facts| facts.server_name.is_some())),
            (Column::Alpn, tls(|facts| facts.alpn.is_some())),
            (Column::Bytes, hidden),
            (Column::GoAway, with_goaway),
            (Column::LastStreamId, with_goaway),
            (Column::Closed, true),
            (Column::Died, with_affected),
        ];
        Grid::new(columns, all, |row, column| {
            let facts = row.record.tls.as_deref();
            let wire = match column {
                Column::ServerName => facts
                    .and_then(|facts| facts.server_name.as_deref())
                    .map(str::as_bytes),
                Column::Alpn => facts.and_then(|facts| facts.alpn.as_deref()),
                _ => None,
            };
            match wire {
                Some(bytes) => Cell::Wire(Cow::Borrowed(bytes)),
                None => Cell::Words(connection_cell(row, column)),
            }
        })
    }

    /// Its calls as a table.
    pub(in crate::report) fn rpc_grid(&self, files: Files) -> Grid<'_> {
        let any = |is: fn(&Rpc) -> bool| self.rpc_rows.iter().any(|row| is(row.rpc));
        let waited = self.rpc_rows.iter().any(|row| row.waited.is_some());
        let columns = [
            (Column::Stream, true),
            (Column::Method, true),
            (Column::Opened, true),
            (Column::Waited, waited),
            (Column::Race, any(|rpc| rpc.race.is_some())),
            (Column::Error, any(|rpc| rpc.error.is_some())),
            (Column::Processed, self.differ),
            (Column::RetriedAs, any(|rpc| rpc.retried_as.is_some())),
            (Column::Packets, files == Files::One),
            (Column::FilePackets, files == Files::Several),
        ];
        Grid::new(columns, &self.rpc_rows, |row, column| match column {
            Column::Method => match &row.method {
                Some(method) => Cell::Wire(Cow::Borrowed(method)),
                None => Cell::Words("(not known)".to_owned()),
            },
            _ => Cell::Words(rpc_cell(row, column, files)),
        })
    }
}

impl<'a> Grid<'a> {
    /// The columns that there is something for, and a row each.
    fn new<Row>(
        columns: impl IntoIterator<Item = (Column, bool)>,
        rows: &'a [Row],
        cell: impl Fn(&'a Row, Column) -> Cell<'a>,
    ) -> Self {
        let columns = columns.into_iter().filter(|(_, wanted)| *wanted);
        let columns: Vec<_> = columns.map(|(column, _)| column).collect();
        let cells = |row| columns.iter().map(|column| cell(row, *column)).collect();
        let rows = rows.iter().map(cells).collect();
        Self { columns, rows }
    }
}

fn connection_cell(row: &ConnectionRow<'_>, column: Column) -> String {
    let record = row.record;
    let known = match column {
        Column::Connection => Some(record.number.to_string()),
        Column::Client => Some(named_end(record.names.client.as_deref(), record.client)),
        Column::Server => record.names.server.as_deref().map(Name::label),
        Column::Bytes => {
            let sides = &record.network.sides;
            Some(format!(
                "{} / {}",
                count(sides.client.bytes),
                count(sides.server.bytes)
            ))
        }
        Column::GoAway => row.goaway.map(moment),
        Column::LastStreamId => row.last_stream_id.map(|last| match last {
            last if last == StreamId::MAX.0 => "2^31-1".to_owned(),
            last => last.to_string(),
        }),
        Column::Closed => Some(match row.closed {
            Some(closed) => closed_by(closed),
            None if record.close.is_some() => "closed".to_owned(),
            None => "still open".to_owned(),
        }),
        Column::Died => {
            let all = record.verdicts.total();
            Some(format!("{} of {}", count(row.affected), count(all)))
        }
        _ => None,
    };
    known.unwrap_or_else(nothing)
}

fn closed_by(closed: Closed) -> String {
    let by = closed.by.sender();
    let how = if closed.ending.is_orderly() {
        ""
    } else {
        " RST"
    };
    match closed.after_goaway {
        Some(after) => format!("{by}{how} {} later", duration(after)),
        None => format!("{by}{how} {}", moment(closed.at)),
    }
}

fn rpc_cell(row: &RpcRow<'_>, column: Column, files: Files) -> String {
    let rpc = row.rpc;
    let known = match column {
        Column::Stream => Some(format!("{}:{}", rpc.id.connection, rpc.id.stream)),
        Column::Opened => row.opened.map(moment),
        Column::Waited => row.waited.map(duration),
        Column::Race => rpc.race.map(|race| match (race, rpc.late_by) {
            (Race::InFlight, _) => "before GOAWAY came".to_owned(),
            (Race::AfterReceipt, Some(late)) => format!("{} after GOAWAY", duration(late)),
            (Race::AfterReceipt, None) => "after GOAWAY came".to_owned(),
            (Race::Unknown, _) => "cannot be said".to_owned(),
        }),
        Column::Error => rpc.error.map(|error| error.to_string()),
        Column::Processed => Some(rpc.processed.name().to_owned()),
        Column::RetriedAs => rpc.retried_as.as_ref().map(|link| {
            let saved = if rpc.outcome == Outcome::Recovered {
                " ok"
            } else {
                ""
            };
            format!("{}:{}{saved}", link.call.connection, link.call.stream)
        }),
        Column::Packets | Column::FilePackets => Some(packets(rpc, files)),
        _ => None,
    };
    known.unwrap_or_else(nothing)
}

fn nothing() -> String {
    "–".to_owned()
}

fn packets(rpc: &Rpc, files: Files) -> String {
    match (rpc.opened, rpc.ended) {
        (Some(opened), Some(ended)) => {
            format!("{} → {}", packet(opened, files), packet(ended, files))
        }
        (Some(opened), None) => format!("{} →", packet(opened, files)),
        (None, Some(ended)) => format!("→ {}", packet(ended, files)),
        (None, None) => nothing(),
    }
}

/// A packet's number as Wireshark has it, after its file where there are several.
pub(in crate::report) fn packet(stamp: Stamp, files: Files) -> String {
    match files {
        Files::One => stamp.packet.to_string(),
        Files::Several => format!("{}:{}", stamp.file, stamp.packet),
    }
}
