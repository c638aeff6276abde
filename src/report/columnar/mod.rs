//! A report as tables in Parquet files, for engines that query many captures at once.
//!
//! In: a [`Report`] with all calls. Out: the tables `calls`, `connections` and `findings`, in folders by date and
//! hour (UTC), each file into what the caller opens for its relative path. Every column has one type, whatever a
//! capture holds: engines that merge files of many nodes infer nothing. A second export of the same captures
//! with the same labels gives the same paths and rows.

mod calls;
mod connections;
mod findings;
mod table;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use table::{TableCell, TableColumn, TableWriter};

use crate::capture::Timestamp;
use crate::inspect::diagnosis::Finding;
use crate::inspect::report::Report;
use crate::inspect::{CallId, ConnectionRecord};
use crate::report::key::{DerivedKey, Shard};
use crate::report::redact::SecretDisplay;

/// Changes when a column changes its name, type or meaning; a new column changes nothing.
const SCHEMA_VERSION: i32 = 1;

/// Opens a file by its path inside the folder of an export.
pub type OpenFile<'a> = dyn FnMut(&str) -> io::Result<Box<dyn Write + Send>> + 'a;

/// Writes a report as Parquet tables.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Columns that say where the capture is from: names and values, the same in every row.
    pub labels: Vec<(String, String)>,
    /// Whether credentials and queries are printed.
    pub secrets: SecretDisplay,
    /// Which connections are written.
    pub shard: Shard,
}

impl Tables {
    /// Writes all tables.
    ///
    /// # Errors
    ///
    /// Those of `open`, and of writing to what it opened.
    pub fn write(&self, report: &Report, open: &mut OpenFile<'_>) -> io::Result<()> {
        let context = TableContext::new(self, report);
        let analysis = &report.analysis;
        let mine = |record: &&ConnectionRecord| self.shard.has((record.client, record.server));
        let connections = analysis.connections.iter().filter(mine);
        let connections: BTreeMap<u32, &ConnectionRecord> =
            connections.map(|record| (record.number, record)).collect();
        let calls = analysis.rpcs.iter().filter_map(|rpc| {
            let record = *connections.get(&rpc.id.connection)?;
            let began = rpc.opened.or(rpc.ended).unwrap_or(record.recognised);
            Some((began.time, (rpc, record)))
        });
        context.table("calls", &calls::columns(), calls, open, |(rpc, record)| {
            calls::row(rpc, record, &context)
        })?;
        let rows = connections.values().map(|record| {
            let began = record.opened.unwrap_or(record.recognised);
            (began.time, *record)
        });
        context.table(
            "connections",
            &connections::columns(),
            rows,
            open,
            |record| connections::row(record),
        )?;
        let findings = analysis.findings.iter().filter(|finding| {
            let first = finding.rpcs.first().map(|call| call.connection);
            let first = first.or_else(|| finding.connections.first().copied());
            match first {
                // Where the connection is, the finding is.
                Some(number) if context.flows.contains_key(&number) => {
                    connections.contains_key(&number)
                }
                _ => self.shard.is_first(),
            }
        });
        let rows = findings.map(|finding| (context.begin_of(finding), finding));
        context.table("findings", &findings::columns(), rows, open, |finding| {
            findings::row(finding, &context)
        })
    }
}

/// What rows of all tables need of the whole report.
struct TableContext<'a> {
    /// The columns that every row begins with.
    common: Vec<(TableColumn, TableCell)>,
    secrets: SecretDisplay,
    /// The name of each file: what was captured where, and which shard.
    file: String,
    first: Timestamp,
    flows: HashMap<u32, &'a ConnectionRecord>,
    /// What was found of a call: the rule and the finding's id, the worst first.
    found: HashMap<CallId, Vec<(&'static str, String)>>,
}

