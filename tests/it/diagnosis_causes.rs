//! Why servers and clients ended things, and what the servers' settings are: the program's findings
//! on recordings of real peers whose settings are known.
//!
//! In: the lab's captures, taken at both ends. Both ends must tell the same causes, and nothing that
//! the recording's README does not bear out.

use std::path::Path;

use serde_json::Value;

use crate::shared_material::{Run, folder};

/// Rules about causes; those of others have tests of their own.
const CAUSES: [&str; 13] = [
    "abrupt-close",
    "connect-failed",
    "connection-error",
    "deadline-exceeded",
    "grace-expired",
    "idle-close",
    "keepalive-timeout",
    "max-age",
    "not-http2",
    "refused-stream",
    "request-limit",
    "stream-reset",
    "too-many-pings",
];

/// How much a measured time may differ from the setting behind it, as a share.
const TOLERANCE: f64 = 0.02;

/// The reports on a scenario's captures, the client's first; `None` where there is no lab.
fn reports(test: &str, scenario: &str) -> Option<[Value; 2]> {
    let lab = folder(test)?.join("lab").join(scenario);
    Some(["client.pcap", "server.pcap"].map(|name| report(&lab.join(name))))
}

fn report(capture: &Path) -> Value {
    let arguments = [
        "analyze".as_ref(),
        "--format".as_ref(),
        "json".as_ref(),
        capture.as_os_str(),
    ];
    let output = Run::of(&arguments).succeeded();
    serde_json::from_str(&output).expect("a report is JSON")
}

/// The findings about causes: rule and confidence, in order of rules.
fn causes(report: &Value) -> Vec<(&str, &str)> {
    let findings = report["findings"].as_array().expect("findings are a list");
    let text = |finding: &'_ Value, key: &str| finding[key].as_str().expect("a text").to_owned();
    let mut told: Vec<_> = findings
        .iter()
        .filter_map(|finding| {
            let rule = CAUSES.iter().find(|rule| text(finding, "rule") == **rule)?;
            let confidence = ["certain", "likely", "possible"];
            let confidence = confidence
                .iter()
                .find(|name| text(finding, "confidence") == **name)?;
            Some((*rule, *confidence))
        })
        .collect();
    told.sort_unstable();
    told
}

fn finding<'a>(report: &'a Value, rule: &str) -> &'a Value {
    let findings = report["findings"].as_array().expect("findings are a list");
    let found = findings.iter().find(|finding| finding["rule"] == rule);
    found.unwrap_or_else(|| panic!("no {rule} in {findings:#?}"))
}

fn evidence(finding: &Value) -> Vec<&str> {
    let evidence = finding["evidence"].as_array().expect("evidence is a list");
    evidence
        .iter()
        .map(|proof| {
            assert!(proof["packet"].is_u64(), "evidence cites packets: {proof}");
            proof["text"].as_str().expect("a text")
        })
        .collect()
}

/// A scenario's test: what both ends must tell of causes.
macro_rules! causes_at_both_ends {
    ($($name:ident: $folder:literal, $expected:expr;)*) => {
        $(#[test]
        fn $name() {
            let Some(reports) = reports(stringify!($name), $folder) else { return };
            let expected: &[(&str, &str)] = &$expected;
            for report in &reports {
                assert_eq!(causes(report), expected);
            }
        })*
    };
}

