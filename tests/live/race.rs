//! The race, watched as it happens: `live` names the victims that `analyze` finds in a recording.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::network::{INTERFACE, Network};
use crate::peers::{Ending, ask, serve};
use crate::watcher::{Event, Watcher, analyze_with, directory, nanos, wait};

/// A verdict is told this long after it became certain at most.
const PROMPT: Duration = Duration::from_millis(100);

/// How long after the final GOAWAY the streams above it are lost for certain.
const GRACE_NANOS: i64 = 1_000_000_000;

#[test]
fn live_names_the_victims_that_analyze_finds_and_names_them_at_once() {
    let Some(network) = Network::new() else {
        return;
    };
    let endings = vec![
        Ending::GoAwayThenWait(Duration::from_secs(2)),
        Ending::GoAwayAndClose,
        Ending::GoAwayThenWait(Duration::from_secs(2)),
        Ending::GoAwayAndClose,
    ];
    let connections = endings.len();
    judge(&network, &[], &[], connections, || race(&network, endings));
}

/// Watches a race, and holds what is told of it against what `analyze` finds in a recording, and when against when it
/// was certain. Gives who was told of: a victim at least on each of so many connections.
pub(crate) fn judge(
    network: &Network,
    watching: &[&str],
    analyzing: &[&str],
    connections: usize,
    race: impl FnOnce(),
) -> BTreeSet<String> {
    let directory = directory();
    let file = directory.path().join("tcpdump.pcap");
    let mut tcpdump = tcpdump(network, INTERFACE, &file);
    let watcher = Watcher::start(network, watching);
    let delays = thread::spawn(own_delays);
    race();
    thread::sleep(Duration::from_millis(300));

    let (events, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
    // tcpdump has its packets handed over once a second; told to do so at once it would drop some.
    thread::sleep(Duration::from_millis(1_500));
    kill(
        Pid::from_raw(i32::try_from(tcpdump.id()).unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    wait(&mut tcpdump);
    let report = analyze_with(&file, analyzing);

    let told: BTreeSet<_> = events
        .iter()
        .filter(|event| event.kind() == "rpc")
        .map(|event| victim(&event.value, &event.value))
        .collect();
    let found: BTreeSet<_> = report["rpcs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rpc| victim(rpc, &connection(&report, rpc)))
        .collect();
    let missed: Vec<_> = found.difference(&told).take(3).collect();
    let invented: Vec<_> = told.difference(&found).take(3).collect();
    assert!(
        missed.is_empty() && invented.is_empty(),
        "missed {missed:#?}, invented {invented:#?}, of {}",
        found.len()
    );
    let raced = told
        .iter()
        .filter(|victim| victim.contains("beyond_last_stream_id"));
    assert!(
        raced.count() >= connections,
        "a victim at least on each connection: {told:?}"
    );
    let findings = rules(&report);
    assert!(findings.contains("goaway-race"), "{findings:?}");
    let last = events.last().unwrap();
    assert_eq!(last.kind(), "report");
    assert_eq!(rules(&last.value["report"]), findings);

    let own = delays.join().unwrap();
    let mut latest = 0;
    for event in events.iter().filter(|event| event.kind() == "rpc") {
        let certain = certain_at(event, &events, &report);
        let late = event.read - certain;
        latest = latest.max(late);
        assert!(
            late <= i64::try_from((PROMPT + own).as_nanos()).unwrap(),
            "told {late} ns after it was certain: {}",
            event.value
        );
    }
    eprintln!(
        "{} victims, told {:.1} ms after they were certain at most",
        told.len(),
        latest as f64 / 1e6
    );
    told
}

/// Lets a client and a server race, once for each ending.
pub(crate) fn race(network: &Network, endings: Vec<Ending>) {
    let connections = endings.len();
    let (tell, ready) = channel();
    let server = network.server(move || serve(endings, &tell));
    ready.recv().unwrap();
    network
        .client(move || ask(connections, 2_000))
        .join()
        .unwrap();
    server.join().unwrap();
}

/// When it was certain that a call was lost: with the server's close, or a second after the GOAWAY.
fn certain_at(event: &Event, events: &[Event], report: &Value) -> i64 {
    let rpc = &event.value;
    let of = connection(report, &found(report, rpc));
    // After the client's FIN an answer may still come, which shows that the call was processed.
    let final_close = of["close"]["by"] == "server" || rpc["verdict"] != "beyond_last_stream_id";
    let closed = of["closed"].as_str().filter(|_| final_close);
    let closed = closed.map(|_| nanos(&of["closed"]));
    let goaway = events.iter().rfind(|event| {
        event.kind() == "goaway"
            && event.value["conn"] == rpc["conn"]
            && event.value["from"] == "server"
    });
    let condemned = goaway.map(|goaway| nanos(&goaway.value["time"]) + GRACE_NANOS);
    let condemned = condemned.filter(|_| rpc["verdict"] == "beyond_last_stream_id");
    closed.into_iter().chain(condemned).min().unwrap()
}

fn found(report: &Value, rpc: &Value) -> Value {
    let mut rpcs = report["rpcs"].as_array().unwrap().iter();
    let same = |other: &&Value| {
        let of = connection(report, other);
        other["stream"] == rpc["stream"] && of["client"] == rpc["client"]
    };
    rpcs.find(same).unwrap().clone()
}

fn connection(report: &Value, rpc: &Value) -> Value {
    let mut connections = report["connections"].as_array().unwrap().iter();
    connections
        .find(|of| of["conn"] == rpc["conn"])
        .unwrap()
        .clone()
}

/// A call and what became of it, in words that do not depend on when the capture began.
fn victim(rpc: &Value, ends: &Value) -> String {
    format!(
        "{} > {} {:05} {} {} {} {}",
        ends["client"].as_str().unwrap(),
        ends["server"].as_str().unwrap(),
        rpc["stream"].as_u64().unwrap(),
        rpc["method"].as_str().unwrap(),
        rpc["verdict"].as_str().unwrap(),
        rpc["race"].as_str().unwrap_or("-"),
        rpc["processed"].as_str().unwrap(),
    )
}

fn rules(report: &Value) -> BTreeSet<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    findings
        .map(|finding| finding["rule"].as_str().unwrap().to_owned())
        .collect()
}

/// A recording of what passes an interface of the client's host.
pub(crate) fn tcpdump(network: &Network, interface: &str, file: &std::path::Path) -> Child {
    let mut child = network
        .on_client("tcpdump")
        .args(["-i", interface, "-U", "-Z", "root", "-w"])
        .arg(file)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let listening = said.any(|line| line.unwrap().contains("listening on"));
    assert!(listening);
    thread::spawn(move || said.for_each(drop));
    child
}

/// How much later than asked for this machine wakes a thread, at worst, over some seconds: what it
/// does beside this test is not the watch's delay.
fn own_delays() -> Duration {
    let asked = Duration::from_millis(5);
    let end = Instant::now() + Duration::from_secs(6);
    let mut worst = Duration::ZERO;
    while Instant::now() < end {
        let before = Instant::now();
        thread::sleep(asked);
        worst = worst.max(before.elapsed() - asked);
    }
    worst
}
