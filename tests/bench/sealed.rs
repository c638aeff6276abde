//! TLS 1.3 around what two peers say (RFC 8446): its records, and the line of a key log that opens them.
//!
//! In: the bytes of both sides, in order. Out: the same as records of TLS_AES_128_GCM_SHA256 behind a handshake whose
//! secrets follow from the connection's number. Nothing checks certificates: of the handshake only what a capture shows
//! is there, the two hellos and what is sealed behind them.

use ring::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use ring::hkdf::{HKDF_SHA256, KeyType, Prk};

use crate::packets::From;

const HANDSHAKE: u8 = 22;
const APPLICATION_DATA: u8 = 23;
const CHANGE_CIPHER_SPEC: [u8; 6] = [20, 3, 3, 0, 1, 1];

/// The longest payload of a record (section 5.1).
const RECORD: usize = 1 << 14;

/// The four secrets that a key log names, and the direction of each.
const LABELS: [(&str, From); 4] = [
    ("CLIENT_HANDSHAKE_TRAFFIC_SECRET", From::Client),
    ("SERVER_HANDSHAKE_TRAFFIC_SECRET", From::Server),
    ("CLIENT_TRAFFIC_SECRET_0", From::Client),
    ("SERVER_TRAFFIC_SECRET_0", From::Server),
];

/// A length of key material.
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// What one side seals with.
struct Sealer {
    key: LessSafeKey,
    iv: [u8; 12],
    sequence: u64,
}

impl Sealer {
    fn new(secret: &[u8; 32]) -> Self {
        let [mut key, mut iv] = [vec![0; 16], vec![0; 12]];
        expand(secret, "key", &mut key);
        expand(secret, "iv", &mut iv);
        let key = UnboundKey::new(&AES_128_GCM, &key).expect("a key");
        Self {
            key: LessSafeKey::new(key),
            iv: iv.try_into().expect("twelve bytes"),
            sequence: 0,
        }
    }

    /// A record with `text` of some kind (section 5.2).
    fn seal(&mut self, kind: u8, text: &[u8]) -> Vec<u8> {
        let mut nonce = self.iv;
        for (byte, count) in nonce[4..].iter_mut().zip(self.sequence.to_be_bytes()) {
            *byte ^= count;
        }
        self.sequence += 1;
        let length = text.len() + 1 + AES_128_GCM.tag_len();
        let header = header(APPLICATION_DATA, length);
        let mut sealed = [text, &[kind]].concat();
        let nonce = Nonce::assume_unique_for_key(nonce);
        self.key
            .seal_in_place_append_tag(nonce, Aad::from(header), &mut sealed)
            .expect("a record");
        [&header[..], &sealed].concat()
    }
}

/// HKDF-Expand-Label without a context (section 7.1).
fn expand(secret: &[u8], label: &str, into: &mut [u8]) {
    let length = u16::try_from(into.len()).expect("a short one");
    let label = [b"tls13 ", label.as_bytes()].concat();
    let parts: [&[u8]; 4] = [&length.to_be_bytes(), &[label.len() as u8], &label, &[0]];
    Prk::new_less_safe(HKDF_SHA256, secret)
        .expand(&parts, Length(into.len()))
        .and_then(|output| output.fill(into))
        .expect("so many bytes");
}

fn header(kind: u8, length: usize) -> [u8; 5] {
    let [high, low] = u16::try_from(length).expect("a record").to_be_bytes();
    [kind, 3, 3, high, low]
}

/// A number of so many bytes before a text.
fn vector(bytes: usize, text: &[u8]) -> Vec<u8> {
    let length = u32::try_from(text.len()).expect("a length").to_be_bytes();
    [&length[4 - bytes..], text].concat()
}

fn extension(kind: u16, body: &[u8]) -> Vec<u8> {
    [&kind.to_be_bytes()[..], &vector(2, body)].concat()
}

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &vector(3, body)].concat()
}

/// The secrets of one connection.
pub(crate) struct Secrets {
    random: [u8; 32],
    secrets: [[u8; 32]; 4],
}

impl Secrets {
    /// Those of the connection with this number.
    pub(crate) fn of(number: u32) -> Self {
        let fill = |kind: u8| {
            let mut bytes = [kind; 32];
            bytes[..4].copy_from_slice(&number.to_be_bytes());
            bytes
        };
        Self {
            random: fill(0xc1),
            secrets: [1, 2, 3, 4].map(fill),
        }
    }

    /// Its lines in a key log.
    pub(crate) fn lines(&self) -> String {
        let hex =
            |bytes: &[u8]| -> String { bytes.iter().map(|byte| format!("{byte:02x}")).collect() };
        let lines = LABELS.iter().zip(&self.secrets);
        let lines = lines
            .map(|((label, _), secret)| format!("{label} {} {}\n", hex(&self.random), hex(secret)));
        lines.collect()
    }

    /// What two peers say, inside TLS.
    pub(crate) fn seal(&self, said: &[(From, Vec<u8>)]) -> Vec<(From, Vec<u8>)> {
        let [mut client_early, mut server_early, mut client, mut server] =
            [0, 1, 2, 3].map(|at| Sealer::new(&self.secrets[at]));
        let protocols = extension(16, &vector(2, &vector(1, b"h2")));
        let hello = [
            &[3, 3][..],
            &self.random,
            &vector(1, &[]),
            &vector(2, &[0x13, 0x01]),
            &vector(1, &[0]),
            &vector(
                2,
                &[extension(43, &vector(1, &[3, 4])), protocols.clone()].concat(),
            ),
        ];
        let hello = message(1, &hello.concat());
        let answer = [
            &[3, 3][..],
            &[0x5e; 32],
            &vector(1, &[]),
            &[0x13, 0x01, 0],
            &vector(2, &extension(43, &[3, 4])),
        ];
        let answer = message(2, &answer.concat());
        let plain = |message: &[u8]| [&header(HANDSHAKE, message.len())[..], message].concat();
        let finished = message(20, &[0xf1; 32]);
        let accepted = [message(8, &vector(2, &protocols)), finished.clone()].concat();
        let accepted = server_early.seal(HANDSHAKE, &accepted);
        let mut sealed = vec![
            (From::Client, plain(&hello)),
            (
                From::Server,
                [plain(&answer), CHANGE_CIPHER_SPEC.to_vec(), accepted].concat(),
            ),
            (
                From::Client,
                [
                    CHANGE_CIPHER_SPEC.to_vec(),
                    client_early.seal(HANDSHAKE, &finished),
                ]
                .concat(),
            ),
        ];
        for (from, bytes) in said {
            let sealer = match from {
                From::Client => &mut client,
                From::Server => &mut server,
            };
            let records = bytes
                .chunks(RECORD)
                .map(|text| sealer.seal(APPLICATION_DATA, text));
            sealed.push((*from, records.collect::<Vec<_>>().concat()));
        }
        sealed
    }
}
