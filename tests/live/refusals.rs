//! What cannot be done is said clearly, and what was written stays.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::network::{INTERFACE, Network};
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::{H2SNIFF, Watcher, analyze, directory};

#[test]
fn what_cannot_be_captured_is_said_with_what_to_do() {
    let Some(network) = Network::new() else {
        return;
    };
    refused(
        network.on_client(H2SNIFF).args(["live", "-i", "h2s9"]),
        "error: there is no interface h2s9\n\nhint: there are: ",
    );
    refused(
        network
            .on_client(H2SNIFF)
            .args(["live", "-i", INTERFACE, "tcp", "harbour", "50051"]),
        "error: the filter `tcp harbour 50051` cannot be used: ",
    );
    let nobody = [
        "--reuid",
        "65534",
        "--clear-groups",
        H2SNIFF,
        "live",
        "-i",
        INTERFACE,
    ];
    refused(
        network.on_client("setpriv").args(nobody),
        "error: no permission to capture on h2s0\n\nhint: it takes CAP_NET_RAW: ",
    );
    refused(
        network
            .on_client(H2SNIFF)
            .args(["live", "-i", INTERFACE, "--user", "no-such-user"]),
        "error: there is no user no-such-user",
    );
    refused(
        network
            .on_client(H2SNIFF)
            .args(["live", "-i", INTERFACE, "--record", "/proc/nowhere"]),
        "error: cannot record to /proc/nowhere\n",
    );
    let watcher = Watcher::start(&network, &["--metrics", "9464"]);
    refused(
        network
            .on_client(H2SNIFF)
            .args(["live", "-i", INTERFACE, "--metrics", "9464"]),
        "error: cannot serve metrics on 127.0.0.1:9464\n  caused by: Address already in use",
    );
    watcher.stop();
}

#[test]
fn a_watch_goes_on_without_the_rights_it_began_with() {
    let Some(network) = Network::new() else {
        return;
    };
    let mut watcher = Watcher::start(&network, &["--user", "nobody"]);
    race(&network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "rpc");
    let threads = fs::read_dir(format!("/proc/{}/task", watcher.id())).unwrap();
    for thread in threads {
        let status = fs::read_to_string(thread.unwrap().path().join("status")).unwrap();
        for right in ["CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            let none = format!("{right}:\t0000000000000000\n");
            assert!(status.contains(&none), "{right} in\n{status}");
        }
        assert!(status.contains("NoNewPrivs:\t1\n"), "{status}");
    }
    let (_, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
}

#[test]
fn a_recording_that_nobody_keeps_cannot_be_asked_for() {
    let Some(network) = Network::new() else {
        return;
    };
    let watcher = Watcher::start(&network, &[]);
    watcher.signal(Signal::SIGUSR1);
    thread::sleep(Duration::from_millis(200));
    let (_, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
    assert!(errors.contains("there is no --record DIR"), "{errors}");
}

#[test]
fn a_full_disk_ends_the_file_and_not_the_watch() {
    let Some(network) = Network::new() else {
        return;
    };
    let directory = directory();
    let Some(small) = Small::mount(directory.path()) else {
        return;
    };
    let all = directory.path().join("all.pcapng");
    let path = directory.path().to_str().unwrap();
    let mut watcher = Watcher::start(&network, &["-w", all.to_str().unwrap(), "--record", path]);
    for _ in 0..12 {
        race(&network, vec![Ending::None]);
    }
    race(&network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "rpc");
    thread::sleep(Duration::from_millis(500));
    let (events, status, errors) = watcher.stop();
    assert_eq!(status.code(), Some(2), "{errors}");
    assert_eq!(events.last().unwrap().kind(), "report");
    assert!(errors.contains("error: cannot write"), "{errors}");
    assert!(errors.contains("No space left on device"), "{errors}");
    let report = analyze(&all);
    assert!(report["capture"]["packets"].as_u64().unwrap() > 100);
    assert_eq!(
        report["anomalies"].as_array().unwrap().len(),
        0,
        "it ends with a whole block"
    );
    drop(small);
}

fn refused(command: &mut Command, said: &str) {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.starts_with(said), "{errors}");
}

/// A disk of half a megabyte.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    fn mount(at: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", "size=512k,mode=700", "h2sniff"])
            .arg(at);
        let mounted = mount.status().is_ok_and(|status| status.success());
        if !mounted {
            eprintln!("not run: nothing can be mounted here");
        }
        mounted.then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}
