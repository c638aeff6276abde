//! The timeline in all its forms: the story and the diagrams against snapshots, the page in a real
//! browser.
//!
//! The browser's part needs `node`, Chromium and the modules of `tests/timeline/package.json`
//! (`npm ci` there). Where one is missing the test says so in a line and passes, unless
//! `H2SNIFF_REQUIRE_BROWSER=1` is set.

// Failing is what a test is for, and these helpers are the test.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::print_stderr)]

mod both_ends;
mod captures;
#[path = "../it/shared_material.rs"]
mod shared_material;
/// How the program words numbers, which the page does once more in its own language.
#[allow(dead_code, unused_imports)]
#[path = "../../src/units.rs"]
mod units;
#[path = "../../src/testing/wire.rs"]
mod wire;

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where `units` finds the type that it words.
mod capture {
    pub(crate) use h2sniff::capture::TimeDelta;
}

use capture::TimeDelta;
use serde_json::{Value, json};
use shared_material::Run;

/// The recordings whose page is opened, and the finding each is about.
const RECORDINGS: [&str; 3] = [
    "16-blog-real-values",
    "09a-nginx-keepalive-requests",
    "01c-maxage-singlegoaway-300c",
];

const FIXTURES: [&str; 5] = [
    "goaway-zero",
    "grace-cut",
    "late-client",
    "polite-client",
    "too-many-pings",
];

fn timeline(arguments: &[&str]) -> String {
    let arguments: Vec<_> = ["timeline"].iter().chain(arguments).copied().collect();
    Run::of(&arguments).succeeded()
}

/// A fixture by the name it has from the folder that tests run in.
fn fixture(name: &str) -> String {
    format!("fixtures/{name}.pcap")
}

#[test]
fn the_story_of_each_fixture() {
    for name in FIXTURES {
        insta::assert_snapshot!(format!("text_{name}"), timeline(&[&fixture(name)]));
    }
}

#[test]
fn the_merged_story_names_connections() {
    let story = timeline(&[&fixture("grace-cut"), "--merged"]);
    insta::assert_snapshot!("text_merged", story);
}

#[test]
fn the_story_around_something() {
    let around = |place: &str, window: &str| {
        timeline(&[
            &fixture("late-client"),
            "--around",
            place,
            "--window",
            window,
        ])
    };
    insta::assert_snapshot!("text_around_rule", around("late-open", "20ms"));
    insta::assert_snapshot!("text_around_time", around("+1s", "100ms"));
    insta::assert_snapshot!("text_around_call", around("0:29", "50ms"));
}

#[test]
fn what_cannot_be_found_is_said() {
    for (arguments, complaint) in [
        (
            ["--around", "no-such-thing"],
            "neither a rule, nor a time, nor CONN:STREAM",
        ),
        (["--around", "0:99999"], "the capture has no such thing"),
        (["--around", "connect-failed-not"], "neither a rule"),
    ] {
        let fixture = fixture("late-client");
        let run = Run::of(&["timeline", &fixture, arguments[0], arguments[1]]);
        assert_eq!(run.status, Some(2));
        assert!(run.complaints.contains(complaint), "{}", run.complaints);
        assert!(run.complaints.contains("\nhint: "), "{}", run.complaints);
    }
    let fixture = fixture("late-client");
    let run = Run::of(&["timeline", &fixture, "--window", "soon"]);
    assert_eq!(run.status, Some(2));
    let complaint = "invalid value 'soon' for '--window <DURATION>': expected a duration such as";
    assert!(run.complaints.contains(complaint), "{}", run.complaints);
}

#[test]
fn the_diagram_of_each_fixture() {
    for name in FIXTURES {
        let diagram = timeline(&[&fixture(name), "--format", "mermaid"]);
        assert!(diagram.lines().count() < 40, "{name}: too long to read");
        insta::assert_snapshot!(format!("mermaid_{name}"), diagram);
    }
}

