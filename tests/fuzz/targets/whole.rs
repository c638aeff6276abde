//! Fed: a capture file, to the whole program: once to its end for every report, once as `live` would
//! take it, and once for every form of frames.
//!
//! Must hold: what `reports` asserts of all forms. A connection is recognised once, and before its
//! first frame; every frame can be told of in a line that is safe to print, and in one of JSON.

#![no_main]

use std::io::{self, Cursor};

use h2sniff::capture::{Capture, CaptureError, Stamp};
use h2sniff::decode;
use h2sniff::decode::http2::Frame;
use h2sniff::inspect::report::Files;
use h2sniff::pipeline;
use h2sniff::report::SecretDisplay;
use h2sniff::report::frames::{
    FrameContext, FrameFormat, FramePrinter, FrameText, Http2Debug, LoggedSide,
};
use h2sniff::report::json::FrameJson;
use h2sniff_fuzz::assert_harmless;
use h2sniff_fuzz::reports::{Watch, assert_all_forms, everything};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    let Some(mut capture) = open(bytes) else {
        return;
    };
    if let Ok(report) = pipeline::analyze(&mut capture, everything()) {
        assert_all_forms(&report);
    }
    if let Some(mut capture) = open(bytes) {
        print_frames(&mut capture);
    }
    if let Some(mut capture) = open(bytes) {
        let mut watch = Watch::default();
        while let Ok(Some(packet)) = capture.next_packet() {
            watch.push(&packet);
        }
        assert_all_forms(&watch.finish());
    }
});

fn open(bytes: &[u8]) -> Option<Capture> {
    let reader = Box::new(Cursor::new(bytes.to_vec()));
    Capture::from_readers(vec![("fuzzed".to_owned(), reader)]).ok()
}

/// Prints every frame in every form.
fn print_frames(capture: &mut Capture) {
    let (files, secrets) = (Files::One, SecretDisplay::Shown);
    let side = LoggedSide::Client;
    let text = FrameText {
        files,
        secrets,
        columns: None,
    };
    let json = FrameJson { files, secrets };
    let log = Http2Debug { side, secrets };
    let options = decode::Options {
        keep_data: log.data_bytes(),
        ..decode::Options::default()
    };
    let all = AllForms { text, json, log };
    let mut nowhere = io::sink();
    let filter = h2sniff::inspect::Filter::default();
    let mut printer = FramePrinter::new(&all, filter, &mut nowhere);
    let each = |printer: &mut FramePrinter<'_>, stamp: Option<Stamp>| {
        printer.next_packet(stamp).expect("a sink takes all");
        Ok::<(), CaptureError>(())
    };
    drop(pipeline::decode(capture, options, &mut printer, each));
}

/// Every form of frames at once.
struct AllForms {
    text: FrameText,
    json: FrameJson,
    log: Http2Debug,
}

impl FrameFormat for AllForms {
    fn data_bytes(&self) -> usize {
        self.log.data_bytes()
    }

    fn write(&self, frame: &Frame<'_>, context: &FrameContext, _: &mut Vec<u8>) -> io::Result<()> {
        let mut lines = Vec::new();
        self.text.write(frame, context, &mut lines)?;
        self.log.write(frame, context, &mut lines)?;
        let lines = String::from_utf8(lines).expect("text");
        assert_harmless("a frame", &lines);
        let mut line = Vec::new();
        self.json.write(frame, context, &mut line)?;
        assert!(serde_json::from_slice::<Value>(&line).is_ok_and(|json| json.is_object()));
        Ok(())
    }
}
