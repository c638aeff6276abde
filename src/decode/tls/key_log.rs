//! Key logs: the secrets that peers wrote down, as `SSLKEYLOGFILE` has them.
//!
//! In: the text of an NSS key log. Out: the secrets of a connection by its client random. No secret is
//! in an output, but in the text that is asked for: `Debug` says how many there are.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::io::{self, BufRead, Read};

use rustc_hash::FxHashMap;

use crate::decode::direction::PerSide;

/// How many connections' secrets are kept: half a gigabyte of key log, more than captures that fit a
/// disk have connections.
const MAX_CONNECTIONS: usize = 1 << 20;

/// How long a line is read, in bytes: the longest label with a client random and a secret takes a fifth of it.
const MAX_LINE: u64 = 4 << 10;

/// The secrets of connections.
#[derive(Clone, Default)]
pub struct KeyLog {
    connections: FxHashMap<[u8; 32], ConnectionSecrets>,
    /// Where only the latest are kept: how many, and which, oldest first.
    latest: Option<(usize, VecDeque<[u8; 32]>)>,
    bad_lines: u64,
    left_out: u64,
    encoding: Encoding,
}

/// How the text of a key log is written, where not as the peers write it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Encoding {
    /// It begins with a byte order mark.
    marked: bool,
    /// UTF-16, as some Windows shells make it of what they redirect.
    wide: bool,
}

/// What a key log says of one connection.
#[derive(Clone, Default)]
pub(super) struct ConnectionSecrets {
    /// TLS 1.2 and before.
    pub(super) master: Option<Secret>,
    /// TLS 1.3: for what the client sends before the server has answered.
    pub(super) early: Option<Secret>,
    /// TLS 1.3: for the rest of the handshake.
    pub(super) handshake: PerSide<Option<Secret>>,
    /// TLS 1.3: for application data.
    pub(super) traffic: PerSide<Option<Secret>>,
}

/// The labels of a key log (draft-ietf-tls-keylogfile, section 2).
const MASTER: &str = "CLIENT_RANDOM";
const EARLY: &str = "CLIENT_EARLY_TRAFFIC_SECRET";
const CLIENT_HANDSHAKE: &str = "CLIENT_HANDSHAKE_TRAFFIC_SECRET";
const SERVER_HANDSHAKE: &str = "SERVER_HANDSHAKE_TRAFFIC_SECRET";
const CLIENT_TRAFFIC: &str = "CLIENT_TRAFFIC_SECRET_0";
const SERVER_TRAFFIC: &str = "SERVER_TRAFFIC_SECRET_0";

impl ConnectionSecrets {
    /// Where the secret of a label stands; `None` for one that is of no use here.
    fn of_label(&mut self, label: &str) -> Option<&mut Option<Secret>> {
        Some(match label {
            MASTER => &mut self.master,
            EARLY => &mut self.early,
            CLIENT_HANDSHAKE => &mut self.handshake.client,
            SERVER_HANDSHAKE => &mut self.handshake.server,
            CLIENT_TRAFFIC => &mut self.traffic.client,
            SERVER_TRAFFIC => &mut self.traffic.server,
            _ => return None,
        })
    }

    /// Those that are known, with their labels.
    fn labelled(&self) -> impl Iterator<Item = (&'static str, &Secret)> {
        let all = [
            (MASTER, &self.master),
            (EARLY, &self.early),
            (CLIENT_HANDSHAKE, &self.handshake.client),
            (SERVER_HANDSHAKE, &self.handshake.server),
            (CLIENT_TRAFFIC, &self.traffic.client),
            (SERVER_TRAFFIC, &self.traffic.server),
        ];
        let known = all.into_iter();
        known.filter_map(|(label, secret)| Some((label, secret.as_ref()?)))
    }
}

/// A secret: as long as the hash of its suite, or 48 bytes for a master secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret(pub(super) Box<[u8]>);

impl KeyLog {
    /// One that keeps the secrets of so many connections, at least one: of those that it was told of last.
    #[must_use]
    pub fn of_latest(connections: usize) -> Self {
        Self {
            latest: Some((connections.max(1), VecDeque::new())),
            ..Self::default()
        }
    }

    /// Adds the secrets of a key log's text. Comments and labels that are of no use here are passed
    /// over; lines may end as on Windows, begin with a byte order mark, and be in UTF-16.
    ///
    /// ```text
    /// LABEL  client random, 64 hexadecimal digits  secret, 64 or 96 hexadecimal digits
    /// ```
    pub fn read(&mut self, text: &[u8]) {
        for line in text.split(|byte| matches!(byte, b'\n' | b'\r')) {
            let line = self.encoding.unwrap(line);
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            if self.read_line(line).is_none() {
                self.bad_lines += 1;
            }
        }
    }

