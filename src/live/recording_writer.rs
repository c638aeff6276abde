//! The thread that writes recordings, and how one is laid out in its file.
//!
//! ```text
//! | section, interfaces, secrets | head: its beginning | (what is not recorded) | tail: its latest packets |
//! ```
//!
//! In: jobs of the [`Recorder`](super::recorder::Recorder). Out: one file for each recording, and what became of it.
//! While what comes next to the head fits into half of the file the head grows, at the cost of what was before the
//! incident if it must. From then on it stays, and the tail is replaced each time; so the file holds the beginning and
//! the end of an incident, however long it is, and is never larger than was asked for.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender};

use h2sniff::capture::{
    Interface, SecretsKind, Timestamp, interface_block, packet_block, secrets_block, section_block,
};

use super::file::written;
use super::queue::{Batch, QueuedPacket};
use super::recording_directory::RecordingDirectory;
use super::recording_secrets::SecretsByPacket;
use crate::cli::RecordArgs;

/// A batch, and the number of its first packet.
#[derive(Clone, Debug)]
pub(super) struct RetainedBatch {
    pub(super) first: u64,
    pub(super) batch: Arc<Batch>,
}

/// What is to be done.
pub(super) enum Job {
    /// A recording begins or goes on.
    Write(Box<RecordingPart>),
    /// The recording of this name is as it stays.
    Close(String),
}

/// What belongs into a recording next.
pub(super) struct RecordingPart {
    pub(super) name: String,
    pub(super) reason: String,
    pub(super) time: Timestamp,
    pub(super) from: Timestamp,
    pub(super) to: Timestamp,
    pub(super) kept: Vec<RetainedBatch>,
    pub(super) comments: BTreeMap<u64, Vec<String>>,
    /// Those of connections that began in what is kept, where recordings are to hold them.
    pub(super) secrets: SecretsByPacket,
    /// Whether nothing comes after.
    pub(super) is_last: bool,
}

/// A recording that was written, or not.
#[derive(Debug)]
pub(super) struct RecordingResult {
    pub(super) path: PathBuf,
    pub(super) reason: String,
    pub(super) time: Timestamp,
    /// How many packets it holds.
    pub(super) packets: io::Result<u64>,
    /// Whether it was there before.
    pub(super) has_grown: bool,
    /// Older recordings that were removed to stay within their number.
    pub(super) pruned: Vec<PathBuf>,
}

/// What the thread has.
pub(super) struct RecordingWriter {
    directory: RecordingDirectory,
    preamble: Vec<u8>,
    /// How many recordings stay.
    keep: usize,
    /// Bytes that a recording has at most.
    size: u64,
    /// Those that may go on, by name.
    open: BTreeMap<String, RecordingLayout>,
}

/// What of a file the packets before an incident keep at least, if they have it: an eighth.
const SHARE_BEFORE: u64 = 8;

/// Where things are in a file, in bytes from where its packets begin.
#[derive(Clone, Debug)]
struct RecordingLayout {
    /// Where its packets begin.
    begins: u64,
    /// Where batches of the head begin.
    marks: Vec<BatchMark>,
    /// Where the first packet is that came after the incident had begun.
    incident: u64,
    /// Where the head ends, and how many packets it has.
    head: (u64, u64),
    /// The secrets of connections that began in the head.
    secrets: SecretsByPacket,
    /// The number of the packet after the head.
    next: u64,
    /// Whether something is missing after the head.
    is_closed: bool,
}

/// Where the packets of a batch begin in a head.
#[derive(Clone, Copy, Debug)]
struct BatchMark {
    offset: u64,
    /// How many packets are before it.
    packets: u64,
    /// The number of its first packet.
    first: u64,
}

