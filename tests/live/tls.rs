//! TLS whose secrets are written down while it is watched, and a filter for methods.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use h2sniff::capture::Capture;
use nix::sys::signal::Signal;

use crate::network::{FAR_INTERFACE, Network};
use crate::watcher::{Watcher, analyze, directory};

/// Two connections of a browser, and their secrets.
const RECORDING: &str = "fixtures/browsers/firefox-push.pcapng";

/// Sends the packets of a recording from the server's end of the cable, and gives its secrets to `first` before.
fn replay(network: &Network, first: impl FnOnce(&[u8])) {
    let mut capture = Capture::open(&[RECORDING.into()]).unwrap();
    let mut packets = Vec::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        packets.push(packet.data.to_vec());
    }
    let send = move |packets: Vec<Vec<u8>>| {
        let device = pcap::Capture::from_device(FAR_INTERFACE).unwrap();
        let mut cable = device.open().unwrap();
        for packet in packets {
            cable.sendpacket(packet).unwrap();
        }
    };
    // The handshake, whose secrets come a moment after it.
    let rest = packets.split_off(8);
    network.server(move || send(packets)).join().unwrap();
    thread::sleep(Duration::from_millis(20));
    first(&capture.secrets()[0].bytes);
    network.server(move || send(rest)).join().unwrap();
}

#[test]
fn secrets_that_are_written_meanwhile_decrypt_and_a_method_can_be_asked_for() {
    let Some(network) = Network::new() else {
        return;
    };
    network.widen_cable();
    let directory = directory();
    let keys = directory.path().join("keys");
    let path = keys.to_str().unwrap();
    let options = ["--events", "all", "--keylog", path];
    let all = Watcher::start(&network, &options);
    let one = Watcher::start(&network, &[&options[..], &["--method", "/push*"]].concat());
    let none = Watcher::start(&network, &["--events", "all"]);
    replay(&network, |secrets| fs::write(&keys, secrets).unwrap());
    thread::sleep(Duration::from_millis(500));
    let told = |watcher: Watcher| {
        let (events, status, errors) = watcher.stop();
        assert!(status.success(), "{errors}");
        let of = |kind: &str, key: &str| -> Vec<String> {
            let events = events.iter().filter(|event| event.kind() == kind);
            let values = events.map(|event| event.value[key].as_str().unwrap().to_owned());
            values.collect()
        };
        (of("connection", "transport"), of("rpc", "method"), errors)
    };
    let (transports, methods, errors) = told(all);
    assert_eq!(transports, ["h2", "h2"]);
    assert_eq!(methods.len(), 4, "{methods:?}");
    assert!(errors.contains("waiting for it"), "{errors}");
    let (_, methods, _) = told(one);
    assert!(
        !methods.is_empty() && methods.iter().all(|method| method.starts_with("/push")),
        "{methods:?}"
    );
    let (transports, methods, _) = told(none);
    assert_eq!(transports, ["tls", "tls"]);
    assert_eq!(methods.len(), 0, "{methods:?}");
}

#[test]
fn recordings_hold_secrets_only_where_they_are_asked_for() {
    let Some(network) = Network::new() else {
        return;
    };
    network.widen_cable();
    let directory = directory();
    let inside = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (keys, with, without, all) = (
        inside("keys"),
        inside("with"),
        inside("without"),
        inside("all"),
    );
    let open = ["--keylog", &keys, "--record", &with, "--record-secrets"];
    let mut open = Watcher::start(&network, &open);
    let closed = ["--keylog", &keys, "--record", &without, "-w", &all];
    let mut closed = Watcher::start(&network, &closed);
    replay(&network, |secrets| fs::write(&keys, secrets).unwrap());
    thread::sleep(Duration::from_millis(700));
    let recording = |watcher: &mut Watcher| {
        watcher.signal(Signal::SIGUSR1);
        let written = watcher.wait_for(|event| event.kind() == "recording");
        PathBuf::from(written.value["path"].as_str().unwrap())
    };
    let (with, without) = (recording(&mut open), recording(&mut closed));
    for watcher in [open, closed] {
        let (_, status, errors) = watcher.stop();
        assert!(status.success(), "{errors}");
    }
    let transports = |file: &Path| {
        let report = analyze(file);
        let connections = report["connections"].as_array().unwrap().clone();
        let all = connections.iter().map(|one| one["transport"].to_string());
        all.collect::<Vec<_>>()
    };
    assert_eq!(transports(&with), ["\"h2\""; 2]);
    assert_eq!(transports(&without), ["\"tls\""; 2]);
    // In no form: neither as the text of a key log nor as bytes.
    let key_log = fs::read_to_string(&keys).unwrap();
    let lines = key_log.lines().filter(|line| !line.starts_with('#'));
    let secrets = lines.filter_map(|line| line.split(' ').nth(2));
    let secrets: Vec<_> = secrets
        .map(|digits| (digits.as_bytes().to_vec(), bytes_of(digits)))
        .collect();
    assert!(secrets.len() > 4);
    let holds = |file: &Path, secret: &[u8]| {
        let file = fs::read(file).unwrap();
        file.windows(secret.len()).any(|found| found == secret)
    };
    assert!(secrets.iter().any(|(text, _)| holds(&with, text)));
    for file in [&without, Path::new(&all)] {
        for (text, bytes) in &secrets {
            assert!(
                !holds(file, text) && !holds(file, bytes),
                "{}",
                file.display()
            );
        }
    }
}

fn bytes_of(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    bytes.collect()
}
