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

/// nghttp2 ends a connection with INTERNAL_ERROR when a client has reset some 1,000 streams; its clients then reset what
/// is open with the same code.
#[test]
fn the_limit_of_nghttp2_on_resets_is_named() {
    let cancelled = |number: u32| {
        let mut script = "C 0.000 HEADERS 1\n".to_owned();
        for request in 0..number {
            let (id, at) = (3 + 2 * request, 0.002 * f64::from(request));
            script.push_str(&format!(
                "C {at:.3} HEADERS {id}\nC {:.3} RST {id} CANCEL\n",
                at + 0.050
            ));
        }
        let at = 0.002 * f64::from(number) + 0.1;
        script.push_str(&format!(
            "S {at:.3} GOAWAY last=1 INTERNAL_ERROR\nC {:.3} RST 1 INTERNAL_ERROR\nS {:.3} FIN\n",
            at + 0.001,
            at + 0.010,
        ));
        let findings = analysis(&script).findings;
        let found = findings
            .into_iter()
            .find(|finding| finding.rule == "connection-error");
        found.unwrap()
    };
    let many = cancelled(1_000);
    let text = &many.explanation;
    assert!(
        text.contains("had reset 1,001 streams") && text.contains("nghttp2"),
        "{text}"
    );
    assert!(
        many.explanation.contains("1 RPC died with it"),
        "{}",
        many.explanation
    );
    assert_eq!(many.rpcs.len(), 1);
    let few = cancelled(300);
    assert!(!few.explanation.contains("nghttp2"), "{}", few.explanation);
}
