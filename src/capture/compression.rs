//! Compressed captures, recognised by content, unpacked as a stream.
//!
//! In: any reader. Out: a reader of what is inside. At most one window of the unpacked bytes is in
//! memory, and there is a limit to how much a small file may unpack to.

use std::io::{self, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// The most that is asked of a decompressor at once. A damaged stream costs the bytes unpacked in
/// the call that met the damage, so the calls are kept small; larger ones are no faster.
const MAX_UNPACKED_AT_ONCE: usize = 32 << 10;

/// The largest zstd window accepted, as a power of two: 128 MiB, what the zstd tool itself accepts
/// without an option that says otherwise, and `zstd --long` writes.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// How many times its size a compressed capture may unpack to. Real ones shrink to a fifth, those of
/// one request again and again to a fiftieth; a bomb to less than a thousandth.
const MAX_RATIO: u64 = 100;

/// What a compressed capture may unpack to in any case, in bytes: reading it takes seconds.
const MIN_ALLOWED: u64 = 1 << 30;

/// How a capture is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Compression {
    /// gzip (RFC 1952), one member or several.
    Gzip,
    /// Zstandard (RFC 8878), one frame or several.
    Zstd,
}

impl Compression {
    /// The format's name, which is also its tool's.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    fn recognise(beginning: &[u8]) -> Option<Self> {
        match beginning {
            // RFC 1952, section 2.3.1.
            [0x1f, 0x8b, ..] => Some(Self::Gzip),
            // RFC 8878, section 3.1.1; a skippable frame (section 3.1.2) may come first.
            [0x28, 0xb5, 0x2f, 0xfd] | [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// A source of plain bytes, whatever the file is packed in.
pub(super) struct Unpacked {
    reader: Box<dyn Read + Send>,
    compression: Option<Compression>,
    /// Bytes read of the file, and what they were unpacked to.
    packed: Arc<AtomicU64>,
    unpacked: u64,
    /// What they may be unpacked to, if that was said.
    limit: Option<u64>,
}

/// Counts what is read.
struct CountingReader<R> {
    reader: R,
    count: Arc<AtomicU64>,
}

impl Unpacked {
    /// Looks at the first four bytes of `reader` and unpacks it if they say so.
    pub(super) fn new(mut reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut beginning = Vec::with_capacity(4);
        reader.by_ref().take(4).read_to_end(&mut beginning)?;

        let compression = Compression::recognise(&beginning);
        let packed = Arc::new(AtomicU64::new(0));
        let whole = CountingReader {
            reader: Cursor::new(beginning).chain(reader),
            count: Arc::clone(&packed),
        };
        let reader: Box<dyn Read + Send> = match compression {
            None => Box::new(whole.reader),
            Some(Compression::Gzip) => Box::new(MultiGzDecoder::new(whole)),
            Some(Compression::Zstd) => {
                let mut decoder = ZstdDecoder::new(whole)?;
                decoder.window_log_max(MAX_ZSTD_WINDOW_LOG)?;
                Box::new(decoder)
            }
        };
        Ok(Self {
            reader,
            compression,
            packed,
            unpacked: 0,
            limit: None,
        })
    }

    /// Unpacks no more than this many bytes, however large the file is.
    pub(super) const fn limit(&mut self, bytes: u64) {
        self.limit = Some(bytes);
    }

    /// How many bytes may be unpacked by now.
    fn allowed(&self) -> u64 {
        let packed = self.packed.load(Ordering::Relaxed);
        let usual = packed.saturating_mul(MAX_RATIO).max(MIN_ALLOWED);
        self.limit.unwrap_or(usual)
    }

    /// How many bytes of the file were read.
    pub(super) fn bytes_read(&self) -> u64 {
        self.packed.load(Ordering::Relaxed)
    }

    /// What the bytes were packed in.
    pub(super) const fn compression(&self) -> Option<Compression> {
        self.compression
    }

    /// Whether `error` says that the compressed stream is wrong, not that it could not be read:
    /// only the operating system's errors have a number.
    pub(super) fn is_damage(&self, error: &io::Error) -> bool {
        self.compression.is_some() && error.raw_os_error().is_none()
    }
}

impl Read for Unpacked {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        if self.compression.is_none() {
            let read = self.reader.read(free)?;
            self.packed.fetch_add(read as u64, Ordering::Relaxed);
            return Ok(read);
        }
        let allowed = self.allowed();
        if self.unpacked >= allowed {
            let text = format!("it unpacks to more than {allowed} bytes");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        let most = free.len().min(MAX_UNPACKED_AT_ONCE);
        let read = self.reader.read(free.split_at_mut(most).0)?;
        self.unpacked += read as u64;
        Ok(read)
    }
}

impl<R: Read> Read for CountingReader<R> {
    fn read(&mut self, free: &mut [u8]) -> io::Result<usize> {
        let read = self.reader.read(free)?;
        self.count.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
