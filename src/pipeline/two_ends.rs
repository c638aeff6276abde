//! Captures of one connection at both of its ends: the client's end is the analysis, the server's adds to it.
//!
//! In: several captures, read twice. Out: one [`Report`]. The first reading finds which captures are of the same
//! connections; in the second those at the client are analysed with what the others fill in, and those at the server are
//! analysed beside them.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use super::embedded::{CommentReader, Embedded};
use super::reading::{SHOWN_EVERY, report_of};
use super::{Options, Pipeline};
use crate::capture::{Capture, CaptureError, Timestamp};
use crate::decode::link::{self, Segment};
use crate::decode::{Vantage, VantageRole, VantageSurvey, Vantages};
use crate::inspect::report::Report;
use crate::inspect::{Filter, Rpc, ServerEnd, UnlistedCalls};
use crate::names::Directory;

/// Bytes of segments that wait for their moment to fill a hole; beyond it the earliest goes at once.
const MAX_WAITING: usize = 16 << 20;

/// What captures are to each other, if two of them are two ends of one connection.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub(super) fn survey(capture: &Capture) -> Result<Option<Vantages>, CaptureError> {
    if capture.files().len() < 2 {
        return Ok(None);
    }
    // What cannot be read twice is taken as it comes.
    let Some(mut again) = capture.again()? else {
        return Ok(None);
    };
    let files = again.files().len();
    let mut survey = VantageSurvey::new(files);
    for file in 0..files {
        while let Some(packet) = again.next_packet_of(file)? {
            survey.push(&packet);
        }
    }
    Ok(survey.finish())
}

/// Where captures of the same connections were taken, and how their clocks stand to each other; none if no two of them
/// are two ends of one. They are read from their beginnings, and stay where they are.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub fn vantages(capture: &Capture) -> Result<Vec<Vantage>, CaptureError> {
    let survey = survey(capture)?;
    Ok(survey.map_or_else(Vec::new, |vantages| vantages.list()))
}

/// Analyses captures that are of the same connections.
///
/// # Errors
///
/// Those of [`Capture::next_packet`].
pub(super) fn analyze(
    capture: &mut Capture,
    vantages: &Vantages,
    options: Options,
    mut each: impl FnMut(&Capture, u64),
    mut call: impl FnMut(&Rpc),
) -> Result<Report, CaptureError> {
    let files = capture.files().len();
    capture.read_ahead((0..files).map(|file| vantages.read_ahead(file)).collect());
    let mut ends: Vec<_> = (0..files)
        .map(|file| {
            vantages
                .is_other_end(file)
                .then(|| Pipeline::new(of_all_calls(&options)))
        })
        .collect();
    let mut pipeline = Pipeline::new(options);
    let mut watches: Vec<_> = (0..files)
        .map(|file| vantages.watch_acknowledgements(file))
        .collect();
    let mut links: Vec<_> = (0..files).map(|_| link::Decoder::default()).collect();
    let mut filling = FillingSegments::default();
    let mut embedded = Embedded::default();
    let mut comments = CommentReader::default();
    let mut read = 0_u64;
    loop {
        embedded.take_names(capture, pipeline.names());
        embedded.take(capture, |key_log| {
            pipeline.read_keys(key_log);
            ends.iter_mut()
                .flatten()
                .for_each(|end| end.read_keys(key_log));
        });
        let Some(packet) = capture.next_packet()? else {
            break;
        };
        read += 1;
        comments.read(&packet, pipeline.names());
        let file = usize::try_from(packet.stamp.file).unwrap_or(usize::MAX);
        let mut role = VantageRole::Story;
        let mut seen = |segment: &Segment<'_>| {
            if let Some(watch) = watches.get_mut(file) {
                watch.push(segment);
            }
            role = vantages.role(file, segment);
            if let VantageRole::Fills(seen) = role {
                filling.hold(seen.show(segment), packet.data.len());
            }
        };
        if let Some(Some(end)) = ends.get_mut(file) {
            end.push_showing(&packet, &mut seen);
        } else if vantages.is_beside(file)
            && let Some(links) = links.get_mut(file)
            && let Ok(segment) = links.decode(&packet)
        {
            seen(&segment);
        }
        match role {
            VantageRole::Story => {
                filling.until(packet.stamp.time, &mut pipeline);
                pipeline.push(&packet);
            }
            VantageRole::Fills(_) => filling.make_room(&mut pipeline),
            VantageRole::OtherEnd => pipeline.leave_out(&packet),
        }
        if read.is_multiple_of(SHOWN_EVERY) {
            each(capture, read);
            pipeline.take_let_go().for_each(|rpc| call(&rpc));
        }
    }
    filling.until(Timestamp::from_nanos(i64::MAX), &mut pipeline);
    pipeline.conclude();
    pipeline.take_let_go().for_each(|rpc| call(&rpc));
    let ends: Vec<_> = ends
        .into_iter()
        .map(|end| end.map(Pipeline::finish))
        .collect();
    let filled = filling.filled;
    let mut report = report_of(pipeline, capture, |finished| {
        for (file, (end, acks)) in ends.iter().zip(&watches).enumerate() {
            if let Some(end) = end {
                ServerEnd {
                    acks,
                    vantages,
                    file,
                    analysis: &end.analysis,
                }
                .add_to(finished);
            }
        }
    });
    report.vantages = vantages.list();
    report.filled_packets = filled;
    Ok(report)
}

