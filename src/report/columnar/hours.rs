//! A table's files, one for each hour.
//!
//! In: rows in the order in which they become known, each with its time. Out: files in folders by date and hour (UTC), which a
//! thread of its own encodes. However many hours there are, a bounded number of rows is held, and of files open: an hour
//! that comes again after its file was closed has another file.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};
use std::panic;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::OpenFile;
use super::chunk::ZstdPages;
use super::table::{RowCells, TableCell, TableColumn, TableFile, TableRows};
use crate::capture::Timestamp;

/// How many rows are held before they are written, all files together: some 15 megabytes of calls.
const GROUP_ROWS: usize = 1 << 16;

/// How many groups wait to be encoded.
const WAITING_GROUPS: usize = 1;

/// How many files are open.
const MAX_OPEN: usize = 64;

const HOUR_NANOS: i64 = 3_600_000_000_000;

/// What a table is, whatever hour.
#[derive(Clone, Copy)]
pub(super) struct TableLayout<'a> {
    pub(super) name: &'static str,
    pub(super) columns: &'a [TableColumn],
    /// The columns that stand before those, and what is in them in each row.
    pub(super) common: (&'a [TableColumn], &'a [TableCell]),
    /// The name of each file, without its ending.
    pub(super) file: &'a str,
}

/// What the thread that encodes is to do with the file of an hour since 1970.
enum EncoderJob {
    Open(i64, Box<dyn Write + Send>),
    Write(i64, TableRows),
    Close(i64),
}

/// Takes the rows of a table.
pub(super) struct HourlyFiles<'a, 'o> {
    layout: TableLayout<'a>,
    open: &'a mut OpenFile<'o>,
    encoder: SyncSender<EncoderJob>,
    /// By hours since 1970.
    files: BTreeMap<i64, HourFile>,
    /// How many files hours have had that were closed.
    closed: BTreeMap<i64, u32>,
    held: usize,
    rows: u64,
}

struct HourFile {
    rows: TableRows,
    /// Which row was its latest.
    latest: u64,
}

impl<'a, 'o> HourlyFiles<'a, 'o> {
    /// Writes a table whose rows `each` gives.
    pub(super) fn write(
        layout: TableLayout<'a>,
        open: &'a mut OpenFile<'o>,
        each: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        thread::scope(|scope| {
            let (encoder, jobs) = sync_channel(WAITING_GROUPS);
            let thread = thread::Builder::new().name("tables".to_owned());
            let thread = thread.spawn_scoped(scope, move || encode(layout, &jobs))?;
            let mut files = Self {
                layout,
                open,
                encoder,
                files: BTreeMap::new(),
                closed: BTreeMap::new(),
                held: 0,
                rows: 0,
            };
            let given = each(&mut files).and_then(|()| files.finish());
            drop(files);
            match thread.join() {
                // Why it went on no longer says more than that it did not.
                Ok(encoded) => encoded.and(given),
                Err(why) => panic::resume_unwind(why),
            }
        })
    }

    /// Takes a row of that time, which `make` makes.
    pub(super) fn push(
        &mut self,
        time: Timestamp,
        make: impl FnOnce(&mut RowCells<'_>),
    ) -> io::Result<()> {
        let hour = time.nanos().div_euclid(HOUR_NANOS);
        self.rows += 1;
        let latest = self.rows;
        match self.files.get_mut(&hour) {
            Some(of_hour) => {
                of_hour.latest = latest;
                of_hour.rows.push(make);
            }
            None => {
                self.open(hour, time)?;
                let mut rows = TableRows::new(self.layout.columns);
                rows.push(make);
                self.files.insert(hour, HourFile { rows, latest });
            }
        }
        self.held += 1;
        if self.held >= GROUP_ROWS {
            let files = self.files.iter();
            let fullest = files.max_by_key(|(_, of_hour)| of_hour.rows.len());
            if let Some(hour) = fullest.map(|(hour, _)| *hour) {
                self.flush(hour)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self) -> io::Result<()> {
        let hours: Vec<_> = self.files.keys().copied().collect();
        hours.into_iter().try_for_each(|hour| self.close(hour))
    }

    fn open(&mut self, hour: i64, time: Timestamp) -> io::Result<()> {
        if self.files.len() >= MAX_OPEN {
            let hours = self.files.iter();
            let oldest = hours.min_by_key(|(_, of_hour)| of_hour.latest);
            if let Some(hour) = oldest.map(|(hour, _)| *hour) {
                self.close(hour)?;
                *self.closed.entry(hour).or_default() += 1;
            }
        }
        let part = match self.closed.get(&hour) {
            Some(before) => format!("-{}", before + 1),
            None => String::new(),
        };
        let TableLayout { name, file, .. } = self.layout;
        let out = (self.open)(&format!("{name}/{}/{file}{part}.parquet", folder(time)))?;
        self.ask(EncoderJob::Open(hour, out))
    }

    fn close(&mut self, hour: i64) -> io::Result<()> {
        self.flush(hour)?;
        self.files.remove(&hour);
        self.ask(EncoderJob::Close(hour))
    }

    /// Has the rows of an hour written that are held.
    fn flush(&mut self, hour: i64) -> io::Result<()> {
        let Some(of_hour) = self.files.get_mut(&hour) else {
            return Ok(());
        };
        let none = TableRows::new(self.layout.columns);
        let rows = std::mem::replace(&mut of_hour.rows, none);
        self.held -= rows.len();
        match rows.len() {
            0 => Ok(()),
            _ => self.ask(EncoderJob::Write(hour, rows)),
        }
    }

    fn ask(&self, job: EncoderJob) -> io::Result<()> {
        let asked = self.encoder.send(job);
        asked.map_err(|_| io::Error::other("the tables cannot be written any more"))
    }
}

/// Does what it is asked for until nobody asks any more, or it cannot.
fn encode(layout: TableLayout<'_>, jobs: &Receiver<EncoderJob>) -> io::Result<()> {
    let (common, cells) = layout.common;
    let mut pages = ZstdPages::new()?;
    let mut files: HashMap<i64, TableFile> = HashMap::new();
    for job in jobs {
        match job {
            EncoderJob::Open(hour, out) => {
                let columns = (common, layout.columns);
                files.insert(hour, TableFile::new(layout.name, columns, out)?);
            }
            EncoderJob::Write(hour, rows) => {
                if let Some(file) = files.get_mut(&hour) {
                    file.write(cells, &rows, &mut pages)?;
                }
            }
            EncoderJob::Close(hour) => files.remove(&hour).map_or(Ok(()), TableFile::finish)?,
        }
    }
    Ok(())
}

/// The folder of an hour, as engines read it: `date=2026-11-22/hour=07`.
fn folder(time: Timestamp) -> String {
    let text = time.to_string();
    let date = text.get(..10).unwrap_or("unknown");
    let hour = text.get(11..13).unwrap_or("00");
    format!("date={date}/hour={hour}")
}
