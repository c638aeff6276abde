//! The comparison of one report with one truth.
//!
//! In: both documents. Out: lines that name the stream, what was expected and what came. Nothing here
//! runs the program.

use std::cell::Cell;
use std::collections::BTreeMap;

use serde_json::Value;

use super::differences::{Aspect, DIFFERENCES, Difference, End, STRADDLING};
use super::truth::{Expected, list, number, our_record, transport, true_record, word};
use crate::shared_material::Disagreements;

/// The comparison of one report with one truth, under the differences that its end explains.
pub(crate) struct Judgement {
    end: End,
    /// Each with the number of times it still has to be met.
    allowed: Vec<(&'static Difference, Cell<usize>)>,
    straddling: usize,
}

impl Judgement {
    pub(crate) fn of(scenario: &str, end: End) -> Self {
        let allowed = DIFFERENCES
            .iter()
            .filter(|entry| entry.scenario == scenario && entry.end == end);
        let straddling = STRADDLING.iter().find(|(name, _)| *name == scenario);
        Self {
            end,
            allowed: allowed
                .map(|entry| (entry, Cell::new(entry.times)))
                .collect(),
            straddling: straddling.map_or(0, |(_, count)| *count),
        }
    }

    /// Adds a disagreement unless the two are the same or the table has a reason for them not to be.
    fn compare(
        &self,
        what: &What<'_>,
        aspect: Aspect,
        truth: &str,
        ours: &str,
        to: &mut Disagreements,
    ) {
        if truth == ours {
            return;
        }
        let reason = self.allowed.iter().find(|(entry, left)| {
            let same = entry.client == what.client && entry.aspect == aspect && entry.ours == ours;
            same && left.get() > 0
        });
        match reason {
            Some((_, left)) => left.set(left.get() - 1),
            None => to.add(format!(
                "{}: {aspect:?}: expected {truth}, got {ours}",
                what.named()
            )),
        }
    }

    /// Adds the differences of the table that did not show: what they explain is no longer so.
    pub(crate) fn unexplained(&self, to: &mut Disagreements) {
        for (entry, left) in self.allowed.iter().filter(|(_, left)| left.get() > 0) {
            let (aspect, left) = (entry.aspect, left.get());
            to.add(format!(
                "{}: {aspect:?}: {left} too few: {}",
                entry.client, entry.reason
            ));
        }
    }

    /// Every TCP connection of the truth against `connections`, with its GOAWAYs.
    pub(crate) fn connections(&self, truth: &Value, report: &Value, to: &mut Disagreements) {
        let ours: BTreeMap<&str, &Value> = list(report, "connections")
            .iter()
            .map(|ours| (word(ours, "client"), ours))
            .collect();
        to.compare(
            "connections with an address of their own",
            list(report, "connections").len(),
            ours.len(),
        );
        let truths = list(truth, "connections");
        for truth in truths {
            let what = What::connection(word(truth, "client"));
            let Some(ours) = ours.get(what.client) else {
                self.compare(&what, Aspect::Transport, transport(truth), "not listed", to);
                continue;
            };
            if transport(truth) != "not listed" || word(ours, "transport") != "none" {
                self.compare(
                    &what,
                    Aspect::Transport,
                    transport(truth),
                    word(ours, "transport"),
                    to,
                );
            }
            self.compare(
                &what,
                Aspect::Connection,
                word(truth, "server"),
                word(ours, "server"),
                to,
            );
            if self.end == End::Client {
                let (truth, ours) = (true_record(truth), our_record(ours));
                self.compare(&what, Aspect::Connection, &truth, &ours, to);
            }
            self.goaways(&what, truth, ours, to);
        }
        for client in ours.keys() {
            if !truths.iter().any(|truth| truth["client"] == *client) {
                to.add(format!(
                    "{client}: a connection that the truth does not know"
                ));
            }
        }
    }

    /// The GOAWAYs of each peer, in its own order: which of two that crossed was first is a matter
    /// of the end.
    fn goaways(&self, what: &What<'_>, truth: &Value, ours: &Value, to: &mut Disagreements) {
        for peer in ["server", "client"] {
            let told = |goaway: &Value, packet: &str, debug: &str, beyond: &Value| {
                let at = if self.end == End::Client {
                    &goaway[packet]
                } else {
                    &Value::Null
                };
                let (last, error) = (&goaway["last_stream_id"], word(goaway, "error"));
                format!(
                    "{peer}: packet {at} last {last} {error} {} beyond {beyond}",
                    goaway[debug]
                )
            };
            let truths = list(truth, "goaways")
                .iter()
                .filter(|goaway| goaway["from"] == peer);
            let truths = truths.map(|goaway| {
                // It names streams that its receiver opened (RFC 9113, section 6.8), and no server
                // here opens any; the truth counts the client's own.
                let beyond = if peer == "server" {
                    &goaway["streams_above_last_id"]
                } else {
                    &0.into()
                };
                told(goaway, "frame", "debug", beyond)
            });
            let ours = list(ours, "goaways")
                .iter()
                .filter(|goaway| goaway["from"] == peer);
            let ours =
                ours.map(|goaway| told(goaway, "packet", "debug_data", &goaway["streams_beyond"]));
            let [truths, ours] =
                [truths.collect::<Vec<_>>(), ours.collect()].map(|all| all.join("; "));
            self.compare(what, Aspect::Goaway, &truths, &ours, to);
        }
    }

