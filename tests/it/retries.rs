//! Retries are linked, and only retries: what the recordings say was hidden by a retry is what is
//! found recovered, with the recorder's own request ids left out of account.

use std::collections::BTreeSet;
use std::path::Path;

use h2sniff::capture::Capture;
use h2sniff::inspect::{self, Outcome, Rpc};
use h2sniff::pipeline::{self, Options};

use crate::shared_material;

const REQUEST_ID: &[u8] = b"x-rpc-id";

/// Calls of a capture that a retry saved, by the recorder's id; those without one only counted.
fn recovered(capture: &Path, ids: Ids) -> (usize, BTreeSet<String>) {
    let mut inspect = inspect::Options {
        headers: vec![REQUEST_ID.into()],
        ..inspect::Options::default()
    };
    if ids == Ids::Blanked {
        inspect.not_identifying = vec![REQUEST_ID.into()];
    }
    let options = Options {
        inspect,
        ..Options::default()
    };
    let mut capture = Capture::open(&[capture.to_owned()]).unwrap();
    let report = pipeline::analyze(&mut capture, options).unwrap();
    let saved = report
        .analysis
        .rpcs
        .iter()
        .filter(|rpc| rpc.outcome == Outcome::Recovered);
    let saved: Vec<_> = saved.collect();
    let calls: BTreeSet<_> = saved.iter().filter_map(|rpc| id(rpc)).collect();
    let unnamed = saved.iter().filter(|rpc| id(rpc).is_none()).count();
    (calls.len() + unnamed, calls)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ids {
    Blanked,
    Seen,
}

fn id(rpc: &Rpc) -> Option<String> {
    let value = rpc.headers.first()?.values.first()?.as_ref()?;
    Some(String::from_utf8_lossy(value).into_owned())
}

#[test]
fn what_a_retry_saved_is_recovered_and_nothing_else_is() {
    let Some(shared) = shared_material::folder("retries") else {
        return;
    };
    let mut judged = 0;
    let mut wrong = Vec::new();
    for entry in shared.join("lab").read_dir().unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        // TLS hides the calls of these.
        if !folder.is_dir() || name.starts_with("12") {
            continue;
        }
        let truth = shared_material::json(&folder.join("truth.json"));
        let hidden = &truth["hidden_by_retry"];
        let count = usize::try_from(hidden["count"].as_u64().unwrap()).unwrap();
        // The truth names the first two hundred.
        let named: BTreeSet<_> = hidden["x_rpc_ids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
        for (capture, ids) in [
            ("client.pcap", Ids::Seen),
            ("client.pcap", Ids::Blanked),
            ("server.pcap", Ids::Blanked),
        ] {
            let (found, calls) = recovered(&folder.join(capture), ids);
            // A capture that begins mid-connection cannot show ids whose name it never saw.
            let nameless = name.starts_with("14a") && capture == "server.pcap";
            if found != count || !(nameless || named.is_subset(&calls)) {
                wrong.push(format!(
                    "{name} {capture} {ids:?}: {count} hidden, {found} recovered"
                ));
            }
            judged += 1;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(judged, 23 * 3);
}
