//! Names before addresses: from hosts files, kubectl's JSON, and what a capture carries, in every format.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::{Value, json};

const FIXTURE: &str = "grace-cut.pcap";

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fixtures")
        .join(FIXTURE)
}

fn run(command: &str, capture: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .arg(command)
        .arg(capture)
        .args(more)
        .output()
        .expect("the program can be started")
}

fn printed(command: &str, capture: &Path, more: &[&str]) -> String {
    let output = run(command, capture, more);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    String::from_utf8(output.stdout).expect("text")
}

fn report(capture: &Path, more: &[&str]) -> Value {
    let all = [&["--format", "json"], more].concat();
    serde_json::from_str(&printed("analyze", capture, &all)).expect("a report")
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn file(&self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, bytes).expect("a file");
        path.into_os_string().into_string().expect("a path")
    }
}

fn pod(name: &str, address: &str, created: &str) -> Value {
    let (workload, _) = name.split_once('-').expect("a hash");
    json!({
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name, "creationTimestamp": created,
            "labels": {"app": workload, "pod-template-hash": "7d9f8"},
            "ownerReferences": [{
                "kind": "ReplicaSet", "name": format!("{workload}-7d9f8"), "controller": true
            }],
        },
        "spec": {"nodeName": "node-1", "containers": []},
        "status": {"phase": "Running", "podIP": address, "hostIP": "192.168.0.1"},
    })
}

fn service(name: &str) -> Value {
    json!({
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop", "uid": format!("service {name}")},
        "spec": {"clusterIP": "10.0.0.9", "selector": {"app": name}, "ports": [{"port": 50_051}]},
    })
}

const BEFORE: &str = "2026-11-22T06:00:00Z";

/// What a watch tells of the server's pod, whose address another is given between the first connection and the second.
fn watch() -> String {
    let first = pod("inventory-7d9f8-a", "10.77.0.2", BEFORE);
    let mut last = first.clone();
    last["metadata"]["deletionTimestamp"] = json!("2026-11-22T06:50:45Z");
    let events = [
        ("ADDED", pod("checkout-7d9f8-x", "10.77.0.1", BEFORE)),
        ("ADDED", service("inventory")),
        ("ADDED", first),
        ("DELETED", last),
        (
            "ADDED",
            pod("payments-7d9f8-b", "10.77.0.2", "2026-11-22T06:50:46Z"),
        ),
    ];
    let lines = events.map(|(kind, object)| json!({"type": kind, "object": object}).to_string());
    lines.join("\n")
}

#[test]
fn an_address_given_to_another_pod_is_named_rightly_before_and_after() {
    let folder = Folder::new();
    let names = folder.file("watch.json", watch());
    let report = report(&fixture(), &["--names", &names]);
    let servers: Vec<_> = report["connections"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|connection| connection["server_name"]["pod"].as_str().expect("a pod"))
        .collect();
    assert_eq!(
        servers,
        ["inventory-7d9f8-a", "payments-7d9f8-b", "payments-7d9f8-b"]
    );
    let client = &report["connections"][0]["client_name"];
    assert_eq!(
        *client,
        json!({
            "name": "shop/checkout-7d9f8-x", "namespace": "shop", "pod": "checkout-7d9f8-x", "service": null,
            "node": "node-1", "process": null, "workload": "checkout", "container": null, "host": null,
            "source": "kubernetes",
        })
    );
    let server = &report["servers"][0];
    assert_eq!(server["address"], "10.77.0.2:50051");
    assert_eq!(server["server_name"]["pod"], "payments-7d9f8-b");
    assert_eq!(
        server["earlier_server_names"][0]["pod"],
        "inventory-7d9f8-a"
    );
    let finding = &report["findings"][0];
    assert_eq!(
        finding["between"],
        json!([
            {"names": "shop: checkout → payments", "rpcs": 60, "connections": 1},
            {"names": "shop: checkout → inventory", "rpcs": 56, "connections": 1},
        ])
    );
}

#[test]
fn nobody_is_named_outside_of_their_time() {
    let folder = Folder::new();
    let later = pod("inventory-7d9f8-a", "10.77.0.2", "2026-11-22T07:00:00Z");
    let names = folder.file(
        "pods.json",
        json!({"kind": "List", "items": [later]}).to_string(),
    );
    let named = report(&fixture(), &["--names", &names]);
    assert_eq!(named, report(&fixture(), &[]));
    assert_eq!(named["connections"][0]["server_name"], Value::Null);
}

