//! gRPC over HTTP/2: messages, status and deadline (grpc/grpc, doc/PROTOCOL-HTTP2.md).
//!
//! In: the bytes of one direction of one stream's DATA, and header values. Out: how many messages,
//! how large; what status; what deadline. Messages are counted, never kept.

mod web;

use std::time::Duration;

use web::Web;

/// How gRPC is carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WireFormat {
    /// As HTTP/2 has it: `application/grpc`. The status stands in the trailers.
    Http2,
    /// gRPC-Web (grpc/grpc, doc/PROTOCOL-WEB.md): `application/grpc-web`. The last frame of an answer's body
    /// holds its trailers.
    Web,
    /// The same, in base64: `application/grpc-web-text`.
    WebText,
}

impl WireFormat {
    /// What a `content-type` says, alone or with a subtype; `None` where it is not gRPC's.
    #[must_use]
    pub fn of(content_type: &[u8]) -> Option<Self> {
        // Nearly all say no more.
        if content_type == b"application/grpc" {
            return Some(Self::Http2);
        }
        const FORMATS: [(&[u8], WireFormat); 3] = [
            (b"application/grpc-web-text", WireFormat::WebText),
            (b"application/grpc-web", WireFormat::Web),
            (b"application/grpc", WireFormat::Http2),
        ];
        let of_type = |(name, format): &(&[u8], Self)| {
            let (start, rest) = content_type.split_at_checked(name.len())?;
            let ends = matches!(rest.first(), None | Some(b'+' | b';' | b' '));
            (ends && start.eq_ignore_ascii_case(name)).then_some(*format)
        };
        FORMATS.iter().find_map(of_type)
    }
}

/// Counts the length-prefixed messages in a byte stream.
///
/// ```text
/// +----------------+---------------------+------------------+
/// | compressed (8) | message length (32) | message (length) |
/// +----------------+---------------------+------------------+
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    /// Messages whose prefix was read.
    pub count: u64,
    /// Their lengths together, as their prefixes say, in bytes.
    pub bytes: u64,
    /// How many were compressed.
    pub compressed: u64,
    /// The length of the latest one, as its prefix says, in bytes.
    pub length: u32,
    prefix: [u8; 5],
    prefix_read: u8,
    /// Bytes of the current message still to come.
    left: u32,
    /// Bytes are missing where a prefix may have been: the rest cannot be told apart.
    lost: bool,
    /// What gRPC-Web does otherwise.
    web: Option<Box<Web>>,
}

impl Messages {
    /// What comes from here on is carried so.
    pub fn carry_as(&mut self, format: WireFormat) {
        self.web = match format {
            WireFormat::Http2 => None,
            WireFormat::Web => Some(Box::default()),
            WireFormat::WebText => Some(Box::new(Web::in_base64())),
        };
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let text = self.web.as_mut().and_then(|web| web.decode(bytes));
        match text {
            None => self.push_binary(bytes),
            Some(Ok(bytes)) => self.push_binary(&bytes),
            Some(Err(_)) => self.lost = true,
        }
    }

    fn push_binary(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() && !self.lost {
            let length = (self.left as usize).min(bytes.len());
            // `length` is at most `left`, which has 32 bits.
            self.left -= u32::try_from(length).unwrap_or(self.left);
            let (body, rest) = bytes.split_at_checked(length).unwrap_or_default();
            if let Some(web) = &mut self.web {
                web.body(body);
            }
            bytes = rest;
            // Most prefixes lie together.
            if self.prefix_read == 0
                && let Some((prefix, rest)) = bytes.split_first_chunk()
            {
                self.prefix = *prefix;
                bytes = rest;
                self.begin_message();
                continue;
            }
            let Some((byte, rest)) = bytes.split_first() else {
                return;
            };
            if let Some(place) = self.prefix.get_mut(usize::from(self.prefix_read)) {
                *place = *byte;
            }
            self.prefix_read += 1;
            bytes = rest;
            if usize::from(self.prefix_read) == self.prefix.len() {
                self.begin_message();
            }
        }
    }

    /// Learns that the next `length` bytes were not captured.
    pub fn skip(&mut self, length: u64) {
        let text = self.web.as_ref().is_some_and(|web| web.is_text());
        match u32::try_from(length) {
            Ok(length) if length <= self.left && !text => self.left -= length,
            _ => self.lost = true,
        }
    }

