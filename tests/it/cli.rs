//! The command line: help, errors, exit statuses, pipes, several files.

#[cfg(test)]
use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shared_material::Run;
use crate::wire::{self, End, Peers, Talk};
use serde_json::Value;

/// A file of this name with these bytes, in a folder that cargo keeps for tests.
fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("the folder for tests can be written");
    path
}

/// Two answered calls, and one above the last stream id of a GOAWAY.
fn race() -> Vec<(i64, Vec<u8>)> {
    let request = [
        (":method", "POST"),
        (":path", "/shop.Cart/Add"),
        ("content-type", "application/grpc"),
    ];
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, wire::PREFACE);
    talk.say(End::Client, &wire::settings(&[]));
    talk.say(End::Server, &wire::settings(&[(3, 100)]));
    for stream in [1, 3] {
        talk.say(
            End::Client,
            &wire::headers(wire::END_STREAM, stream, &request),
        );
        talk.say(End::Server, &wire::headers(0, stream, &head));
        talk.say(
            End::Server,
            &wire::headers(wire::END_STREAM, stream, &[("grpc-status", "0")]),
        );
    }
    talk.say(End::Client, &wire::headers(wire::END_STREAM, 5, &request));
    talk.say(End::Server, &wire::goaway(3, 0, b""));
    talk.fin(End::Client);
    talk.fin(End::Server);
    talk.packets
}

fn arguments(command: &str, path: &Path, more: &[&str]) -> Vec<String> {
    let path = path.to_str().expect("a plain path").to_owned();
    let more = more.iter().map(|more| (*more).to_owned());
    [command.to_owned(), path].into_iter().chain(more).collect()
}

fn fails(arguments: &[String], reason: &str, hint: Option<&str>) {
    let run = Run::of(arguments);
    assert_eq!(run.status, Some(2), "{}: {}", run.command, run.complaints);
    assert_eq!(run.output, "", "{}: data although it failed", run.command);
    let complaint = &run.complaints;
    assert!(complaint.starts_with("error: "), "{complaint}");
    assert!(
        complaint.contains(reason),
        "{reason:?} is not in {complaint}"
    );
    match hint {
        Some(hint) => {
            let (_, hints) = complaint.split_once("\n\nhint: ").expect("a hint");
            assert!(hints.contains(hint), "{hint:?} is not in {hints}");
        }
        None => assert!(!complaint.contains("hint:"), "{complaint}"),
    }
}

