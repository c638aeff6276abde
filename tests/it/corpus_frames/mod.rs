//! `frames --format json` against what another dissector says of captures that others made.
//!
//! In: every capture under `corpus/http2`, those under `corpus/tls` that hold HTTP/2, and TShark's account of it under `corpus/truth`. Each side
//! becomes lines of the same form, one a frame, in order within a direction of a TCP connection; the
//! two lists must be the same. Where TShark is wrong, [`DIFFERENCES`] says so with the bytes that
//! prove it, and an entry that no longer explains anything is a failure too.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use self::differences::{DIFFERENCES, Whose};
use self::told::{Told, told_by_tshark, told_by_us};
use crate::shared_material::{Disagreements, Run, folder};

mod differences;
mod told;
mod tshark;

/// A capture without a single HTTP/2 frame: SMTP, then TLS without ALPN.
const WITHOUT_HTTP2: &str = "suricata-verify/protocol-change-failed-event.pcap";

/// Captures whose server port the program must be told, with the reason. It has to find HTTP/2 by
/// itself in all others, by the preface or, where the capture begins in the middle, by the frames.
const PORTS: &[(&str, &str, &str)] = &[];

/// Captures under `corpus/tls` with HTTP/2 inside, each with its key log; without one the capture
/// itself carries the secrets.
#[cfg(feature = "tls")]
const ENCRYPTED: [(&str, Option<&str>); 5] = [
    (
        "hotplace/http/http2.pcapng",
        Some("hotplace/http/sslkeylog"),
    ),
    (
        "hotplace/http/http2_trial.pcapng",
        Some("hotplace/http/sslkeylog"),
    ),
    ("pcap2har/http2-dump.pcap", None),
    ("wireshark/http2-brotli.pcapng", None),
    (
        "wireshark/http2-data-reassembly.pcap",
        Some("wireshark/http2-data-reassembly.keys"),
    ),
];

#[cfg(feature = "tls")]
#[test]
fn every_frame_inside_tls() {
    let Some(shared) = folder("every_frame_inside_tls") else {
        return;
    };
    let corpus = shared.join("corpus");
    let mut disagreements = Disagreements::about("frames of corpus/tls");
    for (capture, key_log) in ENCRYPTED {
        let key_log = key_log.map(|name| {
            let path = corpus.join("tls").join(name);
            format!("--keylog={}", path.display()).into()
        });
        let options: Vec<PathBuf> = key_log.into_iter().collect();
        judge(&corpus, "tls", capture, &options, &mut disagreements);
    }
    disagreements.settle();
}

#[test]
fn every_frame_of_the_corpus() {
    let Some(shared) = folder("every_frame_of_the_corpus") else {
        return;
    };
    let corpus = shared.join("corpus");
    let captures = captures(&corpus.join("http2"));
    let mut disagreements = Disagreements::about("frames of corpus/http2");
    for capture in &captures {
        let ports = PORTS.iter().filter(|(name, _, _)| name == capture);
        let options: Vec<PathBuf> = ports
            .map(|(_, port, _)| format!("--port={port}").into())
            .collect();
        judge(&corpus, "http2", capture, &options, &mut disagreements);
    }
    for difference in DIFFERENCES {
        let known = captures.iter().any(|capture| capture == difference.capture);
        assert!(known, "no such capture: {}", difference.capture);
    }
    assert_eq!(captures.len(), 31, "captures with frames");
    disagreements.settle();
}

#[test]
fn a_capture_without_http2_says_so() {
    let Some(shared) = folder("a_capture_without_http2_says_so") else {
        return;
    };
    let capture = shared.join("corpus/http2").join(WITHOUT_HTTP2);
    let run = Run::of(&[Path::new("frames"), Path::new("--format=json"), &capture]);
    assert_eq!(run.status, Some(2), "{}", run.complaints);
    assert!(run.complaints.starts_with("error: "), "{}", run.complaints);
    assert!(run.complaints.contains("no HTTP/2"), "{}", run.complaints);
    assert_eq!(run.output, "");
}