causes_at_both_ends! {
    a_healthy_server_has_none: "00-control-healthy", [];
    age_with_grace: "01a-maxage-grpcgo-300c", [("grace-expired", "certain"), ("max-age", "possible")];
    age_without_warning: "01c-maxage-singlegoaway-300c", [("max-age", "likely")];
    idleness: "02a-idle-race-grpcgo", [("idle-close", "likely")];
    grace_cut: "03-grace-cut", [("grace-expired", "certain"), ("max-age", "likely")];
    stop: "04a-server-Stop", [("abrupt-close", "certain"), ("connect-failed", "certain")];
    pings: "06-too-many-pings", [("too-many-pings", "certain")];
    cancellations: "08-maxstreams10", [("stream-reset", "certain")];
    requests: "09a-nginx-keepalive-requests", [("request-limit", "likely")];
    a_python_client: "10a-python-client-maxage",
        [("grace-expired", "certain"), ("max-age", "possible")];
    a_node_client: "10d-node-client-singlegoaway", [("max-age", "likely")];
    a_node_server: "10f-node-server-goclient",
        [("grace-expired", "certain"), ("max-age", "certain")];
    plaintext_to_tls: "11a-plaintext-client-tls-server", [("not-http2", "likely")];
    refused: "13a-refused-stream-goclient", [("refused-stream", "certain")];
    resets: "13b-rst-mix-goclient", [("refused-stream", "certain"), ("stream-reset", "certain")];
    a_late_client_is_no_cause: "13c-late-client", [];
    a_polite_client_is_no_cause: "13d-polite-client-race", [];
    an_overloaded_server: "13e-goaway-zero", [("connection-error", "certain")];
    one_goodbye_seen_says_nothing: "14a-midconnection", [];
    loss_hides_no_age: "14c-network-loss", [("max-age", "possible")];
    streams_and_grace: "15-streams-grace", [("grace-expired", "certain"), ("max-age", "likely")];
    the_published_case: "16-blog-real-values",
        [("grace-expired", "certain"), ("max-age", "likely")];
}

/// The settings inferred of the only server: each is null, or its value and bounds.
fn settings(report: &Value) -> &Value {
    let servers = report["servers"].as_array().expect("servers are a list");
    assert_eq!(servers.len(), 1);
    &servers[0]["inferred"]
}

fn assert_is(settings: &Value, key: &str, expected: Option<f64>) {
    let setting = &settings[key];
    let Some(expected) = expected else {
        assert!(setting.is_null(), "{key} cannot be known: {setting}");
        return;
    };
    let value = setting["value"]
        .as_f64()
        .unwrap_or_else(|| panic!("{key} is null"));
    assert!(
        (value - expected).abs() <= expected * TOLERANCE,
        "{key}: {value}, not {expected}"
    );
    let (min, max) = (setting["min"].as_f64(), setting["max"].as_f64());
    let reach = expected * TOLERANCE;
    assert!(
        min.is_some_and(|min| min <= expected + reach),
        "{key}: {setting}"
    );
    assert!(
        max.is_some_and(|max| max >= expected - reach),
        "{key}: {setting}"
    );
    assert!(
        setting["samples"]
            .as_u64()
            .is_some_and(|samples| samples > 0),
        "{key}: {setting}"
    );
}

const AGE: &str = "max_connection_age_s";
const GRACE: &str = "max_connection_age_grace_s";
const IDLE: &str = "max_connection_idle_s";
const REQUESTS: &str = "requests_per_connection";
const KEEPALIVE: &str = "keepalive_time_s";
const CLIENT_KEEPALIVE: &str = "client_keepalive_time_s";

/// A scenario's settings, as its server was started; those not named must be null.
macro_rules! settings_at_both_ends {
    ($($name:ident: $folder:literal, $stack:expr, {$($key:ident: $value:expr),*};)*) => {
        mod settings {
            use super::*;
            $(#[test]
            fn $name() {
                let Some(reports) = reports(stringify!($name), $folder) else { return };
                let expected: &[(&str, f64)] = &[$(($key, $value)),*];
                for report in &reports {
                    let settings = settings(report);
                    for key in [AGE, GRACE, IDLE, REQUESTS, KEEPALIVE, CLIENT_KEEPALIVE] {
                        let known = expected.iter().find(|(known, _)| *known == key);
                        assert_is(settings, key, known.map(|(_, value)| *value));
                    }
                    let stack: Option<&str> = $stack;
                    assert_eq!(settings["stack"]["value"].as_str(), stack);
                }
            })*
        }
    };
}

