//! What a terminal shows, whole.

use super::*;
use crate::decode::PerSide;
use crate::inspect::diagnosis::Severity;
use crate::inspect::{PingCounts, Verdict};
use crate::report::view::tests::{
    PROMPTS, connection, ended, finding, hostile, many, mixed, recovered, report, rpc,
};

fn text(report: &Report) -> String {
    Text {
        limit: 3,
        secrets: SecretDisplay::Redacted,
        prompts: PROMPTS,
        ..Text::default()
    }
    .render(report)
}

#[test]
fn whoever_has_no_command_line_names_none() {
    let text = Text::default().render(&many());
    assert!(text.contains(" more"), "{text}");
    assert!(!text.contains("--") && !text.contains("See more"), "{text}");
}

fn assert_fits(text: &str) {
    assert_fits_in(80, text);
}

fn assert_fits_in(columns: usize, text: &str) {
    for line in text.lines() {
        assert!(width(line) <= columns, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
}

#[test]
fn calls_of_all_kinds() {
    let text = text(&mixed());
    assert_fits(&text);
    insta::assert_snapshot!(text);
}

#[test]
fn lines_are_as_wide_as_the_terminal() {
    let wide = |columns| {
        let text = Text {
            columns: LineWidth::of_terminal(columns),
            prompts: PROMPTS,
            ..Text::default()
        };
        text.render(&mixed())
    };
    for columns in [60, 80, 200] {
        assert_fits_in(columns, &wide(columns));
    }
    assert_eq!(wide(20), wide(60), "less would lose what it is about");
    let lines = |columns| wide(columns).lines().count();
    assert!(lines(200) < lines(80) && lines(80) < lines(60));
}

#[test]
fn a_healthy_capture_in_two_lines() {
    let mut record = connection(0);
    record.pings = PingCounts {
        sent: PerSide {
            client: 4,
            server: 2,
        },
        unanswered: 0,
        ..PingCounts::default()
    }
    .into();
    insta::assert_snapshot!(text(&report(vec![record], Vec::new(), Vec::new(), 690)));
}

#[test]
fn all_were_saved_by_a_retry() {
    let rpcs: Vec<_> = (0..5)
        .map(|call| recovered(rpc(0, call * 2 + 5, Verdict::BeyondLastStreamId)))
        .collect();
    let findings = vec![finding("goaway-race", Severity::Warning, &rpcs)];
    insta::assert_snapshot!(text(&report(vec![ended(0)], rpcs, findings, 95)));
}

#[test]
fn what_a_peer_sent_moves_no_cursor_and_breaks_no_line() {
    let text = text(&hostile());
    assert_fits(&text);
    assert!(!text.contains("hunter2"), "{text}");
    assert!(text.contains("0:2147483647"), "{text}");
    assert!(
        text.contains("[2001:db8:85a3:8d3:1319:8a2e:370:7348]:51854"),
        "{text}"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn ten_thousand_calls_are_still_few_lines() {
    let mut report = many();
    let text = text(&report);
    assert_fits(&text);
    assert!(text.lines().count() < 80, "{text}");
    // As one server's outline it is a screen.
    let calls: Vec<_> = report.analysis.rpcs.iter().cloned().collect();
    report.analysis.findings = vec![finding("grace-expired", Severity::Error, &calls)];
    let text = super::tests::text(&report);
    assert!(text.lines().count() < 40, "{text}");
    assert!(text.contains("… 9,997 more"), "{text}");
    assert!(text.contains("… 997 more"), "{text}");
}

#[test]
fn a_large_toll_keeps_to_the_page() {
    let rpcs = (0..12_345).map(|call| {
        let mut rpc = rpc(0, call * 2 + 1, Verdict::BeyondLastStreamId);
        rpc.processed = Processed::Yes;
        rpc
    });
    let text = text(&report(vec![ended(0)], rpcs.collect(), Vec::new(), 0));
    assert_fits(&text);
    let lines = [
        "  ✗ 12,345  lost to the GOAWAY race",
        "            the server did the work: a retry runs it twice",
    ];
    assert!(text.contains(&lines.join("\n")), "{text}");
}

#[test]
fn packets_of_several_files_name_their_file() {
    let mut report = mixed();
    report.files.push(report.files[0].clone());
    let text = text(&report);
    assert!(text.contains("0:60 → 0:250"), "{text}");
    assert!(text.starts_with("client.pcap and 1 more file · "), "{text}");
}
