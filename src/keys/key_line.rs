//! What a probe saw, as a line of a key log.
//!
//! In: an event of the BPF program. Out: `LABEL client_random secret`, in hexadecimal, or nothing where it is none: a
//! function may have been taken for another.

use std::collections::HashSet;

/// Who called, what they call it, 32 bytes of client random, 48 of secret: `struct event` of `keys.bpf.c`.
const LABEL: std::ops::Range<usize> = 8..40;
const RANDOM: std::ops::Range<usize> = 40..72;
const SECRET: std::ops::Range<usize> = 72..120;

/// A label that ends with a zero byte instead of having a length.
const NO_LENGTH: usize = 0;

/// How many lines are remembered at least, to drop equal ones: a function is called twice for one secret where both ends
/// of a connection run the same program, or where Go restarts it on a larger stack.
const REMEMBERED: usize = 1 << 14;

/// A line of a key log, and the process it came from. It has no `Debug`: it is a secret.
pub(crate) struct KeyLine {
    pub(super) process: u32,
    pub(super) text: String,
}

impl KeyLine {
    /// The line, with its end.
    #[cfg(all(feature = "live", feature = "tls"))]
    pub(crate) const fn as_bytes(&self) -> &[u8] {
        self.text.as_bytes()
    }
}

pub(super) fn parse(event: &[u8]) -> Option<KeyLine> {
    let process = u32::from_ne_bytes(*event.first_chunk()?);
    let (label_length, secret_length) = (usize::from(*event.get(4)?), usize::from(*event.get(5)?));
    let label = event.get(LABEL)?;
    let label = match label_length {
        NO_LENGTH => label.split(|byte| *byte == 0).next()?,
        length => label.get(..length)?,
    };
    let known = |byte: &u8| matches!(byte, b'A'..=b'Z' | b'0'..=b'9' | b'_');
    if label.len() < 4 || !label.iter().all(known) {
        return None;
    }
    let (random, secret) = (event.get(RANDOM)?, event.get(SECRET)?);
    let secret = secret.get(..secret_length)?;
    let mut text = String::from_utf8_lossy(label).into_owned();
    for bytes in [random, secret] {
        text.push(' ');
        for byte in bytes {
            text.push_str(&format!("{byte:02x}"));
        }
    }
    text.push('\n');
    Some(KeyLine { process, text })
}

/// Lines that came lately.
#[derive(Default)]
pub(super) struct LatestLines {
    now: HashSet<String>,
    before: HashSet<String>,
}

impl LatestLines {
    /// Whether it came for the first time.
    pub(super) fn is_new(&mut self, line: &str) -> bool {
        if self.before.contains(line) || !self.now.insert(line.to_owned()) {
            return false;
        }
        if self.now.len() >= REMEMBERED {
            self.before = std::mem::take(&mut self.now);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(label: &[u8], label_length: u8, secret_length: u8) -> Vec<u8> {
        let mut event = 7_u32.to_ne_bytes().to_vec();
        event.extend([label_length, secret_length, 0, 0]);
        event.extend(label);
        event.resize(RANDOM.start, 0);
        event.extend([0xab; 32]);
        event.extend([0xcd; 48]);
        event
    }

    #[test]
    fn an_event_is_a_line_if_its_label_is_one() {
        let random = "ab".repeat(32);
        let line = parse(&event(b"CLIENT_RANDOM\0rest", 0, 48)).unwrap();
        assert_eq!(line.process, 7);
        let secret = "cd".repeat(48);
        assert_eq!(line.text, format!("CLIENT_RANDOM {random} {secret}\n"));
        let line = parse(&event(b"CLIENT_TRAFFIC_SECRET_0 and more", 23, 32)).unwrap();
        let secret = "cd".repeat(32);
        let expected = format!("CLIENT_TRAFFIC_SECRET_0 {random} {secret}\n");
        assert_eq!(line.text, expected);
        assert!(parse(&event(b"CLIENT RANDOM", 0, 48)).is_none());
        assert!(parse(&event(b"", 0, 48)).is_none());
        assert!(parse(&event(b"CLIENT_RANDOM", 255, 48)).is_none());
        assert!(parse(&event(b"CLIENT_RANDOM", 13, 49)).is_none());
        assert!(parse(b"short").is_none());
    }

    #[test]
    fn equal_lines_are_dropped_and_few_are_remembered() {
        let mut lines = LatestLines::default();
        assert!(lines.is_new("a"));
        assert!(!lines.is_new("a"));
        for number in 0..3 * REMEMBERED {
            assert!(lines.is_new(&number.to_string()));
        }
        assert!(lines.now.len() + lines.before.len() <= 2 * REMEMBERED);
    }
}
