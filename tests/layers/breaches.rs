//! The checker, checked: a breach put in fails, and what only looks like one does not.

use crate::check::{MAX_LINES, check};

const HEADER: &str = "//! A file.\n";

/// The rooms' own files, as far as these tests re-export something.
const ROOMS: [(&str, &str); 3] = [
    (
        "decode/mod.rs",
        "pub use carrier::Carrier; pub use direction::Direction; pub use event::Event;",
    ),
    ("inspect/mod.rs", "pub use connection::record::Record;"),
    ("report/mod.rs", "pub use json::Files;"),
];

/// Empty files that those lead to.
const OTHERS: [&str; 5] = [
    "decode/carrier.rs",
    "decode/direction.rs",
    "decode/event.rs",
    "inspect/connection/record.rs",
    "report/json.rs",
];

/// What is broken if `code` is in `file`, below a header of one line.
fn broken(file: &str, code: &str) -> Vec<String> {
    let mut files: Vec<(&str, String)> = vec![(file, format!("{HEADER}{code}"))];
    let rooms = ROOMS.into_iter().chain(OTHERS.map(|name| (name, "")));
    for (name, text) in rooms.filter(|(name, _)| *name != file) {
        files.push((name, format!("{HEADER}{text}")));
    }
    let files = files.iter().map(|(name, text)| (*name, text.as_str()));
    let breaches = check(files).into_iter().map(|breach| breach.to_string());
    breaches
        .filter(|text| !text.contains("leads here"))
        .collect()
}

fn assert_broken(file: &str, code: &str, expected: &[&str]) {
    assert_eq!(broken(file, code), expected, "{code}");
}

#[test]
fn a_stage_above_is_named_with_file_and_line() {
    assert_broken(
        "decode/event.rs",
        "\nuse std::fmt;\nuse crate::inspect::Rpc;\n",
        &["src/decode/event.rs:4: crate::inspect::Rpc is not below decode"],
    );
    assert_broken("report/json.rs", "use crate::inspect::Rpc;", &[]);
    assert_broken(
        "capture/file.rs",
        "fn f() -> crate::decode::Thing {}",
        &["src/capture/file.rs:2: crate::decode::Thing is not below capture"],
    );
}

#[test]
fn a_path_is_seen_wherever_it_stands() {
    for code in [
        "use crate::report as words;",
        "pub use crate::report::Secrets;",
        "use crate::{capture, report::{self, Secrets}};",
        "fn f() { let a = crate::report::text::width(1); }",
        "fn f(a: &[Option<crate::report::Secrets>]) {}",
        "impl crate::report::Format for u8 {}",
        "const A: u8 = { use super::report::B; B };",
        "fn f() { println!(\"{}\", crate::report::A); }",
        "fn f() { vec![1, if true { crate::report::a() } else { 2 }]; }",
        "macro_rules! m { () => { use $crate::report::{A, b::C}; } }",
        "#[derive(crate::report::Serialize)] struct A;",
        "mod inner { use super::super::report::A; }",
        "use crate::report::*;",
    ] {
        assert!(!broken("inspect/retry.rs", code).is_empty(), "{code}");
    }
}

#[test]
fn nothing_sees_the_program() {
    for used in [
        "crate::pipeline::analyze",
        "crate::cli::Cli",
        "crate::commands::run",
        "crate::live::Queue",
        "super::pipeline::Pipeline",
    ] {
        let found = broken("report/words.rs", &format!("use super::{used};"));
        let found = [found, broken("report/words.rs", &format!("use {used};"))].concat();
        assert!(!found.is_empty(), "{used}");
    }
    assert_eq!(
        broken("report/mod.rs", "use super::pipeline::Pipeline;").len(),
        1
    );
    assert_eq!(broken("pipeline.rs", "use crate::cli::Cli;").len(), 1);
    assert_broken(
        "commands.rs",
        "use h2sniff::pipeline; use crate::cli::Cli;",
        &[],
    );
}

#[test]
fn units_are_a_leaf() {
    assert_broken("report/text.rs", "use crate::units::counted;", &[]);
    assert_broken("inspect/retry.rs", "use crate::units::counted;", &[]);
    assert_broken("units.rs", "use crate::capture::TimeDelta;", &[]);
    assert_eq!(broken("units.rs", "use crate::decode::Event;").len(), 1);
    assert_eq!(
        broken("decode/event.rs", "use crate::units::counted;").len(),
        1
    );
}

