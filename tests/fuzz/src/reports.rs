//! What must hold of every report, and of everything that `live` tells on the way to one.

use std::sync::LazyLock;

use h2sniff::capture::{Packet, Timestamp};
use h2sniff::inspect::Interest;
use h2sniff::pipeline::{Options, Pipeline};
use h2sniff::report::live::{self, Status};
use h2sniff::report::markdown::Markdown;
use h2sniff::report::text::Text;
use h2sniff::report::{self, Report, Secrets, timeline};
use serde_json::Value;

use crate::assert_harmless;

/// How many victims of a kind are named.
const LIMIT: usize = 10;

/// What to keep for every report there is: all calls, and what some headers say.
#[must_use]
pub fn everything() -> Options {
    let headers = ["authorization", "grpc-message", "x-request-id"];
    let headers = headers.map(|name| name.as_bytes().into());
    Options {
        interest: Interest {
            all: true,
            headers: headers.to_vec(),
            ..Interest::default()
        },
        ..Options::default()
    }
}

/// Renders a report in every form, with all that a peer chose to say.
///
/// # Panics
///
/// If what a terminal would show does more there than break lines, if JSON does not parse or lists
/// other things than the report has, if a finding has no proof, or if something captured becomes
/// markup of the page.
pub fn assert_all_forms(report: &Report) {
    for (what, text) in words(report) {
        assert_harmless(what, &text);
    }
    assert_json(report);
    static TAGS: LazyLock<usize> = LazyLock::new(|| tags(&Report::default()));
    assert_eq!(tags(report), *TAGS, "what was captured became markup");
}

/// A report in words, in every form.
fn words(report: &Report) -> [(&'static str, String); 5] {
    let secrets = Secrets::Shown;
    let text = Text {
        limit: LIMIT,
        secrets,
    };
    let markdown = Markdown {
        limit: LIMIT,
        secrets,
    };
    let timeline = |merged| timeline::Text {
        limit: LIMIT,
        secrets,
        merged,
        spans: None,
    };
    [
        ("the text", text.render(report)),
        ("the Markdown", markdown.render(report)),
        ("the timeline", timeline(false).render(report)),
        ("the merged timeline", timeline(true).render(report)),
        (
            "the diagram",
            timeline::mermaid(report, None, None, secrets),
        ),
    ]
}

fn assert_json(report: &Report) {
    let text = report::to_json(report, Secrets::Shown).to_string();
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
        let listed = json[name].as_array().map(Vec::len);
        assert_eq!(listed, Some(length), "{name}");
    }
    for finding in &report.analysis.findings {
        let title = &finding.title;
        assert!(!finding.evidence.is_empty(), "no evidence: {title}");
    }
}

/// How many tags the page has.
fn tags(report: &Report) -> usize {
    let page = timeline::html(report, None, Secrets::Shown);
    page.matches('<').count()
}

/// Takes packets as they come, as `live` does, and tells what became certain after each.
#[derive(Debug)]
pub struct Watch {
    pipeline: Pipeline,
    now: Timestamp,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            pipeline: Pipeline::watching(Options::default()),
            now: Timestamp::default(),
        }
    }
}

impl Watch {
    /// Takes the next packet.
    ///
    /// # Panics
    ///
    /// If what is told may not stand on a terminal.
    pub fn push(&mut self, packet: &Packet<'_>) {
        self.now = self.now.max(packet.stamp.time);
        self.pipeline.push(packet);
        self.pipeline.tick(self.now);
        self.tell();
    }

    /// Nothing more will come.
    ///
    /// # Panics
    ///
    /// If what is told may not stand on a terminal.
    #[must_use]
    pub fn finish(mut self) -> Report {
        for finding in self.pipeline.findings_so_far() {
            assert_harmless("a finding", &live::text::finding(self.now, &finding));
            assert!(h2sniff::report::json::live::finding(self.now, &finding).is_object());
        }
        self.pipeline.conclude();
        self.tell();
        let status = Status {
            time: self.now,
            progress: self.pipeline.progress(),
            ..Status::default()
        };
        assert_harmless("the status", &live::text::status(&status));
        assert_harmless("the metrics", &live::prometheus::render(&status));
        assert!(h2sniff::report::json::live::status(&status).is_object());
        self.pipeline.finish()
    }

    fn tell(&mut self) {
        for news in self.pipeline.take_news() {
            if let Some(line) = live::text::news(&news, Secrets::Shown) {
                assert_harmless("news", &line);
            }
            assert!(h2sniff::report::json::live::news(&news, Secrets::Shown).is_object());
        }
    }
}
