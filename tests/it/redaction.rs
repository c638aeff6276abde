//! No secret gets out, whatever is printed: credentials by name and by form, queries, and messages if asked for.

use std::fs;
use std::path::{Path, PathBuf};

use crate::shared_material::Run;
use crate::wire::{self, End, Peers, Talk};

/// Headers of a request, each with a value that must not be seen.
const SECRET: [(&str, &str); 26] = [
    ("authorization", "Bearer SECRET-01"),
    ("proxy-authorization", "SECRET-02"),
    ("cookie", "a=SECRET-03"),
    ("x-cookie", "SECRET-04"),
    ("x-auth-user", "SECRET-05"),
    ("x-token", "SECRET-06"),
    ("access_token", "SECRET-07"),
    ("client-secret", "SECRET-08"),
    ("x-password", "SECRET-09"),
    ("x-passwd", "SECRET-10"),
    ("apikey", "SECRET-11"),
    ("x-api-key-id", "SECRET-12"),
    ("x-jwt", "SECRET-13"),
    ("x-session-id", "SECRET-14"),
    ("x-csrf", "SECRET-15"),
    ("x-signature", "SECRET-16"),
    ("x-amz-credential", "SECRET-17"),
    ("x-subscription-key", "SECRET-18"),
    ("x-open", "Bearer SECRET-19"),
    ("x-open", "basic SECRET-20"),
    (
        "x-open",
        "eyJhbGciOiJub25lIn0.eyJzdWIiOiJTRUNSRVQifQ.SECRET-21",
    ),
    ("referer", "https://a/b?SECRET-22"),
    ("location", "/b?SECRET-23"),
    ("x-return-to", "https://a/b?SECRET-24"),
    ("x-callback", "https://a/b#SECRET-25"),
    ("x-user", "eyJhbGciOiJub25lIn0.SECRET-26.abc-_"),
];

/// Headers whose value is there to be seen.
const OPEN: [(&str, &str); 4] = [
    ("x-request-id", "OPEN-01"),
    ("idempotency-key", "OPEN-02"),
    ("x-keynote", "OPEN-03"),
    ("x-question", "OPEN-04?"),
];

/// A call with all of them that was answered with an error, and one that was cut.
fn capture() -> PathBuf {
    let mut request = vec![
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/shop.Cart/Add?SECRET-00"),
        (":authority", "shop.example"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-go/1.85.0"),
    ];
    request.extend(SECRET);
    request.extend(OPEN);
    let failed = [
        (":status", "200"),
        ("content-type", "application/grpc"),
        ("set-cookie", "SECRET-27"),
        ("grpc-status", "13"),
        ("grpc-message", "MESSAGE of customer 7"),
    ];
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, wire::PREFACE);
    talk.say(End::Client, &wire::settings(&[]));
    talk.say(End::Server, &wire::settings(&[(3, 100)]));
    talk.say(End::Client, &wire::headers(wire::END_STREAM, 1, &request));
    talk.say(End::Server, &wire::headers(wire::END_STREAM, 1, &failed));
    talk.say(End::Client, &wire::headers(wire::END_STREAM, 3, &request));
    talk.fin(End::Server);
    talk.fin(End::Client);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets.pcap");
    fs::write(&path, wire::pcap(&talk.packets)).unwrap();
    path
}

/// Everything that prints, with all headers asked for.
fn outputs(more: &[&str]) -> Vec<(String, String)> {
    let path = capture();
    let path = path.to_str().unwrap();
    let names = SECRET.iter().chain(&OPEN).map(|(name, _)| *name);
    let headers: Vec<_> = names.flat_map(|name| ["--header", name]).collect();
    let mut outputs = Vec::new();
    for (command, format) in [
        ("analyze", "text"),
        ("analyze", "json"),
        ("analyze", "markdown"),
        ("timeline", "text"),
        ("timeline", "html"),
        ("timeline", "mermaid"),
        ("frames", "text"),
        ("frames", "json"),
        ("frames", "http2debug"),
    ] {
        let mut arguments = vec![command, path, "--format", format];
        arguments.extend(more);
        if command != "frames" {
            arguments.extend(&headers);
        }
        let run = Run::of(&arguments);
        outputs.push((format!("{command} {format}"), run.succeeded()));
    }
    for line in ["OPEN-01", "MESSAGE of customer 7"] {
        for format in ["text", "json"] {
            let mut arguments = vec!["analyze", path, "--find", line, "--format", format];
            arguments.extend(more);
            outputs.push((format!("find {line}"), Run::of(&arguments).succeeded()));
        }
    }
    outputs
}

#[test]
fn no_output_has_a_secret() {
    for (what, text) in outputs(&[]) {
        for number in 0..28 {
            let secret = format!("SECRET-{number:02}");
            assert!(!text.contains(&secret), "{what}: {secret}");
        }
        assert!(
            text.contains("OPEN-01") || !what.starts_with("frames"),
            "{what}"
        );
    }
}

#[test]
fn what_is_no_secret_is_shown() {
    let outputs = outputs(&[]);
    for what in [
        "analyze text",
        "analyze json",
        "analyze markdown",
        "timeline html",
        "frames json",
    ] {
        let (_, text) = outputs.iter().find(|(known, _)| known == what).unwrap();
        for (_, value) in OPEN {
            assert!(text.contains(value), "{what}: {value}");
        }
        assert!(text.contains("MESSAGE of customer 7"), "{what}");
    }
}

#[test]
fn secrets_are_shown_where_that_is_asked_for() {
    let outputs = outputs(&["--show-secrets"]);
    for what in ["analyze json", "frames text", "frames json"] {
        let (_, text) = outputs.iter().find(|(known, _)| known == what).unwrap();
        for (_, value) in SECRET {
            assert!(text.contains(value), "{what}: {value}");
        }
    }
}

#[test]
fn messages_can_be_hidden_everywhere() {
    for (what, text) in outputs(&["--redact-messages"]) {
        // What was typed is in no report either.
        assert!(!text.contains("MESSAGE of customer"), "{what}: {text}");
        assert!(!text.contains("SECRET-"), "{what}");
    }
}
