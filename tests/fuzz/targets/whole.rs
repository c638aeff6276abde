//! Fed: a capture file, to the whole program: once to its end for every report, once as `live` would
//! take it, and once for every form of frames.
//!
//! Must hold: what `reports` asserts of all forms. A connection is recognised once, and before its
//! first frame; every frame can be told of in a line that is safe to print, and in one of JSON.

#![no_main]

use std::collections::HashMap;
use std::io::Cursor;

use h2sniff::capture::{Capture, CaptureError};
use h2sniff::decode::{self, Event};
use h2sniff::inspect::report::Files;
use h2sniff::pipeline;
use h2sniff::report::SecretDisplay;
use h2sniff::report::frames::{
    FrameContext, FrameFormat, FrameJson, FrameText, Http2Debug, LoggedSide,
};
use h2sniff_fuzz::assert_harmless;
use h2sniff_fuzz::reports::{Watch, assert_all_forms, everything};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

fuzz_target!(|bytes: &[u8]| {
    // Escape sequences on the output would then be a peer's.
    colored::control::set_override(false);
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
    let (text, json) = (FrameText { files, secrets }, FrameJson { files, secrets });
    let log = Http2Debug { side, secrets };
    let options = decode::Options {
        keep_data: log.data_bytes(),
        ..decode::Options::default()
    };
    let mut contexts = HashMap::new();
    let mut line = Vec::new();
    let result = pipeline::events(capture, options, |first, connection, event| {
        if let Event::Recognised(recognition) = event {
            let context = FrameContext {
                connection,
                tcp_stream: recognition.tcp_stream,
                client: recognition.client,
                server: recognition.server,
                epoch: first.time,
            };
            assert!(
                contexts.insert(connection, context).is_none(),
                "recognised twice"
            );
        }
        let Event::Frame(frame) = event else {
            return Ok::<(), CaptureError>(());
        };
        let context = &contexts[&connection];
        line.clear();
        for format in [&text as &dyn FrameFormat, &log] {
            format
                .write(frame, context, &mut line)
                .expect("memory takes all");
        }
        assert_harmless("a frame", std::str::from_utf8(&line).expect("UTF-8"));
        line.clear();
        json.write(frame, context, &mut line)
            .expect("memory takes all");
        assert!(serde_json::from_slice::<Value>(&line).is_ok_and(|json| json.is_object()));
        Ok(())
    });
    drop(result);
}
