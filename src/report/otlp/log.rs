//! A finding as a log record.
//!
//! In: a finding, and the span of its first call. Out: a log record with two ids: one of the finding, which stays the same
//! while it grows, and one of the record, which is the same only where it says the same.

use serde_json::{Value, json};

use super::place::SpanPlace;
use super::value::{attribute, list, nanos, text, whole};
use crate::capture::{Stamp, Timestamp};
use crate::inspect::diagnosis::{Finding, Severity};
use crate::report::escape::printable;
use crate::report::key::DerivedKey;

/// The record of a finding; `first` is the place of its first call, `otherwise` the time of one without evidence.
pub(super) fn log(finding: &Finding, first: Option<SpanPlace>, otherwise: Timestamp) -> Value {
    let (number, name) = match finding.severity {
        Severity::Error => (17, "ERROR"),
        Severity::Warning => (13, "WARN"),
        Severity::Info => (9, "INFO"),
    };
    let stamps = finding.evidence.iter().filter_map(|proof| proof.stamp);
    let stamps: Vec<Stamp> = stamps.collect();
    let began = stamps.iter().map(|stamp| stamp.time).min();
    let began = began.unwrap_or(otherwise);
    let packets = stamps.iter().map(|stamp| whole(stamp.packet)).collect();
    let mut key = DerivedKey::default();
    key.add(finding.rule.as_bytes());
    if let Some(server) = finding.server {
        key.add(server.to_string().as_bytes());
    }
    match &first {
        Some(place) => key.add(place.span.as_bytes()),
        None => key.add(&began.nanos().div_euclid(1_000).to_be_bytes()),
    }
    let id = key.to_string();
    key.add(finding.severity.name().as_bytes());
    key.add(finding.confidence.name().as_bytes());
    key.add(finding.title.as_bytes());
    key.add(&finding.rpcs.len().to_be_bytes());
    let mut attributes = vec![
        attribute("log.record.uid", text(&format!("{id}{key}"))),
        attribute("h2sniff.finding_id", text(&id)),
        attribute("h2sniff.rule", text(finding.rule)),
        attribute("h2sniff.confidence", text(finding.confidence.name())),
        attribute("h2sniff.rpcs", whole(finding.rpcs.len())),
        attribute("h2sniff.packets", list(packets)),
        attribute(
            "h2sniff.explanation",
            text(&printable(&finding.explanation)),
        ),
    ];
    let advice = finding.advice.iter().map(|advice| text(&printable(advice)));
    attributes.push(attribute("h2sniff.advice", list(advice.collect())));
    if !finding.between.is_empty() {
        let between = finding.between.iter();
        let between = between.map(|pair| text(&printable(&pair.text)));
        attributes.push(attribute("h2sniff.between", list(between.collect())));
    }
    if let Some(server) = finding.server {
        attributes.push(attribute("server.address", text(&server.ip().to_string())));
        attributes.push(attribute("server.port", whole(server.port())));
    }
    let mut record = json!({
        "timeUnixNano": nanos(began),
        "severityNumber": number,
        "severityText": name,
        "eventName": format!("h2sniff.{}", finding.rule),
        "body": text(&printable(&finding.title)),
        "attributes": attributes,
    });
    if let (Some(place), Some(record)) = (first, record.as_object_mut()) {
        record.insert("traceId".to_owned(), place.trace.into());
        record.insert("spanId".to_owned(), place.span.into());
    }
    record
}