#[test]
fn every_format_has_the_names_before_the_addresses() {
    let folder = Folder::new();
    let hosts = "10.77.0.1 checkout # a comment\n10.77.0.2\tinventory.shop inventory\n";
    let names = folder.file("hosts", hosts);
    let names = ["--names", names.as_str()];
    let with =
        |command: &str, more: &[&str]| printed(command, &fixture(), &[&names, more].concat());
    let server = "inventory.shop 10.77.0.2:50051";
    for (command, format) in [
        ("analyze", "text"),
        ("analyze", "json"),
        ("analyze", "markdown"),
        ("timeline", "text"),
        ("timeline", "html"),
        ("timeline", "mermaid"),
        ("frames", "http2debug"),
    ] {
        let text = with(command, &["--format", format]);
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(server), "{command} {format}: {text:.2000}");
    }
    let text = with("analyze", &[]);
    assert!(
        text.contains("who   checkout → inventory.shop (116 RPCs)"),
        "{text}"
    );
    // What has no name stays as it was.
    let nobody = folder.file("others", "10.9.9.9 nobody\n");
    assert_eq!(
        printed("analyze", &fixture(), &["--names", &nobody]),
        printed("analyze", &fixture(), &[])
    );
}

#[test]
fn what_was_written_by_hand_is_believed_first() {
    let folder = Folder::new();
    let hosts = folder.file("hosts", "10.77.0.2 by-hand\n");
    let watch = folder.file("watch.json", watch());
    let both = report(&fixture(), &["--names", &watch, "--names", &hosts]);
    let name = &both["connections"][0]["server_name"];
    assert_eq!(name["name"], "by-hand");
    assert_eq!(name["source"], "hosts");
    assert_eq!(name["pod"], "inventory-7d9f8-a");
    assert_eq!(
        both["findings"][0]["between"][0]["names"],
        "shop/checkout → by-hand"
    );
}

#[test]
fn names_are_text_that_somebody_else_chose() {
    let folder = Folder::new();
    let hostile = "10.77.0.2 a\u{1b}[2J\u{202e}<script>|`x`\n";
    let names = folder.file("hosts", hostile);
    for format in ["text", "json", "markdown"] {
        let text = printed(
            "analyze",
            &fixture(),
            &["--names", &names, "--format", format],
        );
        for letter in ['\u{1b}', '\u{202e}'] {
            assert!(!text.contains(letter), "{format}");
        }
        assert!(!text.contains("<script>"), "{format}");
    }
    let long = folder.file("long", format!("10.77.0.2 {}\n", "x".repeat(5_000)));
    let name = &report(&fixture(), &["--names", &long])["connections"][0]["server_name"]["name"];
    assert_eq!(name.as_str().map(str::len), Some(253));
}

#[test]
fn what_names_nobody_is_refused_with_what_it_takes() {
    let folder = Folder::new();
    for (name, text, hint) in [
        ("empty", "", "a hosts file, or kubectl get"),
        (
            "prose",
            "who has which address\n",
            "a hosts file, or kubectl get",
        ),
        ("broken.json", "{\"kind\": ", "a hosts file, or kubectl get"),
        (
            "deployments.json",
            "{\"kind\":\"List\",\"items\":[{\"kind\":\"Deployment\",\"metadata\":{\"name\":\"a\"}}]}",
            "kubectl get",
        ),
        ("pods.yaml", "apiVersion: v1\nkind: Pod\n", "-o json"),
    ] {
        let names = folder.file(name, text);
        let output = run("analyze", &fixture(), &["--names", &names]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("error: cannot take names from"), "{said}");
        assert!(said.contains(hint), "{said}");
    }
    let names = folder.file("hosts", "10.77.0.2 a\n");
    let output = run("analyze", &fixture(), &["--names", &names, "-o", &names]);
    assert_eq!(output.status.code(), Some(2), "it is not written onto");
}

#[test]
fn a_watch_that_was_stopped_is_used_up_to_there() {
    let folder = Folder::new();
    let text = watch();
    let names = folder.file("watch.json", &text[..text.len() - 9]);
    let output = run("analyze", &fixture(), &["--names", &names]);
    assert_eq!(output.status.code(), Some(0));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("ends in the middle of an object"), "{said}");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        text.contains("inventory") && !text.contains("payments"),
        "{text}"
    );
}

