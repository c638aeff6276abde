//! The same traffic as another capture would show it: packets twice, out of order, from both ends.
//! What is told of it must be the same, or less, and never wrong.

mod account;
mod recording;
mod ways;

use std::collections::BTreeSet;

use crate::shared_material::Disagreements;
use account::{Share, calls, compare, rules, story};
use recording::{Kept, Recording, recordings};

/// The report on what `show` makes of each recording is the report on the recording.
fn tells_the_same(name: &str, show: fn(&Recording) -> Vec<Kept>) {
    let Some(recordings) = recordings(name) else {
        return;
    };
    let mut disagreements = Disagreements::about(name);
    let mut share = Share::default();
    for recording in &recordings {
        // A recording may itself have packets that swapped places; copies are put in by time.
        let truth = story(&recording.analyze(&ways::in_time(recording.packets.clone())));
        let shown = show(recording);
        let ours = story(&recording.analyze(&shown));
        share.count(truth == ours);
        compare(&recording.name, &truth, &ours, &mut disagreements);
    }
    eprintln!("{name}: {share} reports are equal");
    disagreements.settle();
}

#[test]
fn a_routed_copy_of_each_packet_tells_nothing_new() {
    tells_the_same("routed copies", ways::routed);
}

#[test]
fn a_third_of_each_packet_on_other_interfaces_tells_nothing_new() {
    tells_the_same("three interfaces", ways::on_three_interfaces);
}

/// What `show` makes of each recording has the findings and verdicts of the recording.
fn leaves_the_verdicts(name: &str, show: impl Fn(&Recording) -> Vec<Kept>) {
    let Some(recordings) = recordings(name) else {
        return;
    };
    let mut wrong = Disagreements::about(name);
    let (mut equal, mut found, mut told) = (Share::default(), Share::default(), Share::default());
    for recording in &recordings {
        let clean = recording.analyze(&recording.packets);
        let report = recording.analyze(&show(recording));
        equal.count(story(&clean) == story(&report));
        found.count(rules(&clean) == rules(&report));
        wrong.compare(&recording.name, rules(&clean), rules(&report));
        account::never_wrong(
            &recording.name,
            &calls(&clean),
            &calls(&report),
            &mut told,
            &mut wrong,
        );
    }
    eprintln!(
        "{name}: {equal} reports are equal, {found} have the same findings, {told} calls the same verdict and race"
    );
    wrong.settle();
}

#[test]
fn packets_in_the_order_of_other_queues_leave_the_verdicts() {
    for jitter in [1_000_000, 3_000_000] {
        let name = format!("true stamps, in an order that is off by {jitter} ns");
        leaves_the_verdicts(&name, |recording| ways::shuffled(recording, jitter));
    }
}

#[test]
fn stamps_that_are_off_leave_the_verdicts() {
    for jitter in [1_000_000, 3_000_000] {
        let name = format!("stamps that are off by {jitter} ns");
        leaves_the_verdicts(&name, |recording| ways::restamped(recording, jitter));
    }
}

#[test]
fn both_ends_tell_what_the_first_tells() {
    let Some(recordings) = recordings("both ends") else {
        return;
    };
    let mut disagreements = Disagreements::about("both ends");
    let mut share = Share::default();
    for client in recordings.iter().filter(|end| end.name.ends_with("client")) {
        let truth = account::of_one_end(story(&client.analyze(&client.packets)));
        let server = client.path.with_file_name("server.pcap");
        let ours = account::of_one_end(story(&client.analyze_with(&[&server])));
        share.count(truth == ours);
        compare(&client.name, &truth, &ours, &mut disagreements);
    }
    eprintln!("both ends: {share} reports are the client's");
    disagreements.settle();
}

#[test]
fn both_ends_in_one_file_leave_the_verdicts() {
    let Some(recordings) = recordings("both ends in one file") else {
        return;
    };
    let mut wrong = Disagreements::about("both ends in one file");
    let mut share = Share::default();
    for ends in recordings.chunk_by(|one, other| one.path.parent() == other.path.parent()) {
        let [client, server] = ends else { continue };
        let clean = client.analyze(&client.packets);
        let report = client.analyze(&ways::merged(client, server));
        share.count(rules(&clean) == rules(&report));
        wrong.compare(&client.name, rules(&clean), rules(&report));
        account::never_wrong(
            &client.name,
            &calls(&clean),
            &calls(&report),
            &mut Share::default(),
            &mut wrong,
        );
        let again = |report: &h2sniff::report::Report| -> u64 {
            report
                .analysis
                .connections
                .iter()
                .map(|record| record.network.retransmissions())
                .sum()
        };
        // What was lost on the way was sent again before one end alone.
        let most = again(&clean) + again(&server.analyze(&server.packets));
        if again(&report) > most {
            wrong.add(format!(
                "{}: sent again {} times",
                client.name,
                again(&report)
            ));
        }
    }
    eprintln!("both ends in one file: {share} reports have the same findings");
    wrong.settle();
}

#[test]
fn halves_in_the_wrong_order_are_never_told_wrong() {
    let Some(recordings) = recordings("swapped halves") else {
        return;
    };
    let mut wrong = Disagreements::about("swapped halves");
    let mut share = Share::default();
    for recording in &recordings {
        let clean = recording.analyze(&recording.packets);
        let report = recording.analyze(&ways::swapped(recording));
        account::never_wrong(
            &recording.name,
            &calls(&clean),
            &calls(&report),
            &mut share,
            &mut wrong,
        );
        let said = report
            .anomalies
            .iter()
            .any(|odd| odd.text.contains("reordercap"));
        if !said {
            wrong.add(format!("{}: not said", recording.name));
        }
        let new: BTreeSet<_> = report
            .analysis
            .findings
            .iter()
            .map(|finding| finding.rule)
            .collect();
        let old: BTreeSet<_> = clean
            .analysis
            .findings
            .iter()
            .map(|finding| finding.rule)
            .collect();
        let invented: Vec<_> = new
            .difference(&old)
            .filter(|rule| **rule != "capture-incomplete")
            // An unanswered connect is true by itself where the outage that explains it is not seen as one.
            .filter(|rule| **rule != "connect-failed" || !old.contains("keepalive-timeout"))
            .collect();
        if !invented.is_empty() {
            wrong.add(format!("{}: found {invented:?}", recording.name));
        }
    }
    eprintln!("swapped halves: {share} calls are still told");
    wrong.settle();
}
