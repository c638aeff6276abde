//! The dependency rule: a stage uses only what stands before it.
//!
//! In: the text of every file in `src`. Out: a failure that names file, line and rule. Comments,
//! strings and `#[cfg(test)]` modules do not count. The checker reads paths, not types: what a macro
//! makes of a name it cannot see.

#![allow(
    clippy::indexing_slicing,
    reason = "a test that indexes wrongly should fail"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// No file is longer: at this length there are two ideas in it.
const MAX_LINES: usize = 500;

/// The stages in the order of the data, each with those it may use. Whoever is not named here is
/// the program itself, which sees everything and which nothing sees.
const STAGES: [(&str, &[&str]); 4] = [
    ("capture", &[]),
    ("decode", &["capture"]),
    ("inspect", &["capture", "decode"]),
    ("report", &["capture", "decode", "inspect"]),
];

/// The layers inside `decode`, lowest first. Its other files (`decoder`, `conversation`, `event`,
/// `opening`) drive the layers and may use them all.
const LAYERS: [&str; 5] = ["link", "tcp", "tls", "http2", "grpc"];

/// What every layer of `decode` may use: the plain words that events are told in.
const SHARED_GROUND: [&str; 13] = [
    "anomaly",
    "carrier",
    "durations",
    "direction",
    "event",
    "stream_part",
    "Carrier",
    "Direction",
    "Durations",
    "PerSide",
    "StreamPart",
    "TlsRecordSpan",
    "keep_longest",
];

/// Crates that only these files may use.
const FENCES: [(&str, &[&str]); 12] = [
    ("pcap", &["capture"]),
    ("pcap_parser", &["capture"]),
    ("flate2", &["capture"]),
    ("zstd", &["capture"]),
    ("etherparse", &["decode/link"]),
    ("serde_json", &["report", "commands", "main", "live"]),
    ("clap", &["main", "cli", "commands"]),
    ("clap_complete", &["main", "cli", "commands"]),
    ("anyhow", &["main", "cli", "commands", "live"]),
    ("colored", &["report", "commands"]),
    ("nix", &["live"]),
    ("tokio", &["live"]),
];

#[test]
fn every_file_keeps_the_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    assert!(files.len() > 50, "only {} files found", files.len());
    let mut broken = Vec::new();
    for path in files {
        let name = path.strip_prefix(&root).expect("it lies below").to_owned();
        let name = name.to_str().expect("a plain name").replace('\\', "/");
        let text = fs::read_to_string(&path).expect("a readable file");
        broken.extend(check(&name, &text));
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
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

/// What a file breaks, a line each: `decode/tcp/flow.rs:12: rule`.
fn check(file: &str, text: &str) -> Vec<String> {
    let mut broken = Vec::new();
    let lines = text.lines().count();
    if lines > MAX_LINES {
        broken.push(format!("src/{file}:{lines}: longer than {MAX_LINES} lines"));
    }
    if !text.starts_with("//! ") {
        broken.push(format!("src/{file}:1: no header that says what it is for"));
    }
    if is_test(file) {
        return broken;
    }
    let code = without_tests(&without_comments(text));
    let module = module(file);
    for (line, path) in paths(&code) {
        let target = resolve(&module, &path);
        if let Some(rule) = breaks(&module, &target) {
            broken.push(format!("src/{file}:{line}: {} {rule}", target.join("::")));
        }
    }
    broken
}

/// Whether a file is compiled for tests alone: `tests.rs`, what lies in a folder `tests`, and the two
/// helpers.
fn is_test(file: &str) -> bool {
    let named = file.starts_with("testing/");
    named
        || file
            .split('/')
            .any(|part| matches!(part, "tests" | "tests.rs"))
}

/// `decode/tcp/flow.rs` is `decode::tcp::flow`.
fn module(file: &str) -> Vec<String> {
    let stem = file.strip_suffix(".rs").unwrap_or(file);
    let mut module: Vec<_> = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    module
}

/// A path from the crate's root, or beginning with another crate's name.
fn resolve(module: &[String], path: &[String]) -> Vec<String> {
    let mut target: Vec<String> = vec!["crate".into()];
    let mut rest = path;
    match path.first().map(String::as_str) {
        Some("crate" | "h2sniff") => rest = &path[1..],
        Some("self" | "super") => {
            let mut own = module.to_vec();
            while let Some(first) = rest.first() {
                match first.as_str() {
                    "self" => {}
                    "super" => {
                        own.pop();
                    }
                    _ => break,
                }
                rest = &rest[1..];
            }
            target.extend(own);
        }
        _ => return path.to_vec(),
    }
    target.extend(rest.iter().cloned());
    target
}

/// The rule that a use of `target` in `module` breaks.
fn breaks(module: &[String], target: &[String]) -> Option<String> {
    let here = module.join("/");
    let first = target.first()?;
    if first != "crate" {
        let (_, allowed) = FENCES.iter().find(|(name, _)| name == first)?;
        let inside = |place: &&str| here == **place || here.starts_with(&format!("{place}/"));
        let fenced = !allowed.iter().any(inside);
        return fenced.then(|| format!("may be used in {} alone", allowed.join(", ")));
    }
    let stage = module.first()?;
    let (_, below) = STAGES.iter().find(|(name, _)| name == stage)?;
    let used = target.get(1)?;
    if used != stage && !below.contains(&used.as_str()) {
        return Some(format!("is not below {stage}"));
    }
    if stage == "decode" && used == "decode" {
        return breaks_layers(module.get(1)?, target.get(2)?);
    }
    None
}

fn breaks_layers(layer: &str, used: &str) -> Option<String> {
    let rank = |name: &str| LAYERS.iter().position(|layer| *layer == name);
    let own = rank(layer)?;
    match rank(used) {
        Some(other) if other > own => Some(format!("is above decode::{layer}")),
        Some(_) => None,
        None if SHARED_GROUND.contains(&used) => None,
        None => Some(format!("is above decode::{layer}")),
    }
}

/// The text with comments and what stands in quotes replaced by spaces; lines stay where they are.
fn without_comments(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            rest.find("*/").map_or(rest.len(), |end| end + 2)
        } else if let Some(length) = raw_string(rest).filter(|_| !ends_a_word(&code)) {
            length
        } else if character == '"' {
            string(rest)
        } else if let Some(length) = character_literal(rest) {
            length
        } else {
            code.push(character);
            rest = &rest[character.len_utf8()..];
            continue;
        };
        let (blank, after) = rest.split_at(length);
        code.extend(blank.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        rest = after;
    }
    code
}

