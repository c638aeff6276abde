//! The flight recorder: what it writes holds the race, no more than its window, and always opens.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::network::Network;
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::{Event, Watcher, analyze, directory, nanos};

#[test]
fn a_recording_holds_the_race_and_nothing_older_than_its_window() {
    let Some(network) = Network::new() else {
        return;
    };
    let directory = directory();
    let path = directory.path().to_str().unwrap();
    let mut watcher = Watcher::start(
        &network,
        &[
            "--record",
            path,
            "--record-window",
            "1s",
            "--record-after",
            "500ms",
            "--record-keep",
            "2",
        ],
    );
    // Old news by the time of the race.
    race(&network, vec![Ending::None, Ending::None]);
    thread::sleep(Duration::from_millis(1_200));
    race(&network, vec![Ending::GoAwayAndClose]);
    let finding =
        watcher.wait_for(|event| event.kind() == "finding" && event.value["severity"] == "error");
    let written = watcher.wait_for(is_recording);
    assert_eq!(written.value["reason"], finding.value["rule"]);

    let file = PathBuf::from(written.value["path"].as_str().unwrap());
    let report = analyze(&file);
    let first = nanos(&report["capture"]["first_packet"]);
    assert!(
        first >= nanos(&finding.value["time"]) - 1_000_000_000,
        "older than its window"
    );
    let streams = |victims: &serde_json::Value| -> Vec<u64> {
        let streams = victims.as_array().unwrap().iter();
        streams
            .map(|victim| victim["stream"].as_u64().unwrap())
            .collect()
    };
    let in_file = report["findings"].as_array().unwrap().iter();
    let in_file: Vec<_> = in_file
        .filter(|found| found["rule"] == "goaway-race")
        .collect();
    let told = watcher
        .seen
        .iter()
        .rfind(|event| event.value["rule"] == "goaway-race")
        .unwrap();
    assert_eq!(in_file.len(), 1);
    assert_eq!(streams(&in_file[0]["rpcs"]), streams(&told.value["rpcs"]));
    let bytes = std::fs::read(&file).unwrap();
    for comment in ["goaway-race: ", ": beyond_last_stream_id"] {
        let there = bytes
            .windows(comment.len())
            .any(|found| found == comment.as_bytes());
        assert!(there, "no packet has a comment with {comment:?}");
    }

    for _ in 0..3 {
        watcher.signal(Signal::SIGUSR1);
        let written = watcher.wait_for(is_recording);
        assert_eq!(written.value["reason"], "signal");
    }
    assert_eq!(recordings(directory.path()).len(), 2, "old ones are pruned");
    let (_, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
}

#[test]
fn what_a_killed_watch_has_written_opens() {
    let Some(network) = Network::new() else {
        return;
    };
    for delay in [0, 1, 2, 5, 10, 20] {
        let directory = directory();
        let path = directory.path().to_str().unwrap();
        let all = directory.path().join("all.pcapng");
        let mut watcher =
            Watcher::start(&network, &["--record", path, "-w", all.to_str().unwrap()]);
        race(&network, vec![Ending::GoAwayAndClose]);
        watcher.wait_for(|event| event.value["rule"] == "goaway-race");
        // The file of everything grows by then, and the recorder writes while it is killed.
        thread::sleep(Duration::from_millis(700));
        watcher.signal(Signal::SIGUSR1);
        thread::sleep(Duration::from_millis(delay));
        watcher.signal(Signal::SIGKILL);
        watcher.end();
        for file in recordings(directory.path()).iter().chain([&all]) {
            let report = analyze(file);
            let found = report["findings"].to_string();
            assert!(found.contains("goaway-race"), "{}", file.display());
        }
    }
}

#[test]
fn a_watch_that_ends_writes_what_waits_to_be_written() {
    let Some(network) = Network::new() else {
        return;
    };
    let directory = directory();
    let path = directory.path().to_str().unwrap();
    let mut watcher = Watcher::start(&network, &["--record", path, "--record-after", "1h"]);
    race(&network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "finding" && event.value["rule"] == "goaway-race");
    let (_, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
    let written = recordings(directory.path());
    assert_eq!(written.len(), 1);
    assert!(
        analyze(&written[0])["findings"]
            .to_string()
            .contains("goaway-race")
    );
}

fn is_recording(event: &Event) -> bool {
    event.kind() == "recording"
}

fn recordings(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let is_recording = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("h2sniff-") && name.ends_with(".pcapng")
    };
    paths.filter(is_recording).collect()
}
