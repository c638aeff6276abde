//! What people type first: a file without a command, a pipe without a dash, a method without its service, a number
//! that is none, and an output that is the input.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::shared_material::Run;

fn fixture() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/grace-cut.pcap");
    path.to_str().unwrap().to_owned()
}

/// A folder with a capture of its own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::remove_dir_all(&folder).ok();
    fs::create_dir(&folder).unwrap();
    fs::copy(fixture(), folder.join("client.pcap")).unwrap();
    folder
}

#[test]
fn an_output_that_is_the_input_is_refused_by_whatever_name() {
    let folder = folder("guarded");
    let capture = folder.join("client.pcap");
    let before = fs::read(&capture).unwrap();
    let (symbolic, hard) = (folder.join("symbolic"), folder.join("hard"));
    std::os::unix::fs::symlink(&capture, &symbolic).unwrap();
    fs::hard_link(&capture, &hard).unwrap();
    let dotted = folder.join("../guarded/client.pcap");
    let input = capture.to_str().unwrap();
    for output in [&capture, &symbolic, &hard, &dotted] {
        let output = output.to_str().unwrap();
        for command in [
            &["analyze", input, "-o", output][..],
            &["analyze", input, "--format", "json", "-o", output],
            &["timeline", input, "--format", "html", "-o", output],
            &["frames", input, "-o", output],
            &["analyze", &fixture(), "--keylog", input, "-o", output],
        ] {
            let run = Run::of(command);
            assert_eq!(run.status, Some(2), "{}", run.command);
            assert!(
                run.complaints.contains("is the same file"),
                "{}",
                run.complaints
            );
            assert_eq!(fs::read(&capture).unwrap(), before, "{}", run.command);
        }
    }
    let other = folder.join("report.txt");
    Run::of(&["analyze", input, "-o", other.to_str().unwrap()]).succeeded();
    Run::of(&["analyze", input, "-o", "/dev/null"]).succeeded();
}

#[test]
fn a_file_alone_is_analysed() {
    let capture = fixture();
    let expected = Run::of(&["analyze", &capture, "--limit", "1"]).succeeded();
    assert_eq!(Run::of(&[&*capture, "--limit", "1"]).succeeded(), expected);
    let nothing = Run::of(&["no-such-file"]);
    assert_eq!(nothing.status, Some(2));
    assert!(
        nothing.complaints.contains("unrecognized subcommand"),
        "{}",
        nothing.complaints
    );
}

#[test]
fn a_pipe_needs_no_dash() {
    let capture = fs::read(fixture()).unwrap();
    let expected = Run::of(&["frames", &fixture()]).succeeded();
    let mut child = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .arg("frames")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&capture).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stdout), expected);
}

#[test]
fn a_connection_that_is_not_there_is_named() {
    for command in ["analyze", "timeline", "frames"] {
        let run = Run::of(&[command, &fixture(), "--conn", "9"]);
        assert_eq!(run.status, Some(2), "{}", run.command);
        assert!(
            run.complaints.contains("has no HTTP/2 connection 9"),
            "{}",
            run.complaints
        );
    }
}

#[test]
fn a_method_is_found_by_its_name_in_any_service() {
    let of = |method: &str| {
        let run = Run::of(&[
            "analyze",
            &fixture(),
            "--format",
            "json",
            "--method",
            method,
        ]);
        let report: serde_json::Value = serde_json::from_str(&run.succeeded()).unwrap();
        report["rpcs"].as_array().unwrap().len()
    };
    assert!(of("Reserve") > 0);
    assert_eq!(of("Reserve"), of("/inventory.Stock/Reserve"));
    assert_eq!(of("Stock"), 0, "a service is no method");
}
