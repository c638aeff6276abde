//! What gRPC-Web does otherwise than gRPC (grpc/grpc, doc/PROTOCOL-WEB.md): trailers stand in the body, as a last
//! frame whose flag has the bit 0x80, and the body may be base64.
//!
//! In: an answer's body. Out: its bytes, and the trailers.

/// How much of the trailers is kept, in bytes.
const MAX_TRAILERS: usize = 4096;

/// The flag of a frame that holds trailers.
const TRAILERS: u8 = 0x80;

/// The state of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Web {
    base64: Option<Base64>,
    /// Whether the current frame holds trailers.
    in_trailers: bool,
    trailers: Vec<u8>,
}

impl Web {
    /// A body in base64.
    pub(super) fn in_base64() -> Self {
        Self {
            base64: Some(Base64::default()),
            ..Self::default()
        }
    }

    /// Whether the body is base64.
    pub(super) const fn is_text(&self) -> bool {
        self.base64.is_some()
    }

    /// The bytes of a text; `None` where the body is binary.
    pub(super) fn decode(&mut self, text: &[u8]) -> Option<Result<Vec<u8>, NotBase64>> {
        self.base64.as_mut().map(|base64| base64.decode(text))
    }

    /// A frame begins; whether it holds trailers.
    pub(super) const fn begins(&mut self, flag: u8) -> bool {
        self.in_trailers = flag & TRAILERS != 0;
        self.in_trailers
    }

    /// Bytes of the current frame.
    pub(super) fn body(&mut self, bytes: &[u8]) {
        if self.in_trailers {
            let room = MAX_TRAILERS.saturating_sub(self.trailers.len());
            let kept = bytes.get(..room.min(bytes.len())).unwrap_or(bytes);
            self.trailers.extend_from_slice(kept);
        }
    }

    /// Names, in lower case, and values.
    pub(super) fn trailers(&self) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
        let lines = self.trailers.split(|byte| *byte == b'\n');
        lines.filter_map(|line| {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let (name, value) = line.split_at_checked(colon)?;
            let name = name.trim_ascii().to_ascii_lowercase();
            Some((name, value.get(1..)?.trim_ascii()))
        })
    }
}

/// What is no base64 (RFC 4648, section 4).
#[derive(Clone, Copy, Debug)]
pub(super) struct NotBase64;

/// Reads base64 in parts. Each part of a body may be padded for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Base64 {
    group: u32,
    digits: u8,
}

impl Base64 {
    fn decode(&mut self, text: &[u8]) -> Result<Vec<u8>, NotBase64> {
        let mut bytes = Vec::with_capacity(text.len() / 4 * 3);
        for digit in text {
            let value = match digit {
                b'A'..=b'Z' => digit - b'A',
                b'a'..=b'z' => digit - b'a' + 26,
                b'0'..=b'9' => digit - b'0' + 52,
                b'+' => 62,
                b'/' => 63,
                b'=' => {
                    self.end_group(&mut bytes);
                    continue;
                }
                b'\r' | b'\n' => continue,
                _ => return Err(NotBase64),
            };
            self.group = self.group << 6 | u32::from(value);
            self.digits += 1;
            if self.digits == 4 {
                self.end_group(&mut bytes);
            }
        }
        Ok(bytes)
    }

    /// A group is whole, or padded; a second sign of padding finds none.
    fn end_group(&mut self, bytes: &mut Vec<u8>) {
        let missing = 4 - self.digits;
        let [_, group @ ..] = (self.group << (6 * u32::from(missing))).to_be_bytes();
        let whole = usize::from(self.digits * 6 / 8);
        bytes.extend(group.iter().take(whole));
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Messages, WireFormat};

    /// A message of three bytes, then trailers.
    const BODY: &[u8] =
        b"\x00\x00\x00\x00\x03abc\x80\x00\x00\x00\x22grpc-status: 14\r\nGrpc-Message:no\r\n";

    type Trailers = Vec<(Vec<u8>, Vec<u8>)>;

    fn trailers(format: WireFormat, body: &[u8], cut: usize) -> (Messages, Trailers) {
        let mut messages = Messages::default();
        messages.carry_as(format);
        let (before, after) = body.split_at(cut);
        messages.push(before);
        messages.push(after);
        let trailers = messages.trailers();
        let trailers = trailers.map(|(name, value)| (name, value.to_vec()));
        let trailers = trailers.collect();
        (messages, trailers)
    }

    #[test]
    fn trailers_stand_in_the_body_and_are_no_message() {
        for cut in 0..BODY.len() {
            let (messages, trailers) = trailers(WireFormat::Web, BODY, cut);
            assert_eq!((messages.count, messages.bytes), (1, 3));
            assert!(messages.is_whole());
            assert_eq!(
                trailers,
                [
                    (b"grpc-status".to_vec(), b"14".to_vec()),
                    (b"grpc-message".to_vec(), b"no".to_vec())
                ]
            );
        }
    }

    #[test]
    fn a_body_in_base64_may_be_padded_in_its_midst() {
        let text = b"AAAAAANhYmM=gAAAACJncnBjLXN0YXR1czogMTQNCkdycGMtTWVzc2FnZTpubw0K";
        for cut in 0..text.len() {
            let (messages, trailers) = trailers(WireFormat::WebText, text, cut);
            assert_eq!((messages.count, messages.bytes), (1, 3));
            assert_eq!(trailers.first().unwrap().1, b"14");
        }
    }

    #[test]
    fn what_is_no_base64_is_not_guessed_at() {
        let (messages, trailers) = trailers(WireFormat::WebText, b"{\"error\": 1}", 3);
        assert_eq!(messages.count, 0);
        assert!(!messages.is_whole() && !messages.is_cut_short() && trailers.is_empty());
    }
}
