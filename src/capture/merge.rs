//! Several captures as one, in time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::path::PathBuf;

use super::file::{CaptureFile, STANDARD_INPUT};
use super::summary::Aside;
use super::{
    CaptureError, CaptureNote, DecryptionSecrets, DroppedPackets, FileSummary, Packet, TimeDelta,
    Timestamp,
};

/// The buffer of a lone file: reads of this size cost no more than the page cache itself.
const BUFFER: usize = 512 << 10;

/// What the buffers of several files take together, as far as [`MIN_BUFFER`] allows: with a ring of
/// a hundred files the peak stays where it is with one.
const BUFFERS: usize = 4 << 20;

/// The least buffer of one of many files: the largest packet of an IP network fits.
const MIN_BUFFER: usize = 64 << 10;

/// One or several captures, read as one.
///
/// Each file is read in its own order, and of the packets that the files stand at, the earliest
/// comes next; of equally early ones, that of the file named first.
pub struct Capture {
    files: Vec<CaptureFile>,
    /// Where they can be opened again; none where they came from elsewhere.
    paths: Vec<PathBuf>,
    /// Files that stand at a packet not yet delivered, by its time.
    waiting: BinaryHeap<Reverse<(Timestamp, usize)>>,
    /// Files whose packet was delivered, or that were never read: they go on first.
    behind: Vec<usize>,
    /// By how much each file's packets come earlier than their stamps say; nothing where it is empty.
    ahead: Vec<TimeDelta>,
    aside: Aside,
}

impl Capture {
    /// Opens captures, of which `-` is standard input, and reads as far as their file headers.
    ///
    /// # Errors
    /// If one of them cannot be opened or is not a capture.
    pub fn open(paths: &[PathBuf]) -> Result<Self, CaptureError> {
        let standard_inputs = paths
            .iter()
            .filter(|path| path.as_os_str() == STANDARD_INPUT);
        if standard_inputs.count() > 1 {
            return Err(CaptureError::StandardInputTwice);
        }
        let capacity = capacity(paths.len());
        let files = (0..)
            .zip(paths)
            .map(|(index, path)| CaptureFile::open(index, path, capacity));
        let mut capture = Self::of(files.collect::<Result<_, _>>()?);
        capture.paths = paths.to_vec();
        Ok(capture)
    }

    /// The same captures from their beginnings; `None` where one of them cannot be read twice.
    ///
    /// # Errors
    /// If one of them can no longer be opened.
    pub fn again(&self) -> Result<Option<Self>, CaptureError> {
        let (_, size) = self.bytes_read();
        if self.paths.is_empty() || size.is_none() {
            return Ok(None);
        }
        Self::open(&self.paths).map(Some)
    }

    /// Takes captures from anywhere, each with the name that messages call it by.
    ///
    /// # Errors
    /// If one of them cannot be read or is not a capture.
    pub fn from_readers(
        readers: Vec<(String, Box<dyn Read + Send>)>,
    ) -> Result<Self, CaptureError> {
        let capacity = capacity(readers.len());
        let files = (0..)
            .zip(readers)
            .map(|(index, (name, reader))| CaptureFile::new(index, name, reader, capacity));
        Ok(Self::of(files.collect::<Result<_, _>>()?))
    }

    fn of(files: Vec<CaptureFile>) -> Self {
        Self {
            waiting: BinaryHeap::with_capacity(files.len()),
            behind: (0..files.len()).collect(),
            files,
            paths: Vec::new(),
            ahead: Vec::new(),
            aside: Aside::default(),
        }
    }

    /// Unpacks no more than this many bytes of each compressed capture. Unless this is said, it is 100
    /// times what the file takes, and a gibibyte at least.
    pub fn limit_unpacked(&mut self, bytes: u64) {
        for file in &mut self.files {
            file.limit_unpacked(bytes);
        }
    }

    /// Reads each file by so much earlier than its stamps say: their clocks may differ. The stamps stay as they are.
    pub fn read_ahead(&mut self, ahead: Vec<TimeDelta>) {
        self.ahead = ahead;
    }

    /// The next packet in time, borrowed until the one after it; `None` at the end of all files.
    ///
    /// # Errors
    /// If reading fails, or a file is damaged before its first packet. The other files can be read
    /// on.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        while let Some(index) = self.behind.pop() {
            let Some(file) = self.files.get_mut(index) else {
                continue;
            };
            if let Some(time) = file.advance(&mut self.aside)? {
                let ahead = self.ahead.get(index).copied().unwrap_or(TimeDelta::ZERO);
                self.waiting.push(Reverse((time - ahead, index)));
            }
        }
        let Some(Reverse((_, index))) = self.waiting.pop() else {
            return Ok(None);
        };
        self.behind.push(index);
        Ok(self.files.get_mut(index).and_then(CaptureFile::packet))
    }

    /// How many bytes of all files were read, compressed or not, and how many they have; `None` where that is
    /// not known of one of them, such as of a pipe.
    #[must_use]
    pub fn bytes_read(&self) -> (u64, Option<u64>) {
        let files = self.files.iter().map(CaptureFile::bytes_read);
        files.fold((0, Some(0)), |(read, size), (more, of)| {
            (read + more, size.zip(of).map(|(size, of)| size + of))
        })
    }

    /// The files in the order given, with what is known of each so far.
    pub fn files(&self) -> impl ExactSizeIterator<Item = &FileSummary> {
        self.files.iter().map(CaptureFile::summary)
    }

    /// What was odd so far; each note is given once.
    pub fn take_notes(&mut self) -> Vec<CaptureNote> {
        std::mem::take(&mut self.aside.notes)
    }

    /// How many packets are missing, as far as the capture says so up to here.
    pub const fn dropped(&self) -> DroppedPackets {
        self.aside.dropped
    }

    /// The secrets that the packets read so far came with, 16 MiB at most.
    pub fn secrets(&self) -> &[DecryptionSecrets] {
        &self.aside.secrets
    }
}

/// The buffer for each of `files`.
fn capacity(files: usize) -> usize {
    (BUFFERS / files.max(1)).clamp(MIN_BUFFER, BUFFER)
}