#[test]
fn mermaid_itself_draws_the_diagrams() {
    let Some(browser) = Browser::found("mermaid") else {
        return;
    };
    let folder = folder("mermaid");
    let hostile = folder.join("hostile.pcap");
    fs::write(&hostile, captures::hostile()).unwrap();
    let hostile = hostile.to_str().unwrap().to_owned();
    let mut diagrams = Vec::new();
    let both = both_captures(&folder).to_vec();
    let fixtures = FIXTURES.map(|name| vec![fixture(name)]);
    let captures = fixtures.into_iter().chain([vec![hostile], both]);
    for (place, captures) in captures.enumerate() {
        for around in ["", "+0s"] {
            let path = folder.join(format!("{place}{around}.mmd"));
            let mut arguments: Vec<_> = captures.iter().map(String::as_str).collect();
            arguments.extend(["--format", "mermaid", "--window", "1m"]);
            if !around.is_empty() {
                arguments.extend(["--around", around]);
            }
            fs::write(&path, timeline(&arguments)).unwrap();
            diagrams.push(path);
        }
    }
    browser.run("mermaid.mjs", &diagrams);
}

#[test]
fn the_pages_of_recordings_do_what_they_promise() {
    let Some(browser) = Browser::found("page") else {
        return;
    };
    let Some(shared) = shared_material::folder("timeline page") else {
        return;
    };
    let folder = folder("page");
    for recording in RECORDINGS {
        let lab = shared.join("lab").join(recording);
        let page = folder.join(format!("{recording}.html"));
        html(&lab.join("client.pcap"), &page, &["--header", "x-rpc-id"]);
        let truth = shared_material::json(&lab.join("truth.json"));
        let victims: Vec<_> = truth["victims"]
            .as_array()
            .unwrap()
            .iter()
            .map(victim)
            .collect();
        assert!(!victims.is_empty());
        let list = folder.join(format!("{recording}.json"));
        fs::write(&list, json!(victims).to_string()).unwrap();
        browser.run("page.mjs", &[page, list, folder.join(recording)]);
    }
}

/// What a page's search must find, and where.
fn victim(truth: &Value) -> Value {
    json!({ "id": truth["x_rpc_id"], "call": format!("{}:{}", truth["conn"], truth["stream"]) })
}

#[test]
fn the_page_words_numbers_as_the_program_does() {
    let Some(node) = Browser::node("words") else {
        return;
    };
    // Around each power of ten and each unit, on both sides of zero; and what lies between.
    let edges = [1, 60, 3_600].into_iter().flat_map(|unit| {
        let powers = (0..11).map(move |power| unit * 10_i64.pow(power));
        powers.flat_map(|edge| (-7..=7).map(move |step| edge + step * (edge / 2_000).max(1)))
    });
    let between = (0..400).map(|step| 1_013_i64 * step * step * step);
    let numbers = || edges.clone().chain(between.clone());
    let micros = || numbers().flat_map(|micros| [micros, -micros]);
    let cases = json!({
        "duration": micros()
            .filter(|micros| !is_halfway(*micros))
            .map(|micros| json!([micros, units::duration(TimeDelta::from_micros(micros))]))
            .collect::<Value>(),
        "elapsed": micros()
            .filter(|micros| micros % 1_000 != 500 && micros % 1_000 != -500 && *micros != 0)
            .map(|micros| json!([micros, units::moment_in_millis(TimeDelta::from_micros(micros))]))
            .collect::<Value>(),
        "grouped": numbers()
            .filter(|number| *number >= 0)
            .map(|number| json!([number, units::count(number)]))
            .collect::<Value>(),
    });
    let path = folder("words").join("cases.json");
    fs::write(&path, cases.to_string()).unwrap();
    node.run("words.mjs", &[path]);
}

/// Whether a duration lies exactly between two that have three figures: there Rust rounds to the even
/// one, and the page away from zero.
fn is_halfway(micros: i64) -> bool {
    let size = micros.abs();
    let last_figure = [1_000, 1_000_000].into_iter().rfind(|unit| *unit <= size);
    let unit = last_figure.unwrap_or(1);
    [unit / 100, unit / 10, unit]
        .into_iter()
        .any(|figure| figure > 1 && size % figure == figure / 2)
}