fn ends_a_word(code: &str) -> bool {
    code.ends_with(|last: char| last.is_alphanumeric() || last == '_')
}

/// Length of a raw string that `text` begins with: `r#"…"#`.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let quoted = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let close = quoted.find(&end).map_or(quoted.len(), |at| at + end.len());
    Some(text.len() - quoted.len() + close)
}

/// Length of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a character in quotes; a lifetime is none.
fn character_literal(text: &str) -> Option<usize> {
    let body = text.strip_prefix('\'')?;
    if let Some(escape) = body.strip_prefix('\\') {
        let from = escape.chars().next()?.len_utf8();
        return Some(2 + from + escape[from..].find('\'')? + 1);
    }
    let length = body.chars().next()?.len_utf8();
    body[length..].starts_with('\'').then_some(length + 2)
}

/// The text without what `#[cfg(test)]` stands before.
fn without_tests(code: &str) -> String {
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(at) = rest.find("#[cfg(test)]") {
        kept.push_str(&rest[..at]);
        let item = &rest[at..];
        let end = item.find(['{', ';']).unwrap_or(item.len() - 1);
        let length = if item[end..].starts_with('{') {
            end + block(&item[end..])
        } else {
            end + 1
        };
        kept.extend(
            item[..length]
                .chars()
                .map(|c| if c == '\n' { '\n' } else { ' ' }),
        );
        rest = &item[length..];
    }
    kept + rest
}

/// Length of the block in braces that `code` begins with.
fn block(code: &str) -> usize {
    let mut depth = 0;
    for (at, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' if depth == 1 => return at + 1,
            '}' => depth -= 1,
            _ => {}
        }
    }
    code.len()
}

/// Every path of two parts or more, with its line; a group in braces is one path a member.
fn paths(code: &str) -> Vec<(usize, Vec<String>)> {
    let mut found = Vec::new();
    let mut at = 0;
    let (mut line, mut counted) = (1, 0);
    while at < code.len() {
        line += code[counted..at].matches('\n').count();
        counted = at;
        let rest = &code[at..];
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let word = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        if word == 0 {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        }
        let joined = code[..at].trim_end().ends_with("::");
        let length = if joined {
            word
        } else {
            tree(rest, &mut Vec::new(), line, &mut found)
        };
        at += length.max(word);
    }
    found
}