#[test]
fn layers_of_decode_use_only_lower_ones() {
    for (file, code) in [
        ("decode/tcp/flow.rs", "use super::super::http2::Frame;"),
        ("decode/link/mod.rs", "use super::tcp::Chunk;"),
        ("decode/http2/frame.rs", "use crate::decode::grpc::Message;"),
        (
            "decode/tls/hello.rs",
            "use crate::decode::connection::Held;",
        ),
        ("decode/carrier.rs", "use super::tcp::Chunk;"),
        ("decode/limits.rs", "use super::decoder::Decoder;"),
        ("decode/detect/mod.rs", "use super::decoder::Decoder;"),
    ] {
        assert_eq!(broken(file, code).len(), 1, "{file}: {code}");
    }
    assert_broken(
        "decode/http2/session.rs",
        "use crate::decode::tcp::Chunk;",
        &[],
    );
    assert_broken(
        "decode/tcp/flow.rs",
        "use crate::decode::{Carrier, Direction};",
        &[],
    );
    assert_broken(
        "decode/decoder.rs",
        "use super::http2::Keep; use super::tcp;",
        &[],
    );
}

#[test]
fn an_event_is_above_the_layers_and_the_leaves() {
    for file in [
        "decode/link/mod.rs",
        "decode/tcp/key.rs",
        "decode/tls/session.rs",
        "decode/http2/reader/mod.rs",
        "decode/grpc.rs",
        "decode/anomaly.rs",
    ] {
        for code in [
            "use crate::decode::event::Event;",
            "use crate::decode::Event;",
            "use crate::decode::{Carrier, Event as Told};",
            "use crate::decode as all; fn f(_: all::Event) {}",
            "use crate::decode::*;",
        ] {
            assert_eq!(broken(file, code).len(), 1, "{file}: {code}");
        }
    }
    assert_broken("decode/connection/mod.rs", "use super::event::Event;", &[]);
    assert_broken("decode/event.rs", "use super::http2::Frame;", &[]);
}

#[test]
fn modules_of_inspect_use_only_lower_ones() {
    assert_broken(
        "inspect/stream/mod.rs",
        "use crate::inspect::Record;",
        &["src/inspect/stream/mod.rs:2: \
           crate::inspect::connection::record::Record is not below inspect::stream"],
    );
    for (file, code) in [
        (
            "inspect/traffic/idle.rs",
            "use super::super::connection::A;",
        ),
        ("inspect/retry.rs", "fn f() { super::diagnosis::rules() }"),
        (
            "inspect/stream/rpc.rs",
            "use crate::inspect::{options, live::News};",
        ),
        ("inspect/novelty.rs", "use super::options::Options;"),
        ("inspect/retry.rs", "use super::novelty::Novelty;"),
    ] {
        assert_eq!(broken(file, code).len(), 1, "{file}: {code}");
    }
    assert_broken(
        "inspect/diagnosis/mod.rs",
        "use crate::inspect::Record;",
        &[],
    );
}

#[test]
fn modules_of_report_use_only_lower_ones() {
    for (file, code) in [
        ("report/text/mod.rs", "use crate::report::markdown::code;"),
        ("report/view/grid.rs", "use crate::report::Files;"),
        ("report/escape.rs", "use super::view::Cell;"),
        ("report/json.rs", "use super::timeline::Page;"),
    ] {
        assert_eq!(broken(file, code).len(), 1, "{file}: {code}");
    }
    assert_broken("report/escape.rs", "use super::display_width::pad;", &[]);
    assert_broken(
        "report/text/mod.rs",
        "use super::{escape, view::Cell};",
        &[],
    );
}

#[test]
fn groups_are_read_member_by_member() {
    assert_broken(
        "inspect/retry.rs",
        "use crate::{\n    capture::{self, Stamp},\n    report::{Secrets, json::rpc},\n};\n",
        &[
            "src/inspect/retry.rs:4: crate::report::Secrets is not below inspect",
            "src/inspect/retry.rs:4: crate::report::json::rpc is not below inspect",
        ],
    );
}

#[test]
fn an_import_that_breaks_a_rule_is_told_once() {
    assert_broken(
        "inspect/retry.rs",
        "use crate::report::Secrets;\nfn f() { Secrets::new(); matches!(1, Secrets::Shown); }",
        &["src/inspect/retry.rs:2: crate::report::Secrets is not below inspect"],
    );
}

#[test]
fn crates_stay_behind_their_fences() {
    for (file, code) in [
        ("inspect/retry.rs", "use serde_json::Value;"),
        (
            "decode/tcp/flow.rs",
            "const X: u8 = etherparse::TcpSlice::new();",
        ),
        ("capture/file.rs", "use anyhow::Context as _;"),
        ("commands.rs", "fn f() { let d = pcap::Device::list(); }"),
        (
            "inspect/stream/rpc.rs",
            "#[derive(serde::Serialize)] struct A;",
        ),
        ("decode/http2/frame.rs", "use ring::aead;"),
    ] {
        assert_eq!(broken(file, code).len(), 1, "{file}: {code}");
    }
    assert_broken("decode/link/tcp.rs", "use etherparse::TcpSlice;", &[]);
    assert_broken("report/json.rs", "use serde::Serialize;", &[]);
    assert_broken(
        "capture/pcap.rs",
        "use pcap_parser::Block; use super::pcap::A;",
        &[],
    );
}

