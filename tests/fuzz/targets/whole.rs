//! Fed: a capture file, to the whole program: once to its end for every report, once as `live` would
//! take it, and once for every form of frames.
//!
//! Must hold: what `reports` asserts of all forms. A connection is recognised once, and before its
//! first frame; every frame can be told of in a line that is safe to print, and in one of JSON.

#![no_main]

use std::io::Cursor;

use h2sniff::capture::{Capture, CaptureError, Stamp, Timestamp};
use h2sniff::decode::{self, Event, Listener, NetworkPath, Recognition};
use h2sniff::pipeline;
use h2sniff::report::frames::{self, LoggedSide, Place, Style};
use h2sniff::report::{Files, Secrets};
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
    let secrets = Secrets::Shown;
    let options = decode::Options {
        keep_data: frames::logged_data(secrets),
        ..decode::Options::default()
    };
    let mut printer = Printer {
        secrets,
        epoch: Timestamp::default(),
        line: String::new(),
    };
    let each = |printer: &mut Printer, stamp: Option<Stamp>| {
        printer.epoch = stamp.map_or(printer.epoch, |stamp| stamp.time);
        Ok::<(), CaptureError>(())
    };
    drop(pipeline::decode(capture, options, &mut printer, each));
}

struct Printer {
    secrets: Secrets,
    epoch: Timestamp,
    line: String,
}

impl Listener for Printer {
    type Connection = Place;

    fn recognised(&mut self, recognition: Recognition) -> Place {
        Place {
            connection: recognition.number,
            tcp_stream: recognition.tcp_stream,
            client: recognition.client,
            server: recognition.server,
        }
    }

    fn event(&mut self, place: &mut Place, event: &Event<'_>) {
        let Event::Frame(frame) = event else { return };
        let style = Style {
            files: Files::One,
            secrets: self.secrets,
            epoch: self.epoch,
        };
        let line = &mut self.line;
        line.clear();
        frames::text(line, frame, *place, style).expect("a string takes all");
        frames::http2debug(line, frame, *place, LoggedSide::Client, self.secrets)
            .expect("a string takes all");
        assert_harmless("a frame", line);
        let json = frames::json(frame, *place, style).to_string();
        assert!(serde_json::from_str::<Value>(&json).is_ok_and(|json| json.is_object()));
    }

    fn finished(&mut self, _: Place, _: NetworkPath) {}
}
