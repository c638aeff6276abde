//! However it ends, it ends within a second and in order, on an idle interface too.

use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use h2sniff::capture::Capture;
use nix::sys::signal::Signal;

use crate::network::{FAR_INTERFACE, INTERFACE, Network};
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::{Event, H2SNIFF, Watcher, directory, wait};

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

#[test]
fn what_came_before_the_signal_is_analysed_and_written() {
    /// An EtherType for experiments (RFC 9542, section 3): nobody else sends it.
    const FRAME: [u8; 60] = {
        let mut frame = [0xff; 60];
        frame[12] = 0x88;
        frame[13] = 0xb5;
        frame
    };
    const SENT: u64 = 5_000;
    let Some(network) = Network::new() else {
        return;
    };
    let directory = directory();
    let file = directory.path().join("all.pcapng");
    let options = ["-w", file.to_str().unwrap(), "ether proto 0x88b5"];
    let watcher = Watcher::start(&network, &options);
    let send = || {
        let device = pcap::Capture::from_device(FAR_INTERFACE).unwrap();
        let mut cable = device.open().unwrap();
        for _ in 0..SENT {
            cable.sendpacket(FRAME).unwrap();
        }
    };
    network.server(send).join().unwrap();
    // The kernel holds back the last of them for some milliseconds.
    let (events, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
    let report = &events.last().unwrap().value["report"];
    assert_eq!(report["capture"]["packets"], SENT);
    let mut written = Capture::open(&[file]).unwrap();
    let mut packets = 0;
    while written.next_packet().unwrap().is_some() {
        packets += 1;
    }
    assert_eq!(packets, SENT);
}