/// The capture at the server is asked about any call.
fn of_all_calls(options: &Options) -> Options {
    let mut options = options.clone();
    options.inspect.all = false;
    options.inspect.only_compared = true;
    options.inspect.unlisted = UnlistedCalls::Counted;
    options.inspect.filter = Filter::default();
    options.inspect.headers = Vec::new();
    options.names = Directory::default();
    options
}

/// Segments of other captures until the analysis has come to their moment.
#[derive(Default)]
struct FillingSegments {
    segments: BinaryHeap<Reverse<FillingSegment>>,
    bytes: usize,
    /// How many have gone into the analysis.
    filled: u64,
}

struct FillingSegment {
    /// As the capture at the client would have shown it.
    segment: Segment<'static>,
    payload: Vec<u8>,
    /// How many bytes its packet has.
    packet_bytes: usize,
}

impl FillingSegments {
    /// Keeps the segment of a packet of so many bytes until its time.
    fn hold(&mut self, segment: Segment<'_>, packet_bytes: usize) {
        let waiting = FillingSegment {
            segment: segment.without_payload(),
            payload: segment.payload.to_vec(),
            packet_bytes,
        };
        self.bytes += waiting.bytes();
        self.segments.push(Reverse(waiting));
    }

    /// Keeps no more than there is room for.
    fn make_room(&mut self, pipeline: &mut Pipeline) {
        while self.bytes > MAX_WAITING && self.next(pipeline) {}
    }

    /// Gives the analysis all that belongs before a moment.
    fn until(&mut self, time: Timestamp, pipeline: &mut Pipeline) {
        while self
            .segments
            .peek()
            .is_some_and(|Reverse(waiting)| waiting.segment.stamp.time <= time)
            && self.next(pipeline)
        {}
    }

    fn next(&mut self, pipeline: &mut Pipeline) -> bool {
        let Some(Reverse(waiting)) = self.segments.pop() else {
            return false;
        };
        self.bytes -= waiting.bytes();
        self.filled += 1;
        let segment = Segment {
            payload: &waiting.payload,
            ..waiting.segment
        };
        pipeline.push_segment(segment, waiting.packet_bytes);
        true
    }
}

impl FillingSegment {
    /// What it takes.
    const fn bytes(&self) -> usize {
        size_of::<Self>() + self.payload.len()
    }
}

impl PartialEq for FillingSegment {
    fn eq(&self, other: &Self) -> bool {
        self.segment.stamp == other.segment.stamp
    }
}

impl Eq for FillingSegment {}

impl PartialOrd for FillingSegment {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FillingSegment {
    fn cmp(&self, other: &Self) -> Ordering {
        self.segment.stamp.cmp(&other.segment.stamp)
    }
}
