//! Sessions over streams that were sealed here: cut anywhere, with bytes lost, with keys updated.

mod corpus;
mod joining;

use proptest::prelude::*;

use super::cipher_suite::MacOrder;
use super::crypto::{Key, updated};
use super::hello::{ClientHello, ServerHello};
use super::key_log::{KeyLog, Secret};
use super::records::RecordHeader;
use super::session::{Hellos, Session, Undecryptable};
use super::side::TlsOutput;
use super::version::Version;
use super::{Alert, CipherSuite};
use crate::decode::carrier::Carrier;
use crate::decode::direction::Direction;
use crate::decode::stream_part::StreamPart;

const CLIENT_RANDOM: [u8; 32] = [0xc1; 32];
const SERVER_RANDOM: [u8; 32] = [0x5e; 32];
const DATA: u8 = RecordHeader::APPLICATION_DATA;
const HANDSHAKE: u8 = RecordHeader::HANDSHAKE;
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// A suite of every kind that can be read, with the length of its secrets.
const SUITES: [(Version, u16, usize); 16] = [
    (Version::TLS_1_3, 0x1301, 32),
    (Version::TLS_1_3, 0x1302, 48),
    (Version::TLS_1_3, 0x1303, 32),
    (Version::TLS_1_2, 0xc02b, 48),
    (Version::TLS_1_2, 0xc030, 48),
    (Version::TLS_1_2, 0xcca8, 48),
    (Version::TLS_1_3, 0x1304, 32),
    (Version::TLS_1_3, 0x1305, 32),
    (Version::TLS_1_2, 0xc0ad, 48),
    (Version::TLS_1_2, 0xc0ae, 48),
    (Version::TLS_1_2, 0xc061, 48),
    (Version::TLS_1_2, 0xc013, 48),
    (Version::TLS_1_2, 0xc028, 48),
    (Version::TLS_1_2, 0xc076, 48),
    (Version::TLS_1_2, 0x003b, 48),
    (Version::TLS_1_2, 0x0001, 48),
];

/// What a server sends: records, and where each begins.
struct Stream {
    version: Version,
    suite: CipherSuite,
    secret: Secret,
    key: Key,
    sequence: u64,
    bytes: Vec<u8>,
    begins: Vec<usize>,
}

impl Stream {
    /// One whose handshake is over.
    fn new((version, suite, length): (Version, u16, usize)) -> Self {
        let suite = CipherSuite(suite);
        let secret = Secret(vec![7; length].into());
        let mut stream = Self {
            version,
            suite,
            key: key(version, suite, &secret),
            secret,
            sequence: 0,
            bytes: CHANGE_CIPHER_SPEC.to_vec(),
            begins: Vec::new(),
        };
        if version == Version::TLS_1_2 {
            stream.seal(HANDSHAKE, b"\x14\0\0\x0cverify data!");
        }
        stream.begins.clear();
        stream
    }

    fn seal(&mut self, kind: u8, text: &[u8]) {
        self.begins.push(self.bytes.len());
        self.bytes.extend(self.key.seal(self.sequence, kind, text));
        self.sequence += 1;
    }

    fn update_key(&mut self) {
        self.seal(HANDSHAKE, &[24, 0, 0, 1, 0]);
        self.secret = updated(self.suite, &self.secret).unwrap();
        self.key = key(self.version, self.suite, &self.secret);
        self.sequence = 0;
    }

    fn session(&self) -> Session {
        session(self.version, self.suite, self.secret.0.len()).unwrap()
    }

    /// Reads the stream, cut into chunks of `size` and without the bytes of `lost`.
    fn read(&self, size: usize, lost: std::ops::Range<usize>) -> Heard {
        let mut session = self.session();
        let mut heard = Heard::default();
        let mut position = 0;
        for (number, data) in self.bytes.chunks(size.max(1)).enumerate() {
            let mut carrier = Carrier::default();
            carrier.stamp.packet = number as u64 + 1;
            let mut push = |from: usize, until: usize, missing| {
                if from >= until {
                    return;
                }
                let data = &data[from - position..until - position];
                let chunk = if missing {
                    gap(from, until, carrier)
                } else {
                    bytes(from, data, carrier)
                };
                heard.take(&mut session, chunk);
            };
            let end = position + data.len();
            let (lost_from, lost_until) = (
                lost.start.clamp(position, end),
                lost.end.clamp(position, end),
            );
            push(position, lost_from, false);
            push(lost_from, lost_until, true);
            push(lost_until, end, false);
            position = end;
        }
        heard
    }
}

