//! `--keylog` and `--tls-keys`: secrets that come while their connections are watched.
//!
//! In: files that grow, are cut, or are put in the place of others. Out: their lines, whole, as they come. And since
//! a secret is written down a moment after the packets that need it, packets are held for so long.

use std::collections::VecDeque;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use nix::fcntl::OFlag;

#[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
use super::clock::clock;
use super::queue::Batch;
#[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
use crate::keys::{KeyProbes, KeysError};

/// How long packets are held, so that the secrets of a handshake are there before its packets are read: a peer writes
/// them down within milliseconds, but some through a buffer.
const HOLD_FOR_FILES: Duration = Duration::from_millis(250);

/// The same where secrets come from probes alone: they are taken as they are made, and read at the next turn.
const HOLD_FOR_PROBES: Duration = Duration::from_millis(25);

/// How many bytes of packets are held at most; more are read though their secrets may not be there yet.
const MAX_HELD: usize = 32 << 20;

/// How much of a line is kept that has no end yet, in bytes: none of a key log is as long.
const MAX_LINE: usize = 4 << 10;

/// How much is read of a file before others have their turn.
const MAX_READ: usize = 4 << 20;

/// All of them, and the processes whose secrets are taken.
#[derive(Default)]
pub(super) struct KeyLogs {
    files: Vec<FollowedKeyLog>,
    #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
    probes: Option<KeyProbes>,
}

#[derive(Debug)]
struct FollowedKeyLog {
    path: PathBuf,
    file: Option<OpenKeyLog>,
}

#[derive(Debug)]
struct OpenKeyLog {
    file: File,
    /// Its device and inode.
    identity: (u64, u64),
    position: u64,
    /// A line that has no end yet.
    rest: Vec<u8>,
}

impl KeyLogs {
    /// Opens those that are there; the others may come.
    pub(super) fn open(paths: &[PathBuf]) -> Self {
        let follow = |path: &PathBuf| {
            let mut followed = FollowedKeyLog {
                path: path.clone(),
                file: None,
            };
            followed.open();
            followed
        };
        Self {
            files: paths.iter().map(follow).collect(),
            #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
            probes: None,
        }
    }

    /// Takes the secrets of processes too.
    ///
    /// # Errors
    /// Where rights are missing, or nothing can be probed.
    #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
    pub(super) fn probe(
        &mut self,
        targets: &[String],
        words: impl FnMut(&str),
    ) -> Result<(), KeysError> {
        if !targets.is_empty() {
            self.probes = Some(KeyProbes::open(targets, words)?);
        }
        Ok(())
    }

    /// Gives the secrets of processes that came since the last time, and says which processes came and went.
    pub(super) fn take(&mut self, sink: impl FnMut(&[u8]), words: impl FnMut(&str)) {
        #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
        if let Some(probes) = &mut self.probes {
            let mut sink = sink;
            probes.read(clock(), |line| sink(line.as_bytes()), words);
        }
        #[cfg(not(all(feature = "keys", feature = "tls", target_os = "linux")))]
        let _ = (sink, words);
    }

    pub(super) const fn is_empty(&self) -> bool {
        #[cfg(all(feature = "keys", feature = "tls", target_os = "linux"))]
        if self.probes.is_some() {
            return false;
        }
        self.files.is_empty()
    }

    /// How long packets wait for secrets.
    pub(super) const fn hold(&self) -> Duration {
        match (self.files.is_empty(), self.is_empty()) {
            (false, _) => HOLD_FOR_FILES,
            (true, false) => HOLD_FOR_PROBES,
            (true, true) => Duration::ZERO,
        }
    }

    /// Those that are not there, or may not be read.
    pub(super) fn missing(&self) -> impl Iterator<Item = &PathBuf> {
        let missing = self.files.iter().filter(|followed| followed.file.is_none());
        missing.map(|followed| &followed.path)
    }

    /// Gives what was written since the last time, in whole lines.
    pub(super) fn read(&mut self, mut sink: impl FnMut(&[u8])) {
        for followed in &mut self.files {
            followed.read(&mut sink);
        }
    }
}

impl FollowedKeyLog {
    fn open(&mut self) {
        // A pipe without a writer must not be waited for.
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let opened = options.open(&self.path).and_then(|file| {
            Ok(OpenKeyLog {
                identity: identity(&file.metadata()?),
                file,
                position: 0,
                rest: Vec::new(),
            })
        });
        if let Ok(opened) = opened {
            self.file = Some(opened);
        }
    }

    fn read(&mut self, sink: &mut impl FnMut(&[u8])) {
        if let Some(open) = &mut self.file {
            // What cannot be read now may be read later, or comes under the same name.
            let _ = open.read(sink);
        }
        let now = fs::metadata(&self.path).ok();
        let known = self.file.as_ref().map(|open| open.identity);
        if now.is_some_and(|now| known != Some(identity(&now))) {
            self.open();
            if let Some(open) = &mut self.file {
                let _ = open.read(sink);
            }
        }
    }
}

