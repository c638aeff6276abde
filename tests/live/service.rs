//! What systemd is told, and what a watch does whose output nobody reads.

use std::fs;
use std::io::Read as _;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::network::{INTERFACE, Network};
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::{H2SNIFF, directory, wait};

#[test]
fn a_service_manager_is_told_that_it_is_ready_works_and_stops() {
    let Some(network) = Network::new() else {
        return;
    };
    let directory = directory();
    let path = directory.path().join("notify");
    let manager = UnixDatagram::bind(&path).unwrap();
    manager
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let heard = || {
        let mut text = [0; 500];
        let length = manager.recv(&mut text).unwrap();
        String::from_utf8(text[..length].to_vec()).unwrap()
    };
    let mut child = network
        .on_client(H2SNIFF)
        .args(["live", "-i", INTERFACE])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "400000")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(heard(), format!("READY=1\nSTATUS=listening on {INTERFACE}"));
    assert_eq!(heard(), "WATCHDOG=1");
    assert_eq!(heard(), "WATCHDOG=1");
    stop(child.id());
    let last = (0..20).map(|_| heard()).find(|text| text != "WATCHDOG=1");
    assert!(
        last.unwrap()
            .starts_with("STOPPING=1\nEXTEND_TIMEOUT_USEC=")
    );
    assert!(wait(&mut child).success());
}

#[test]
fn a_reader_that_stands_still_does_not_stop_the_analysis() {
    let Some(network) = Network::new() else {
        return;
    };
    let directory = directory();
    let all = directory.path().join("all.pcapng");
    let mut child = network
        .on_client(H2SNIFF)
        .args([
            "live", "-i", INTERFACE, "--format", "json", "--events", "all",
        ])
        .arg("-w")
        .arg(&all)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    thread::sleep(Duration::from_millis(500));
    // Far more events than a pipe holds.
    for _ in 0..10 {
        race(&network, vec![Ending::GoAwayAndClose]);
    }
    let before = fs::metadata(&all).unwrap().len();
    race(&network, vec![Ending::GoAwayAndClose]);
    thread::sleep(Duration::from_millis(700));
    let after = fs::metadata(&all).unwrap().len();
    assert!(after > before, "it writes on: {before} {after}");
    stop(child.id());
    thread::sleep(Duration::from_millis(200));
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert!(
        text.len() > 1 << 17,
        "more than a pipe holds: {}",
        text.len()
    );
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(last["event"], "report");
    assert!(wait(&mut child).success());
}

#[test]
fn the_unit_is_one_that_systemd_takes() {
    let unit = ".packaging/systemd/h2sniff.service";
    let Ok(output) = Command::new("systemd-analyze")
        .args(["verify", unit])
        .output()
    else {
        eprintln!("not run: systemd-analyze is missing");
        return;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    // The program itself need not be installed.
    let complaints: Vec<_> = said
        .lines()
        .filter(|line| !line.contains("not executable"))
        .collect();
    assert!(complaints.is_empty(), "{said}");
}

fn stop(process: u32) {
    let process = Pid::from_raw(i32::try_from(process).unwrap());
    kill(process, Signal::SIGTERM).unwrap();
}