fn key(version: Version, suite: CipherSuite, secret: &Secret) -> Key {
    match version {
        Version::TLS_1_3 => Key::of_traffic(suite, secret).unwrap(),
        _ => {
            let keys = Key::of_master(
                (suite, MacOrder::default()),
                secret,
                &CLIENT_RANDOM,
                &SERVER_RANDOM,
            );
            keys.unwrap().server
        }
    }
}

fn session(version: Version, suite: CipherSuite, length: usize) -> Result<Session, Undecryptable> {
    let hex = |byte: u8, length| format!("{byte:02x}").repeat(length);
    let labels: &[&str] = match version {
        Version::TLS_1_3 => &["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"],
        _ => &["CLIENT_RANDOM"],
    };
    let mut keys = KeyLog::default();
    for label in labels {
        keys.read(format!("{label} {} {}", hex(0xc1, 32), hex(7, length)).as_bytes());
    }
    let client = ClientHello {
        random: CLIENT_RANDOM,
        ..ClientHello::default()
    };
    let server = ServerHello {
        random: SERVER_RANDOM,
        version,
        cipher: suite,
        mac_order: MacOrder::default(),
        alpn: None,
    };
    let hellos = Hellos {
        client: &client,
        server: &server,
    };
    Session::new(hellos, &keys)
}

fn bytes(position: usize, data: &[u8], carrier: Carrier) -> StreamPart<'_> {
    StreamPart::Bytes {
        position: position as u64,
        data,
        carrier,
        whole: carrier.stamp,
        record: None,
    }
}

fn gap(from: usize, until: usize, carrier: Carrier) -> StreamPart<'static> {
    StreamPart::Gap {
        position: from as u64,
        length: (until - from) as u64,
        carrier,
    }
}

/// What a session gave.
#[derive(Debug, Default, PartialEq)]
struct Heard {
    /// Text before the first loss, and after each.
    texts: Vec<Vec<u8>>,
    missing: u64,
    failures: Vec<Alert>,
    /// Where it said that no more comes.
    closed: Vec<u64>,
    odd: Vec<String>,
    /// Where each part of the text ends in the TCP stream.
    sealed: Vec<u64>,
}

impl Heard {
    fn take(&mut self, session: &mut Session, chunk: StreamPart<'_>) {
        session.push(
            Direction::ServerToClient,
            chunk,
            &KeyLog::default(),
            &mut |_, item| match item {
                TlsOutput::Text(StreamPart::Bytes { data, record, .. }) => {
                    if self.texts.is_empty() {
                        self.texts.push(Vec::new());
                    }
                    self.texts.last_mut().unwrap().extend_from_slice(data);
                    self.sealed.push(record.unwrap().ends);
                }
                TlsOutput::Text(StreamPart::Break { missing, .. }) => {
                    self.missing += missing;
                    if self.texts.last().is_none_or(|text| !text.is_empty()) {
                        self.texts.push(Vec::new());
                    }
                }
                TlsOutput::Text(StreamPart::Gap { .. }) => {
                    panic!("the length of lost text is never known")
                }
                TlsOutput::Failed { alert, .. } => self.failures.push(alert),
                TlsOutput::Closed { position, .. } => self.closed.push(position),
                TlsOutput::Odd { text, .. } => self.odd.push(text),
            },
        );
    }

    fn text(&self) -> Vec<u8> {
        self.texts.concat()
    }
}

#[test]
fn an_unfit_key_log_is_told_by_what_it_lacks() {
    let unfit = |version, suite, length| {
        session(version, CipherSuite(suite), length)
            .map(drop)
            .unwrap_err()
    };
    let tls12 = Version::TLS_1_2;
    let triple = Undecryptable::Cipher(CipherSuite(0x000a));
    assert_eq!(unfit(tls12, 0x000a, 48), triple);
    assert!(triple.reason().contains("TLS_RSA_WITH_3DES_EDE_CBC_SHA"));
    let old = Version(0x0301);
    assert_eq!(unfit(old, 0x002f, 48), Undecryptable::Version(old));
    // A secret as long as SHA-384's is none of a suite with SHA-256.
    let tls13 = Version::TLS_1_3;
    assert_eq!(unfit(tls13, 0x1301, 48), Undecryptable::SecretsIncomplete);
}