impl OpenKeyLog {
    fn read(&mut self, sink: &mut impl FnMut(&[u8])) -> io::Result<()> {
        let status = self.file.metadata()?;
        if status.is_file() && status.len() < self.position {
            self.file.seek(SeekFrom::Start(0))?;
            self.position = 0;
            self.rest.clear();
        }
        if status.is_file() && status.len() == self.position {
            return Ok(());
        }
        let mut chunk = vec![0; 64 << 10];
        let mut left = MAX_READ;
        while left > 0 {
            let read = self.file.read(&mut chunk)?;
            if read == 0 {
                break;
            }
            left = left.saturating_sub(read);
            self.position += read as u64;
            self.rest
                .extend_from_slice(chunk.get(..read).unwrap_or_default());
            let whole = self.rest.iter().rposition(|byte| *byte == b'\n');
            if let Some(end) = whole {
                sink(self.rest.get(..=end).unwrap_or_default());
                self.rest.drain(..=end);
            }
            if self.rest.len() > MAX_LINE {
                // Its end will not be read as a line either: it has no label.
                self.rest.clear();
            }
        }
        Ok(())
    }
}

fn identity(status: &Metadata) -> (u64, u64) {
    (status.dev(), status.ino())
}

/// Packets on their way to the analysis, in order.
#[derive(Debug, Default)]
pub(super) struct HeldPackets {
    batches: VecDeque<(Instant, Batch)>,
    size: usize,
}

impl HeldPackets {
    /// Holds a batch that came `now`, and puts in its place all that were held for long enough.
    pub(super) fn exchange(&mut self, batch: &mut Batch, now: Instant, hold: Duration) {
        if !batch.is_empty() {
            self.size += batch.size();
            self.batches.push_back((now, std::mem::take(batch)));
        }
        while let Some((came, _)) = self.batches.front() {
            if now.duration_since(*came) < hold && self.size <= MAX_HELD {
                return;
            }
            let Some((_, held)) = self.batches.pop_front() else {
                return;
            };
            self.size = self.size.saturating_sub(held.size());
            batch.append(held);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use h2sniff::capture::{LiveEvent, Timestamp};

    use super::super::clock::clock;
    use super::super::queue::Queue;
    use super::*;

    fn lines(logs: &mut KeyLogs) -> String {
        let mut text = Vec::new();
        logs.read(|lines| text.extend_from_slice(lines));
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_key_log_is_followed_while_it_grows_is_cut_and_is_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys");
        let mut logs = KeyLogs::open(std::slice::from_ref(&path));
        assert_eq!(logs.missing().count(), 1);
        assert_eq!(lines(&mut logs), "");
        let mut file = File::create(&path).unwrap();
        file.write_all(b"A 1\nB ").unwrap();
        assert_eq!(lines(&mut logs), "A 1\n");
        assert_eq!(lines(&mut logs), "");
        file.write_all(b"2\n").unwrap();
        assert_eq!(lines(&mut logs), "B 2\n");
        // Cut, as copytruncate does.
        file.set_len(0).unwrap();
        file.seek(SeekFrom::Start(0)).unwrap();
        file.write_all(b"C\n").unwrap();
        assert_eq!(lines(&mut logs), "C\n");
        // Replaced: what was written to the old one last is read too.
        file.write_all(b"D\n").unwrap();
        fs::rename(&path, directory.path().join("keys.1")).unwrap();
        fs::write(&path, b"E\n").unwrap();
        assert_eq!(lines(&mut logs), "D\nE\n");
        assert_eq!(logs.missing().count(), 0);
    }

    #[test]
    fn packets_are_held_and_come_in_order() {
        let batch = |data: &[u8]| {
            let queue = Queue::new(1);
            let event = LiveEvent::Packet {
                time: Timestamp::default(),
                original_length: 1,
                data,
            };
            queue.push(0, event);
            let mut batch = Batch::default();
            queue.take(&mut batch, Duration::ZERO);
            batch
        };
        let (mut held, now) = (HeldPackets::default(), clock());
        let (mut first, mut second) = (batch(b"1"), batch(b"2"));
        let hold = HOLD_FOR_FILES;
        held.exchange(&mut first, now, hold);
        held.exchange(&mut second, now + hold / 2, hold);
        assert!(first.is_empty() && second.is_empty());
        let mut third = batch(b"3");
        held.exchange(&mut third, now + hold, hold);
        let data = |batch: &Batch| batch.iter().flat_map(|(_, data)| data.to_vec()).collect();
        let one: Vec<u8> = data(&third);
        assert_eq!(one, b"1");
        third.clear();
        held.exchange(&mut third, now + hold, Duration::ZERO);
        let rest: Vec<u8> = data(&third);
        assert_eq!(rest, b"23");
    }
}
