//! What a user can do: commands and flags, which the library below does not know.
//!
//! In: the library's errors, and the limits that its anomalies and findings name. Out: hints below errors,
//! and the flag that raises a limit, beside the limit.

use super::CaptureArgs;
use h2sniff::capture::{CaptureError, FileContent, FileKind};
use h2sniff::decode::anomaly::{Anomaly, LimitKind};
use h2sniff::decode::{Tally, Unrelated};
use h2sniff::inspect::diagnosis::{Finding, RAISE_LIMITS, RULES};
use h2sniff::report::Report;
use std::io;

/// What to do about a capture that cannot be read.
pub(crate) fn capture(error: &CaptureError) -> Option<String> {
    let hint = match error {
        CaptureError::Directory { .. } => "name the capture files in it",
        CaptureError::Unreadable { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            "captures often belong to root: change the file's owner or mode"
        }
        CaptureError::Terminal => "pipe a capture into it: tcpdump -w - | h2sniff analyze -",
        CaptureError::Empty { .. } => {
            "a capture that is still running may not have been flushed: tcpdump -U writes each \
             packet as it comes"
        }
        CaptureError::NotACapture { path, kind } => return Some(not_a_capture(path, kind)),
        CaptureError::NoRights { .. } => {
            "it takes CAP_NET_RAW: run it with sudo, or once \
             `sudo setcap cap_net_raw+ep $(command -v h2sniff)`; in Kubernetes \
             `kubectl debug --profile=netadmin`"
        }
        CaptureError::NoSuchInterface { known, .. } if !known.is_empty() => {
            return Some(format!("there are: {}", known.join(", ")));
        }
        CaptureError::Filter { .. } => {
            "see pcap-filter(7); an example: 'tcp port 50051 and host 10.0.0.1'"
        }
        _ => return None,
    };
    Some(hint.to_owned())
}

fn not_a_capture(path: &str, kind: &FileKind) -> String {
    match (&kind.content, kind.compression) {
        // What comes out of the outer layer is a packed capture, which is read as it is.
        (FileContent::Archive(_), Some(outer)) => unpack(&format!("{} -dc", outer.name()), path),
        (FileContent::Archive(name), None) => match *name {
            "zip" => unpack("unzip -p", path),
            "7-Zip" => unpack("7z x -so", path),
            tool => unpack(&format!("{tool} -dc"), path),
        },
        (FileContent::OtherCapture(_), _) => {
            format!("convert it first: editcap -F pcap {path} converted.pcap")
        }
        (FileContent::KeyLog, _) => "give TLS keys with --keylog, beside a capture".to_owned(),
        _ => "a capture is what tcpdump -w or Wireshark writes: pcap or pcapng".to_owned(),
    }
}

fn unpack(command: &str, path: &str) -> String {
    format!("unpack it first: {command} {path} | h2sniff analyze -")
}

/// What to try with a capture in which no HTTP/2 was found, other than what was tried.
pub(crate) fn no_http2(input: &CaptureArgs, tally: &Tally, tls_with_h2: usize) -> Option<String> {
    let tls = tls_with_h2 > 0 || tally.unrelated.contains_key(&Unrelated::Tls);
    let keylog = (tls && !input.has_key_log()).then_some(
        "--keylog FILE decrypts TLS with the secrets its client or server wrote (SSLKEYLOGFILE)",
    );
    let port = input
        .ports
        .is_empty()
        .then_some("--port PORT takes a server port for HTTP/2 even if no preface was seen");
    let hints: Vec<_> = [keylog, port].into_iter().flatten().collect();
    (!hints.is_empty()).then(|| hints.join("; "))
}

/// The names that `--fail-on` and `--record-on` take.
pub(crate) fn rules() -> String {
    let rules: Vec<_> = RULES.iter().map(|rule| rule.name).collect();
    format!("rules: {}", rules.join(", "))
}

/// Names the flags that raise the limits which a report says were reached.
pub(crate) fn name_flags(report: &mut Report) {
    name_flags_in_anomalies(&mut report.anomalies);
    name_flags_in_findings(&mut report.analysis.findings);
}

/// Names the flag beside the limit that was reached, in the anomalies that say so.
pub(crate) fn name_flags_in_anomalies(anomalies: &mut [Anomaly]) {
    for anomaly in anomalies {
        if let Some(limit) = anomaly.limit.take() {
            name_flag(&mut anomaly.text, limit);
        }
    }
}

/// Names the flags in advice to raise limits.
pub(crate) fn name_flags_in_findings(findings: &mut [Finding]) {
    let advice = findings.iter_mut().flat_map(|finding| &mut finding.advice);
    for advice in advice.filter(|advice| *advice == RAISE_LIMITS) {
        "h2sniff: allow more with --max-connections and --max-held, or filter the capture"
            .clone_into(advice);
    }
}

/// Puts a limit's flag at the end of the clause that names the limit; another may follow, which says
/// what was done.
fn name_flag(text: &mut String, limit: LimitKind) {
    let (flag, next_clause) = match limit {
        LimitKind::Connections => ("--max-connections", text.find(": ")),
        LimitKind::HeldBytes => ("--max-held", text.find(": ")),
        LimitKind::ListedRpcs => ("--max-rpcs", None),
        LimitKind::UnpackedBytes => ("--max-unpacked", text.rfind("; ")),
    };
    let end = next_clause.unwrap_or(text.len());
    text.insert_str(end, &format!(" ({flag})"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use h2sniff::capture::Compression;

    #[test]
    fn what_is_packed_twice_is_unpacked_once_by_hand() {
        let hint = |content, compression| {
            let kind = FileKind {
                compression,
                content,
            };
            not_a_capture("a.bin", &kind)
        };
        assert_eq!(
            hint(FileContent::Archive("gzip"), Some(Compression::Zstd)),
            "unpack it first: zstd -dc a.bin | h2sniff analyze -"
        );
        assert_eq!(
            hint(FileContent::Archive("zip"), None),
            "unpack it first: unzip -p a.bin | h2sniff analyze -"
        );
        assert_eq!(
            hint(FileContent::Archive("lz4"), None),
            "unpack it first: lz4 -dc a.bin | h2sniff analyze -"
        );
        assert!(hint(FileContent::KeyLog, None).contains("--keylog"));
    }

    #[test]
    fn a_limits_flag_stands_beside_the_limit() {
        for (limit, text, with_flag) in [
            (
                LimitKind::Connections,
                "more than 5 connections at a time: the most silent were let go",
                "more than 5 connections at a time (--max-connections): the most silent were let go",
            ),
            (
                LimitKind::HeldBytes,
                "more than 1 MiB held at a time: missing bytes were given up",
                "more than 1 MiB held at a time (--max-held): missing bytes were given up",
            ),
            (
                LimitKind::ListedRpcs,
                "17 RPCs are counted but not listed: there are too many",
                "17 RPCs are counted but not listed: there are too many (--max-rpcs)",
            ),
            (
                LimitKind::UnpackedBytes,
                "not read beyond packet 1: it unpacks to more than 9 bytes; analysed up to there",
                "not read beyond packet 1: it unpacks to more than 9 bytes (--max-unpacked); \
                 analysed up to there",
            ),
        ] {
            let mut named = text.to_owned();
            name_flag(&mut named, limit);
            assert_eq!(named, with_flag);
        }
    }
}