    /// The same of a text that is read as it comes, for a key log may be larger than memory. A line too long to
    /// be one of a key log counts as one that could not be read.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read_from(&mut self, mut text: impl BufRead) -> io::Result<()> {
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            line.clear();
            let read = Read::take(&mut text, MAX_LINE).read_until(b'\n', &mut line)?;
            if read == 0 {
                return Ok(());
            }
            let whole = line.ends_with(b"\n") || (read as u64) < MAX_LINE;
            match (whole, too_long) {
                (true, false) => self.read(&line),
                (false, false) => self.bad_lines += 1,
                (_, true) => {}
            }
            too_long = !whole;
        }
    }

    /// Whether it holds no secret.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// Lines that could not be read.
    #[must_use]
    pub const fn bad_lines(&self) -> u64 {
        self.bad_lines
    }

    /// What is to be said of how the text is written, if anything.
    #[must_use]
    pub const fn encoding_note(&self) -> Option<&'static str> {
        match self.encoding {
            Encoding { wide: true, .. } => Some(
                "the key log is in UTF-16, as redirection in a Windows shell makes it: it is read all the same",
            ),
            Encoding { marked: true, .. } => {
                Some("the key log begins with a byte order mark: it is read all the same")
            }
            Encoding { .. } => None,
        }
    }

    /// Lines left out because secrets of a million connections are kept already.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// The secrets of a connection, as the text of a key log; `None` where it has none.
    #[must_use]
    pub fn text_of(&self, client_random: &[u8; 32]) -> Option<String> {
        let secrets = self.connections.get(client_random)?;
        let mut text = String::new();
        for (label, secret) in secrets.labelled() {
            let _ = writeln!(
                text,
                "{label} {} {}",
                digits(client_random),
                digits(&secret.0)
            );
        }
        Some(text)
    }

    /// How many connections it has secrets of.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.len()
    }

    /// The connections in TLS 1.3 with the secrets of both sides, in the order of their client randoms.
    pub(super) fn of_tls13(&self) -> Vec<(&[u8; 32], PerSide<&Secret>)> {
        let mut all: Vec<_> = self
            .connections
            .iter()
            .filter_map(|(random, secrets)| {
                let client = secrets.traffic.client.as_ref()?;
                let server = secrets.traffic.server.as_ref()?;
                Some((random, PerSide { client, server }))
            })
            .collect();
        all.sort_unstable_by_key(|(random, _)| *random);
        all
    }

    pub(super) fn of(&self, client_random: &[u8; 32]) -> Option<&ConnectionSecrets> {
        self.connections.get(client_random)
    }

    /// Whether there is room for another connection, at the cost of the oldest where only the latest are kept.
    fn make_room(&mut self, random: [u8; 32]) -> bool {
        let Some((most, order)) = &mut self.latest else {
            return self.connections.len() < MAX_CONNECTIONS;
        };
        if order.len() >= *most
            && let Some(oldest) = order.pop_front()
        {
            self.connections.remove(&oldest);
        }
        order.push_back(random);
        true
    }

    /// `None` if the line is none of a key log.
    fn read_line(&mut self, line: &[u8]) -> Option<()> {
        let mut words = line
            .split(u8::is_ascii_whitespace)
            .filter(|word| !word.is_empty());
        let (label, random, secret) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() {
            return None;
        }
        let label = str::from_utf8(label).ok()?;
        if ConnectionSecrets::default().of_label(label).is_none() {
            return Some(());
        }
        let random: [u8; 32] = hexadecimal(random)?.as_slice().try_into().ok()?;
        let secret = hexadecimal(secret)?;
        let fits = match label {
            MASTER => secret.len() == 48,
            _ => matches!(secret.len(), 32 | 48),
        };
        if !fits {
            return None;
        }
        if !self.connections.contains_key(&random) && !self.make_room(random) {
            self.left_out += 1;
            return Some(());
        }
        let secrets = self.connections.entry(random).or_default();
        *secrets.of_label(label)? = Some(Secret(secret.into()));
        Some(())
    }
}

impl Encoding {
    /// A line as the peers write it: they use ASCII alone, so that zero bytes are halves of UTF-16.
    fn unwrap<'a>(&mut self, line: &'a [u8]) -> Cow<'a, [u8]> {
        const MARKS: [&[u8]; 3] = [b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"];

        let marked = MARKS.iter().find_map(|mark| line.strip_prefix(*mark));
        self.marked |= marked.is_some();
        let line = marked.unwrap_or(line);
        if !line.contains(&0) {
            return Cow::Borrowed(line);
        }
        let narrow: Vec<u8> = line.iter().copied().filter(|byte| *byte != 0).collect();
        self.wide |= narrow.len() > 1;
        Cow::Owned(narrow)
    }
}

impl fmt::Debug for KeyLog {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("KeyLog")
            .field("connections", &self.connections.len())
            .field("bad_lines", &self.bad_lines)
            .field("left_out", &self.left_out)
            .finish()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<redacted {} bytes>", self.0.len())
    }
}