settings_at_both_ends! {
    healthy: "00-control-healthy", Some("grpc-go"), {};
    age: "01a-maxage-grpcgo-300c", Some("grpc-go < 1.56"), { AGE: 3.0, GRACE: 0.5 };
    age_without_warning: "01c-maxage-singlegoaway-300c", Some("grpc-go"), { AGE: 2.0 };
    idle: "02a-idle-race-grpcgo", Some("grpc-go < 1.56"), { IDLE: 1.5 };
    grace: "03-grace-cut", Some("grpc-go < 1.56"), { AGE: 2.0, GRACE: 0.5 };
    stop: "04a-server-Stop", Some("grpc-go"), {};
    requests: "09a-nginx-keepalive-requests", Some("nginx 1.22.1"), { REQUESTS: 200.0 };
    python_client: "10a-python-client-maxage", Some("grpc-go < 1.56"), { AGE: 3.0, GRACE: 0.5 };
    node_client: "10d-node-client-singlegoaway", Some("grpc-go"), { AGE: 2.0 };
    node_server: "10f-node-server-goclient", Some("grpc-js"), { AGE: 2.0, GRACE: 0.3 };
    unknown_server: "13d-polite-client-race", None, {};
    one_goodbye: "14a-midconnection", Some("grpc-go"), {};
    loss: "14c-network-loss", Some("grpc-go"), { AGE: 2.5 };
    streams: "15-streams-grace", Some("grpc-go < 1.56"), { AGE: 2.0, GRACE: 1.0 };
    published_case: "16-blog-real-values", Some("grpc-go < 1.56"), { AGE: 30.0, GRACE: 5.0 };
}

#[test]
fn the_clients_keepalive_time_and_its_strikes_are_told_ping_by_ping() {
    let Some(reports) = reports("strikes", "06-too-many-pings") else {
        return;
    };
    assert_is(settings(&reports[0]), CLIENT_KEEPALIVE, Some(0.3));
    for report in &reports {
        let found = finding(report, "too-many-pings");
        let told = evidence(found);
        assert_eq!(told.len(), 5, "{told:?}");
        for (strike, text) in told[1..4].iter().enumerate() {
            assert!(
                text.ends_with(&format!(": strike {}", strike + 1)),
                "{text}"
            );
        }
        assert!(told[4].contains("too_many_pings"));
        let rpcs = found["rpcs"].as_array().expect("a list");
        assert_eq!(rpcs.len(), 20);
    }
}

#[test]
fn a_server_that_stopped_said_no_goodbye_and_refused_connects() {
    let Some(reports) = reports("stop", "04a-server-Stop") else {
        return;
    };
    for report in &reports {
        let abrupt = finding(report, "abrupt-close");
        assert!(
            evidence(abrupt)
                .iter()
                .any(|text| text.contains("no GOAWAY before"))
        );
        let refused = finding(report, "connect-failed");
        assert_eq!(refused["connections"].as_array().map(Vec::len), Some(3));
        let explanation = refused["explanation"].as_str().expect("a text");
        assert!(explanation.contains("had closed conn 0"), "{explanation}");
    }
}

#[test]
fn a_blocked_way_looks_like_silence_and_not_like_a_slow_server() {
    let Some([client, server]) = reports("silence", "07a-keepalive-client") else {
        return;
    };
    for report in [&client, &server] {
        assert_eq!(causes(report), [("keepalive-timeout", "possible")]);
        let calls = finding(report, "keepalive-timeout")["rpcs"].as_array();
        assert_eq!(calls.map(Vec::len), Some(20));
    }
}

#[test]
fn each_code_of_a_reset_is_told() {
    let Some(reports) = reports("codes", "13b-rst-mix-goclient") else {
        return;
    };
    for report in &reports {
        let title = finding(report, "stream-reset")["title"]
            .as_str()
            .expect("a text");
        for told in [
            "4 by the server with NO_ERROR",
            "5 by the server with PROTOCOL_ERROR",
            "4 by the server with INTERNAL_ERROR",
            "4 by the server with FLOW_CONTROL_ERROR",
            "5 by the server with CANCEL",
            "5 by the server with ENHANCE_YOUR_CALM",
        ] {
            assert!(title.contains(told), "{told} is not in {title}");
        }
    }
}

#[test]
fn a_code_and_its_debug_data_are_repeated() {
    let Some(reports) = reports("error", "13e-goaway-zero") else {
        return;
    };
    for report in &reports {
        let title = finding(report, "connection-error")["title"].as_str();
        let told =
            title.is_some_and(|title| title.contains("INTERNAL_ERROR \"server_overloaded\""));
        assert!(told, "{title:?}");
    }
}
