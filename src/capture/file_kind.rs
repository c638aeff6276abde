//! What a file that is no capture seems to be, so that its error can say so.

use std::fmt;

use super::Compression;

/// What bytes that are not a capture look like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Looks {
    /// The compression that the bytes were found in.
    inside: Option<Compression>,
    kind: Kind,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    /// Packed by the tool of this name, unpacked by this command.
    Packed(&'static str, &'static str),
    /// A capture in a format that is not read here.
    OtherCapture(&'static str),
    KeyLog,
    Named(&'static str),
    Nothing,
    /// None of these; how it begins.
    Unknown(Vec<u8>),
}

/// How files begin that people hand over by mistake.
const BEGINNINGS: &[(&[u8], Kind)] = &[
    (b"\x1f\x8b", Kind::Packed("gzip", "gzip -dc")),
    (b"\x28\xb5\x2f\xfd", Kind::Packed("zstd", "zstd -dc")),
    (b"\xfd7zXZ\0", Kind::Packed("xz", "xz -dc")),
    (b"BZh", Kind::Packed("bzip2", "bzip2 -dc")),
    (b"\x04\x22\x4d\x18", Kind::Packed("lz4", "lz4 -dc")),
    (b"PK\x03\x04", Kind::Packed("zip", "unzip -p")),
    (b"7z\xbc\xaf\x27\x1c", Kind::Packed("7-Zip", "7z x -so")),
    (
        b"snoop\0\0\0",
        Kind::OtherCapture("a Solaris snoop capture"),
    ),
    (
        b"GMBU",
        Kind::OtherCapture("a Microsoft Network Monitor capture"),
    ),
    (b"\x7fELF", Kind::Named("an ELF program")),
    (b"MZ", Kind::Named("a Windows program")),
    (b"CLIENT_RANDOM ", Kind::KeyLog),
    (b"# SSL/TLS secrets log file", Kind::KeyLog),
];

impl Looks {
    /// Judges how a file begins, `inside` being the compression its bytes were found in.
    pub(super) fn judge(beginning: &[u8], inside: Option<Compression>) -> Self {
        let known = BEGINNINGS
            .iter()
            .find(|(magic, _)| beginning.starts_with(magic));
        let kind = match known {
            Some((_, kind)) => kind.clone(),
            None if beginning.is_empty() => Kind::Nothing,
            None if beginning.iter().all(|&byte| byte == 0) => Kind::Named("zero bytes"),
            None if is_text(beginning) => Kind::Named("text"),
            None => Kind::Unknown(beginning.iter().take(4).copied().collect()),
        };
        Self { inside, kind }
    }

    /// What the user can do with the file at `path`.
    pub(super) fn hint(&self, path: &str) -> String {
        match (&self.kind, self.inside) {
            // What comes out of the outer layer is a packed capture, which is read as it is.
            (Kind::Packed(..), Some(outer)) => {
                format!(
                    "unpack it first: {} -dc {path} | h2sniff analyze -",
                    outer.name()
                )
            }
            (Kind::Packed(_, command), None) => {
                format!("unpack it first: {command} {path} | h2sniff analyze -")
            }
            (Kind::OtherCapture(_), _) => {
                format!("convert it first: editcap -F pcap {path} converted.pcap")
            }
            (Kind::KeyLog, _) => "give TLS keys with --keylog, beside a capture".to_owned(),
            (Kind::Named(_) | Kind::Nothing | Kind::Unknown(_), _) => {
                "a capture is what tcpdump -w or Wireshark writes: pcap or pcapng".to_owned()
            }
        }
    }
}

/// A noun phrase: `text`, `gzip data with text inside`.
impl fmt::Display for Looks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(outer) = self.inside {
            write!(formatter, "{} data with ", outer.name())?;
        }
        match &self.kind {
            Kind::Packed(name, _) => write!(formatter, "{name} data")?,
            Kind::OtherCapture(name) | Kind::Named(name) => formatter.write_str(name)?,
            Kind::KeyLog => formatter.write_str("a TLS key log")?,
            Kind::Nothing => formatter.write_str("nothing")?,
            Kind::Unknown(beginning) => {
                formatter.write_str("bytes that begin")?;
                beginning
                    .iter()
                    .try_for_each(|byte| write!(formatter, " {byte:02x}"))?;
            }
        }
        match self.inside {
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
        let looks = |bytes: &[u8]| Looks::judge(bytes, None).to_string();
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
        assert_eq!(Looks::judge(cut, None).to_string(), "text");
    }

    #[test]
    fn what_is_packed_twice_is_unpacked_once_by_hand() {
        let twice = Looks::judge(b"\x1f\x8b\x08\0", Some(Compression::Zstd));
        assert_eq!(twice.to_string(), "zstd data with gzip data inside");
        assert_eq!(
            twice.hint("a.zst"),
            "unpack it first: zstd -dc a.zst | h2sniff analyze -"
        );
    }
}