/// Reads a path and the groups in it; gives its length.
fn tree(
    code: &str,
    before: &mut Vec<String>,
    line: usize,
    found: &mut Vec<(usize, Vec<String>)>,
) -> usize {
    let depth = before.len();
    let mut at = 0;
    loop {
        at += code[at..].len() - code[at..].trim_start().len();
        let rest = &code[at..];
        if let Some(group) = rest.strip_prefix('{').filter(|_| before.len() > depth) {
            let end = at + block(rest);
            let mut inner = at + 1 + (group.len() - group.trim_start().len());
            while inner + 1 < end {
                let line = line + code[..inner].matches('\n').count();
                let used = tree(&code[inner..end - 1], before, line, found);
                inner += used.max(1);
                let gap = code[inner..end].trim_start_matches([',', ' ', '\n']);
                inner = end - gap.len();
            }
            before.truncate(depth);
            return end;
        }
        let word = rest
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(rest.len());
        if word == 0 {
            break;
        }
        before.push(rest[..word].to_owned());
        let after = rest[word..].trim_start();
        at += word;
        let Some(next) = after.strip_prefix("::") else {
            break;
        };
        at = code.len() - next.len();
    }
    if before.len() >= 2 {
        found.push((line, before.clone()));
    }
    before.truncate(depth);
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(file: &str, code: &str) -> Vec<String> {
        check(file, &format!("//! A file.\n{code}"))
    }

    #[test]
    fn a_stage_above_is_named_with_file_and_line() {
        let found = broken(
            "decode/event.rs",
            "\nuse std::fmt;\nuse crate::inspect::Rpc;\n",
        );
        assert_eq!(
            found,
            ["src/decode/event.rs:4: crate::inspect::Rpc is not below decode"]
        );
        assert!(broken("report/json.rs", "use crate::inspect::Rpc;").is_empty());
        assert_eq!(
            broken("capture/file.rs", "fn f() -> crate::decode::Event {}").len(),
            1
        );
    }

    #[test]
    fn nothing_sees_the_program() {
        for used in [
            "crate::pipeline::analyze",
            "crate::cli::Cli",
            "super::pipeline::Pipeline",
        ] {
            let found = broken("report/mod.rs", &format!("use {used};"));
            assert_eq!(found.len(), 1, "{used}");
        }
        assert!(broken("commands.rs", "use h2sniff::pipeline; use crate::cli::Cli;").is_empty());
    }

    #[test]
    fn layers_of_decode_use_only_lower_ones() {
        assert_eq!(
            broken("decode/tcp/flow.rs", "use super::super::http2::Frame;").len(),
            1
        );
        assert_eq!(
            broken("decode/tcp/flow.rs", "use crate::decode::Event;").len(),
            1
        );
        assert_eq!(
            broken("decode/link/mod.rs", "use super::tcp::Chunk;").len(),
            1
        );
        assert!(broken("decode/http2/session.rs", "use crate::decode::tcp::Chunk;").is_empty());
        assert!(
            broken(
                "decode/tcp/flow.rs",
                "use crate::decode::{Carrier, Direction};"
            )
            .is_empty()
        );
        assert!(
            broken(
                "decode/decoder.rs",
                "use super::http2::Keep; use super::tcp;"
            )
            .is_empty()
        );
    }

    #[test]
    fn groups_are_read_member_by_member() {
        let code =
            "use crate::{\n    capture::{self, Stamp},\n    report::{Secrets, json::rpc},\n};\n";
        let found = broken("inspect/rpc.rs", code);
        assert_eq!(
            found,
            [
                "src/inspect/rpc.rs:4: crate::report::Secrets is not below inspect",
                "src/inspect/rpc.rs:4: crate::report::json::rpc is not below inspect",
            ]
        );
    }

    #[test]
    fn crates_stay_behind_their_fences() {
        assert_eq!(broken("inspect/rpc.rs", "use serde_json::Value;").len(), 1);
        assert_eq!(
            broken("decode/tcp/flow.rs", "let x = etherparse::TcpSlice::new();").len(),
            1
        );
        assert_eq!(
            broken("capture/file.rs", "use anyhow::Context as _;").len(),
            1
        );
        assert_eq!(
            broken("commands.rs", "let d = pcap::Device::list();").len(),
            1
        );
        assert!(broken("decode/link/tcp.rs", "use etherparse::TcpSlice;").is_empty());
        assert!(
            broken(
                "capture/pcap.rs",
                "use pcap_parser::Block; use super::pcap::A;"
            )
            .is_empty()
        );
    }

    #[test]
    fn comments_strings_and_tests_do_not_count() {
        let code = "// use crate::report::Secrets;\n/* crate::report::A */\n\
                    /// See [`crate::report::Report`].\n\
                    const A: &str = \"crate::report::B\"; const Q: char = '\"';\n\
                    const R: &str = r#\"crate::report::\"C\"\"#; fn f<'a>(_: &'a str) {}\n\
                    #[cfg(test)]\nmod tests { use crate::report::D; fn f() { {} } }\n";
        assert_eq!(broken("decode/event.rs", code), Vec::<String>::new());
        let after = format!("{code}use crate::report::E;");
        assert_eq!(
            broken("decode/event.rs", &after),
            ["src/decode/event.rs:9: crate::report::E is not below decode"]
        );
    }

    #[test]
    fn long_files_and_files_without_a_header_are_named() {
        let long = "\n".repeat(MAX_LINES);
        assert_eq!(
            broken("inspect/rpc.rs", &long),
            ["src/inspect/rpc.rs:501: longer than 500 lines"]
        );
        assert_eq!(
            check("inspect/rpc.rs", "use std::fmt;"),
            ["src/inspect/rpc.rs:1: no header that says what it is for"]
        );
    }
}