/// Writes the captures of a connection at both of its ends: the client's and the server's.
fn both_captures(folder: &Path) -> [String; 2] {
    let [client, server] = both_ends::both_ends();
    [("client.pcap", client), ("server.pcap", server)].map(|(name, bytes)| {
        let path = folder.join(name);
        fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    })
}

#[test]
fn the_story_of_both_ends() {
    let folder = folder("both-ends-story");
    let [client, server] = both_captures(&folder);
    // How long a path is decides where lines break.
    let names = ["timeline", "client.pcap", "server.pcap"];
    let story = Run::within(&folder, &names).succeeded();
    insta::assert_snapshot!("text_both_ends", story);
    let one = timeline(&[&client]);
    assert!(!one.contains("both ends"), "{one}");
    // One line for many.
    let short = timeline(&[&client, &server, "--limit", "1"]);
    let words: Vec<_> = short.split_whitespace().collect();
    let line = "2 packets sent by the client: the network lost them, and copies came";
    assert!(words.join(" ").contains(line), "{short}");
}

#[test]
fn the_diagram_of_both_ends() {
    let folder = folder("both-ends-diagram");
    both_captures(&folder);
    let names = ["timeline", "client.pcap", "server.pcap"];
    let diagram = Run::within(&folder, &[&names[..], &["--format", "mermaid"]].concat());
    insta::assert_snapshot!("mermaid_both_ends", diagram.succeeded());
}

#[test]
fn the_story_of_a_call_through_a_proxy() {
    let folder = folder("proxied-story");
    let capture = folder.join("proxied.pcap");
    fs::write(&capture, both_ends::proxied()).unwrap();
    let story = Run::within(&folder, &["timeline", "proxied.pcap"]).succeeded();
    insta::assert_snapshot!("text_proxied", story);
}

#[test]
fn the_page_draws_both_ends_and_hops() {
    let Some(browser) = Browser::found("both ends") else {
        return;
    };
    let folder = folder("both-ends");
    let [client, server] = both_captures(&folder);
    let (page, proxied) = (folder.join("both.html"), folder.join("proxied.html"));
    html(Path::new(&client), &page, &[&server]);
    let capture = folder.join("proxied.pcap");
    fs::write(&capture, both_ends::proxied()).unwrap();
    html(&capture, &proxied, &[]);
    browser.run("both_ends.mjs", &[page, proxied, folder.join("shot")]);
}

#[test]
fn hostile_names_are_shown_as_text() {
    let Some(browser) = Browser::found("hostile") else {
        return;
    };
    let folder = folder("hostile");
    let (capture, page, texts) = (
        folder.join("hostile.pcap"),
        folder.join("hostile.html"),
        folder.join("texts.json"),
    );
    fs::write(&capture, captures::hostile()).unwrap();
    html(&capture, &page, &["--header", "x-note"]);
    fs::write(&texts, json!(captures::hostile_texts()).to_string()).unwrap();
    browser.run("hostile.mjs", &[page, texts]);
}

