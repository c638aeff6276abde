//! Where captures of the same connections were taken: one of `vantages`.

use serde::Serialize;

use super::value::{BothSides, Displayed};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::{ClockStep, Vantage};
use crate::inspect::report::Report;

/// The twin of [`Vantage`].
#[derive(Serialize, Debug)]
pub(super) struct VantageJson<'a> {
    file: u32,
    capture: &'a str,
    place: &'static str,
    /// What its clock shows more than that of the capture at the client: at least, and at most.
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_offset_ms: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    clock_drift_ppm: Option<[f64; 2]>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clock_steps: Vec<ClockStepJson>,
    /// Segments with data of each side that were lost between the two places.
    #[serde(skip_serializing_if = "Option::is_none")]
    lost_segments: Option<BothSides<u64>>,
    /// How much longer segments of each side took than the shortest: the middle one, and the one that took most.
    #[serde(skip_serializing_if = "Option::is_none")]
    queueing_ms: Option<BothSides<[f64; 2]>>,
}

/// The twin of [`ClockStep`].
#[derive(Serialize, Debug)]
struct ClockStepJson {
    after: Displayed<Timestamp>,
    by_ms: [f64; 2],
}

impl<'a> VantageJson<'a> {
    /// Those of a report.
    pub(super) fn all(report: &'a Report) -> Vec<Self> {
        let vantages = report.vantages.iter().map(|vantage| {
            let file = usize::try_from(vantage.file).ok();
            let file = file.and_then(|file| report.files.get(file));
            Self::new(vantage, file.map_or("", |file| &file.path))
        });
        vantages.collect()
    }

    fn new(vantage: &Vantage, capture: &'a str) -> Self {
        Self {
            file: vantage.file,
            capture,
            place: vantage.place.name(),
            clock_offset_ms: vantage.clock_offset.map(milliseconds),
            clock_drift_ppm: vantage.clock_drift_ppm.map(|(least, most)| [least, most]),
            clock_steps: vantage.clock_steps.iter().map(ClockStepJson::new).collect(),
            lost_segments: vantage.lost.map(|lost| BothSides {
                client: lost.client,
                server: lost.server,
            }),
            queueing_ms: vantage.queueing.client.zip(vantage.queueing.server).map(
                |(client, server)| BothSides {
                    client: milliseconds((client.median, client.most)),
                    server: milliseconds((server.median, server.most)),
                },
            ),
        }
    }
}

impl ClockStepJson {
    fn new(step: &ClockStep) -> Self {
        Self {
            after: Displayed(step.after),
            by_ms: milliseconds(step.by),
        }
    }
}

fn milliseconds((least, most): (TimeDelta, TimeDelta)) -> [f64; 2] {
    [least.as_millis_f64(), most.as_millis_f64()]
}
