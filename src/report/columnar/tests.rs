//! Tables of the fixtures, read back.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::sync::{Arc, Mutex};

use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::*;
use crate::capture::Capture;
use crate::decode::PerSide;
use crate::inspect::{self, ListLimits, UnlistedCalls};
use crate::names::{Name, NameSource};
use crate::pipeline;

type Written = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

/// A file in memory.
struct MemoryFile(Written, String);

impl Write for MemoryFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut files = self.0.lock().unwrap();
        files.entry(self.1.clone()).or_default().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn report() -> Report {
    report_of("fixtures/grace-cut.pcap")
}

fn report_of(capture: &str) -> Report {
    let mut capture = Capture::open(&[capture.into()]).unwrap();
    let options = pipeline::Options {
        inspect: inspect::Options {
            all: true,
            ..inspect::Options::default()
        },
        ..pipeline::Options::default()
    };
    pipeline::analyze(&mut capture, options).unwrap()
}

/// A report that lists no more than so many calls, and the others as they were told.
fn told(capture: &str, rpcs: usize) -> (Report, ToldCalls<'static>) {
    let mut capture = Capture::open(&[capture.into()]).unwrap();
    let options = pipeline::Options {
        inspect: inspect::Options {
            unlisted: UnlistedCalls::Told,
            limits: ListLimits {
                rpcs,
                ..ListLimits::default()
            },
            ..inspect::Options::default()
        },
        ..pipeline::Options::default()
    };
    let mut told = ToldCalls::new(Box::new(Cursor::new(Vec::new())));
    let report = pipeline::analyze_telling(&mut capture, options, |_, _| {}, |rpc| told.push(rpc));
    (report.unwrap(), told)
}

/// The rows of a table as text, in order of their text.
fn rows(report: &Report, shard: Shard, table: &str) -> Vec<String> {
    rows_with(report, None, shard, table)
}

fn rows_with(
    report: &Report,
    told: Option<ToldCalls<'_>>,
    shard: Shard,
    table: &str,
) -> Vec<String> {
    let tables = Tables {
        labels: vec![("deployment".into(), "inventory".into())],
        secrets: SecretDisplay::Redacted,
        shard,
    };
    let written = Written::default();
    let files = Arc::clone(&written);
    tables
        .write(report, told, &mut |path| {
            Ok(Box::new(MemoryFile(Arc::clone(&files), path.to_owned())))
        })
        .unwrap();
    let mut rows = Vec::new();
    for (path, bytes) in &*written.lock().unwrap() {
        if path.starts_with(&format!("{table}/date=")) {
            let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
            let all = reader.get_row_iter(None).unwrap();
            rows.extend(all.map(|row| row.unwrap().to_string()));
        }
    }
    rows.sort();
    rows
}

#[test]
fn every_call_is_a_row_with_its_verdict_and_labels() {
    let report = report();
    let calls = rows(&report, Shard::default(), "calls");
    assert_eq!(calls.len(), report.analysis.rpcs.len());
    let cut = calls.iter().filter(|row| {
        row.contains("verdict: \"cut_by_close\"")
            && row.contains("rules: [\"grace-expired\"")
            && row.contains("deployment: \"inventory\"")
    });
    assert_eq!(cut.count(), 116);
}

#[test]
fn ends_are_named_where_names_are_known() {
    let mut report = report();
    let client = Name {
        namespace: Some("shop".into()),
        pod: Some("checkout-7d9f8-x".into()),
        workload: Some("checkout".into()),
        ..Name::of(NameSource::Kubernetes)
    };
    let client = Arc::new(client);
    for record in &mut report.analysis.connections {
        let names = PerSide {
            client: Some(Arc::clone(&client)),
            server: None,
        };
        record.names = names.into();
    }
    for table in ["calls", "connections"] {
        let rows = rows(&report, Shard::default(), table);
        let is_named = |row: &String| {
            row.contains("client_group: \"shop/checkout\"")
                && row.contains("client_pod: \"checkout-7d9f8-x\"")
                && row.contains("client_service: null")
                && row.contains("server_group: null")
        };
        assert!(rows.iter().all(is_named), "{table}: {rows:?}");
    }
}

