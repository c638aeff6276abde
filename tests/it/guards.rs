//! What is refused, and what is said instead of nothing: damaged files of a ring, filters that match nothing, ranges
//! that cannot be, times as they are printed.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::shared_material::Run;

fn fixture(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(name);
    path.to_str().unwrap().to_owned()
}

fn file(name: &str, content: &[u8]) -> String {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

fn json(arguments: &[&str]) -> Value {
    let run = Run::of(&[&["analyze", "--format", "json"], arguments].concat());
    serde_json::from_str(&run.succeeded()).unwrap()
}

#[test]
fn one_damaged_file_of_a_ring_is_a_warning() {
    let whole = fixture("grace-cut.pcap");
    let capture = fs::read(&whole).unwrap();
    let damaged_record = [&capture[..24], &[0xff; 40][..]].concat();
    for (name, content, says) in [
        ("ring-empty.pcap", &[][..], "is empty"),
        ("ring-zero.pcap", &[0; 100], "zero bytes"),
        (
            "ring-header.pcap",
            &capture[..10],
            "cut off inside its file header",
        ),
        ("ring-record.pcap", &damaged_record, "is damaged"),
        (
            "ring-bytes.pcap",
            &[7, 1, 0xfe, 3, 0x80, 9],
            "bytes that begin",
        ),
    ] {
        let other = file(name, content);
        for arguments in [[&*whole, &*other], [&*other, &*whole]] {
            let place = arguments.iter().position(|path| *path == other);
            for command in ["analyze", "timeline", "frames"] {
                let run = Run::of(&[&[command][..], &arguments].concat());
                assert_eq!(run.status, Some(0), "{}: {}", run.command, run.complaints);
                assert!(run.complaints.contains("warning: "), "{}", run.complaints);
                assert!(run.complaints.contains(says), "{}", run.complaints);
            }
            let report = json(&arguments);
            assert_eq!(report["rpcs"].as_array().unwrap().len(), 116);
            let files = report["capture"]["files"].as_array().unwrap();
            assert_eq!(files.len(), 2);
            assert_eq!(files[place.unwrap()]["packets"], 0);
            assert_eq!(report["anomalies"][0]["layer"], "capture");
        }
        let alone = Run::of(&["analyze", &other]);
        assert_eq!(alone.status, Some(2), "alone it is an error: {name}");
        let twice = Run::of(&["analyze", &other, &other]);
        assert_eq!(twice.status, Some(2), "{name}");
    }
    // What was named by mistake is an error beside others too.
    let notes = file("ring-notes.txt", b"these are words, not packets\n");
    assert_eq!(Run::of(&["analyze", &whole, &notes]).status, Some(2));
    assert_eq!(
        Run::of(&["analyze", &whole, "no-such-file"]).status,
        Some(2)
    );
}

#[test]
fn a_filter_that_matches_nothing_says_what_there_is() {
    let capture = fixture("grace-cut.pcap");
    for (arguments, hint) in [
        (
            ["--method", "Resreve"],
            "/inventory.Stock/Reserve (120 RPCs)",
        ),
        (["--method", "stock"], "/inventory.Stock/Reserve (120 RPCs)"),
        (["--method", "Cancel"], "/shop.Orders/Get (100 RPCs)"),
        (["--stream", "99999"], "streams are between 1 and "),
        (
            ["--since", "100"],
            "the capture goes from 2026-11-22T06:50:43.924819713Z",
        ),
    ] {
        for command in ["analyze", "timeline", "frames"] {
            let run = Run::of(&[&[command, &*capture][..], &arguments].concat());
            assert_eq!(run.status, Some(0), "{}", run.command);
            assert!(run.complaints.contains("matches"), "{}", run.complaints);
            if command != "frames" || arguments[0] != "--stream" {
                assert!(
                    run.complaints.contains(hint),
                    "{}: {}",
                    run.command,
                    run.complaints
                );
            }
        }
    }
    let run = Run::of(&["analyze", &*capture, "--method", "Reserve"]);
    assert_eq!(run.complaints, "", "something matches");
}

#[test]
fn filters_in_force_are_named_with_what_they_leave() {
    let capture = fixture("grace-cut.pcap");
    let arguments = ["--method", "Reserve", "--conn", "0", "--since", "+0.05 s"];
    let of = |command: &str, more: &[&str]| {
        Run::of(&[&[command, &*capture][..], &arguments, more].concat()).succeeded()
    };
    for (command, more) in [
        ("analyze", &[][..]),
        ("analyze", &["--format", "markdown"]),
        ("timeline", &[]),
    ] {
        let text = of(command, more).replace('`', "");
        let head: String = text.lines().take(8).collect::<Vec<_>>().join("\n");
        assert!(
            head.contains("Only connection 0, method Reserve, from +50 ms: "),
            "{head}"
        );
        assert!(head.contains(" of 300 RPCs"), "{head}");
    }
    let text = of("analyze", &[]);
    assert!(text.contains(" chosen RPCs died"), "{text}");
    let report = json(&[&[&*capture][..], &arguments].concat());
    assert_eq!(report["filter"]["method"], "Reserve");
    assert_eq!(report["filter"]["connections_left_out"], 2);
    let everything = json(&[&capture]);
    assert_eq!(everything["filter"], Value::Null);
}

#[test]
fn what_cannot_be_is_an_error() {
    let capture = fixture("grace-cut.pcap");
    for (command, arguments) in [
        ("analyze", &["--since", "5", "--until", "1"][..]),
        ("frames", &["--since", "5", "--until", "+1.5 s"]),
        ("timeline", &["--since", "12:30:05", "--until", "1"]),
        ("frames", &["--since", "12:30:05", "--until", "1"]),
        (
            "analyze",
            &["--until", "2026-11-22T06:50:44Z", "--since", "2"],
        ),
        ("analyze", &["--stream", "0"]),
        ("timeline", &["--stream", "0"]),
        ("analyze", &["--stream", "2147483648"]),
        ("analyze", &["--method", ""]),
        ("analyze", &["--port", "0"]),
        ("analyze", &["--conn", "-1"]),
        ("analyze", &["--show-secrets", "--redact-messages"]),
        ("analyze", &["--find", ""]),
    ] {
        let run = Run::of(&[&[command, &*capture][..], arguments].concat());
        assert_eq!(run.status, Some(2), "{}", run.command);
        assert!(run.complaints.starts_with("error: "), "{}", run.complaints);
        assert_eq!(run.output, "", "{}", run.command);
    }
    let frames = Run::of(&["frames", &capture, "--stream", "0"]).succeeded();
    assert!(
        frames.contains("SETTINGS"),
        "the connection's own frames are there"
    );
}

/// Every time that any output has is taken by every option that takes one.
#[test]
fn times_as_printed_can_be_typed() {
    let capture = fixture("grace-cut.pcap");
    let timeline = Run::of(&["timeline", &capture]).succeeded();
    let analyze = Run::of(&["analyze", &capture]).succeeded();
    let frames = Run::of(&["frames", &capture]).succeeded();
    let mut times = Vec::new();
    for text in [&timeline, &analyze] {
        for piece in text.split('+').skip(1) {
            let (number, _) = piece.split_once(" s").unwrap();
            if number
                .bytes()
                .all(|byte| byte.is_ascii_digit() || b".,".contains(&byte))
            {
                times.push(format!("+{number} s"));
            }
        }
    }
    let (_, first) = timeline.split_once("+0 s is ").unwrap();
    times.push(first.lines().next().unwrap().to_owned());
    for line in frames.lines().take(5) {
        times.push(line.split_whitespace().nth(1).unwrap().to_owned());
    }
    for line in Run::of(&["frames", &capture, "--format", "json"])
        .succeeded()
        .lines()
        .take(3)
    {
        let frame: Value = serde_json::from_str(line).unwrap();
        times.push(frame["time"].as_str().unwrap().to_owned());
        times.push(frame["elapsed"].to_string());
    }
    let others = [
        "06:50:45.123",
        "06:50:45 UTC",
        "2026-11-22 06:50:45 UTC",
        "2026-11-22T08:50:45+02:00",
        "1795330245.5",
        "−0.003 s",
        "-0.003 s",
        "500 ms",
    ];
    times.extend(others.map(str::to_owned));
    times.sort();
    times.dedup();
    assert!(times.len() > 20, "{times:?}");
    for time in times {
        for option in ["--since", "--until", "--around"] {
            let run = Run::of(&["timeline", &*capture, option, &*time]);
            assert_eq!(run.status, Some(0), "{}: {}", run.command, run.complaints);
        }
    }
}
