//! What a file that is no capture seems to be, so that its error can say so.

use std::fmt;

use super::Compression;

/// What a file is that is not a capture, as far as its first bytes show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileKind {
    /// The compression that was unpacked to find `content`; `None` for a plain file.
    pub compression: Option<Compression>,
    /// What is in the file, or inside its compression.
    pub content: FileContent,
}

/// What bytes that are not a capture look like.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileContent {
    /// An archive or compressed file in the format of this name, such as `xz`, that is not unpacked here.
    Archive(&'static str),
    /// A capture in a format that is not read here, as a noun phrase.
    OtherCapture(&'static str),
    /// An NSS key log: TLS secrets, not packets.
    KeyLog,
    /// Something else that is known, as a noun phrase.
    Known(&'static str),
    /// No bytes at all.
    Nothing,
    /// None of these; the first four bytes, or fewer if there are no more.
    Unknown(Vec<u8>),
}

/// What a file is that was made and never written.
const ZERO_BYTES: &str = "zero bytes";

/// How files begin that people hand over by mistake.
const BEGINNINGS: &[(&[u8], FileContent)] = &[
    (b"\x1f\x8b", FileContent::Archive("gzip")),
    (b"\x28\xb5\x2f\xfd", FileContent::Archive("zstd")),
    (b"\xfd7zXZ\0", FileContent::Archive("xz")),
    (b"BZh", FileContent::Archive("bzip2")),
    (b"\x04\x22\x4d\x18", FileContent::Archive("lz4")),
    (b"PK\x03\x04", FileContent::Archive("zip")),
    (b"7z\xbc\xaf\x27\x1c", FileContent::Archive("7-Zip")),
    (
        b"snoop\0\0\0",
        FileContent::OtherCapture("a Solaris snoop capture"),
    ),
    (
        b"GMBU",
        FileContent::OtherCapture("a Microsoft Network Monitor capture"),
    ),
    (b"\x7fELF", FileContent::Known("an ELF program")),
    (b"MZ", FileContent::Known("a Windows program")),
    (b"CLIENT_RANDOM ", FileContent::KeyLog),
    (b"# SSL/TLS secrets log file", FileContent::KeyLog),
];

impl FileKind {
    /// Judges how a file begins, `compression` being the compression its bytes were found in.
    pub(super) fn judge(beginning: &[u8], compression: Option<Compression>) -> Self {
        let known = BEGINNINGS
            .iter()
            .find(|(magic, _)| beginning.starts_with(magic));
        let content = match known {
            Some((_, content)) => content.clone(),
            None if beginning.is_empty() => FileContent::Nothing,
            None if beginning.iter().all(|&byte| byte == 0) => FileContent::Known(ZERO_BYTES),
            None if is_text(beginning) => FileContent::Known("text"),
            None => FileContent::Unknown(beginning.iter().take(4).copied().collect()),
        };
        Self {
            compression,
            content,
        }
    }
}

impl FileKind {
    /// Whether a capture may look so whose beginning was overwritten or never written.
    pub(super) fn may_be_damage(&self) -> bool {
        match &self.content {
            FileContent::Nothing | FileContent::Unknown(_) => true,
            FileContent::Known(what) => *what == ZERO_BYTES,
            _ => false,
        }
    }
}

/// A noun phrase: `text`, `gzip data with text inside`.
impl fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.compression {
            write!(formatter, "{} data with ", outer.name())?;
        }
        match &self.content {
            FileContent::Archive(name) => write!(formatter, "{name} data")?,
            FileContent::OtherCapture(name) | FileContent::Known(name) => {
                formatter.write_str(name)?
            }
            FileContent::KeyLog => formatter.write_str("a TLS key log")?,
            FileContent::Nothing => formatter.write_str("nothing")?,
            FileContent::Unknown(beginning) => {
                formatter.write_str("bytes that begin")?;
                beginning
                    .iter()
                    .try_for_each(|byte| write!(formatter, " {byte:02x}"))?;
            }
        }
        match self.compression {
            Some(_) => formatter.write_str(" inside"),
            None => Ok(()),
        }
    }
}

/// Whether `bytes` are printable, in UTF-8 that may be cut off at the end.
fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.error_len().is_some() => return false,
        Err(error) => {
            let (valid, _) = bytes.split_at(error.valid_up_to());
            std::str::from_utf8(valid).unwrap_or_default()
        }
    };
    !valid.is_empty()
        && valid
            .chars()
            .all(|letter| !letter.is_control() || is_blank(letter))
}

fn is_blank(letter: char) -> bool {
    matches!(letter, '\t' | '\n' | '\r' | '\u{c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_files_are_named() {
        let looks = |bytes: &[u8]| FileKind::judge(bytes, None).to_string();
        assert_eq!(looks(b"\x7fELF\x02\x01\x01\0"), "an ELF program");
        assert_eq!(looks("Grüße\n".as_bytes()), "text");
        assert_eq!(looks(&[0; 24]), "zero bytes");
        assert_eq!(looks(b"CLIENT_RANDOM 00"), "a TLS key log");
        assert_eq!(
            looks(b"\x01\x02\x03\xff\x05"),
            "bytes that begin 01 02 03 ff"
        );
    }

    #[test]
    fn text_cut_inside_a_letter_is_text() {
        let cut = "Grü".as_bytes().split_last().unwrap().1;
        assert_eq!(FileKind::judge(cut, None).to_string(), "text");
    }

    #[test]
    fn what_is_packed_twice_names_both() {
        let twice = FileKind::judge(b"\x1f\x8b\x08\0", Some(Compression::Zstd));
        assert_eq!(twice.to_string(), "zstd data with gzip data inside");
    }
}