impl<'a> TableContext<'a> {
    fn new(tables: &Tables, report: &'a Report) -> Self {
        let captures: Vec<_> = report.files.iter().map(|file| file.path.as_str()).collect();
        let mut run = DerivedKey::default();
        for text in captures.iter().copied().chain(
            tables
                .labels
                .iter()
                .flat_map(|(name, value)| [name.as_str(), value.as_str()]),
        ) {
            run.add(text.as_bytes());
        }
        let first = report.first_packet.unwrap_or_default();
        run.add(&first.nanos().to_be_bytes());
        let run = run.to_string();
        let mut common: Vec<_> = tables
            .labels
            .iter()
            .map(|(name, value)| (TableColumn::text(name), TableCell::Text(value.clone())))
            .collect();
        common.extend([
            (TableColumn::text("run"), TableCell::Text(run.clone())),
            (
                TableColumn::text("capture"),
                TableCell::Text(captures.join(" ")),
            ),
            (
                TableColumn::text("tool_version"),
                TableCell::Text(env!("CARGO_PKG_VERSION").to_owned()),
            ),
            (
                TableColumn::small("schema_version"),
                TableCell::Small(SCHEMA_VERSION),
            ),
        ]);
        let flows = report.analysis.connections.iter();
        let flows: HashMap<_, _> = flows.map(|record| (record.number, record)).collect();
        let mut context = Self {
            common,
            secrets: tables.secrets,
            file: format!("{run}-{}.parquet", tables.shard),
            first,
            flows,
            found: HashMap::new(),
        };
        for finding in &report.analysis.findings {
            let id = context.finding_id(finding);
            for call in &finding.rpcs {
                let found = context.found.entry(*call).or_default();
                if found.iter().all(|(_, known)| *known != id) {
                    found.push((finding.rule, id.clone()));
                }
            }
        }
        context
    }

    fn begin_of(&self, finding: &Finding) -> Timestamp {
        let stamps = finding.evidence.iter().filter_map(|proof| proof.stamp);
        stamps.map(|stamp| stamp.time).min().unwrap_or(self.first)
    }

    /// The same for the same finding in a second export.
    fn finding_id(&self, finding: &Finding) -> String {
        let mut key = DerivedKey::default();
        key.add(self.file.split('-').next().unwrap_or_default().as_bytes());
        key.add(finding.rule.as_bytes());
        if let Some(server) = finding.server {
            key.add(server.to_string().as_bytes());
        }
        for connection in &finding.connections {
            key.add(&connection.to_be_bytes());
        }
        key.add(finding.title.as_bytes());
        key.to_string()
    }

    /// Writes the rows of a table, a file for each hour that has some.
    fn table<'r, R: 'r>(
        &self,
        name: &str,
        columns: &[TableColumn],
        rows: impl Iterator<Item = (Timestamp, R)>,
        open: &mut OpenFile<'_>,
        row: impl Fn(&R) -> Vec<TableCell>,
    ) -> io::Result<()> {
        let mut hours: BTreeMap<String, Vec<R>> = BTreeMap::new();
        for (time, each) in rows {
            hours.entry(folder(time)).or_default().push(each);
        }
        let common = self.common.iter().map(|(column, _)| column);
        let all: Vec<_> = common.chain(columns).cloned().collect();
        for (folder, rows) in hours {
            let out = open(&format!("{name}/{folder}/{}", self.file))?;
            let mut writer = TableWriter::new(name, &all, out)?;
            for each in rows {
                let common = self.common.iter().map(|(_, value)| value.clone());
                writer.push(common.chain(row(&each)))?;
            }
            writer.finish()?;
        }
        Ok(())
    }
}

/// The folder of an hour, as engines read it: `date=2026-11-22/hour=07`.
fn folder(time: Timestamp) -> String {
    let text = time.to_string();
    let date = text.get(..10).unwrap_or("unknown");
    let hour = text.get(11..13).unwrap_or("00");
    format!("date={date}/hour={hour}")
}

#[cfg(test)]
mod tests;
