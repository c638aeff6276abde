//! What must hold of every report, and of everything that `live` tells on the way to one.

use std::io::{self, Write};
use std::sync::LazyLock;

use h2sniff::capture::{Packet, Timestamp};
use h2sniff::inspect;
use h2sniff::inspect::report::LiveStatus;
use h2sniff::pipeline::{Options, Pipeline};
use h2sniff::report::json::Json;
use h2sniff::report::live::{CommonTraits, EventFormat, Incident, prometheus};
use h2sniff::report::markdown::Markdown;
use h2sniff::report::text::Text;
use h2sniff::report::{Colours, LineWidth, Prompts, Report, ReportFormat, SecretDisplay, timeline};
use serde_json::Value;

use crate::{HARMFUL, assert_harmless};

/// How many victims of a kind are named.
const LIMIT: usize = 10;

const JSON: Json = Json {
    secrets: SecretDisplay::Shown,
};

const TEXT: Text = Text {
    limit: LIMIT,
    secrets: SecretDisplay::Shown,
    columns: LineWidth::of_terminal(80),
    colours: Colours::None,
    prompts: NO_PROMPTS,
};

const NO_PROMPTS: Prompts = Prompts {
    show_more: None,
    next: None,
};

/// What to keep for every report there is: all calls, and what some headers say.
#[must_use]
pub fn everything() -> Options {
    let headers = ["authorization", "grpc-message", "x-request-id"];
    let headers = headers.map(|name| name.as_bytes().into());
    Options {
        inspect: inspect::Options {
            all: true,
            headers: headers.to_vec(),
            ..inspect::Options::default()
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
    let secrets = SecretDisplay::Shown;
    let markdown = Markdown {
        limit: LIMIT,
        secrets,
        prompts: NO_PROMPTS,
    };
    let timeline = |merged| timeline::TimelineText {
        limit: LIMIT,
        secrets,
        columns: LineWidth::of_terminal(80),
        colours: Colours::None,
        merged,
        spans: None,
    };
    [
        ("the text", TEXT.render(report)),
        ("the Markdown", markdown.render(report)),
        ("the timeline", timeline(false).render(report)),
        ("the merged timeline", timeline(true).render(report)),
        (
            "the diagram",
            timeline::Mermaid {
                secrets,
                ..timeline::Mermaid::default()
            }
            .render(report),
        ),
    ]
}

fn assert_json(report: &Report) {
    let mut text = Vec::new();
    JSON.write(report, &mut text).expect("memory takes all");
    let json: Value = serde_json::from_slice(&text).expect("JSON");
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
    let page = timeline::Html {
        spans: None,
        secrets: SecretDisplay::Shown,
    };
    let mut written = Vec::new();
    page.write(report, &mut written).expect("memory takes all");
    written.iter().filter(|byte| **byte == b'<').count()
}

/// Writes something in both formats of `live`.
fn assert_lines(what: &str, write: impl Fn(&dyn EventFormat, &mut dyn Write) -> io::Result<()>) {
    let mut text = Vec::new();
    write(&TEXT, &mut text).expect("memory takes all");
    assert_harmless(what, &String::from_utf8(text).expect("text is UTF-8"));
    let mut json = Vec::new();
    write(&JSON, &mut json).expect("memory takes all");
    let json = serde_json::from_slice::<Value>(&json);
    assert!(json.is_ok_and(|json| json.is_object()), "{what} is no JSON");
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
        let common = CommonTraits {
            method: Some((HARMFUL.into(), 1)),
            message: Some((HARMFUL.into(), 0)),
            client: None,
            client_name: None,
        };
        for finding in self.pipeline.findings_so_far() {
            let incident = Incident {
                time: self.now,
                since: self.now,
                finding: &finding,
                calls: finding.rpcs.len() as u64,
                common: &common,
            };
            assert_lines("an incident", |format, out| format.incident(&incident, out));
            for columns in [None, Some(60)] {
                let line = TEXT.incident_line(&incident, columns);
                assert_harmless("an incident", &line.expect("a person reads it"));
            }
        }
        self.pipeline.conclude();
        self.tell();
        let status = LiveStatus {
            time: self.now,
            progress: self.pipeline.progress(),
            ..LiveStatus::default()
        };
        let line = TEXT.status_line(&status).expect("a person reads it");
        assert_harmless("the status", &line);
        assert_harmless("the metrics", &prometheus::render(&status));
        assert_lines("the status", |format, out| format.status(&status, out));
        self.pipeline.finish()
    }

    fn tell(&mut self) {
        for news in self.pipeline.take_news() {
            assert_lines("news", |format, out| format.news(&news, out));
        }
    }
}