#[test]
fn comments_strings_and_tests_do_not_count() {
    let code = "// use crate::report::Secrets;\n/* crate::report::A */\n\
                /// See [`crate::report::Report`], or `--all`.\n\
                const A: &str = \"crate::report::B\"; const Q: char = '\"';\n\
                const R: &str = r#\"crate::report::\"C\"\"#; fn f<'a>(_: &'a str) {}\n\
                #[cfg(test)]\nmod tests { use crate::report::D; fn f() { {} } }\n";
    assert_broken("decode/event.rs", code, &[]);
    assert_broken(
        "decode/event.rs",
        &format!("{code}use crate::report::E;"),
        &["src/decode/event.rs:9: crate::report::E is not below decode"],
    );
    assert_broken(
        "decode/event.rs",
        "#[cfg(all(test, unix))] use crate::report::D; pub(in crate::report) struct A;\n\
         impl A { #[cfg(test)] fn f() { crate::report::f() } }",
        &[],
    );
    for code in [
        "#[cfg(not(test))] use crate::report::D;",
        "#[cfg(any(test, unix))] use crate::report::D;",
    ] {
        assert_eq!(broken("decode/event.rs", code).len(), 1, "{code}");
    }
}

#[test]
fn the_library_names_no_flag() {
    assert_broken(
        "report/text/mod.rs",
        "fn f(n: u8) {\n    let a = format!(\"{n} more: --limit {n}\");\n}",
        &["src/report/text/mod.rs:3: --limit is a flag of the command line"],
    );
    for (file, code) in [
        ("capture/file.rs", "const HINT: &str = \"give --keylog\";"),
        ("pipeline.rs", "fn f() { f(&[\"--max-rpcs\"]); }"),
        (
            "decode/decoder.rs",
            "fn f() { g!(a => { h(r\"--port\") }) }",
        ),
        ("inspect/retry.rs", "fn f() { write!(f, \"{a} (--all)\") }"),
    ] {
        assert_eq!(broken(file, code).len(), 1, "{file}: {code}");
    }
    assert_broken("commands.rs", "const HINT: &str = \"give --keylog\";", &[]);
    assert_broken(
        "report/text/mod.rs",
        "const RULE: &str = \"|---|---|\"; const DASH: &str = \"a -- b\"; /// `--all`\nfn f() {}",
        &[],
    );
}

#[test]
fn long_files_and_files_without_a_header_are_named() {
    let long = "\n".repeat(MAX_LINES);
    assert_broken(
        "inspect/retry.rs",
        &long,
        &["src/inspect/retry.rs:501: longer than 500 lines"],
    );
    let bare = check([("inspect/retry.rs", "use std::fmt;")]);
    assert_eq!(
        bare[1].to_string(),
        "src/inspect/retry.rs:1: no header that says what it is for"
    );
}

#[test]
fn types_of_one_name_are_told() {
    let files = [
        ("lib.rs", "//! A.\nmod a; mod b; mod c;"),
        ("a.rs", "//! A.\npub struct Kept; fn f() { struct Own; }"),
        ("b.rs", "//! B.\nmod inner { enum Kept {} }"),
        (
            "c.rs",
            "//! C.\n#[cfg(test)] mod tests { type Kept = u8; } struct Own;",
        ),
    ];
    let found: Vec<_> = check(files).iter().map(ToString::to_string).collect();
    assert_eq!(found, ["src/b.rs:1: Kept is defined 2 times: a.rs, b.rs"]);
}

#[test]
fn a_file_that_no_module_names_is_told() {
    let files = [
        (
            "lib.rs",
            "//! A.\nmod a; #[cfg(test)] mod testing; mod inner { mod b; }",
        ),
        ("a.rs", "//! A.\n#[path = \"other.rs\"] mod it; mod c;"),
        (
            "a/c.rs",
            "//! A.\n#[cfg_attr(not(unix), path = \"d.rs\")] mod e;",
        ),
        ("a/c/e.rs", "//! A."),
        ("a/d.rs", "//! A."),
        ("inner/b.rs", "//! A."),
        ("lost.rs", "//! A."),
        ("a/lost.rs", "//! A."),
        ("main.rs", "//! A.\nmod cli;"),
        ("cli/mod.rs", "//! A."),
        ("other.rs", "//! A."),
        ("testing/mod.rs", "//! A."),
    ];
    let found = check(files).into_iter().map(|breach| breach.file);
    assert_eq!(found.collect::<Vec<_>>(), ["a/lost.rs", "lost.rs"]);
}

#[test]
fn a_module_stands_where_its_path_attribute_puts_it() {
    let files = [
        ("lib.rs", "//! A.\nmod decode;"),
        (
            "decode/mod.rs",
            "//! A.\n#[path = \"elsewhere.rs\"] mod link;",
        ),
        ("decode/elsewhere.rs", "//! A.\nuse super::http2::Frame;"),
    ];
    let found: Vec<_> = check(files).iter().map(ToString::to_string).collect();
    assert_eq!(
        found,
        ["src/decode/elsewhere.rs:2: crate::decode::http2::Frame is not below decode::link"]
    );
}
