//! Fed: a capture file, to the whole program: once to its end for every report, once as `live` would
//! take it, and once for every form of frames.
//!
//! Must hold: what goes to a terminal breaks lines and does nothing else there, whatever the peers
//! sent. JSON parses, and lists as many things as the report has, each finding with its proof. Nothing that a peer sent becomes
//! markup of the page.

#![no_main]

use std::collections::HashMap;
use std::io::Cursor;
use std::sync::LazyLock;

use h2sniff::capture::{Capture, CaptureError, Timestamp};
use h2sniff::decode::{self, Event};
use h2sniff::inspect::Interest;
use h2sniff::pipeline::{self, Options, Pipeline};
use h2sniff::report::frames::{self, LoggedSide, Place, Style};
use h2sniff::report::live::{self, Status};
use h2sniff::report::markdown::Markdown;
use h2sniff::report::text::Text;
use h2sniff::report::{self, Files, Report, Secrets, timeline};
use h2sniff_fuzz::assert_harmless;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// How many victims of a kind are named.
const LIMIT: usize = 10;

fuzz_target!(|bytes: &[u8]| {
    // Escape sequences on the output would then be a peer's.
    colored::control::set_override(false);
    let options = Options {
        interest: Interest {
            all: true,
            ..Interest::default()
        },
        ..Options::default()
    };
    let Some(report) =
        open(bytes).and_then(|mut capture| pipeline::analyze(&mut capture, options).ok())
    else {
        return;
    };
    for secrets in [Secrets::Shown, Secrets::Redacted] {
        check_words(&report, secrets);
        check_json(&report, secrets);
    }
    check_page(&report);
    let Some(mut capture) = open(bytes) else {
        return;
    };
    check_frames(&mut capture);
    let Some(mut capture) = open(bytes) else {
        return;
    };
    watch(&mut capture);
});

fn open(bytes: &[u8]) -> Option<Capture> {
    let reader = Box::new(Cursor::new(bytes.to_vec()));
    Capture::from_readers(vec![("fuzzed".to_owned(), reader)]).ok()
}

fn check_words(report: &Report, secrets: Secrets) {
    let text = Text {
        limit: LIMIT,
        secrets,
    };
    assert_harmless("the text", &text.render(report));
    let markdown = Markdown {
        limit: LIMIT,
        secrets,
    };
    assert_harmless("the Markdown", &markdown.render(report));
    assert_harmless(
        "the diagram",
        &timeline::mermaid(report, None, None, secrets),
    );
    for merged in [true, false] {
        let text = timeline::Text {
            limit: LIMIT,
            secrets,
            merged,
            spans: None,
        };
        assert_harmless("the timeline", &text.render(report));
    }
}

fn check_json(report: &Report, secrets: Secrets) {
    let text = report::to_json(report, secrets).to_string();
    let json: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(json["schema"], "h2sniff.report/1");
    let lists = [
        ("connections", report.analysis.connections.len()),
        ("rpcs", report.analysis.rpcs.len()),
        ("servers", report.analysis.servers.len()),
        ("findings", report.analysis.findings.len()),
        ("anomalies", report.anomalies.len()),
    ];
    for (name, length) in lists {
        assert_eq!(json[name].as_array().map(Vec::len), Some(length), "{name}");
    }
    for finding in &report.analysis.findings {
        assert!(
            !finding.evidence.is_empty(),
            "no evidence for {}: {}",
            finding.rule,
            finding.title
        );
    }
}

fn check_page(report: &Report) {
    static TAGS: LazyLock<usize> = LazyLock::new(|| tags(&Report::default()));
    assert_eq!(tags(report), *TAGS, "what was captured became markup");
}

/// How many tags its page has.
fn tags(report: &Report) -> usize {
    timeline::html(report, None, Secrets::Shown)
        .matches('<')
        .count()
}

/// Prints every frame in every form.
fn check_frames(capture: &mut Capture) {
    let secrets = Secrets::Shown;
    let options = decode::Options {
        keep_data: frames::logged_data(secrets),
        ..decode::Options::default()
    };
    let mut places = HashMap::new();
    let mut line = String::new();
    let result = pipeline::events(capture, options, |first, connection, event| {
        if let Event::Recognised(recognition) = event {
            let place = Place {
                connection,
                tcp_stream: recognition.tcp_stream,
                client: recognition.client,
                server: recognition.server,
            };
            assert!(
                places.insert(connection, place).is_none(),
                "recognised twice"
            );
        }
        let Event::Frame(frame) = event else {
            return Ok::<(), CaptureError>(());
        };
        let place = places[&connection];
        let style = Style {
            files: Files::One,
            secrets,
            epoch: first.time,
        };
        line.clear();
        frames::text(&mut line, frame, place, style).expect("a string takes all");
        frames::http2debug(&mut line, frame, place, LoggedSide::Client, secrets)
            .expect("a string takes all");
        assert_harmless("a frame", &line);
        let json = frames::json(frame, place, style).to_string();
        assert!(serde_json::from_str::<Value>(&json).is_ok_and(|json| json.is_object()));
        Ok(())
    });
    drop(result);
}

/// Takes packets as they come, and tells what became certain after each.
fn watch(capture: &mut Capture) {
    let mut pipeline = Pipeline::watching(Options::default());
    let mut now = Timestamp::default();
    while let Ok(Some(packet)) = capture.next_packet() {
        now = now.max(packet.stamp.time);
        pipeline.push(&packet);
        pipeline.tick(now);
        tell_news(&mut pipeline);
    }
    for finding in pipeline.findings_so_far() {
        assert_harmless("a finding", &live::text::finding(now, &finding));
        assert!(live::json::finding(now, &finding).is_object());
    }
    pipeline.conclude();
    tell_news(&mut pipeline);
    let status = Status {
        time: now,
        progress: pipeline.progress(),
        ..Status::default()
    };
    assert_harmless("the status", &live::text::status(&status));
    assert_harmless("the metrics", &live::prometheus::render(&status));
    assert!(live::json::status(&status).is_object());
    check_words(&pipeline.finish(), Secrets::Shown);
}

fn tell_news(pipeline: &mut Pipeline) {
    for news in pipeline.take_news() {
        if let Some(line) = live::text::news(&news, Secrets::Shown) {
            assert_harmless("news", &line);
        }
        assert!(live::json::news(&news, Secrets::Shown).is_object());
    }
}
