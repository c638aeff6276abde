//! A report as tables in Parquet files, for engines that query many captures at once.
//!
//! In: a [`Report`], and the calls that it does not list, as they are told while a capture is read: what is known of them
//! only at the end (numbers, retries, findings) is added then, so that memory does not follow their number. Out: the tables
//! `calls`, `connections` and `findings`, in folders by date and hour (UTC), each file into what the caller opens for
//! its relative path. Every column has one type, whatever a capture holds: engines that merge files of many nodes infer
//! nothing. A second export of the same captures with the same labels gives the same paths and rows.

mod calls;
mod chunk;
mod coded;
mod connections;
mod ends;
mod findings;
mod hours;
mod pool;
mod runs;
mod table;
mod told;

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use calls::CallRows;
use hours::{HourlyFiles, TableLayout};
use pool::TextPool;
use rustc_hash::FxHashMap;
use table::{TableCell, TableColumn};
use told::CallFacts;

use crate::capture::Timestamp;
use crate::inspect::diagnosis::Finding;
use crate::inspect::report::{CallList, Report};
use crate::inspect::{CallId, ConnectionRecord};
use crate::report::key::{DerivedKey, Shard};
use crate::report::redact::SecretDisplay;

pub use told::{Scratch, ToldCalls};

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
    /// Writes all tables: of calls, those that the report lists, and those that were told meanwhile.
    ///
    /// # Errors
    ///
    /// Those of `open`, of writing to what it opened, and of what keeps the told calls.
    pub fn write(
        &self,
        report: &Report,
        told: Option<ToldCalls<'_>>,
        open: &mut OpenFile<'_>,
    ) -> io::Result<()> {
        let context = TableContext::new(self, report);
        let analysis = &report.analysis;
        let mine = |record: &&ConnectionRecord| self.shard.has((record.client, record.server));
        let connections = analysis.connections.iter().filter(mine);
        let connections: BTreeMap<u32, &ConnectionRecord> =
            connections.map(|record| (record.number, record)).collect();
        let columns = calls::columns();
        HourlyFiles::write(context.layout("calls", &columns), open, |files| {
            Self::write_calls(&context, &connections, told, files)
        })?;
        let columns = connections::columns();
        HourlyFiles::write(context.layout("connections", &columns), open, |files| {
            let mut texts = TextPool::default();
            connections.values().try_for_each(|record| {
                let began = record.opened.unwrap_or(record.recognised);
                let cells = connections::row(record, &mut texts);
                files.push(began.time, |row| row.extend(&cells))
            })
        })?;
        let columns = findings::columns();
        HourlyFiles::write(context.layout("findings", &columns), open, |files| {
            let is_mine = |finding: &&Finding| {
                let first = finding.rpcs.first().map(|call| call.connection);
                let first = first.or_else(|| finding.connections.first().copied());
                match first {
                    // Where the connection is, the finding is.
                    Some(number) if context.flows.contains_key(&number) => {
                        connections.contains_key(&number)
                    }
                    _ => self.shard.is_first(),
                }
            };
            let mut findings = analysis.findings.iter().filter(is_mine);
            findings.try_for_each(|finding| {
                let began = context.begin_of(finding);
                let cells = findings::row(finding, &context);
                files.push(began, |row| row.extend(&cells))
            })
        })
    }

    fn write_calls(
        context: &TableContext<'_>,
        connections: &BTreeMap<u32, &ConnectionRecord>,
        told: Option<ToldCalls<'_>>,
        files: &mut HourlyFiles<'_, '_>,
    ) -> io::Result<()> {
        let mut rows = CallRows::new(context);
        let mut write = |call: &CallFacts, record: &ConnectionRecord| {
            let stamp = call.opened.or(call.ended).unwrap_or(record.recognised);
            files.push(stamp.time, |row| rows.row(call, record, row))
        };
        for rpc in context.listed {
            if let Some(record) = connections.get(&rpc.id.connection) {
                write(&CallFacts::of(rpc), record)?;
            }
        }
        let Some(mut told) = told else { return Ok(()) };
        let by_told: FxHashMap<u32, &ConnectionRecord> = connections
            .values()
            .map(|record| (record.told_as, *record))
            .collect();
        // A listed call knows its retry, a told one is one.
        let links = context.listed.iter().filter_map(|rpc| {
            let link = rpc.retried_as.as_ref()?;
            Some((link.call, rpc.id))
        });
        let first_of: FxHashMap<CallId, CallId> = links.collect();
        told.take(|mut call| {
            let Some(record) = by_told.get(&call.id.connection) else {
                return Ok(());
            };
            call.id.connection = record.number;
            call.retry_of = first_of.get(&call.id).copied();
            write(&call, record)
        })
    }
}

/// What rows of all tables need of the whole report.
struct TableContext<'a> {
    /// The columns that every row begins with, and what stands in them.
    columns: Vec<TableColumn>,
    cells: Vec<TableCell>,
    secrets: SecretDisplay,
    /// The name of each file without its ending: what was captured where, and which shard.
    file: String,
    listed: &'a CallList,
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
            .map(|(name, value)| (TableColumn::text(name), TableCell::text(value.as_str())))
            .collect();
        common.extend([
            (TableColumn::text("run"), TableCell::text(&*run)),
            (
                TableColumn::text("capture"),
                TableCell::text(captures.join(" ")),
            ),
            (
                TableColumn::text("tool_version"),
                TableCell::word(env!("CARGO_PKG_VERSION")),
            ),
            (
                TableColumn::small("schema_version"),
                TableCell::Small(SCHEMA_VERSION),
            ),
        ]);
        let flows = report.analysis.connections.iter();
        let flows: HashMap<_, _> = flows.map(|record| (record.number, record)).collect();
        let (columns, cells) = common.into_iter().unzip();
        let mut context = Self {
            columns,
            cells,
            listed: &report.analysis.rpcs,
            secrets: tables.secrets,
            file: format!("{run}-{}", tables.shard),
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

    /// What a table is, whatever hour.
    fn layout<'t>(&'t self, name: &'static str, columns: &'t [TableColumn]) -> TableLayout<'t> {
        TableLayout {
            name,
            columns,
            common: (&self.columns, &self.cells),
            file: &self.file,
        }
    }
}

#[cfg(test)]
mod tests;