/// Every capture below `root` that has frames, as `project/file`, in order.
fn captures(root: &Path) -> Vec<String> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).expect("the corpus can be listed");
        entries
            .map(|entry| entry.expect("the corpus can be listed").path())
            .collect()
    };
    let files = entries(root)
        .into_iter()
        .flat_map(|project| entries(&project));
    let relative = files.map(|file| {
        let name = file.strip_prefix(root).expect("a file below its root");
        name.to_str().expect("names are UTF-8").to_owned()
    });
    let mut captures: Vec<String> = relative.filter(|name| name != WITHOUT_HTTP2).collect();
    captures.sort();
    captures
}

/// Compares one capture's frames and adds what differs without a reason.
fn judge(
    corpus: &Path,
    set: &str,
    capture: &str,
    options: &[PathBuf],
    disagreements: &mut Disagreements,
) {
    let mut arguments: Vec<PathBuf> = vec!["frames".into(), "--format=json".into()];
    arguments.push("--show-secrets".into());
    arguments.extend(options.iter().cloned());
    arguments.push(corpus.join(set).join(capture));
    let run = Run::of(&arguments);
    if run.status != Some(0) {
        let complaint = run.complaints.lines().next().unwrap_or_default();
        disagreements.add(format!(
            "{capture}: exit status {:?}: {complaint}",
            run.status
        ));
        return;
    }
    let mut ours: Vec<Told> = run.output.lines().map(told_by_us).collect();
    let mut truth = told_by_tshark(corpus, set, capture);
    for difference in DIFFERENCES
        .iter()
        .filter(|difference| difference.capture == capture)
    {
        let side = if difference.whose == Whose::Ours {
            &mut ours
        } else {
            &mut truth
        };
        let Some(place) = side.iter().position(|told| told.is(difference)) else {
            disagreements.add(format!(
                "{capture}: packet {} {}: not there, although {}",
                difference.packet, difference.frame, difference.reason
            ));
            continue;
        };
        side.remove(place);
    }
    let ours = by_direction(&ours);
    let truth = by_direction(&truth);
    for flow in ours
        .keys()
        .chain(truth.keys().filter(|flow| !ours.contains_key(*flow)))
    {
        let none = Vec::new();
        let (ours, truth) = (
            ours.get(flow).unwrap_or(&none),
            truth.get(flow).unwrap_or(&none),
        );
        let about = format!("{capture}: tcp stream {}", flow.0);
        compare_lists(&about, truth, ours, disagreements);
    }
}

/// Adds what one list has and the other lacks; if nothing, where their order first differs.
fn compare_lists(about: &str, truth: &[String], ours: &[String], to: &mut Disagreements) {
    let mut unmatched: Vec<&String> = truth.iter().collect();
    let mut surplus = Vec::new();
    for line in ours {
        match unmatched.iter().position(|other| *other == line) {
            Some(place) => drop(unmatched.remove(place)),
            None => surplus.push(line),
        }
    }
    if unmatched.is_empty() && surplus.is_empty() {
        if let Some((truth, ours)) = truth.iter().zip(ours).find(|(truth, ours)| truth != ours) {
            to.add(format!(
                "{about}: out of order: expected {truth}, got {ours}"
            ));
        }
        return;
    }
    for line in unmatched {
        to.add(format!("{about}: lacks {line}"));
    }
    for line in surplus {
        to.add(format!("{about}: has   {line}"));
    }
}

fn by_direction(told: &[Told]) -> BTreeMap<(u64, &str), Vec<String>> {
    let mut lists: BTreeMap<_, Vec<String>> = BTreeMap::new();
    for frame in told {
        lists
            .entry((frame.tcp_stream, &*frame.direction))
            .or_default()
            .push(frame.to_string());
    }
    lists
}