    /// Whether every message up to here was counted, and the last one is whole.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        !self.lost && self.left == 0 && self.prefix_read == 0
    }

    /// Whether the last message is not whole, though no byte is missing.
    #[must_use]
    pub const fn is_cut_short(&self) -> bool {
        !self.lost && (self.left > 0 || self.prefix_read > 0)
    }

    /// The trailers that stood in the body (gRPC-Web): names, in lower case, and values.
    pub fn trailers(&self) -> impl Iterator<Item = (Vec<u8>, &[u8])> {
        self.web.iter().flat_map(|web| web.trailers())
    }

    fn begin_message(&mut self) {
        let [compressed, length @ ..] = self.prefix;
        self.prefix_read = 0;
        self.left = u32::from_be_bytes(length);
        if let Some(web) = &mut self.web
            && web.begins(compressed)
        {
            return;
        }
        // Anything else is no flag: what comes is not gRPC, whatever its content type says.
        if compressed > 1 {
            self.lost = true;
            return;
        }
        self.length = self.left;
        self.count += 1;
        self.bytes = self.bytes.saturating_add(u64::from(self.left));
        self.compressed += u64::from(compressed == 1);
    }
}

/// Reads a `grpc-timeout`: up to eight digits and a unit.
#[must_use]
pub fn timeout(value: &[u8]) -> Option<Duration> {
    let (unit, digits) = value.split_last()?;
    if digits.is_empty() || digits.len() > 8 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let amount = digits
        .iter()
        .fold(0_u64, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    Some(match unit {
        b'H' => Duration::from_secs(amount * 3600),
        b'M' => Duration::from_secs(amount * 60),
        b'S' => Duration::from_secs(amount),
        b'm' => Duration::from_millis(amount),
        b'u' => Duration::from_micros(amount),
        b'n' => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// Decodes a percent-encoded `grpc-message`; what is no escape stays as it is.
#[must_use]
pub fn message(value: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((byte, after)) = rest.split_first() {
        let escape = match after {
            [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        match escape {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*byte);
                rest = after;
            }
        }
    }
    decoded
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_however_data_frames_cut_them() {
        let mut stream = vec![0, 0, 0, 0, 3, 1, 2, 3, 1, 0, 0, 0, 0];
        stream.extend([0, 0, 0, 1, 0]);
        stream.extend([7; 256]);
        for cut in 0..stream.len() {
            let mut messages = Messages::default();
            let (before, after) = stream.split_at(cut);
            messages.push(before);
            messages.push(after);
            assert_eq!(
                (messages.count, messages.bytes, messages.compressed),
                (3, 259, 1)
            );
            assert_eq!(messages.length, 256);
            assert!(messages.is_whole());
        }
    }

    #[test]
    fn a_gap_inside_a_message_costs_nothing_and_one_over_a_prefix_ends_the_count() {
        let mut messages = Messages::default();
        messages.push(&[0, 0, 0, 0, 9, 1]);
        messages.skip(8);
        messages.push(&[0, 0, 0, 0, 0]);
        assert_eq!(messages.count, 2);
        messages.skip(1);
        messages.push(&[0, 0, 0, 0, 0]);
        assert_eq!(messages.count, 2);
        assert!(!messages.is_whole());
    }

    #[test]
    fn what_has_no_flag_of_a_message_is_not_counted_as_one() {
        let mut messages = Messages::default();
        messages.push(&[0, 0, 0, 0, 1, 7, b'z', b'z', b'z', b'z', b'z', b'z']);
        assert_eq!((messages.count, messages.bytes), (1, 1));
        assert!(!messages.is_whole() && !messages.is_cut_short());
    }

    #[test]
    fn timeouts_have_units() {
        assert_eq!(timeout(b"1S"), Some(Duration::from_secs(1)));
        assert_eq!(timeout(b"250m"), Some(Duration::from_millis(250)));
        assert_eq!(
            timeout(b"99999999H"),
            Some(Duration::from_secs(99_999_999 * 3600))
        );
        assert_eq!(timeout(b"999999999S"), None);
        assert_eq!(timeout(b"S"), None);
        assert_eq!(timeout(b"-1S"), None);
    }

    #[test]
    fn messages_are_percent_decoded_leniently() {
        assert_eq!(message(b"caf%C3%A9 100%"), "café 100%".as_bytes());
        assert_eq!(message(b"%zz%4"), b"%zz%4");
    }

    #[test]
    fn grpc_is_known_by_its_content_type() {
        assert_eq!(WireFormat::of(b"application/grpc"), Some(WireFormat::Http2));
        assert_eq!(
            WireFormat::of(b"application/grpc+proto"),
            Some(WireFormat::Http2)
        );
        assert_eq!(
            WireFormat::of(b"application/grpc-web"),
            Some(WireFormat::Web)
        );
        assert_eq!(
            WireFormat::of(b"application/grpc-web-text+proto"),
            Some(WireFormat::WebText)
        );
        assert_eq!(WireFormat::of(b"application/grpcish"), None);
        assert_eq!(WireFormat::of(b"application/json"), None);
    }
}
