//! One story, however it is asked for: no call has two causes, no death has none, and a watch tells what an
//! analysis of the same packets tells.

use std::collections::{BTreeMap, BTreeSet};

use h2sniff::inspect::diagnosis::{RULES, Says, Severity};
use h2sniff::inspect::{CallId, CallList, Processed};
use h2sniff::report::Report;

use crate::recordings::{Recording, recordings};

/// The rules that say what ended each call.
fn causes(report: &Report) -> BTreeMap<CallId, Vec<&'static str>> {
    let mut causes: BTreeMap<CallId, Vec<_>> = BTreeMap::new();
    for finding in &report.analysis.findings {
        let mut rules = RULES.iter();
        let rule = rules.find(|rule| rule.name == finding.rule).unwrap();
        if rule.says == Says::WhatEnded {
            for call in &finding.rpcs {
                causes.entry(*call).or_default().push(finding.rule);
            }
        }
    }
    causes
}

#[test]
fn no_call_has_two_causes_and_no_death_has_none() {
    let mut wrong = Vec::new();
    for path in recordings("agreement") {
        let recording = Recording::read(&path);
        let report = recording.analyze(recording.packets.iter());
        let causes = causes(&report);
        for (call, rules) in &causes {
            if rules.len() > 1 {
                wrong.push(format!("{} {call:?}: {rules:?}", recording.name));
            }
        }
        let findings = report.analysis.findings.iter();
        let loud = findings.filter(|finding| finding.severity != Severity::Info);
        let told: BTreeSet<_> = loud.flat_map(|finding| &finding.rpcs).collect();
        let rpcs = report.analysis.rpcs.iter();
        for rpc in rpcs.filter(|rpc| rpc.died() && !told.contains(&rpc.id)) {
            let verdict = rpc.verdict.name();
            wrong.push(format!(
                "{} {:?}: {verdict}, in no finding",
                recording.name, rpc.id
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn a_watch_tells_what_an_analysis_tells() {
    let mut wrong = Vec::new();
    for path in recordings("agreement") {
        let recording = Recording::read(&path);
        let analysis = recording.analyze(recording.packets.iter()).analysis;
        let (watched, on_the_way) = recording.watch(recording.packets.iter());
        let watched = watched.analysis;
        if watched.verdicts != analysis.verdicts {
            wrong.push(format!(
                "{}: {:?}, watched {:?}",
                recording.name, analysis.verdicts, watched.verdicts
            ));
        }
        let deaths = |rpcs: &CallList| -> BTreeMap<_, _> {
            let deaths = rpcs.iter().filter(|rpc| rpc.verdict.is_death());
            deaths
                .map(|rpc| ((rpc.id, rpc.verdict), rpc.processed))
                .collect()
        };
        let (whole, said) = (deaths(&analysis.rpcs), deaths(&on_the_way.into()));
        let keys = |deaths: &BTreeMap<_, _>| -> BTreeSet<_> { deaths.keys().copied().collect() };
        let differ: Vec<_> = keys(&whole)
            .symmetric_difference(&keys(&said))
            .copied()
            .collect();
        if !differ.is_empty() {
            wrong.push(format!("{}: told on the way: {differ:?}", recording.name));
        }
        for (call, processed) in &whole {
            // That the server did the work may show only later.
            let later = said.get(call) == Some(&Processed::Maybe) && *processed == Processed::Yes;
            if said.get(call) != Some(processed) && !later {
                wrong.push(format!("{}: {call:?} {processed:?}", recording.name));
            }
        }
        let rules = |findings: &[h2sniff::inspect::diagnosis::Finding]| -> Vec<_> {
            let found = findings
                .iter()
                .filter(|finding| finding.severity != Severity::Info);
            found
                .map(|finding| (finding.rule, finding.rpcs.len()))
                .collect()
        };
        let (whole, seen) = (rules(&analysis.findings), rules(&watched.findings));
        if whole != seen {
            wrong.push(format!("{}: {whole:?}, watched {seen:?}", recording.name));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
