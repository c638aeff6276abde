//! Minutes of packets and incidents, a second at a time, and what is on disk after them.

use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use h2sniff::capture::{Capture, LinkType, LiveEvent, Resolution};

use super::super::queue::Queue;
use super::*;

const BEGIN: i64 = 1_800_000_000;
const PACKET: usize = 1_000;
const SIZE: usize = 1 << 20;

/// A recorder, and the seconds that pass.
struct Minutes {
    directory: tempfile::TempDir,
    recorder: Recorder,
    second: i64,
    packets: u64,
    written: Vec<RecordingResult>,
    /// How many the recorder has sent to its writer.
    sent: usize,
}

impl Minutes {
    fn new(keep: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let args = RecordArgs {
            directory: None,
            window: Duration::from_secs(60),
            size: SIZE,
            after: Duration::from_secs(5),
            on: Vec::new(),
            keep,
            #[cfg(feature = "tls")]
            secrets: true,
        };
        let interface = Interface {
            name: None,
            link_type: LinkType(1),
            snap_length: 0,
            resolution: Resolution::PowerOfTen(9),
        };
        let recorder = Recorder::new(&directory.path().join("rec"), &args, vec![interface]);
        Self {
            directory,
            recorder: recorder.ok().unwrap(),
            second: 0,
            packets: 0,
            written: Vec::new(),
            sent: 0,
        }
    }

    /// A second passes with so many packets, while these incidents grow.
    fn second(&mut self, packets: u64, growing: &[IncidentKey]) {
        let queue = Queue::new(1);
        for number in 0..packets {
            let part = i64::try_from(number * 1_000_000_000 / packets).unwrap();
            let time = moment(self.second) + TimeDelta::from_nanos(part);
            queue.push(
                0,
                LiveEvent::Packet {
                    time,
                    original_length: 1_000,
                    data: &[0; PACKET],
                },
            );
        }
        let mut batch = Batch::default();
        queue.take(&mut batch, Duration::ZERO);
        self.recorder.keep(batch, self.packets + 1);
        self.packets += packets;
        self.second += 1;
        for incident in growing {
            self.recorder.grow(*incident, moment(self.second));
        }
        self.pass();
    }