impl RecordingWriter {
    pub(super) fn new(
        directory: RecordingDirectory,
        interfaces: Vec<Interface>,
        args: &RecordArgs,
    ) -> Self {
        let mut preamble = Vec::new();
        section_block(&mut preamble);
        for interface in &interfaces {
            interface_block(&mut preamble, interface);
        }
        Self {
            directory,
            preamble,
            keep: args.keep,
            size: args.size as u64,
            open: BTreeMap::new(),
        }
    }

    /// Does jobs until there are no more.
    pub(super) fn write_all(mut self, jobs: &Receiver<Job>, results: &Sender<RecordingResult>) {
        for job in jobs {
            match job {
                Job::Close(name) => drop(self.open.remove(&name)),
                Job::Write(part) => {
                    let result = self.write(*part);
                    // The worker is gone only if the program ends.
                    let _ = results.send(result);
                }
            }
        }
    }

    fn write(&mut self, part: RecordingPart) -> RecordingResult {
        let before = self.open.get(&part.name).cloned();
        let has_grown = before.is_some();
        let packets = match before {
            Some(layout) => self.extend(&part, layout),
            None => self.begin(&part),
        };
        if part.is_last {
            self.open.remove(&part.name);
        }
        let mut spared: Vec<_> = self.open.keys().map(String::as_str).collect();
        spared.push(&part.name);
        let pruned = self.directory.prune(self.keep, &spared);
        let path_of = |name: &String| self.directory.path_of(name);
        RecordingResult {
            path: path_of(&part.name),
            reason: part.reason,
            time: part.time,
            packets,
            has_grown,
            pruned: pruned.iter().map(path_of).collect(),
        }
    }

    fn begin(&mut self, part: &RecordingPart) -> io::Result<u64> {
        let selected = part.select(|_, packet| packet.time >= part.from);
        let skipped = skipped_to_fit(&selected.0, self.room());
        let selected = selected.0.get(skipped..).unwrap_or_default();
        let before = selected
            .iter()
            .take_while(|packet| packet.packet.time < part.time);
        let incident: u64 = before.map(|packet| packet.length).sum();
        let secrets = part.secrets_of(selected);
        let prefix = self.prefix(secrets.values());
        let layout = self.directory.write(&part.name, |file| {
            let mut file = RecordingFile::new(file, &prefix)?;
            let marks = file.write_packets(selected, None)?;
            let head = (file.length, file.packets);
            file.finish()?;
            Ok(RecordingLayout {
                begins: prefix.len() as u64,
                marks,
                incident,
                head,
                secrets,
                next: selected.last().map_or(0, |last| last.number + 1),
                is_closed: false,
            })
        })?;
        let packets = layout.head.1;
        self.open.insert(part.name.clone(), layout);
        Ok(packets)
    }

    fn extend(&mut self, part: &RecordingPart, mut layout: RecordingLayout) -> io::Result<u64> {
        let Ok(mut old) = self.directory.read(&part.name) else {
            // Somebody took it away.
            return self.begin(part);
        };
        let half = self.size / 2;
        let first = part.kept.first();
        layout.is_closed |= first.is_none_or(|first| first.first > layout.next);
        layout.learn(&part.secrets);
        let next = layout.next;
        let cut;
        let (added, grows) = if layout.is_closed {
            cut = layout.cut(layout.size().saturating_sub(half));
            let from = part.from;
            let latest = part.select(|number, packet| number >= next && packet.time >= from);
            (latest, 0)
        } else {
            let rest = part.select(|number, _| number >= next);
            let surplus = (layout.size() + size(&rest.0)).saturating_sub(half);
            let before = layout.incident.saturating_sub(self.size / SHARE_BEFORE);
            cut = layout.cut(surplus.min(before));
            let grows = rest.first_that_fit(half.saturating_sub(layout.size()));
            layout.is_closed = grows < rest.0.len();
            (rest, grows)
        };
        let (head, tail) = added.0.split_at(grows);
        let room = self.room().saturating_sub(layout.size() + size(head));
        let tail = tail.get(skipped_to_fit(tail, room)..).unwrap_or_default();
        let end = head.last().map_or(next, |last| last.number + 1);
        let missing = tail.first().map_or(0, |first| first.number - end);
        let note = (missing > 0)
            .then(|| format!("{missing} packets before this one are not in this recording"));
        layout.secrets.extend(part.secrets_of(head));
        let of_tail = part.secrets_of(tail);
        let prefix = self.prefix(layout.secrets.values().chain(of_tail.values()));
        let packets = self.directory.write(&part.name, |file| {
            let mut file = RecordingFile::new(file, &prefix)?;
            old.seek(SeekFrom::Start(layout.begins + cut))?;
            file.copy(&mut old, layout.head.0)?;
            file.packets = layout.head.1;
            layout.marks.extend(file.write_packets(head, None)?);
            layout.head = (file.length, file.packets);
            layout.next = end;
            layout.begins = prefix.len() as u64;
            file.write_packets(tail, note.as_deref())?;
            let packets = file.packets;
            file.finish().map(|()| packets)
        })?;
        self.open.insert(part.name.clone(), layout);
        Ok(packets)
    }

