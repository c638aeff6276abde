//! What each recording must be diagnosed as, at both ends, and that nothing else is an error or a
//! warning.

use std::path::Path;

use crate::shared_material::{self, Run};

/// A recording and its errors and warnings, those of the server's end only where they differ.
struct Expected {
    scenario: &'static str,
    client: &'static [&'static str],
    server: Option<&'static [&'static str]>,
}

const fn both(scenario: &'static str, rules: &'static [&'static str]) -> Expected {
    Expected {
        scenario,
        client: rules,
        server: None,
    }
}

const RACE: &[&str] = &["warning goaway-race", "warning single-goaway"];
const GRACE: &[&str] = &["error grace-expired"];

const TABLE: &[Expected] = &[
    both("00-control-healthy", &["warning error-status"]),
    both("01a-maxage-grpcgo-300c", GRACE),
    both("01c-maxage-singlegoaway-300c", RACE),
    both("02a-idle-race-grpcgo", &[]),
    both("03-grace-cut", GRACE),
    both(
        "04a-server-Stop",
        &["error abrupt-close", "error connect-failed"],
    ),
    both("06-too-many-pings", &["error too-many-pings"]),
    // One black hole: the connect that it swallowed is told with the calls.
    both(
        "07a-keepalive-client",
        &["error keepalive-timeout", "warning network-loss"],
    ),
    both(
        "08-maxstreams10",
        &["error stream-reset", "warning concurrency-limit"],
    ),
    both("09a-nginx-keepalive-requests", RACE),
    both("10a-python-client-maxage", GRACE),
    both("10d-node-client-singlegoaway", RACE),
    both(
        "10f-node-server-goclient",
        &[
            "error grace-expired",
            "warning goaway-race",
            "warning single-goaway",
        ],
    ),
    both("11a-plaintext-client-tls-server", &["error not-http2"]),
    both("12a-tls13-gracefulstop", &["error connect-failed"]),
    both("12e-tls13-singlegoaway-race", RACE),
    both("13a-refused-stream-goclient", &["error refused-stream"]),
    both(
        "13b-rst-mix-goclient",
        &["error refused-stream", "error stream-reset"],
    ),
    both(
        "13c-late-client",
        &[
            "error goaway-race",
            "warning late-open",
            // The server answers above its own last stream id.
            "warning protocol-violation",
            "warning single-goaway",
        ],
    ),
    both(
        "13d-polite-client-race",
        &[
            "error goaway-race",
            "warning protocol-violation",
            "warning single-goaway",
        ],
    ),
    both(
        "13e-goaway-zero",
        &[
            "error connection-error",
            "warning goaway-race",
            "warning protocol-violation",
        ],
    ),
    Expected {
        scenario: "14a-midconnection",
        client: RACE,
        // Whether a warning came first was before the capture began.
        server: Some(&["warning capture-incomplete", "warning goaway-race"]),
    },
    both(
        "14c-network-loss",
        &[
            "warning goaway-race",
            "warning network-loss",
            "warning single-goaway",
        ],
    ),
    both("15-streams-grace", GRACE),
    both("16-blog-real-values", GRACE),
];

fn found(folder: &Path, capture: &str) -> Vec<String> {
    let capture = folder.join(capture);
    let keys = folder.join("keylog.txt");
    let mut arguments = vec!["analyze", "--format", "json"];
    if keys.exists() {
        arguments.extend(["--keylog", keys.to_str().unwrap()]);
    }
    arguments.push(capture.to_str().unwrap());
    let output = Run::of(&arguments).succeeded();
    let report: serde_json::Value = serde_json::from_str(&output).unwrap();
    let findings = report["findings"].as_array().unwrap().iter();
    let told = findings.map(|finding| {
        let part = |key: &str| finding[key].as_str().unwrap().to_owned();
        format!("{} {}", part("severity"), part("rule"))
    });
    let mut told: Vec<_> = told.filter(|told| !told.starts_with("info")).collect();
    told.sort();
    told
}

#[test]
fn every_recording_is_diagnosed_and_nothing_else_is_said() {
    let Some(shared) = shared_material::folder("findings") else {
        return;
    };
    let lab = shared.join("lab");
    let folders = lab.read_dir().unwrap().map(|entry| entry.unwrap().path());
    assert_eq!(folders.filter(|path| path.is_dir()).count(), TABLE.len());
    let mut wrong = Vec::new();
    for Expected {
        scenario,
        client,
        server,
    } in TABLE
    {
        for (capture, expected) in [
            ("client.pcap", *client),
            ("server.pcap", server.unwrap_or(client)),
        ] {
            let got = found(&lab.join(scenario), capture);
            if got != expected {
                wrong.push(format!("{scenario} {capture}: {expected:?}, got {got:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
