//! Which calls have an event of their own, and what stands last.

use crate::network::Network;
use crate::peers::Ending;
use crate::race::race;
use crate::watcher::{Watcher, directory};

/// Watches a race, and gives how many calls had an event, how many of those died, and what the last line was; the
/// report says how many calls there were.
fn told(network: &Network, which: &str) -> (usize, usize, u64) {
    let directory = directory();
    let path = directory.path().to_str().unwrap();
    // What is found at the end is recorded at the end, and written before the report.
    let mut watcher = Watcher::start(network, &["--events", which, "--record", path]);
    race(network, vec![Ending::GoAwayAndClose]);
    watcher.wait_for(|event| event.kind() == "finding");
    let (events, status, errors) = watcher.stop();
    assert!(status.success(), "{errors}");
    let last = events.last().unwrap();
    assert_eq!(last.kind(), "report", "of {}", events.len());
    assert!(
        events.iter().any(|event| event.kind() == "recording"),
        "{which}"
    );
    let calls: Vec<_> = events
        .iter()
        .filter(|event| event.kind() == "rpc")
        .collect();
    let died = calls
        .iter()
        .filter(|event| event.value["died"] == true)
        .count();
    let report = &last.value["report"];
    let opened = report["connections"].as_array().unwrap().iter();
    let opened = opened.map(|connection| connection["streams"]["opened"].as_u64().unwrap());
    (calls.len(), died, opened.sum())
}

#[test]
fn calls_that_died_have_events_and_others_on_request() {
    let Some(network) = Network::new() else {
        return;
    };
    let (calls, died, all) = told(&network, "died");
    assert!(
        died > 0 && calls == died && (calls as u64) < all,
        "{calls} {died} {all}"
    );
    let (calls, died, all) = told(&network, "all");
    assert!(died > 0 && calls as u64 == all, "{calls} {died} {all}");
}