/// The fixture as pcapng, with `blocks` before its packets and `options` behind each, which tells its number.
fn pcapng(blocks: &[u8], options: impl Fn(usize, &[u8]) -> Vec<u8>) -> Vec<u8> {
    let pcap = fs::read(fixture()).expect("the fixture");
    let word = |at: usize| u32::from_le_bytes(pcap[at..at + 4].try_into().unwrap());
    let mut out = Vec::new();
    let block = |out: &mut Vec<u8>, kind: u32, body: &[u8]| {
        let length = u32::try_from(body.len().next_multiple_of(4) + 12).unwrap();
        out.extend(kind.to_le_bytes());
        out.extend(length.to_le_bytes());
        out.extend(body);
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(length.to_le_bytes());
    };
    let mut section = 0x1a2b_3c4d_u32.to_le_bytes().to_vec();
    section.extend([1, 0, 0, 0]);
    section.extend([0xff; 8]);
    block(&mut out, 0x0a0d_0d0a, &section);
    let mut interface = word(20).to_le_bytes().to_vec();
    interface.extend([0; 4]);
    // Nanoseconds, where the fixture has them.
    interface.extend([
        9,
        0,
        1,
        0,
        if word(0) == 0xa1b2_3c4d { 9 } else { 6 },
        0,
        0,
        0,
    ]);
    block(&mut out, 1, &interface);
    out.extend(blocks);
    let (mut at, mut number) = (24, 0);
    while at < pcap.len() {
        let length = word(at + 8) as usize;
        let data = &pcap[at + 16..at + 16 + length];
        let unit = if word(0) == 0xa1b2_3c4d {
            1_000_000_000
        } else {
            1_000_000
        };
        let ticks = u64::from(word(at)) * unit + u64::from(word(at + 4));
        number += 1;
        let mut body = vec![0; 4];
        body.extend(u32::try_from(ticks >> 32).unwrap().to_le_bytes());
        body.extend(u32::try_from(ticks & 0xffff_ffff).unwrap().to_le_bytes());
        body.extend(word(at + 8).to_le_bytes());
        body.extend(word(at + 12).to_le_bytes());
        body.extend(data);
        body.resize(body.len().next_multiple_of(4), 0);
        body.extend(options(number, data));
        block(&mut out, 6, &body);
        at += 16 + length;
    }
    out
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut out = code.to_le_bytes().to_vec();
    out.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
    out.extend(value);
    out.resize(out.len().next_multiple_of(4), 0);
    out
}

#[test]
fn a_capture_carries_names_in_blocks() {
    let folder = Folder::new();
    let mut records = option(1, b"\x0a\x4d\x00\x02inventory.example\0second\0");
    records.extend(option(1, b"\x0a\x4d\x00\x01checkout.example\0"));
    records.extend([0; 4]);
    let length = u32::try_from(records.len() + 12).unwrap().to_le_bytes();
    let block = [&4_u32.to_le_bytes()[..], &length, &records, &length].concat();
    let path = folder.file("resolved.pcapng", pcapng(&block, |_, _| Vec::new()));
    let report = report(Path::new(&path), &[]);
    let connection = &report["connections"][0];
    assert_eq!(connection["server_name"]["host"], "inventory.example");
    assert_eq!(connection["client_name"]["host"], "checkout.example");
    assert_eq!(connection["client_name"]["source"], "name-resolution-block");
    assert_eq!(report["rpcs"].as_array().map(Vec::len), Some(116));
}

#[test]
fn ptcpdumps_comments_name_the_process_the_container_and_the_pod() {
    let folder = Folder::new();
    let comments = |number: usize, data: &[u8]| {
        // The process is known some packets late, and told of the packets of both ways.
        if number < 4 {
            return Vec::new();
        }
        let from_client = data
            .windows(4)
            .position(|four| four == [10, 77, 0, 1])
            .unwrap()
            < data
                .windows(4)
                .position(|four| four == [10, 77, 0, 2])
                .unwrap();
        let way: u32 = if from_client { 0b10 } else { 0b01 };
        [
            option(1, b"PID: 4711\nCmd: /app/checkout\nArgs: checkout --port 1"),
            option(
                1,
                b"ContainerName: main\nContainerId: 0a\nContainerImage: x\nContainerLabels: {}",
            ),
            option(
                1,
                b"PodName: checkout-7d9f8-x\nPodNamespace: shop\nPodUID: 1\nPodLabels: {}",
            ),
            option(2, &way.to_le_bytes()),
            vec![0; 4],
        ]
        .concat()
    };
    let path = folder.file("ptcpdump.pcapng", pcapng(&[], comments));
    let report = report(Path::new(&path), &[]);
    let connection = &report["connections"][0];
    let client = &connection["client_name"];
    assert_eq!(client["pod"], "checkout-7d9f8-x");
    assert_eq!(client["process"], "checkout");
    assert_eq!(client["container"], "main");
    assert_eq!(client["source"], "packet-comment");
    assert_eq!(
        connection["server_name"],
        Value::Null,
        "the local end alone"
    );
    let names = folder.file("watch.json", watch());
    let with_cluster = self::report(Path::new(&path), &["--names", &names]);
    let client = &with_cluster["connections"][0]["client_name"];
    assert_eq!(client["workload"], "checkout");
    assert_eq!(client["process"], "checkout");
    assert_eq!(client["source"], "kubernetes");
}
