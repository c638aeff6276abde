//! `-w`: all packets, to one file.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use h2sniff::capture::{
    DroppedPackets, Interface, Timestamp, WrittenPacket, interface_block, packet_block,
    section_block, statistics_block,
};

use super::LiveError;
use super::queue::Batch;

/// Bytes after which what was gathered is written.
const WRITE_AT: usize = 1 << 20;

/// A file that grows by whole blocks.
#[derive(Debug)]
pub(super) struct PacketFile {
    path: PathBuf,
    file: File,
    gathered: Vec<u8>,
    /// Bytes in the file, all of whole blocks.
    written: u64,
}

impl PacketFile {
    pub(super) fn create(path: PathBuf, interfaces: &[Interface]) -> Result<Self, LiveError> {
        // What is in it is between two others: for its owner alone, unless it was there before.
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let file = match options.open(&path) {
            Ok(file) => file,
            Err(source) => return Err(LiveError::PacketFile { path, source }),
        };
        let mut gathered = Vec::new();
        section_block(&mut gathered);
        for interface in interfaces {
            interface_block(&mut gathered, interface);
        }
        let mut recording = Self {
            path,
            file,
            gathered,
            written: 0,
        };
        recording.flush()?;
        Ok(recording)
    }

    pub(super) fn push(&mut self, batch: &Batch) -> Result<(), LiveError> {
        for (packet, data) in batch.iter() {
            packet_block(&mut self.gathered, written(packet, data), &[]);
            if self.gathered.len() >= WRITE_AT {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Ends the file with what is missing in it, by interface.
    pub(super) fn finish(
        &mut self,
        now: Timestamp,
        lost: &[DroppedPackets],
    ) -> Result<(), LiveError> {
        for (number, lost) in (0..).zip(lost) {
            statistics_block(&mut self.gathered, number, now, *lost);
        }
        self.flush()
    }

    /// Writes what was gathered. Where that fails, the file ends with the last whole write.
    pub(super) fn flush(&mut self) -> Result<(), LiveError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let result = self.file.write_all(&self.gathered);
        if let Err(source) = result {
            // The rest of a block that did not fit; cutting it off takes no room.
            let _ = self.file.set_len(self.written);
            return Err(self.refuse(source));
        }
        self.written += self.gathered.len() as u64;
        self.gathered.clear();
        Ok(())
    }

    fn refuse(&self, source: io::Error) -> LiveError {
        LiveError::PacketFile {
            path: self.path.clone(),
            source,
        }
    }
}

/// A packet from the queue as it is written.
pub(super) fn written(packet: super::queue::QueuedPacket, data: &[u8]) -> WrittenPacket<'_> {
    WrittenPacket {
        interface: u32::try_from(packet.interface).unwrap_or_default(),
        time: packet.time,
        original_length: packet.original_length,
        data,
    }
}
