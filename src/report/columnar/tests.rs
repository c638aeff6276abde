//! Tables of the fixtures, read back.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::*;
use crate::capture::Capture;
use crate::inspect;
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
    let mut capture = Capture::open(&["fixtures/grace-cut.pcap".into()]).unwrap();
    let options = pipeline::Options {
        inspect: inspect::Options {
            all: true,
            ..inspect::Options::default()
        },
        ..pipeline::Options::default()
    };
    pipeline::analyze(&mut capture, options).unwrap()
}

/// The rows of a table as text, in order of their text.
fn rows(report: &Report, shard: Shard, table: &str) -> Vec<String> {
    let tables = Tables {
        labels: vec![("deployment".into(), "inventory".into())],
        secrets: SecretDisplay::Redacted,
        shard,
    };
    let written = Written::default();
    let files = Arc::clone(&written);
    tables
        .write(report, &mut |path| {
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