    /// Bytes that packets, and the secrets of their connections, may take in a file.
    const fn room(&self) -> u64 {
        let others = self.preamble.len() as u64 + SECRETS_FRAME;
        self.size.saturating_sub(others)
    }

    /// What stands before the packets.
    fn prefix<'a>(&self, secrets: impl Iterator<Item = &'a String>) -> Vec<u8> {
        let mut prefix = self.preamble.clone();
        let key_log: String = secrets.map(String::as_str).collect();
        if !key_log.is_empty() {
            secrets_block(&mut prefix, SecretsKind::TLS_KEY_LOG, key_log.as_bytes());
        }
        prefix
    }
}

impl RecordingLayout {
    /// Bytes of the head, and of the secrets of its connections.
    fn size(&self) -> u64 {
        self.head.0
            + self
                .secrets
                .values()
                .map(|text| text.len() as u64)
                .sum::<u64>()
    }

    /// Takes what has become known of connections that began in the head.
    fn learn(&mut self, secrets: &SecretsByPacket) {
        let first = self.marks.first().map_or(self.next, |mark| mark.first);
        let of_head = secrets.range(first..self.next.max(first));
        self.secrets
            .extend(of_head.map(|(packet, text)| (*packet, text.clone())));
    }

    /// Cuts so many bytes off the beginning of the head, or a batch more; gives how many.
    fn cut(&mut self, surplus: u64) -> u64 {
        if surplus == 0 {
            return 0;
        }
        let enough = |mark: &&BatchMark| mark.offset >= surplus;
        let end = BatchMark {
            offset: self.head.0,
            packets: self.head.1,
            first: self.next,
        };
        let cut = self.marks.iter().find(enough).copied().unwrap_or(end);
        self.head = (self.head.0 - cut.offset, self.head.1 - cut.packets);
        self.incident = self.incident.saturating_sub(cut.offset);
        self.marks.retain(|mark| mark.offset >= cut.offset);
        for mark in &mut self.marks {
            mark.offset -= cut.offset;
            mark.packets -= cut.packets;
        }
        self.secrets = self.secrets.split_off(&cut.first);
        cut.offset
    }
}

impl RecordingPart {
    fn select(&self, wanted: impl Fn(u64, QueuedPacket) -> bool) -> ChosenPackets<'_> {
        let mut block = Vec::new();
        let mut packets = Vec::new();
        for (batch, kept) in self.kept.iter().enumerate() {
            for (number, (packet, data)) in (kept.first..).zip(kept.batch.iter()) {
                if packet.time > self.to || !wanted(number, packet) {
                    continue;
                }
                let comments = self.comments.get(&number);
                let comments = comments.map(Vec::as_slice).unwrap_or_default();
                let secrets = self.secrets.get(&number).map_or(0, String::len);
                block.clear();
                packet_block(&mut block, written(packet, data), comments);
                packets.push(ChosenPacket {
                    batch,
                    number,
                    packet,
                    data,
                    comments,
                    length: block.len() as u64,
                    size: (block.len() + secrets) as u64,
                });
            }
        }
        ChosenPackets(packets)
    }

    /// The secrets of connections that began in these packets.
    fn secrets_of(&self, packets: &[ChosenPacket<'_>]) -> SecretsByPacket {
        let numbers = packets.iter().map(|packet| packet.number);
        let known = numbers.filter_map(|number| Some((number, self.secrets.get(&number)?.clone())));
        known.collect()
    }
}

