//! What a person reads while a server fails again and again.

use std::process::Stdio;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::network::{INTERFACE, Network};
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::H2SNIFF;

#[test]
fn a_person_reads_a_line_for_each_incident_in_the_words_of_the_report() {
    let Some(network) = Network::new() else {
        return;
    };
    let child = network
        .on_client(H2SNIFF)
        .args(["live", "-i", INTERFACE])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(500));
    for _ in 0..8 {
        race(&network, vec![Ending::GoAwayAndClose]);
    }
    // One line a second, for three incidents.
    thread::sleep(Duration::from_secs(3));
    let process = Pid::from_raw(i32::try_from(child.id()).unwrap());
    kill(process, Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let (lines, report) = text.split_once("h2s0 · ").unwrap();
    let races: Vec<_> = lines
        .lines()
        .filter(|line| line.contains("GOAWAY RACE"))
        .collect();
    assert!((1..=3).contains(&races.len()), "{lines}");
    for part in [
        "✗ GOAWAY RACE  ",
        "10.77.0.2:50051",
        "; /lab.Echo/Call",
        "; from 10.77.0.1",
    ] {
        assert!(races[0].contains(part), "{part} is not in {lines}");
    }
    assert!(lines.lines().count() <= 8, "{lines}");
    for raw in ["beyond_last_stream_id", "cut_by_close", "NO_ERROR", "died"] {
        assert!(!races[0].contains(raw), "{raw} in {lines}");
    }
    assert!(report.contains("GOAWAY RACE"), "{report}");
}