    /// What is due is written, however slow the disk is.
    fn pass(&mut self) {
        let now = moment(self.second);
        loop {
            let unwritten = self.unwritten();
            self.written.extend(self.recorder.tick(now));
            self.sent += unwritten - self.unwritten();
            let due = self
                .recorder
                .open
                .iter()
                .any(|open| open.is_due(now, open.unwritten > SIZE / 3) || open.is_over(now));
            if !due && self.sent == self.written.len() {
                return;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn unwritten(&self) -> usize {
        let open = self.recorder.open.iter();
        open.filter(|open| open.has_grown()).count()
    }

    fn path(&self) -> PathBuf {
        self.directory.path().join("rec")
    }

    /// The analysis ends; gives the files.
    fn end(self) -> (tempfile::TempDir, Vec<RecordingResult>) {
        let Self {
            directory,
            recorder,
            second,
            mut written,
            ..
        } = self;
        written.extend(recorder.finish(moment(second)));
        (directory, written)
    }
}

fn moment(second: i64) -> Timestamp {
    Timestamp::from_nanos((BEGIN + second) * 1_000_000_000)
}

fn incident(server: u8) -> IncidentKey {
    let server = SocketAddr::from(([10, 0, 0, server], 50_051));
    ("abrupt-close", Some(server))
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    // What is being written is none yet.
    files.retain(|file| !file.file_name().unwrap().to_string_lossy().starts_with('.'));
    files.sort_unstable();
    files
}

/// The seconds from which a recording has packets.
fn seconds(file: &Path) -> BTreeSet<i64> {
    let mut capture = Capture::open(&[file.to_owned()]).unwrap();
    let mut seconds = BTreeSet::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        seconds.insert(packet.stamp.time.nanos() / 1_000_000_000 - BEGIN);
    }
    assert_eq!(capture.take_notes().len(), 0, "{}", file.display());
    seconds
}

fn length(file: &Path) -> usize {
    usize::try_from(fs::metadata(file).unwrap().len()).unwrap()
}

#[test]
fn an_incident_of_minutes_is_one_file_with_its_beginning_and_its_end() {
    let mut minutes = Minutes::new(5);
    for second in 0..420 {
        // It flaps from the second minute to the end of the sixth.
        let flaps = (60..360).contains(&second) && second % 20 < 10;
        let growing = [incident(1)];
        minutes.second(10, if flaps { &growing } else { &[] });
    }
    let (directory, written) = minutes.end();
    let files = files(&directory.path().join("rec"));
    assert_eq!(files.len(), 1, "{written:#?}");
    assert!(written.len() <= 10, "{} times", written.len());
    assert!(length(&files[0]) <= SIZE);
    let seconds = seconds(&files[0]);
    // Half of a megabyte has fifty seconds.
    for wanted in (55..95).chain(310..350) {
        assert!(seconds.contains(&wanted), "{wanted} is not in {seconds:?}");
    }
}

#[test]
fn the_first_minutes_of_an_incident_have_no_hole_where_they_fit() {
    let mut minutes = Minutes::new(5);
    for second in 0..600 {
        let flaps = second >= 60 && second % 20 < 10;
        let growing = [incident(1)];
        // Half of a megabyte has four minutes.
        minutes.second(2, if flaps { &growing } else { &[] });
    }
    let (directory, _) = minutes.end();
    let seconds = seconds(&files(&directory.path().join("rec"))[0]);
    for wanted in (30..240).chain(540..595) {
        assert!(seconds.contains(&wanted), "{wanted} is not in {seconds:?}");
    }
}

#[test]
fn a_recording_is_never_larger_than_was_asked_for_and_keeps_the_moment_it_began() {
    let mut minutes = Minutes::new(5);
    for second in 0..200 {
        let growing = [incident(1)];
        // Four seconds are all that fits.
        minutes.second(250, if second >= 20 { &growing } else { &[] });
        for file in files(&minutes.path()) {
            assert!(length(&file) <= SIZE, "{} at {second}", length(&file));
        }
    }
    let (directory, written) = minutes.end();
    let files = files(&directory.path().join("rec"));
    assert_eq!(files.len(), 1);
    assert!(written.len() > 3 && written.iter().all(|written| written.packets.is_ok()));
    let seconds = seconds(&files[0]);
    assert!(
        seconds.contains(&21) && seconds.contains(&199),
        "{seconds:?}"
    );
    assert!(!seconds.contains(&100));
    let bytes = fs::read(&files[0]).unwrap();
    let note = b"packets before this one are not in this recording";
    assert!(bytes.windows(note.len()).any(|found| found == note));
}

#[test]
fn what_goes_on_is_not_pruned_and_what_is_pruned_is_told() {
    let mut minutes = Minutes::new(3);
    for second in 0..600 {
        // One goes on all the time; another comes every two minutes and is over each time.
        let mut growing = vec![incident(1)];
        if second % 120 == 30 {
            growing.push(incident(2));
        }
        minutes.second(2, &growing);
        assert!(files(&minutes.path()).len() <= 3);
    }
    let first = "h2sniff-20270115T080001.000000Z-abrupt-close.pcapng";
    assert!(minutes.path().join(first).exists());
    let (directory, written) = minutes.end();
    assert_eq!(files(&directory.path().join("rec")).len(), 3);
    let pruned: Vec<_> = written.iter().flat_map(|written| &written.pruned).collect();
    assert_eq!(pruned.len(), 3, "of six: {pruned:?}");
    let first = seconds(&directory.path().join("rec").join(first));
    assert!(first.contains(&0) && first.contains(&599), "{first:?}");
}

#[test]
fn incidents_beyond_the_number_of_recordings_share_the_last() {
    let mut minutes = Minutes::new(2);
    for second in 0..100 {
        let growing: Vec<_> = (1..=5)
            .filter(|number| second >= i64::from(*number) * 10)
            .map(incident)
            .collect();
        minutes.second(2, &growing);
    }
    let (directory, written) = minutes.end();
    assert_eq!(files(&directory.path().join("rec")).len(), 2);
    assert!(written.iter().all(|written| written.pruned.is_empty()));
}

#[test]
fn what_is_asked_for_is_written_at_once_and_over() {
    let mut minutes = Minutes::new(2);
    for _ in 0..4 {
        minutes.second(5, &[]);
        minutes.recorder.write_now(moment(minutes.second), "signal");
        minutes.pass();
    }
    assert_eq!(minutes.written.len(), 4);
    assert!(minutes.recorder.open.is_empty());
    assert_eq!(files(&minutes.path()).len(), 2);
}

#[test]
#[cfg(feature = "tls")]
fn a_recording_holds_the_secrets_of_connections_that_began_in_it_and_of_no_others() {
    let mut minutes = Minutes::new(5);
    let line = |random: u8| {
        let hex = |byte: u8, length| format!("{byte:02x}").repeat(length);
        format!("CLIENT_RANDOM {} {}\n", hex(random, 32), hex(random, 48))
    };
    for random in [1, 2, 3] {
        minutes.recorder.read_keys(line(random).as_bytes());
    }
    // One that is out of the window by then, one whose secrets are known only later, and two of the incident.
    minutes.recorder.began_tls(1, [1; 32]);
    (0..100).for_each(|_| minutes.second(10, &[]));
    let now = minutes.packets;
    minutes.recorder.began_tls(now - 5, [2; 32]);
    minutes.recorder.began_tls(now - 4, [4; 32]);
    (0..20).for_each(|_| minutes.second(10, &[incident(1)]));
    let in_file = |minutes: &Minutes| {
        let mut capture = Capture::open(&files(&minutes.path())[..1]).unwrap();
        while capture.next_packet().unwrap().is_some() {}
        let secrets = capture.secrets().iter();
        let text: Vec<_> = secrets
            .map(|block| String::from_utf8(block.bytes.to_vec()).unwrap())
            .collect();
        text.concat()
    };
    assert_eq!(in_file(&minutes), line(2));
    minutes.recorder.read_keys(line(4).as_bytes());
    // Its beginning stays, and its end goes on to the next connections; what is between them goes.
    let between = minutes.packets + 2_000;
    for second in 0..200 {
        if second == 120 {
            minutes.recorder.began_tls(between, [1; 32]);
        }
        minutes.second(100, &[incident(1)]);
    }
    minutes.recorder.began_tls(minutes.packets - 50, [3; 32]);
    let path = minutes.path();
    let (_kept, written) = minutes.end();
    let file = files(&path).remove(0);
    assert_eq!(written.iter().filter(|one| one.packets.is_err()).count(), 0);
    assert!(fs::metadata(&file).unwrap().len() <= SIZE as u64);
    let mut capture = Capture::open(std::slice::from_ref(&file)).unwrap();
    while capture.next_packet().unwrap().is_some() {}
    assert_eq!(capture.take_notes(), []);
    let text = String::from_utf8(capture.secrets()[0].bytes.to_vec()).unwrap();
    assert_eq!(text, [line(2), line(4), line(3)].concat());
}