    /// The victims of the truth against `rpcs`: the same ones, and told alike.
    pub(crate) fn victims(&self, truth: &Value, report: &Value, to: &mut Disagreements) {
        let clients: BTreeMap<u64, &str> = list(report, "connections")
            .iter()
            .map(|connection| (number(connection, "conn"), word(connection, "client")))
            .collect();
        let mut ours = BTreeMap::new();
        for rpc in list(report, "rpcs") {
            let client = clients
                .get(&number(rpc, "conn"))
                .expect("an rpc's connection is listed");
            let place = (*client, number(rpc, "stream"));
            if ours.insert(place, rpc).is_some() {
                to.add(format!("{} stream {}: listed twice", place.0, place.1));
            }
        }
        let mut straddling = 0;
        for truth in list(truth, "victims") {
            let what = What::victim(truth);
            let expected = Expected::of(truth);
            let Some(rpc) = ours.remove(&(what.client, number(truth, "stream"))) else {
                self.compare(&what, Aspect::Verdict, expected.verdict, "not listed", to);
                continue;
            };
            let compare = |aspect, truth: &str, ours: &str, to: &mut Disagreements| {
                self.compare(&what, aspect, truth, ours, to);
            };
            compare(Aspect::Verdict, expected.verdict, word(rpc, "verdict"), to);
            compare(
                Aspect::Race,
                expected.race,
                rpc["race"].as_str().unwrap_or("none"),
                to,
            );
            compare(
                Aspect::Method,
                word(truth, "method"),
                rpc["method"].as_str().unwrap_or("null"),
                to,
            );
            let id = Value::from(vec![truth["x_rpc_id"].clone()]).to_string();
            compare(
                Aspect::RequestId,
                &id,
                &rpc["headers"]["x-rpc-id"].to_string(),
                to,
            );
            if let Some(error) = expected.error {
                compare(
                    Aspect::Error,
                    error,
                    rpc["error"].as_str().unwrap_or("null"),
                    to,
                );
            }
            if let Some(status) = expected.grpc_status {
                compare(
                    Aspect::GrpcStatus,
                    status,
                    rpc["grpc_status"].as_str().unwrap_or("null"),
                    to,
                );
            }
            if self.end == End::Client {
                let (opened, completed) = (&rpc["packets"]["opened"], number(truth, "frame_open"));
                match opened.as_u64() {
                    Some(opened) if opened == completed => {}
                    Some(opened) if opened < completed => straddling += 1,
                    _ => compare(
                        Aspect::Opened,
                        &completed.to_string(),
                        &opened.to_string(),
                        to,
                    ),
                }
            }
        }
        if self.end == End::Client {
            to.compare(
                "victims whose HEADERS straddle packets",
                self.straddling,
                straddling,
            );
        }
        for ((client, stream), rpc) in ours {
            let (verdict, opened) = (word(rpc, "verdict"), &rpc["packets"]["opened"]);
            to.add(format!(
                "{client} stream {stream} (packet {opened}): {verdict}, but it is no victim"
            ));
        }
    }
}

/// Under `--all` every stream of every connection is there, and as many of them `ok` as were.
pub(crate) fn every_stream(truth: &Value, report: &Value, to: &mut Disagreements) {
    let rpcs = list(report, "rpcs");
    for connection in list(report, "connections") {
        let client = word(connection, "client");
        let of_this = rpcs.iter().filter(|rpc| rpc["conn"] == connection["conn"]);
        let verdicts: Vec<&str> = of_this.map(|rpc| word(rpc, "verdict")).collect();
        let truth = list(truth, "connections")
            .iter()
            .find(|truth| truth["client"] == client);
        let Some(truth) = truth else { continue };
        let ok = verdicts.iter().filter(|verdict| **verdict == "ok").count();
        to.compare(
            format!("{client}: streams under --all"),
            number(truth, "streams"),
            verdicts.len() as u64,
        );
        let truly_ok = truth["verdicts"]["ok"].as_u64().unwrap_or(0);
        to.compare(format!("{client}: ok under --all"), truly_ok, ok as u64);
    }
}

/// What a disagreement is about.
struct What<'a> {
    client: &'a str,
    victim: Option<&'a Value>,
}

impl<'a> What<'a> {
    fn connection(client: &'a str) -> Self {
        Self {
            client,
            victim: None,
        }
    }

    fn victim(truth: &'a Value) -> Self {
        Self {
            client: word(truth, "client"),
            victim: Some(truth),
        }
    }

    fn named(&self) -> String {
        let client = self.client;
        let Some(victim) = self.victim else {
            return client.to_owned();
        };
        let [stream, id, packet] = ["stream", "x_rpc_id", "frame_open"].map(|key| &victim[key]);
        format!("{client} stream {stream} ({id}, client's packet {packet})")
    }
}