#[test]
fn help_names_commands_and_exit_statuses() {
    let help = Run::of(&["--help"]).succeeded();
    for word in ["analyze", "frames", "completions", "Exit status"] {
        assert!(help.contains(word), "{word} is not in the help");
    }
    let help = Run::of(&["analyze", "--help"]).succeeded();
    for option in [
        "--fail-on",
        "--format",
        "--output",
        "--show-secrets",
        "--port",
        "--max-connections",
        "--max-held",
        "--max-unpacked",
        "--max-rpcs",
        "Examples:",
    ] {
        assert!(help.contains(option), "{option} is not in the help");
    }
    let version = Run::of(&["--version"]).succeeded();
    assert_eq!(
        version.trim(),
        concat!("h2sniff ", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn a_wrong_command_line_is_status_2() {
    for arguments in [
        &[][..],
        &["analyze"],
        &["dissect", "x"],
        &["analyze", "x", "--format", "xml"],
    ] {
        let run = Run::of(arguments);
        assert_eq!(run.status, Some(2), "{}", run.command);
        assert!(
            !run.complaints.is_empty() && run.output.is_empty(),
            "{}",
            run.command
        );
    }
}

#[test]
fn a_limit_that_leaves_nothing_is_refused_with_what_is_allowed() {
    for (option, value, reason) in [
        ("--max-connections", "0", "expected a number, at least 1"),
        ("--max-connections", "many", "expected a number, at least 1"),
        ("--max-held", "100K", "at least 1MiB is needed"),
        (
            "--max-held",
            "much",
            "expected a size such as 500K, 64MiB or 1G",
        ),
        (
            "--max-unpacked",
            "-1",
            "expected a size such as 500K, 64MiB or 1G",
        ),
        ("--max-rpcs", "0", "expected a number, at least 1"),
    ] {
        let run = Run::of(&["analyze", "x", &format!("{option}={value}")]);
        assert_eq!(run.status, Some(2), "{}", run.command);
        assert!(run.complaints.contains(reason), "{}", run.complaints);
    }
}

#[test]
fn what_a_limit_cost_is_told() {
    let mut packets = Vec::new();
    for port in 0..20 {
        let mut talk = Talk::new(Peers::new(40_000 + port, 50_051));
        talk.say(End::Client, wire::PREFACE);
        talk.say(End::Client, &wire::settings(&[]));
        talk.say(End::Server, &wire::settings(&[(3, 100)]));
        let request = [(":method", "POST"), (":path", "/shop.Cart/Add")];
        talk.say(End::Client, &wire::headers(wire::END_STREAM, 1, &request));
        packets.extend(talk.packets);
    }
    let path = file("crowd.pcap", &wire::pcap(&packets));
    let whole = Run::of(&arguments("analyze", &path, &["--format", "json"])).succeeded();
    let whole: Value = serde_json::from_str(&whole).expect("JSON");
    assert_eq!(whole["given_up"]["connections"], 0);
    assert_eq!(whole["rpcs"].as_array().map(Vec::len), Some(20));
    let few = ["--format", "json", "--all", "--max-connections", "5"];
    let run = Run::of(&arguments("analyze", &path, &few));
    assert_eq!(run.status, Some(0), "{}", run.complaints);
    assert!(
        run.complaints.contains("--max-connections"),
        "{}",
        run.complaints
    );
    let few: Value = serde_json::from_str(&run.output).expect("JSON");
    assert_eq!(few["given_up"]["connections"], 15);
    assert_eq!(few["connections"].as_array().map(Vec::len), Some(20));
    let doubtful = few["rpcs"].as_array().expect("a list").iter();
    let doubtful = doubtful.filter(|rpc| rpc["doubt"] == "given_up" && rpc["verdict"] == "unknown");
    assert_eq!(
        doubtful.count(),
        15,
        "verdicts that eviction weakened say so"
    );
    let finding = few["findings"].as_array().expect("a list").iter();
    let finding = finding
        .clone()
        .find(|finding| finding["rule"] == "capture-incomplete");
    let explanation = finding.expect("a finding")["explanation"].to_string();
    assert!(explanation.contains("15 RPCs"), "{explanation}");
    let listed = Run::of(&arguments(
        "analyze",
        &path,
        &["--format", "json", "--max-rpcs", "3"],
    ));
    let listed: Value = serde_json::from_str(&listed.output).expect("JSON");
    assert_eq!(listed["rpcs"].as_array().map(Vec::len), Some(3));
    assert_eq!(listed["given_up"]["unlisted_rpcs"], 17);
}

#[test]
fn what_cannot_be_read_is_named_with_its_reason() {
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join("not-there.pcap");
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let text = file("notes.txt", b"these are words, not packets\n");
    let empty = file("empty.pcap", b"");
    for command in ["analyze", "frames"] {
        fails(
            &arguments(command, &missing, &[]),
            "not-there.pcap does not exist",
            None,
        );
        fails(
            &arguments(command, folder, &[]),
            "is a directory",
            Some("name the capture files"),
        );
        let run = Run::of(&arguments(command, &text, &[]));
        assert_eq!(run.status, Some(2));
        assert!(
            run.complaints.contains("notes.txt is not a capture but"),
            "{}",
            run.complaints
        );
        fails(
            &arguments(command, &empty, &[]),
            "empty.pcap is empty",
            Some("tcpdump -U"),
        );
    }
}

/// Who names a file chooses what stands on standard error: it is printed as any peer's bytes are.
#[test]
fn a_name_with_control_characters_is_printed_without_them() {
    let name = "esc\u{1b}[2J\u{9b}31m\u{202e}.pcap";
    let missing = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let words = file(&format!("words-{name}"), b"these are words, not packets\n");
    let silent = file(&format!("silent-{name}"), &wire::pcap(&[]));
    for path in [&missing, &words, &silent] {
        for command in ["analyze", "frames", "timeline"] {
            let run = Run::of(&arguments(command, path, &[]));
            assert_eq!(run.status, Some(2), "{}", run.complaints);
            let raw = ['\u{1b}', '\u{9b}', '\u{202e}'];
            assert!(!run.complaints.contains(raw), "{:?}", run.complaints);
            assert!(
                run.complaints.contains("esc\\x1b[2J"),
                "{:?}",
                run.complaints
            );
        }
    }
}

/// Sixteen headers one in the other are packets, which are only not read to their end.
#[test]
fn packets_in_too_many_tunnels_are_counted_and_not_denied() {
    let nested = |(nanos, packet): (i64, Vec<u8>)| {
        let mut packet = packet;
        for _ in 0..16 {
            let [high, low] = u16::try_from(packet.len() + 20).unwrap().to_be_bytes();
            let mut outer = vec![
                0x45, 0, high, low, 0, 0, 0, 0, 64, 4, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
            ];
            outer.extend(packet);
            packet = outer;
        }
        (nanos, packet)
    };
    let path = file(
        "nested.pcap",
        &wire::pcap(&race().into_iter().map(nested).collect::<Vec<_>>()),
    );
    let run = Run::of(&arguments("analyze", &path, &[]));
    assert_eq!(run.status, Some(2));
    assert!(!run.complaints.contains("no packets"), "{}", run.complaints);
    assert!(
        run.complaints
            .contains("packets that cannot be read to the TCP in them"),
        "{}",
        run.complaints
    );
}

#[cfg(unix)]
#[test]
fn a_file_without_permission_is_named_with_a_hint() {
    use std::os::unix::fs::PermissionsExt as _;
    let path = file("private.pcap", &wire::pcap(&race()));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("its owner may");
    // Root reads it all the same; then there is nothing to complain of.
    if fs::File::open(&path).is_err() {
        let arguments = arguments("analyze", &path, &[]);
        fails(
            &arguments,
            "private.pcap cannot be opened",
            Some("belong to root"),
        );
    } else {
        Run::of(&arguments("analyze", &path, &[])).succeeded();
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("its owner may");
}

#[test]
fn a_link_type_that_cannot_be_read_is_named() {
    let path = file("bluetooth.pcap", &wire::pcap_of(187, &race()));
    for command in ["analyze", "frames"] {
        fails(
            &arguments(command, &path, &[]),
            "of link type BLUETOOTH_HCI_H4, which is not supported",
            Some("--port"),
        );
    }
}

#[test]
fn without_http2_it_says_what_was_found_instead() {
    let mut talk = Talk::new(Peers::new(40_000, 80));
    talk.say(End::Client, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n");
    talk.say(End::Server, b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    talk.packets.push((talk.now, wire::datagram()));
    let path = file("http1.pcap", &wire::pcap(&talk.packets));
    for command in ["analyze", "frames"] {
        let reason = "no HTTP/2 found in ";
        fails(&arguments(command, &path, &[]), reason, Some("--port PORT"));
        fails(
            &arguments(command, &path, &[]),
            "1 TCP connection (1 HTTP/1), 1 UDP packet",
            Some(""),
        );
    }
    let path = file("nothing.pcap", &wire::pcap(&[]));
    let run = Run::of(&arguments("analyze", &path, &[]));
    assert_eq!(run.status, Some(2), "{}", run.complaints);
    assert!(run.complaints.contains("no packets"), "{}", run.complaints);
}

#[test]
fn a_capture_that_is_cut_off_is_analysed_up_to_there() {
    let whole = wire::pcap(&race());
    let path = file("cut-off.pcap", &whole[..whole.len() - 10]);
    let run = Run::of(&arguments("analyze", &path, &["--format", "json"]));
    assert_eq!(run.status, Some(0), "{}", run.complaints);
    assert!(
        run.complaints.starts_with("warning: "),
        "{}",
        run.complaints
    );
    let report: Value = serde_json::from_str(&run.output).expect("a report");
    assert_eq!(
        report["anomalies"][0]["layer"], "capture",
        "{}",
        report["anomalies"]
    );
    assert_eq!(report["rpcs"][0]["verdict"], "beyond_last_stream_id");
}

#[test]
fn a_capture_may_come_by_standard_input() {
    let capture = wire::pcap(&race());
    let named = file("by-name.pcap", &capture);
    let expected = Run::of(&arguments("frames", &named, &[])).succeeded();
    let mut child = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .args(["frames", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut input = child.stdin.take().expect("a pipe");
    input.write_all(&capture).expect("it reads its input");
    drop(input);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_closed_pipe_is_success() {
    // More than a pipe holds, so that the program must notice that nobody reads.
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, wire::PREFACE);
    let pings = wire::frame(wire::PING, 0, 0, &[7; 8]).repeat(1_000);
    for _ in 0..20 {
        talk.say(End::Client, &pings);
    }
    let path = file("many-frames.pcap", &wire::pcap(&talk.packets));
    let mut child = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .args(arguments("frames", &path, &["--format", "json"]))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut output = child.stdout.take().expect("a pipe");
    let mut first = [0; 10];
    output.read_exact(&mut first).expect("a first line");
    drop(output);
    let ended = child.wait_with_output().expect("it ends");
    assert_eq!(ended.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&ended.stderr), "");
}

#[test]
fn fail_on_decides_between_0_1_and_2() {
    let path = file("fail-on.pcap", &wire::pcap(&race()));
    let status = |watched: &[&str]| Run::of(&arguments("analyze", &path, watched)).status;
    assert_eq!(status(&[]), Some(0), "findings alone are no failure");
    assert_eq!(status(&["--fail-on", "goaway-race"]), Some(1));
    assert_eq!(status(&["--fail-on", "error"]), Some(1));
    assert_eq!(
        status(&["--fail-on", "warning"]),
        Some(1),
        "warning includes errors"
    );
    assert_eq!(status(&["--fail-on", "abrupt-close"]), Some(0));
    assert_eq!(
        status(&["--fail-on", "abrupt-close", "--fail-on", "single-goaway"]),
        Some(1)
    );
    let wrong = arguments("analyze", &path, &["--fail-on", "goaway-rase"]);
    fails(&wrong, "goaway-rase", Some("goaway-race"));
}

#[test]
fn warnings_alone_do_not_match_errors() {
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, wire::PREFACE);
    talk.say(End::Client, &wire::settings(&[]));
    talk.say(End::Server, &wire::settings(&[]));
    talk.say(End::Server, &wire::goaway(0, 0, b""));
    let path = file("warning.pcap", &wire::pcap(&talk.packets));
    let status =
        |watched: &str| Run::of(&arguments("analyze", &path, &["--fail-on", watched])).status;
    assert_eq!(status("error"), Some(0));
    assert_eq!(status("warning"), Some(1));
    assert_eq!(status("info"), Some(1));
}

#[test]
fn output_goes_to_the_file_that_is_named() {
    let path = file("to-file.pcap", &wire::pcap(&race()));
    let printed = Run::of(&arguments("frames", &path, &[])).succeeded();
    let written = Path::new(env!("CARGO_TARGET_TMPDIR")).join("frames.txt");
    let name = written.to_str().expect("a plain path");
    for option in ["-o", "--output"] {
        fs::remove_file(&written).ok();
        let run = Run::of(&arguments("frames", &path, &[option, name]));
        assert_eq!(run.succeeded(), "", "nothing on standard output");
        assert_eq!(
            fs::read_to_string(&written).expect("it was written"),
            printed
        );
    }
    assert_eq!(
        Run::of(&arguments("frames", &path, &["-o", "-"])).succeeded(),
        printed
    );
    let nowhere = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no/such/folder");
    let nowhere = nowhere.to_str().expect("a plain path");
    fails(
        &arguments("frames", &path, &["-o", nowhere]),
        "cannot write ",
        None,
    );
}

#[test]
fn several_files_are_one_story() {
    let packets = race();
    let whole = file("whole.pcap", &wire::pcap(&packets));
    let (earlier, later) = packets.split_at(8);
    let earlier = file("ring.pcap0", &wire::pcap(earlier));
    let later = file("ring.pcap1", &wire::pcap(later));
    let later = later.to_str().expect("a plain path");
    let json = |path: &Path, more: &[&str]| -> Value {
        let more = [more, &["--format", "json", "--all"]].concat();
        let report = Run::of(&arguments("analyze", path, &more)).succeeded();
        serde_json::from_str(&report).expect("a report")
    };
    let mut one = json(&whole, &[]);
    let mut several = json(&earlier, &[later]);
    assert_eq!(
        several["capture"]["files"].as_array().map(Vec::len),
        Some(2)
    );
    every_packet_has_its_file(&several);
    for report in [&mut one, &mut several] {
        assert_eq!(report["capture"]["packets"], packets.len());
        without_places(report);
    }
    assert_eq!(one, several);
    // In whatever order they are named: time decides.
    let Value::Object(mut turned) = json(Path::new(later), &[earlier.to_str().expect("a path")])
    else {
        panic!("no report")
    };
    turned.iter_mut().for_each(|(_, part)| without_places(part));
    turned.remove("capture");
    assert_eq!(Value::Object(turned), one);
}

fn every_packet_has_its_file(value: &Value) {
    match value {
        Value::Object(fields) => {
            if fields.get("packet").is_some_and(Value::is_number) {
                let file = fields.get("file").and_then(Value::as_u64);
                assert!(file.is_some_and(|file| file < 2), "{value}");
            }
            if let Some(packets) = fields.get("packets").and_then(Value::as_object) {
                assert!(packets.contains_key("opened_file") && packets.contains_key("ended_file"));
            }
            fields.values().for_each(every_packet_has_its_file);
        }
        Value::Array(items) => items.iter().for_each(every_packet_has_its_file),
        _ => {}
    }
}

/// Takes away what may differ: the files and the numbers of packets in them.
fn without_places(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for name in ["packet", "file", "packets", "capture"] {
                fields.remove(name);
            }
            fields.values_mut().for_each(without_places);
        }
        Value::Array(items) => items.iter_mut().for_each(without_places),
        _ => {}
    }
}

/// What the README has between two marks must be `wanted`; with `UPDATE_README=1` it is put there.
fn assert_readme_has(from: &str, to: &str, wanted: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = std::fs::read_to_string(path).expect("a readable README");
    let (before, rest) = readme.split_once(from).expect("the README has the mark");
    let (part, after) = rest.split_once(to).expect("the README ends the part");
    if part.trim() == wanted {
        return;
    }
    if std::env::var_os("UPDATE_README").is_some() {
        let updated = format!("{before}{from}\n{wanted}\n{to}{after}");
        std::fs::write(path, updated).expect("a writable README");
        return;
    }
    assert_eq!(part.trim(), wanted, "UPDATE_README=1 renews it");
}

fn printed(arguments: &[&str]) -> String {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the program runs");
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).expect("reports are UTF-8");
    text.trim().to_owned()
}

#[test]
fn the_readme_shows_what_the_program_prints() {
    let command = "$ h2sniff analyze fixtures/grace-cut.pcap";
    let wanted = printed(&["analyze", "fixtures/grace-cut.pcap"]);
    assert_readme_has(command, "```", &wanted);
}

#[test]
fn the_readmes_rules_are_the_programs() {
    assert_readme_has("<!-- rules -->", "<!-- end -->", &printed(&["explain"]));
}
