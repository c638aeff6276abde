//! Every capture that others made, as HTTP/2 or as anything else.
//!
//! In: the files of `corpus` and its manifest, which says what decrypts them and how many HTTP/2
//! frames they hold. What holds some must show some; how many is for the test of frames.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::Value;

use crate::shared_material::{folder, rows};
use crate::witness::{Figures, Witness, each};

/// The folders of the corpus that hold captures.
const FOLDERS: [&str; 5] = ["http2", "tls", "linktypes", "tcp", "pcapng"];

/// Files in these folders, key material and all, so that none is lost unseen. What is not a capture
/// is given to the program too: people name the wrong file.
const FILES: usize = 509;

/// How many of them hold HTTP/2 by the manifest: 31 in the clear, five that are decrypted.
const WITH_HTTP2: usize = if cfg!(feature = "tls") { 36 } else { 31 };

type Row = BTreeMap<String, String>;

#[test]
fn no_capture_of_the_corpus_crashes_hangs_or_bloats() {
    let Some(shared) = folder("no_capture_of_the_corpus_crashes_hangs_or_bloats") else {
        return;
    };
    let files = Subject::all(&shared.join("corpus"));
    assert_eq!(files.len(), FILES);
    let http2 = files.iter().filter(|subject| subject.holds_http2);
    assert_eq!(http2.count(), WITH_HTTP2);
    each(&files, try_file).settle("captures of the corpus");
}

/// Every file below a folder, in order.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the corpus can be listed");
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("the corpus can be listed").path();
        if path.is_dir() {
            files.extend(self::files(&path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

/// A file and what the manifest says of it.
pub(crate) struct Subject {
    /// Its path below the corpus.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Whether it is a capture, not key material or the like.
    pub(crate) is_capture: bool,
    key_log: Option<PathBuf>,
    holds_http2: bool,
}

impl Subject {
    /// Every file in the folders of captures.
    pub(crate) fn all(corpus: &Path) -> Vec<Self> {
        let manifest = rows(&corpus.join("MANIFEST.tsv")).into_iter();
        let manifest: BTreeMap<String, Row> =
            manifest.map(|row| (row["path"].clone(), row)).collect();
        let paths = FOLDERS.iter().flat_map(|name| files(&corpus.join(name)));
        paths
            .map(|path| Self::new(corpus, path, &manifest))
            .collect()
    }

    fn new(corpus: &Path, path: PathBuf, manifest: &BTreeMap<String, Row>) -> Self {
        let name = path.strip_prefix(corpus).expect("it lies below");
        let name = name.to_str().expect("names are UTF-8").to_owned();
        let row = manifest.get(&name);
        let cell = |column| row.map_or("", |row| row[column].as_str());
        let key_log = cell("decryption").strip_prefix("keylog:");
        // Without the feature `tls` nothing that is encrypted can be shown.
        let readable = cfg!(feature = "tls") || !name.starts_with("tls/");
        let frames: u64 = cell("http2_frames").parse().unwrap_or_default();
        Self {
            is_capture: !cell("file_format").is_empty(),
            key_log: key_log.map(|log| corpus.join("tls").join(log)),
            holds_http2: frames > 0 && readable,
            name,
            path,
        }
    }

    /// The option that names its key log, if it has one.
    pub(crate) fn key_log(&self) -> Option<String> {
        let key_log = self.key_log.as_ref().filter(|_| cfg!(feature = "tls"));
        key_log.map(|log| format!("--keylog={}", log.display()))
    }

    fn arguments(&self, command: &str) -> Vec<String> {
        let given = [command, "--format=json"].map(str::to_owned).into_iter();
        let path = self.path.display().to_string();
        given.chain(self.key_log()).chain([path]).collect()
    }
}

fn try_file(witness: &Witness, subject: &Subject, figures: &Mutex<Figures>) {
    let analyze = ("analyze", analyze_shows as fn(&str) -> bool);
    for (command, shows) in [analyze, ("frames", frames_show)] {
        let deed = witness.watch(&subject.arguments(command));
        let output = deed.output();
        let shown = deed.status == Some(0) && shows(&output);
        let mut figures = figures.lock().expect("no worker failed");
        figures.add(&deed, &subject.name);
        if subject.holds_http2 && !shown {
            figures.fault(&format!(
                "{}: shows no HTTP/2: {}",
                subject.name, deed.command
            ));
        }
    }
}

/// Whether a report has a connection that speaks HTTP/2.
fn analyze_shows(report: &str) -> bool {
    let report: Value = serde_json::from_str(report).expect("a report is JSON");
    let connections = report["connections"].as_array().expect("a list");
    connections
        .iter()
        .any(|connection| matches!(connection["transport"].as_str(), Some("h2" | "h2c")))
}

/// Whether there is a frame.
fn frames_show(frames: &str) -> bool {
    frames.lines().next().is_some_and(|line| {
        serde_json::from_str::<Value>(line).is_ok_and(|frame| frame["type"].is_string())
    })
}
