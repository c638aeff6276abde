//! One connection seen from everywhere: a capture on all interfaces of a Kubernetes node, where each
//! packet of a pod passes five times, under two addresses and once in VXLAN, must tell what the pod's
//! own capture tells.

use std::process::Command;

use serde_json::{Value, json};

fn report(capture: &str) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .args(["analyze", "--format", "json"])
        .arg(format!("{}/fixtures/{capture}", env!("CARGO_MANIFEST_DIR")))
        .output()
        .expect("the program can be started");
    assert_eq!(output.status.code(), Some(0));
    serde_json::from_slice(&output.stdout).expect("a report")
}

/// What does not depend on where the packets were captured.
fn essence(report: &Value) -> Value {
    let all = |name: &str, keys: &[&str]| {
        let list = report[name].as_array().expect("a list").iter();
        let pick = |item: &Value| keys.iter().map(|key| item[*key].clone()).collect::<Value>();
        list.map(pick).collect::<Value>()
    };
    let calls = [
        "stream",
        "method",
        "verdict",
        "race",
        "processed",
        "outcome",
    ];
    json!({
        "connections": all("connections", &["client", "server", "streams", "settings"]),
        "rpcs": all("rpcs", &calls),
        "findings": all("findings", &["rule", "severity", "title", "connections", "rpcs"]),
        "segments": report["connections"][0]["tcp"]["segments"],
        "retransmissions": report["connections"][0]["tcp"]["retransmissions"],
    })
}

#[test]
fn a_node_tells_what_its_pod_tells() {
    let pod = essence(&report("node-pod.pcap"));
    let node = report("node.pcap");
    assert_eq!(essence(&node), pod);
    assert_eq!(pod["rpcs"].as_array().map(Vec::len), Some(7), "{pod:#}");
    let anomalies = node["anomalies"].as_array().expect("a list");
    let copies = anomalies.iter().find(|anomaly| {
        anomaly["text"]
            .as_str()
            .is_some_and(|text| text.contains("captured before"))
    });
    assert!(copies.is_some(), "{anomalies:#?}");
}
