//! Several captures as one, in time order.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Read;
use std::net::IpAddr;
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
    /// What was set for the unpacked bytes of each.
    unpacked_limit: Option<u64>,
    aside: Aside,
}

impl Capture {
    /// Opens captures, of which `-` is standard input, and reads as far as their file headers.
    ///
    /// # Errors
    /// If one of them cannot be opened or is not a capture. One of several that is empty, or damaged at its beginning,
    /// is passed over with a [note](Self::take_notes).
    pub fn open(paths: &[PathBuf]) -> Result<Self, CaptureError> {
        let standard_inputs = paths
            .iter()
            .filter(|path| path.as_os_str() == STANDARD_INPUT);
        if standard_inputs.count() > 1 {
            return Err(CaptureError::StandardInputTwice);
        }
        let capacity = capacity(paths.len());
        let named = paths.iter().map(|path| path.display().to_string());
        let mut capture = Self::of_all(named.zip(paths), |index, path| {
            CaptureFile::open(index, path, capacity)
        })?;
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
        let mut again = Self::open(&self.paths)?;
        if let Some(bytes) = self.unpacked_limit {
            again.limit_unpacked(bytes);
        }
        Ok(Some(again))
    }

    /// Opens files by what `open` needs of each, beside its name. Of several, those that are empty or damaged are
    /// passed over with a note, unless all are.
    fn of_all<T>(
        inputs: impl Iterator<Item = (String, T)>,
        mut open: impl FnMut(u32, T) -> Result<CaptureFile, CaptureError>,
    ) -> Result<Self, CaptureError> {
        let opened: Vec<_> = (0..)
            .zip(inputs)
            .map(|(index, (name, input))| (index, name, open(index, input)))
            .collect();
        let all_failed = opened.iter().all(|(_, _, opened)| opened.is_err());
        let mut aside = Aside::default();
        let files = opened
            .into_iter()
            .map(|(index, name, opened)| match opened {
                Err(error) if !all_failed && error.concerns_one_file() => {
                    aside.note(index, 0, passed_over(&error));
                    CaptureFile::without_packets(index, name)
                }
                opened => opened,
            });
        let files = files.collect::<Result<_, _>>()?;
        Ok(Self {
            aside,
            ..Self::of(files)
        })
    }

    /// Takes captures from anywhere, each with the name that messages call it by.
    ///
    /// # Errors
    /// If one of them cannot be read or is not a capture.
    pub fn from_readers(
        readers: Vec<(String, Box<dyn Read + Send>)>,
    ) -> Result<Self, CaptureError> {
        let capacity = capacity(readers.len());
        let named = readers
            .into_iter()
            .map(|(name, reader)| (name.clone(), (name, reader)));
        Self::of_all(named, |index, (name, reader)| {
            CaptureFile::new(index, name, reader, capacity)
        })
    }

    fn of(files: Vec<CaptureFile>) -> Self {
        Self {
            waiting: BinaryHeap::with_capacity(files.len()),
            behind: (0..files.len()).collect(),
            files,
            paths: Vec::new(),
            ahead: Vec::new(),
            unpacked_limit: None,
            aside: Aside::default(),
        }
    }

    /// Unpacks no more than this many bytes of each compressed capture. Unless this is said, it is 100
    /// times what the file takes, and a gibibyte at least.
    pub fn limit_unpacked(&mut self, bytes: u64) {
        self.unpacked_limit = Some(bytes);
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
    /// If reading fails, or the only file is damaged before its first packet; one of several is passed over with a
    /// note. The other files can be read on.
    #[inline]
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        if self.files.len() > 1 {
            return self.next_of_several();
        }
        // There is no other to wait for.
        let Some(file) = self.files.first_mut() else {
            return Ok(None);
        };
        file.advance(&mut self.aside)?;
        Ok(file.packet())
    }

    /// The next packet of one of the files, counted from 0, in that one's own order; not to be mixed with
    /// [`Self::next_packet`].
    ///
    /// # Errors
    /// As there.
    pub fn next_packet_of(&mut self, file: usize) -> Result<Option<Packet<'_>>, CaptureError> {
        let Some(reader) = self.files.get_mut(file) else {
            return Ok(None);
        };
        match reader.advance(&mut self.aside) {
            Ok(_) => Ok(reader.packet()),
            Err(error) if error.concerns_one_file() => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn next_of_several(&mut self) -> Result<Option<Packet<'_>>, CaptureError> {
        while let Some(index) = self.behind.pop() {
            let Some(file) = self.files.get_mut(index) else {
                continue;
            };
            match file.advance(&mut self.aside) {
                Ok(Some(time)) => {
                    let ahead = self.ahead.get(index).copied().unwrap_or(TimeDelta::ZERO);
                    let place = Reverse((time - ahead, index));
                    let is_next = self.waiting.peek().is_none_or(|first| place > *first);
                    if is_next && self.behind.is_empty() {
                        self.behind.push(index);
                        return Ok(self.files.get_mut(index).and_then(CaptureFile::packet));
                    }
                    self.waiting.push(place);
                }
                Ok(None) => {}
                Err(error) if error.concerns_one_file() => {
                    let number = u32::try_from(index).unwrap_or(u32::MAX);
                    self.aside.note(number, 0, passed_over(&error));
                }
                Err(error) => return Err(error),
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

    /// The names that the files read so far have for addresses, 65,536 at most.
    pub fn resolved_names(&self) -> &[(IpAddr, String)] {
        &self.aside.names
    }

    /// The secrets that the packets read so far came with, 16 MiB at most.
    pub fn secrets(&self) -> &[DecryptionSecrets] {
        &self.aside.secrets
    }
}

/// What is said of a file that is not read, as the others are.
fn passed_over(error: &CaptureError) -> String {
    format!("{error}; the other captures are read without it")
}

/// The buffer for each of `files`.
fn capacity(files: usize) -> usize {
    (BUFFERS / files.max(1)).clamp(MIN_BUFFER, BUFFER)
}