#[test]
fn an_alert_fails_a_connection_only_before_application_data() {
    for suite in SUITES {
        let mut stream = Stream::new(suite);
        stream.seal(RecordHeader::ALERT, &[2, 42]);
        stream.seal(DATA, b"a word");
        stream.seal(RecordHeader::ALERT, &[2, 20]);
        // Closing in good order is neither.
        let before = stream.bytes.len() as u64;
        stream.seal(RecordHeader::ALERT, &[1, 0]);
        let heard = stream.read(1 << 14, 0..0);
        assert_eq!(heard.failures, [Alert(42)]);
        assert_eq!(heard.odd, ["the server sent the TLS alert bad_record_mac"]);
        assert_eq!(heard.text(), b"a word");
        assert_eq!(heard.closed, [before]);
    }
}

#[test]
fn padding_is_taken_off_and_messages_of_the_handshake_are_passed_over() {
    let mut stream = Stream::new(SUITES[0]);
    stream.seal(HANDSHAKE, b"\x04\0\0\x0aa ticket..");
    // Type and padding: the seal puts another zero behind them as its own type.
    stream.seal(0, b"padded\x17\0\0\0");
    let heard = stream.read(1 << 14, 0..0);
    assert_eq!(heard.text(), b"padded");
    assert_eq!(heard.texts.len(), 1, "nothing was lost");
}

#[test]
fn a_second_handshake_without_secrets_stops_the_reading() {
    let mut stream = Stream::new(SUITES[3]);
    stream.seal(DATA, b"before");
    stream.seal(RecordHeader::CHANGE_CIPHER_SPEC, &[1]);
    stream.seal(DATA, b"after");
    let heard = stream.read(1 << 14, 0..0);
    assert_eq!((heard.text(), heard.odd.len()), (b"before".to_vec(), 1));
}

#[test]
fn a_lost_beginning_is_not_passed_off_as_one() {
    for suite in SUITES {
        let mut stream = Stream::new(suite);
        stream.seal(DATA, b"lost");
        stream.seal(DATA, b"read");
        let lost = stream.begins[0] + 2..stream.begins[1];
        let heard = stream.read(1 << 14, lost.clone());
        assert_eq!(heard.texts.last().unwrap(), b"read", "{suite:?}");
        assert_eq!(heard.missing, lost.len() as u64);
        let whole = stream.read(1 << 14, 0..0);
        assert_eq!(whole.texts.len(), 1, "nothing was lost: {suite:?}");
    }
}

#[test]
fn a_byte_lost_from_a_header_costs_its_record_alone() {
    for suite in SUITES {
        let mut stream = Stream::new(suite);
        stream.seal(DATA, b"one");
        stream.seal(DATA, b"two");
        stream.seal(DATA, b"three");
        for byte in stream.begins[1]..stream.begins[1] + RecordHeader::LENGTH {
            let heard = stream.read(1 << 14, byte..byte + 1);
            assert_eq!(
                heard.texts,
                [b"one".to_vec(), b"three".to_vec()],
                "{suite:?}"
            );
        }
    }
}

#[test]
fn wrong_keys_are_given_up_in_the_end() {
    let mut stream = Stream::new(SUITES[0]);
    stream.seal(DATA, b"one that opens");
    stream.key = key(Version::TLS_1_3, stream.suite, &Secret(vec![8; 32].into()));
    for _ in 0..1_000 {
        stream.seal(DATA, &[0; 64]);
    }
    let heard = stream.read(1 << 14, 0..0);
    assert_eq!(
        (heard.text(), heard.odd.len()),
        (b"one that opens".to_vec(), 1)
    );
}

/// Texts of records, of lengths that make records short and long.
fn texts() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let text = prop::collection::vec(any::<u8>(), 1..200);
    prop::collection::vec(text, 2..24)
}

