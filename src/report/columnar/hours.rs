//! A table's files, one for each hour.
//!
//! In: rows in the order in which they become known, each with its time. Out: files in folders by date and hour (UTC). However
//! many hours there are, a bounded number of rows is held, and of files open: an hour that comes again after its file was
//! closed has another file.

use std::collections::BTreeMap;
use std::io;

use super::OpenFile;
use super::table::{TableCell, TableColumn, TableWriter};
use crate::capture::Timestamp;

/// How many rows are held before they are written, all files together: some 20 megabytes of calls.
const GROUP_ROWS: usize = 1 << 14;

/// How many files are open.
const MAX_OPEN: usize = 64;

const HOUR_NANOS: i64 = 3_600_000_000_000;

pub(super) struct HourlyFiles<'a, 'o> {
    table: &'static str,
    columns: Vec<TableColumn>,
    /// What stands at the beginning of each row.
    common: &'a [TableCell],
    /// The name of each file, without its ending.
    file: &'a str,
    open: &'a mut OpenFile<'o>,
    /// By hours since 1970.
    files: BTreeMap<i64, HourFile>,
    /// How many files hours have had that were closed.
    closed: BTreeMap<i64, u32>,
    held: usize,
    rows: u64,
}

struct HourFile {
    writer: TableWriter,
    /// Which row was its latest.
    latest: u64,
}

impl<'a, 'o> HourlyFiles<'a, 'o> {
    pub(super) fn new(
        table: &'static str,
        columns: Vec<TableColumn>,
        common: &'a [TableCell],
        file: &'a str,
        open: &'a mut OpenFile<'o>,
    ) -> Self {
        Self {
            table,
            columns,
            common,
            file,
            open,
            files: BTreeMap::new(),
            closed: BTreeMap::new(),
            held: 0,
            rows: 0,
        }
    }

    pub(super) fn push(&mut self, time: Timestamp, row: Vec<TableCell>) -> io::Result<()> {
        let hour = time.nanos().div_euclid(HOUR_NANOS);
        if !self.files.contains_key(&hour) {
            self.open(hour, time)?;
        }
        self.rows += 1;
        if let Some(of_hour) = self.files.get_mut(&hour) {
            of_hour.latest = self.rows;
            let common = self.common.iter().cloned();
            of_hour.writer.push(common.chain(row));
        }
        self.held += 1;
        if self.held >= GROUP_ROWS {
            let files = self.files.values_mut().map(|of_hour| &mut of_hour.writer);
            if let Some(fullest) = files.max_by_key(|writer| writer.held()) {
                self.held -= fullest.held();
                fullest.flush()?;
            }
        }
        Ok(())
    }

    pub(super) fn finish(self) -> io::Result<()> {
        let mut files = self.files.into_values();
        files.try_for_each(|of_hour| of_hour.writer.finish())
    }

    fn open(&mut self, hour: i64, time: Timestamp) -> io::Result<()> {
        if self.files.len() >= MAX_OPEN {
            let hours = self.files.iter();
            let oldest = hours.min_by_key(|(_, of_hour)| of_hour.latest);
            let oldest = oldest.map(|(hour, _)| *hour);
            if let Some((hour, of_hour)) = oldest.and_then(|hour| self.files.remove_entry(&hour)) {
                self.held -= of_hour.writer.held();
                *self.closed.entry(hour).or_default() += 1;
                of_hour.writer.finish()?;
            }
        }
        let part = match self.closed.get(&hour) {
            Some(before) => format!("-{}", before + 1),
            None => String::new(),
        };
        let (table, folder, file) = (self.table, folder(time), self.file);
        let out = (self.open)(&format!("{table}/{folder}/{file}{part}.parquet"))?;
        let writer = TableWriter::new(table, &self.columns, out)?;
        let latest = self.rows;
        self.files.insert(hour, HourFile { writer, latest });
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
