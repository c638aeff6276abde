//! Times in what is printed never go back within a section.

use std::path::Path;
use std::process::Command;

/// The moment that a line of a timeline begins with, in seconds.
fn moment(line: &str) -> Option<f64> {
    let (moment, _) = line.trim_start().strip_prefix('+')?.split_once(" s ")?;
    moment.replace(',', "").parse().ok()
}

#[test]
fn a_timeline_goes_forward_whatever_its_events_are() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut told = 0;
    for folder in [fixtures.join("browsers"), fixtures] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let capture = path
                .extension()
                .is_some_and(|extension| extension == "pcap" || extension == "pcapng");
            if !capture {
                continue;
            }
            let output = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
                .args(["timeline", "--limit", "100"])
                .arg(&path)
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            for section in text.split("\n\n") {
                let moments: Vec<_> = section.lines().filter_map(moment).collect();
                assert!(moments.is_sorted(), "{}: {section}", path.display());
                told += moments.len();
            }
        }
    }
    assert!(told > 500, "{told}");
}
