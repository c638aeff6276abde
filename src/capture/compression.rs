//! Compressed captures, recognised by content, unpacked as a stream.
//!
//! In: any reader. Out: a reader of what is inside. What never happens here: holding more than one
//! window of the unpacked bytes, however much a small file unpacks to.

use std::io::{self, Cursor, Read};

use flate2::read::MultiGzDecoder;
use zstd::stream::read::Decoder as ZstdDecoder;

/// The most that is asked of a decompressor at once. A damaged stream costs the bytes unpacked in
/// the call that met the damage, so the calls are kept small; larger ones are no faster.
const MAX_UNPACKED_AT_ONCE: usize = 32 << 10;

/// The largest zstd window accepted, as a power of two: 128 MiB, what the zstd tool itself accepts
/// without being told otherwise, and `zstd --long` writes.
const MAX_ZSTD_WINDOW_LOG: u32 = 27;

/// How a capture is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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
}

impl Unpacked {
    /// Looks at the first four bytes of `reader` and unpacks it if they say so.
    pub(super) fn new(mut reader: Box<dyn Read + Send>) -> io::Result<Self> {
        let mut beginning = Vec::with_capacity(4);
        reader.by_ref().take(4).read_to_end(&mut beginning)?;

        let compression = Compression::recognise(&beginning);
        let whole = Cursor::new(beginning).chain(reader);
        let reader: Box<dyn Read + Send> = match compression {
            None => Box::new(whole),
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
        })
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
        let free = match self.compression {
            Some(_) if free.len() > MAX_UNPACKED_AT_ONCE => {
                free.split_at_mut(MAX_UNPACKED_AT_ONCE).0
            }
            _ => free,
        };
        self.reader.read(free)
    }
}
