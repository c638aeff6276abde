//! However it ends, it ends within a second and in order, on an idle interface too.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::network::{INTERFACE, Network};
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::{Event, H2SNIFF, Watcher, wait};

const A_SECOND: Duration = Duration::from_secs(1);

#[test]
fn signals_end_it_within_a_second_and_with_a_report() {
    let Some(network) = Network::new() else {
        return;
    };
    for signals in [
        &[Signal::SIGINT][..],
        &[Signal::SIGINT, Signal::SIGINT],
        &[Signal::SIGTERM],
        &[Signal::SIGHUP],
    ] {
        let watcher = Watcher::start(&network, &[]);
        // A read that has just begun waits like one that has waited for long.
        thread::sleep(Duration::from_millis(200));
        let begun = Instant::now();
        signals.iter().for_each(|signal| watcher.signal(*signal));
        let (events, status, errors) = watcher.end();
        assert!(
            begun.elapsed() < A_SECOND,
            "{signals:?} took {:?}",
            begun.elapsed()
        );
        assert!(status.success(), "{signals:?}: {status} {errors}");
        assert_eq!(events.last().unwrap().kind(), "report", "{signals:?}");
    }
}

#[test]
fn a_closed_pipe_ends_it_within_a_second_and_is_success() {
    let Some(network) = Network::new() else {
        return;
    };
    for format in ["json", "text"] {
        let mut child = network
            .on_client(H2SNIFF)
            .args(["live", "-i", INTERFACE, "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        assert!(said.next().unwrap().unwrap().contains("listening on"));
        let begun = Instant::now();
        drop(child.stdout.take());
        let status = wait(&mut child);
        assert!(
            begun.elapsed() < A_SECOND,
            "{format} took {:?}",
            begun.elapsed()
        );
        assert!(status.success(), "{format}: {status}");
    }
}

#[test]
fn duration_and_count_end_it() {
    let Some(network) = Network::new() else {
        return;
    };
    let begun = Instant::now();
    let (events, status, _) = Watcher::start(&network, &["--duration", "500ms"]).end();
    assert!(status.success() && begun.elapsed() >= Duration::from_millis(500));
    assert_eq!(events.last().unwrap().kind(), "report");

    let watcher = Watcher::start(&network, &["--count", "7"]);
    race(&network, vec![Ending::GoAwayAndClose]);
    let (events, status, _) = watcher.end();
    assert!(status.success());
    let report = &events.last().unwrap().value["report"];
    assert_eq!(report["capture"]["packets"], 7);
}

#[test]
fn an_interface_that_goes_down_or_away_is_waited_for() {
    let Some(network) = Network::new() else {
        return;
    };
    let mut watcher = Watcher::start(&network, &["--interval", "200ms"]);
    network.pull_cable();
    race(&network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "rpc");

    network.take_cable_away();
    let away = |count: u64| {
        move |event: &Event| event.kind() == "status" && event.value["interfaces_away"] == count
    };
    watcher.wait_for(away(1));
    network.lay_another_cable();
    watcher.wait_for(away(0));
    race(&network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "rpc");
    let (_, status, errors) = watcher.stop();
    assert!(status.success());
    for said in ["waiting for it to come back", "is back"] {
        assert!(errors.contains(said), "{errors}");
    }
}