proptest! {
    #[test]
    fn any_cutting_gives_the_same_text(
        suite in prop::sample::select(&SUITES[..]),
        texts in texts(),
        size in 1_usize..400,
        update in any::<prop::sample::Index>(),
    ) {
        let mut stream = Stream::new(suite);
        for (number, text) in texts.iter().enumerate() {
            if stream.version == Version::TLS_1_3 && number == update.index(texts.len()) {
                stream.update_key();
            }
            stream.seal(DATA, text);
        }
        let heard = stream.read(size, 0..0);
        prop_assert_eq!(heard.text(), texts.concat());
        prop_assert_eq!(heard.texts.len(), 1);
        prop_assert_eq!(heard.sealed.last().copied(), Some(stream.bytes.len() as u64));
    }

    #[test]
    fn what_no_gap_touches_is_read(
        suite in prop::sample::select(&SUITES[..]),
        texts in texts(),
        size in 1_usize..400,
        from in any::<prop::sample::Index>(),
        length in 1_usize..2_000,
        update in any::<prop::sample::Index>(),
    ) {
        let mut stream = Stream::new(suite);
        for (number, text) in texts.iter().enumerate() {
            if stream.version == Version::TLS_1_3 && number == update.index(texts.len()) {
                stream.update_key();
            }
            stream.seal(DATA, text);
        }
        // Behind the first record: a change of keys in the gap before any was seen would be the second.
        let begin = stream.begins[1];
        let from = begin + from.index(stream.bytes.len() - begin);
        let lost = from..(from + length).min(stream.bytes.len());
        let heard = stream.read(size, lost.clone());
        // The records that carry text, in order: that of the key update carries none.
        let ends = stream.begins.iter().skip(1).copied().chain([stream.bytes.len()]);
        let spans: Vec<_> = stream.begins.iter().copied().zip(ends).collect();
        let updated = spans.len() > texts.len();
        let at = updated.then(|| update.index(texts.len()));
        let of_text = spans.iter().enumerate().filter(|(number, _)| Some(*number) != at);
        let touched = |span: &(usize, usize)| span.0 < lost.end && span.1 > lost.start;
        let expected: Vec<u8> = of_text
            .zip(&texts)
            .filter(|((_, span), _)| !touched(span))
            .flat_map(|(_, text)| text.clone())
            .collect();
        prop_assert_eq!(heard.text(), expected);
        prop_assert_eq!(heard.missing, lost.len() as u64);
        prop_assert!(heard.texts.len() <= 2);
    }

    #[test]
    fn no_bytes_panic(
        suite in prop::sample::select(&SUITES[..]),
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..100), 0_u64..100), 1..20),
        headers in any::<bool>(),
    ) {
        let stream = Stream::new(suite);
        let mut session = stream.session();
        let mut heard = Heard::default();
        let mut position = 0;
        for (mut data, missing) in chunks {
            if headers && data.len() > 5 {
                data[..4].copy_from_slice(&[23, 3, 3, 0]);
            }
            heard.take(&mut session, bytes(position as usize, &data, Carrier::default()));
            position += data.len() as u64;
            if missing > 50 {
                let until = (position + missing) as usize;
                heard.take(&mut session, gap(position as usize, until, Carrier::default()));
                position += missing;
            }
        }
        prop_assert_eq!(heard.text(), Vec::<u8>::new());
        let client = super::ClientHello::read(&stream.bytes);
        prop_assert_eq!(client, super::ClientHelloRead::NotOne);
    }

    #[test]
    fn no_hello_panics(bytes in prop::collection::vec(any::<u8>(), 0..300), kind in 1_u8..3) {
        let length = bytes.len() as u16;
        let [high, low] = (length + 4).to_be_bytes();
        let [message_high, message_low] = length.to_be_bytes();
        let header = [22, 3, 1, high, low, kind, 0, message_high, message_low];
        let record = [&header[..], &bytes].concat();
        super::ClientHello::read(&record);
        let flight = super::ServerFlight::read(&record);
        prop_assert!(flight.alert.is_none());
        super::hello::EncryptedExtensions::read(&[&[8, 0, message_high, message_low], &bytes[..]].concat());
    }
}

#[test]
fn a_key_log_of_the_latest_forgets_the_oldest() {
    let mut keys = KeyLog::of_latest(2);
    for byte in [1, 2, 1, 3] {
        let hex = |byte: u8, length| format!("{byte:02x}").repeat(length);
        keys.read(format!("CLIENT_RANDOM {} {}", hex(byte, 32), hex(7, 48)).as_bytes());
    }
    let known = [1, 2, 3].map(|byte| keys.of(&[byte; 32]).is_some());
    assert_eq!(known, [false, true, true]);
    assert_eq!(keys.left_out(), 0);
}
