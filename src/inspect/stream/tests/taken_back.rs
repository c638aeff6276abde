//! Calls that their client took back, and by design.

use crate::testing::scenario::{analysis, outcome};

const FIREFOX: &str = r#"content-type= user-agent="Mozilla/5.0 (X11; Linux x86_64; rv:153.0) Gecko/20100101 Firefox/153.0""#;

/// A browser's requests, all taken back.
fn left(number: u32, more: &str) -> String {
    let mut script = String::new();
    for request in 0..number {
        let (id, at) = (1 + 2 * request, 0.001 * f64::from(request));
        script.push_str(&format!("C {at:.3} HEADERS {id} {FIREFOX} {more}\n"));
        script.push_str(&format!("C {:.3} RST {id} CANCEL\n", at + 0.005));
    }
    script
}

#[test]
fn a_browser_that_leaves_a_page_kills_no_call() {
    let reported = analysis(&left(146, ""));
    assert_eq!(reported.verdicts.deaths(), 0);
    assert!(reported.findings.is_empty(), "{:?}", reported.findings);
}

#[test]
fn an_attack_under_a_browsers_name_is_told_all_the_same() {
    let reported = outcome(&left(1_400, ""));
    assert!(reported.contains("warning rapid-reset"), "{reported}");
}

#[test]
fn what_a_proxy_takes_back_for_a_browser_is_lost() {
    let reported = analysis(&left(2, "x-forwarded-for=10.0.0.1"));
    assert_eq!(reported.verdicts.deaths(), 2);
    assert!(
        reported
            .findings
            .iter()
            .any(|finding| finding.rule == "stream-reset")
    );
}

#[test]
fn what_another_client_takes_back_or_a_browser_finds_wrong_is_lost() {
    let other = "C 0.000 HEADERS 1 user-agent=grpc-go/1.80.0\nC 0.100 RST 1 CANCEL\n";
    assert_eq!(analysis(other).verdicts.deaths(), 1);
    let wrong = left(1, "").replace("CANCEL", "PROTOCOL_ERROR");
    assert_eq!(analysis(&wrong).verdicts.deaths(), 1);
}
