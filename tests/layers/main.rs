//! The dependency rule, and what else holds for every file: a stage uses only what stands before it.
//!
//! In: every file in `src`, parsed. Out: a failure that names file, line and rule. The checker reads
//! paths, not types: the method of a type above that is called on a value that came from there is
//! nothing it can see.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "what is not there fails the test, and what is excused is for whoever runs it"
)]

mod argued;
mod check;
mod homonyms;
mod names;
mod rules;
mod source;
mod tree;
mod uses;

mod breaches;

use std::fs;
use std::path::{Path, PathBuf};

use argued::{HOMONYMS, MAX_HOMONYMS};
use check::{Breach, check};

#[test]
fn every_file_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    assert!(paths.len() > 50, "only {} files found", paths.len());
    let files: Vec<_> = paths.iter().map(|path| read(&root, path)).collect();
    let files = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()));
    let breaches = check(files);
    let excused: Vec<_> = breaches.iter().filter_map(excuse).collect();
    let broken = breaches.iter().filter(|breach| excuse(breach).is_none());
    let broken: Vec<_> = broken.map(ToString::to_string).collect();
    assert!(broken.is_empty(), "\n{}", broken.join("\n"));
    let stale = |entry: &&str| !excused.contains(entry);
    let argued: Vec<_> = HOMONYMS
        .iter()
        .map(|(name, _)| *name)
        .filter(stale)
        .collect();
    assert!(argued.is_empty(), "no homonyms any more: {argued:?}");
    assert!(HOMONYMS.len() <= MAX_HOMONYMS, "too many to argue");
}

/// The argued name that excuses a breach.
fn excuse(breach: &Breach) -> Option<&'static str> {
    let mut names = HOMONYMS.iter().map(|(name, _)| *name);
    names.find(|name| breach.what.starts_with(&format!("{name} is defined ")))
}

fn read(root: &Path, path: &Path) -> (String, String) {
    let name = path.strip_prefix(root).expect("it lies below");
    let name = name.to_str().expect("a plain name").replace('\\', "/");
    (name, fs::read_to_string(path).expect("a readable file"))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a readable folder") {
        let path = entry.expect("a readable entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