fn digits(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn hexadecimal(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    let bytes = pairs
        .iter()
        .map(|[high, low]| u8::try_from(digit(*high)? << 4 | digit(*low)?).ok());
    bytes.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(label: &str, random: u8, secret: u8, length: usize) -> String {
        let hex = |byte: u8, length| format!("{byte:02x}").repeat(length);
        format!("{label} {} {}\n", hex(random, 32), hex(secret, length))
    }

    #[test]
    fn secrets_are_found_by_the_client_random() {
        let mut log = KeyLog::default();
        log.read(b"# SSL/TLS secrets log file\r\n\r\n");
        log.read(line("CLIENT_RANDOM", 0xa1, 7, 48).as_bytes());
        log.read(line("SERVER_TRAFFIC_SECRET_0", 0xb2, 8, 32).as_bytes());
        log.read(line("EXPORTER_SECRET", 0xb2, 9, 32).as_bytes());
        assert_eq!((log.bad_lines(), log.connections.len()), (0, 2));
        assert_eq!(
            log.of(&[0xa1; 32]).unwrap().master.as_ref().unwrap().0[..],
            [7; 48]
        );
        let PerSide { client, server } = &log.of(&[0xb2; 32]).unwrap().traffic;
        assert!(client.is_none());
        assert_eq!(server.as_ref().unwrap().0[..], [8; 32]);
        assert_eq!(
            log.text_of(&[0xb2; 32]),
            Some(line("SERVER_TRAFFIC_SECRET_0", 0xb2, 8, 32))
        );
        assert_eq!(log.text_of(&[0xc3; 32]), None);
    }

    #[test]
    fn bad_lines_are_counted_and_the_rest_is_read() {
        let mut log = KeyLog::default();
        log.read(b"CLIENT_RANDOM 00 11\nnonsense\nCLIENT_RANDOM zz\n\xff\xfd\n");
        log.read(line("CLIENT_RANDOM", 1, 1, 47).as_bytes());
        log.read(line("CLIENT_RANDOM", 1, 1, 48).as_bytes());
        assert_eq!((log.bad_lines(), log.connections.len()), (5, 1));
    }

    #[test]
    fn a_log_is_read_as_it_comes_and_a_line_without_an_end_is_not_kept() {
        let first = line("CLIENT_RANDOM", 1, 1, 48).into_bytes();
        let last = line("CLIENT_RANDOM", 2, 2, 48).into_bytes();
        let endless = io::repeat(b'a').take(8 << 20);
        let text = first
            .as_slice()
            .chain(endless)
            .chain(&b"\n"[..])
            .chain(last.trim_ascii_end());
        let mut log = KeyLog::default();
        // A buffer this small holds no line: nothing is read ahead.
        log.read_from(io::BufReader::with_capacity(16, text))
            .unwrap();
        assert_eq!((log.bad_lines(), log.connections.len()), (1, 2));
    }

    #[test]
    fn a_log_from_windows_is_read_and_its_encoding_has_a_word() {
        let text = [
            line("CLIENT_RANDOM", 1, 1, 48),
            line("CLIENT_RANDOM", 2, 2, 48),
        ]
        .concat();
        let windows = text.replace('\n', "\r\n");
        let wide = |order: fn(u16) -> [u8; 2]| -> Vec<u8> {
            let units = std::iter::once(0xfeff).chain(windows.encode_utf16());
            units.flat_map(order).collect()
        };
        let read = |bytes: &[u8]| {
            let mut log = KeyLog::default();
            log.read_from(io::BufReader::new(bytes)).unwrap();
            let mut cut = KeyLog::default();
            // As it comes while somebody writes it: cut behind each line feed.
            bytes
                .split_inclusive(|byte| *byte == b'\n')
                .for_each(|part| cut.read(part));
            for log in [&log, &cut] {
                assert_eq!((log.bad_lines(), log.connections()), (0, 2), "{bytes:?}");
                assert_eq!(
                    log.of(&[2; 32]).unwrap().master.as_ref().unwrap().0[..],
                    [2; 48]
                );
            }
            log.encoding_note().unwrap_or_default()
        };
        assert_eq!(read(text.as_bytes()), "");
        assert_eq!(
            read(windows.as_bytes()),
            "",
            "line ends alone are nothing to speak of"
        );
        let marked = [b"\xef\xbb\xbf", windows.as_bytes()].concat();
        assert!(read(&marked).contains("byte order mark"));
        assert!(read(&wide(u16::to_le_bytes)).contains("UTF-16"));
        assert!(read(&wide(u16::to_be_bytes)).contains("UTF-16"));
    }

    #[test]
    fn nothing_prints_a_secret() {
        let mut log = KeyLog::default();
        log.read(line("CLIENT_RANDOM", 0xa1, 0xee, 48).as_bytes());
        let secret = log.of(&[0xa1; 32]).unwrap().master.clone();
        let printed = format!("{log:?} {secret:?}");
        assert!(
            !printed.contains("238") && !printed.contains("ee"),
            "{printed}"
        );
    }
}