#[test]
fn a_page_holds_no_markup_from_a_capture() {
    let folder = folder("markup");
    let (capture, page) = (folder.join("hostile.pcap"), folder.join("hostile.html"));
    fs::write(&capture, captures::hostile()).unwrap();
    html(&capture, &page, &["--header", "x-note"]);
    let page = fs::read_to_string(&page).unwrap();
    let data = page
        .split("id=\"data\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    assert!(!data.contains('<') && !data.contains('\u{2028}'));
    let _: Value = serde_json::from_str(data).expect("all data is in its element");
}

#[test]
fn secrets_stay_out_of_every_form() {
    let folder = folder("secrets");
    let (capture, page) = (folder.join("hostile.pcap"), folder.join("page.html"));
    fs::write(&capture, captures::hostile()).unwrap();
    let header = ["--header", "authorization"];
    html(&capture, &page, &header);
    let capture = capture.to_str().unwrap();
    let mut forms = vec![fs::read_to_string(&page).unwrap()];
    for format in ["text", "mermaid"] {
        forms.push(timeline(&[
            capture, "--format", format, header[0], header[1], "--limit", "99",
        ]));
    }
    for form in &forms {
        assert!(
            !form.contains(captures::SECRET),
            "a credential or a query is shown"
        );
    }
    let shown = timeline(&[
        capture,
        "--show-secrets",
        header[0],
        header[1],
        "--limit",
        "99",
    ]);
    assert!(shown.contains(captures::SECRET));
}

#[test]
fn a_page_of_many_calls_stays_smooth() {
    let Some(browser) = Browser::found("speed") else {
        return;
    };
    let folder = folder("speed");
    let (capture, page) = (folder.join("busy.pcap"), folder.join("busy.html"));
    fs::write(&capture, captures::busy(20, 7_850)).unwrap();
    html(&capture, &page, &["--header", "x-request-id"]);
    fs::remove_file(&capture).unwrap();
    browser.run("speed.mjs", &[page]);
}

#[test]
fn more_calls_than_are_drawn_are_thinned_and_it_says_so() {
    let folder = folder("thinned");
    let (capture, page) = (folder.join("busy.pcap"), folder.join("busy.html"));
    fs::write(&capture, captures::busy(11, 10_000)).unwrap();
    html(&capture, &page, &[]);
    fs::remove_file(&capture).unwrap();
    let page = fs::read_to_string(&page).unwrap();
    let data = page
        .split("id=\"data\">")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let data: Value = serde_json::from_str(data).unwrap();
    assert_eq!(data["calls"]["count"], 100_000);
    let dead = 11 * u64::from(captures::BEYOND);
    assert_eq!(data["thinned"]["of"], 110_000 - dead);
    assert_eq!(data["thinned"]["drawn"], 100_000 - dead);
    let verdicts = data["calls"]["columns"]["verdict"].as_array().unwrap();
    let drawn_dead = verdicts.iter().filter(|verdict| **verdict != 0).count();
    assert_eq!(drawn_dead as u64, dead, "the dead are never thinned");
}

fn html(capture: &Path, page: &Path, more: &[&str]) {
    let mut arguments = vec![capture.to_str().unwrap(), "--format", "html", "-o"];
    arguments.push(page.to_str().unwrap());
    arguments.extend(more);
    timeline(&arguments);
}

/// An empty folder for a test's files.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("timeline")
        .join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// The scripts beside this file, and a browser to run them in.
struct Browser {
    scripts: PathBuf,
}

impl Browser {
    /// What the scripts need, or `None` and a line on standard error that says what is missing.
    fn found(test: &str) -> Option<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/timeline");
        let chromium = env::var_os("H2SNIFF_CHROMIUM")
            .map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
        let missing = if !has_node() {
            Some("node")
        } else if !chromium.exists() {
            Some("chromium")
        } else if !scripts.join("node_modules/playwright-core").is_dir() {
            Some("the modules of tests/timeline (npm ci)")
        } else {
            None
        };
        Self::unless(missing, test, scripts)
    }

    /// The same for scripts that take no browser.
    fn node(test: &str) -> Option<Self> {
        let scripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/timeline");
        Self::unless((!has_node()).then_some("node"), test, scripts)
    }

    fn unless(missing: Option<&str>, test: &str, scripts: PathBuf) -> Option<Self> {
        let Some(missing) = missing else {
            return Some(Self { scripts });
        };
        let required = env::var_os("H2SNIFF_REQUIRE_BROWSER").is_some_and(|value| value == "1");
        assert!(!required, "timeline {test}: {missing} is missing");
        eprintln!("timeline {test}: not run, {missing} is missing");
        None
    }

    /// Runs a script, which tells figures on standard output and failures on standard error.
    fn run(&self, script: &str, arguments: &[PathBuf]) {
        let mut command = Command::new("node");
        command.arg(self.scripts.join(script)).args(arguments);
        let output = command.output().unwrap();
        let failures = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{script}:\n{failures}");
        eprintln!(
            "timeline {script}: {}",
            String::from_utf8_lossy(&output.stdout).trim()
        );
    }
}

fn has_node() -> bool {
    Command::new("node").arg("--version").output().is_ok()
}
