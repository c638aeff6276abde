//! `--metrics`: what a scraper reads.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::network::Network;
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::Watcher;

#[test]
fn metrics_count_what_the_events_tell() {
    let Some(network) = Network::new() else {
        return;
    };
    let mut watcher = Watcher::start(&network, &["--metrics", "9464"]);
    race(&network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "finding" && event.value["rule"] == "goaway-race");
    // The numbers are made known four times a second.
    thread::sleep(Duration::from_millis(600));
    let died = watcher
        .seen
        .iter()
        .filter(|event| event.kind() == "rpc")
        .count();
    let page = scrape(&network, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n"));
    let method = "method=\"/lab.Echo/Call\"";
    for line in [
        "h2sniff_connections_total{transport=\"h2c\"} 1".to_owned(),
        format!("h2sniff_rpcs_died_total{{{method}}} {died}"),
        "h2sniff_goaways_total{from=\"server\",kind=\"final\",error=\"NO_ERROR\"} 1".to_owned(),
        "h2sniff_findings_total{rule=\"goaway-race\",severity=\"error\"} 1".to_owned(),
        "h2sniff_dropped_packets_total{place=\"queue\"} 0".to_owned(),
        "h2sniff_connections_total{transport=\"tls\"} 0".to_owned(),
        "h2sniff_rpcs_in_flight 0".to_owned(),
    ] {
        assert!(
            page.lines().any(|found| found == line),
            "{line} is not in\n{page}"
        );
    }
    assert!(page.contains(&format!(
        "h2sniff_rpcs_failed_total{{{method},verdict=\"beyond_last_stream_id\"}}"
    )));
    let by_rule = format!("h2sniff_rpcs_died_by_rule_total{{{method},rule=\"goaway-race\"}} ");
    assert!(page.contains(&by_rule), "{by_rule} is not in\n{page}");
    assert!(!page.contains("number="), "a query may be a secret");
    for name in names_in_packaging() {
        let family = format!("# TYPE {name} ");
        assert!(page.contains(&family), "{name} is not in\n{page}");
    }

    let health = scrape(&network, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(health.starts_with("HTTP/1.1 200 OK\r\n") && health.ends_with("ok\n"));
    let missing = scrape(&network, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(missing.starts_with("HTTP/1.1 404"));
    let wrong = scrape(&network, "POST /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(wrong.starts_with("HTTP/1.1 405"));
    let (_, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
}

/// The metrics that the alert rules and the dashboard name.
fn names_in_packaging() -> BTreeSet<String> {
    let files = ["prometheus/h2sniff.rules.yml", "grafana/h2sniff.json"];
    let texts = files.map(|file| fs::read_to_string(format!(".packaging/{file}")).unwrap());
    let is_name = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '_' | ':');
    let words = texts
        .iter()
        .flat_map(|text| text.split(|letter| !is_name(letter)));
    let names: BTreeSet<_> = words
        .filter(|word| word.starts_with("h2sniff_"))
        .map(str::to_owned)
        .collect();
    assert!(names.len() > 10, "{names:?}");
    names
}

#[test]
fn the_alert_rules_and_the_dashboard_pass_their_check() {
    let output = Command::new(".packaging/check").output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    if said.contains("not checked") {
        eprintln!("not run: {said}");
    }
}

pub(crate) fn scrape(network: &Network, request: &'static str) -> String {
    let asked = network.client(move || {
        let mut stream = TcpStream::connect("127.0.0.1:9464").unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut page = String::new();
        stream.read_to_string(&mut page).unwrap();
        page
    });
    asked.join().unwrap()
}