#[test]
fn shards_together_are_the_whole() {
    let report = report();
    for table in ["calls", "connections", "findings"] {
        let whole = rows(&report, Shard::default(), table);
        let shards = (1..=8).filter_map(|number| Shard::new(number, 8));
        let mut parts: Vec<_> = shards
            .flat_map(|shard| rows(&report, shard, table))
            .collect();
        parts.sort();
        assert!(!whole.is_empty(), "{table}");
        assert_eq!(parts, whole, "{table}");
    }
    assert_eq!(Shard::new(0, 8), None);
    assert_eq!(Shard::new(9, 8), None);
}

#[test]
fn a_second_export_has_the_same_rows() {
    let report = report();
    let findings = rows(&report, Shard::default(), "findings");
    assert_eq!(findings, rows(&report, Shard::default(), "findings"));
}

#[test]
fn calls_that_are_told_meanwhile_have_the_rows_of_those_that_are_listed() {
    let captures = std::fs::read_dir("fixtures").unwrap();
    let captures = captures.map(|entry| entry.unwrap().path());
    let is_capture = |path: &std::path::PathBuf| path.extension().is_some_and(|of| of == "pcap");
    let mut calls = 0;
    for capture in captures.filter(is_capture) {
        let capture = capture.to_str().unwrap();
        let all = report_of(capture);
        let (report, told) = told(capture, 200_000);
        let listed = report.analysis.rpcs.len();
        let rows_of_all = rows(&all, Shard::default(), "calls");
        calls += rows_of_all.len() - listed;
        let rows = rows_with(&report, Some(told), Shard::default(), "calls");
        assert_eq!(rows, rows_of_all, "{capture}");
    }
    assert!(calls > 100, "{calls}");
}

#[test]
fn no_call_above_the_limit_is_left_out() {
    let all = rows(&report(), Shard::default(), "calls");
    let (report, told) = told("fixtures/grace-cut.pcap", 10);
    assert_eq!(report.analysis.rpcs.len(), 10);
    assert_eq!(report.analysis.unlisted.rpcs, 0);
    let rows = rows_with(&report, Some(told), Shard::default(), "calls");
    assert_eq!(rows.len(), all.len());
    let died = |rows: &[String]| rows.iter().filter(|row| row.contains("died: true")).count();
    assert_eq!(died(&rows), died(&all));
}

#[test]
fn however_many_hours_there_are_few_files_are_open() {
    let columns = vec![TableColumn::whole("number")];
    let written = Written::default();
    let (files, open) = (Arc::clone(&written), Arc::new(Mutex::new(0_usize)));
    let opened = Arc::clone(&open);
    let mut open_file = |path: &str| {
        *opened.lock().unwrap() += 1;
        let file = MemoryFile(Arc::clone(&files), path.to_owned());
        Ok(Box::new(file) as Box<dyn Write + Send>)
    };
    let layout = TableLayout {
        name: "numbers",
        columns: &columns,
        common: (&[], &[]),
        file: "run",
    };
    HourlyFiles::write(layout, &mut open_file, |hours| {
        let mut numbers = [0, 1, 2, 3].repeat(50).into_iter().chain(0..70).chain([0]);
        numbers.try_for_each(|number| {
            let time = Timestamp::from_nanos(i64::from(number) * 3_600_000_000_000);
            hours.push(time, |row| row.push(&TableCell::Whole(number.into())))
        })
    })
    .unwrap();
    let written = written.lock().unwrap();
    assert_eq!(*open.lock().unwrap(), written.len());
    let again = "numbers/date=1970-01-01/hour=00/run-2.parquet";
    assert_eq!(written.len(), 71);
    assert!(written.contains_key(again), "{:?}", written.keys());
    let rows = written.values().map(|bytes| {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes.clone())).unwrap();
        reader.metadata().file_metadata().num_rows()
    });
    assert_eq!(rows.sum::<i64>(), 271);
}
