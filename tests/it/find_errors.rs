//! An application's error, pasted, finds the streams that it is about: over recordings whose applications logged
//! every call.
//!
//! In: captures at the clients, and the clients' own logs. Each message that was heard, each whole error, each line of
//! the log and each identifier is looked for. A stream is rightly found if its error is predicted to be that one, or
//! if it carried that identifier.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use h2sniff::capture::Capture;
use h2sniff::inspect::{CallId, Options, Rpc};
use h2sniff::pipeline;
use h2sniff::report::Report;
use h2sniff::report::found::{ID_HEADERS, find};
use serde_json::Value;

use crate::shared_material::{self, Disagreements};

/// What was looked for and found, in all recordings together.
#[derive(Debug, Default)]
struct Score {
    /// Lines that were looked for.
    lines: usize,
    /// Streams that were found.
    found: usize,
    /// Failures whose error was predicted to the letter.
    predicted: usize,
    /// Failures of which the wire has something.
    failures: usize,
}

fn report(folder: &Path) -> Report {
    let mut capture = Capture::open(&[folder.join("client.pcap.gz")]).unwrap();
    let options = pipeline::Options {
        inspect: Options {
            headers: ID_HEADERS.map(|name| Arc::from(name.as_bytes())).to_vec(),
            all: true,
            ..Options::default()
        },
        ..pipeline::Options::default()
    };
    pipeline::analyze(&mut capture, options).unwrap()
}

fn id(rpc: &Rpc) -> Option<String> {
    let mut headers = rpc.headers.iter();
    let header = headers.find(|header| *header.name == *b"x-rpc-id")?;
    let value = header.values.iter().flatten().next()?;
    Some(String::from_utf8_lossy(value).into_owned())
}

/// An error without the code before it, as some applications log it.
fn message(error: &str) -> &str {
    if let Some((_, message)) = error.split_once(" desc = ") {
        return message;
    }
    let capitals = |text: &str| {
        text.bytes()
            .all(|byte| byte.is_ascii_uppercase() || b"_0123456789 ".contains(&byte))
    };
    match error.split_once(": ") {
        Some((code, message)) if capitals(code) => message,
        _ => error,
    }
}

fn found(report: &Report, line: &str) -> BTreeSet<CallId> {
    let groups = find(report, line);
    groups
        .iter()
        .flat_map(|group| group.calls.iter().copied())
        .collect()
}

fn check(folder: &Path, score: &mut Score, to: &mut Disagreements) {
    let report = report(folder);
    let name = folder.file_name().unwrap().to_string_lossy();
    let rpcs = &report.analysis.rpcs;
    let mut streams: BTreeMap<String, Vec<&Rpc>> = BTreeMap::new();
    for rpc in rpcs {
        streams
            .entry(id(rpc).unwrap_or_default())
            .or_default()
            .push(rpc);
    }
    let saying = |line: &str| -> BTreeSet<CallId> {
        let those = rpcs.iter().filter(|rpc| {
            let error = rpc.app_error.as_deref();
            error.is_some_and(|error| error == line || message(error) == line)
        });
        those.map(|rpc| rpc.id).collect()
    };
    let log = shared_material::text(&folder.join("client.rpc.ndjson"));
    let mut looked_for = BTreeSet::new();
    for line in log.lines() {
        let Ok(call) = serde_json::from_str::<Value>(line) else {
            continue;
        };
        let (text, call_id) = (call["message"].as_str().unwrap_or(""), call["id"].as_str());
        let own = call_id.and_then(|id| streams.get(id));
        let (Some(own), Some(call_id)) = (own.filter(|own| !own.is_empty()), call_id) else {
            continue;
        };
        if call["code"]
            .as_str()
            .is_some_and(|code| code.eq_ignore_ascii_case("ok"))
        {
            continue;
        }
        score.failures += 1;
        let own_ids: BTreeSet<_> = own.iter().map(|rpc| rpc.id).collect();
        // Its identifier, and the line of the log that has it.
        for pasted in [call_id, line] {
            let found = found(&report, pasted);
            score.lines += 1;
            score.found += found.len();
            if found != own_ids {
                to.add(format!("{name}: {pasted}: {found:?}, not {own_ids:?}"));
            }
        }
        let errors = own.iter().filter_map(|rpc| rpc.app_error.as_deref());
        let exact = errors.clone().any(|error| message(error) == text) && !text.is_empty();
        score.predicted += usize::from(exact);
        if text.is_empty() || !looked_for.insert(text.to_owned()) {
            continue;
        }
        let escaped = Value::from(text).to_string();
        let code = call["code"].as_str().unwrap_or_default();
        let mut lines = vec![
            text.to_owned(),
            format!("{{\"level\":\"error\",\"code\":\"{code}\",\"error\":{escaped},\"shop\":7}}"),
            format!("2026-11-27T10:00:00Z ERROR call failed: {text}"),
        ];
        lines.extend(errors.map(str::to_owned));
        for pasted in lines {
            let expected = match saying(&pasted) {
                none if none.is_empty() => saying(text),
                some => some,
            };
            let found = found(&report, &pasted);
            score.lines += 1;
            score.found += found.len();
            let (wrong, missed) = (
                found.difference(&expected).count(),
                expected.difference(&found).count(),
            );
            if wrong + missed > 0 {
                to.add(format!("{name}: {pasted}: {wrong} wrong, {missed} missed"));
            }
        }
    }
}

#[test]
fn a_pasted_error_finds_its_streams_and_no_others() {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/lab/kept");
    let shared = shared_material::folder("find_errors").map(|folder| folder.join("lab-today"));
    let mut to = Disagreements::about("what was pasted");
    let mut score = Score::default();
    for place in [Some(kept), shared].into_iter().flatten() {
        let folders = std::fs::read_dir(place).unwrap();
        let mut folders: Vec<_> = folders.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        for folder in folders {
            let is_plain =
                folder.join("client.pcap.gz").is_file() && !folder.join("keys.log").exists();
            if is_plain {
                check(&folder, &mut score, &mut to);
            }
        }
    }
    eprintln!("{score:?}");
    assert!(score.predicted > 100, "{score:?}");
    to.settle();
}