/// Packets to write.
struct ChosenPackets<'a>(Vec<ChosenPacket<'a>>);

struct ChosenPacket<'a> {
    batch: usize,
    number: u64,
    packet: QueuedPacket,
    data: &'a [u8],
    comments: &'a [String],
    /// Bytes of its block.
    length: u64,
    /// The same with the secrets of the connection that begins with it.
    size: u64,
}

impl ChosenPackets<'_> {
    /// How many of the oldest fit into so many bytes.
    fn first_that_fit(&self, mut room: u64) -> usize {
        let fits = self.0.iter().take_while(|packet| {
            let fits = packet.size <= room;
            room = room.saturating_sub(packet.size);
            fits
        });
        fits.count()
    }
}

/// Bytes that packets, and the secrets of their connections, take in a file.
fn size(packets: &[ChosenPacket<'_>]) -> u64 {
    packets.iter().map(|packet| packet.size).sum()
}

/// How many of the oldest do not fit into so many bytes. The note of what is missing takes some.
fn skipped_to_fit(packets: &[ChosenPacket<'_>], room: u64) -> usize {
    let mut room = room.saturating_sub(MAX_NOTE);
    let fits = packets.iter().rev().take_while(|packet| {
        let fits = packet.size <= room;
        room = room.saturating_sub(packet.size);
        fits
    });
    packets.len() - fits.count()
}

/// Bytes that the note of what is missing takes in a file.
const MAX_NOTE: u64 = 128;

/// Bytes that a block of secrets takes beside them.
const SECRETS_FRAME: u64 = 24;

/// A file that is written.
struct RecordingFile<'a> {
    file: BufWriter<&'a File>,
    /// Bytes of packets so far.
    length: u64,
    packets: u64,
}

impl<'a> RecordingFile<'a> {
    /// Begins a file with what stands before its packets.
    fn new(file: &'a File, prefix: &[u8]) -> io::Result<Self> {
        let mut file = BufWriter::with_capacity(1 << 20, file);
        file.write_all(prefix)?;
        Ok(Self {
            file,
            length: 0,
            packets: 0,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.length += bytes.len() as u64;
        self.file.write_all(bytes)
    }

    fn copy(&mut self, from: &mut File, length: u64) -> io::Result<()> {
        let copied = io::copy(&mut from.take(length), &mut self.file)?;
        self.length += copied;
        match copied == length {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }

    /// Writes packets, the first with a note; gives where batches begin.
    fn write_packets(
        &mut self,
        packets: &[ChosenPacket<'_>],
        note: Option<&str>,
    ) -> io::Result<Vec<BatchMark>> {
        let (mut marks, mut block) = (Vec::new(), Vec::new());
        let (mut batch, mut note) = (None, note);
        for packet in packets {
            if batch.replace(packet.batch) != Some(packet.batch) {
                marks.push(BatchMark {
                    offset: self.length,
                    packets: self.packets,
                    first: packet.number,
                });
            }
            let noted = note
                .take()
                .map(|note| [packet.comments, &[note.to_owned()]].concat());
            block.clear();
            packet_block(
                &mut block,
                written(packet.packet, packet.data),
                noted.as_deref().unwrap_or(packet.comments),
            );
            self.write(&block)?;
            self.packets += 1;
        }
        Ok(marks)
    }

    fn finish(self) -> io::Result<()> {
        self.file
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?
            .sync_data()
    }
}
