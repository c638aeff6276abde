//! The shared judges over all public cases and all recordings of today's stacks.
//!
//! In: `tools/check` of the shared folder, which runs the program under test, and compares with what each capture
//! must show and with what the applications logged. Out: nothing off, and the sums.

use std::process::Command;
use std::{env, path::Path};

use crate::shared_material;

/// What the judge prints: a line each, the sums last.
fn judge(shared: &Path, what: &str) -> String {
    let program =
        env::var_os("H2SNIFF_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_h2sniff").into());
    let judged = Command::new("python3")
        .arg(shared.join("tools/check"))
        .arg(program)
        .arg(what)
        .output()
        .expect("python3 can be started");
    let errors = String::from_utf8_lossy(&judged.stderr);
    assert!(
        judged.status.code().is_some_and(|code| code < 2) && errors.is_empty(),
        "{errors}"
    );
    String::from_utf8(judged.stdout).unwrap()
}

fn off(report: &str) -> Vec<&str> {
    report
        .lines()
        .filter(|line| line.starts_with("off "))
        .collect()
}

/// The number before which these words stand in the sums.
fn sum(report: &str, words: &str) -> u64 {
    let sums = report.lines().last().unwrap();
    let after = sums
        .split_once(words)
        .unwrap_or_else(|| panic!("no {words}: {sums}"))
        .1;
    let digits: String = after
        .trim_start()
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().unwrap()
}

#[test]
fn every_public_case_is_told_right() {
    let Some(shared) = shared_material::folder("judge") else {
        return;
    };
    let report = judge(&shared, "cases");
    assert!(
        report.lines().any(|line| line.starts_with("ok ")),
        "{report}"
    );
    assert_eq!(off(&report), Vec::<&str>::new());
}

#[test]
fn recordings_of_todays_stacks_are_told_as_the_applications_saw_them() {
    let Some(shared) = shared_material::folder("judge") else {
        return;
    };
    let report = judge(&shared, "stacks");
    println!("{}", report.lines().last().unwrap());
    assert_eq!(off(&report), Vec::<&str>::new());
    let failed = sum(&report, "failed on the wire");
    assert!(failed > 3_000, "{failed} failed calls");
    for never in ["in no finding", "false deaths", "'no' but ran", "wrong"] {
        assert_eq!(sum(&report, never), 0, "{never}");
    }
    // An answer within 50 ms of its deadline, that the application did not take any more.
    assert!(sum(&report, "missed") <= 2);
    let (right, told) = (sum(&report, "texts right"), sum(&report, " of "));
    assert!(
        right * 100 >= told * 99,
        "{right} of {told} texts are right"
    );
    assert!(
        told * 100 >= failed * 60,
        "{told} of {failed} failures have a text"
    );
}

#[test]
fn healthy_recordings_have_no_error_and_no_warning() {
    let Some(shared) = shared_material::folder("judge") else {
        return;
    };
    let mut heard = 0;
    for recording in [
        "lab-today/g20-control/client.pcap.gz",
        "lab-today/g18-idle/client.pcap.gz",
        "lab-today/e01-envoy-control/client.pcap.gz",
        "lab-today/h01-haproxy-control/client.pcap.gz",
    ] {
        let capture = shared.join(recording);
        if !capture.exists() {
            println!("{recording}: not among the recordings here");
            continue;
        }
        let report = shared_material::Run::of(&[
            "analyze".as_ref(),
            "--format".as_ref(),
            "json".as_ref(),
            capture.as_os_str(),
        ]);
        let report: serde_json::Value = serde_json::from_str(&report.output).unwrap();
        let loud = report["findings"].as_array().unwrap().iter();
        let loud = loud.filter(|finding| finding["severity"] != "info");
        let loud: Vec<_> = loud.map(|finding| &finding["title"]).collect();
        assert!(loud.is_empty(), "{recording}: {loud:?}");
        heard += 1;
    }
    assert!(heard >= 2);
}

#[test]
fn where_handlers_fail_and_nothing_else_only_that_is_told() {
    let Some(shared) = shared_material::folder("judge") else {
        return;
    };
    // Every tenth Reserve is answered with UNAVAILABLE, by the handler.
    let capture = shared.join("lab/00-control-healthy/client.pcap");
    let arguments = ["analyze", "--format", "json"].map(std::ffi::OsStr::new);
    let report = shared_material::Run::of(&[&arguments[..], &[capture.as_os_str()]].concat());
    let report: serde_json::Value = serde_json::from_str(&report.output).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let told: Vec<_> = findings
        .map(|finding| (finding["severity"].as_str(), finding["rule"].as_str()))
        .collect();
    assert_eq!(told, [(Some("warning"), Some("error-status"))]);
}
