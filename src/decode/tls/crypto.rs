//! All of the cryptography: keys from secrets, and records opened with them.
//!
//! In: a secret and a suite, or a protected record. Out: keys, or what the record protected, if its tag
//! proves it.

use std::fmt;

use ring::{aead, hkdf, hmac};

use super::cipher_suite::{Cipher, CipherSuite, Hash};
use super::key_log::Secret;
use super::records::RecordHeader;
use super::version::Version;
use crate::decode::direction::PerSide;

/// Length of the tag at the end of a protected record; the same for every cipher here.
const TAG: usize = 16;

/// Length of a nonce, and of its part that AES-GCM in TLS 1.2 sends with each record (RFC 5288,
/// section 3).
const NONCE: usize = 12;
const SENT_NONCE: usize = 8;

/// What protects one direction until its keys change.
pub(super) struct Key {
    key: aead::LessSafeKey,
    iv: [u8; NONCE],
    style: AeadConstruction,
}

/// How nonce and associated data are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum AeadConstruction {
    /// RFC 8446, sections 5.2 and 5.3.
    Tls13,
    /// RFC 5288, section 3: a part of the nonce stands before the ciphertext.
    Tls12SentNonce,
    /// RFC 7905, section 2.
    Tls12,
}

impl Key {
    /// The key of a TLS 1.3 traffic secret (RFC 8446, section 7.3); `None` where the secret does not
    /// fit the suite.
    pub(super) fn of_traffic(suite: CipherSuite, secret: &Secret) -> Option<Self> {
        let (cipher, hash) = suite.protection(Version::TLS_1_3)?;
        let prk = traffic_prk(hash, secret)?;
        let algorithm = algorithm(cipher);
        let mut key = vec![0; algorithm.key_len()];
        expand_label(&prk, b"key", &mut key)?;
        let mut iv = [0; NONCE];
        expand_label(&prk, b"iv", &mut iv)?;
        Self::new(algorithm, &key, iv, AeadConstruction::Tls13)
    }

    /// The keys of client and server of a TLS 1.2 master secret (RFC 5246, section 6.3).
    ///
    /// ```text
    /// client key  server key  client IV  server IV     (AEAD suites need no MAC keys)
    /// ```
    pub(super) fn of_master(
        suite: CipherSuite,
        master: &Secret,
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Option<PerSide<Self>> {
        let (cipher, hash) = suite.protection(Version::TLS_1_2)?;
        let algorithm = algorithm(cipher);
        let (style, iv_length) = match cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => {
                (AeadConstruction::Tls12SentNonce, NONCE - SENT_NONCE)
            }
            Cipher::ChaCha20Poly1305 => (AeadConstruction::Tls12, NONCE),
        };
        let seed = [&b"key expansion"[..], server_random, client_random].concat();
        let mut block = vec![0; 2 * (algorithm.key_len() + iv_length)];
        pseudorandom(hash, &master.0, &seed, &mut block);
        let (client_key, rest) = block.split_at_checked(algorithm.key_len())?;
        let (server_key, ivs) = rest.split_at_checked(algorithm.key_len())?;
        let (client_iv, server_iv) = ivs.split_at_checked(iv_length)?;
        let key = |key, iv: &[u8]| {
            let mut padded = [0; NONCE];
            padded.iter_mut().zip(iv).for_each(|(to, from)| *to = *from);
            Self::new(algorithm, key, padded, style)
        };
        Some(PerSide {
            client: key(client_key, client_iv)?,
            server: key(server_key, server_iv)?,
        })
    }

    /// Opens the record of this number in `buffer`, which serves as working space; gives what it
    /// protected if the tag proves it.
    pub(super) fn open<'a>(
        &self,
        sequence: u64,
        header: RecordHeader,
        payload: &[u8],
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let (sent, sealed) = match self.style {
            AeadConstruction::Tls12SentNonce => payload.split_at_checked(SENT_NONCE)?,
            AeadConstruction::Tls13 | AeadConstruction::Tls12 => (&[][..], payload),
        };
        let length = sealed.len().checked_sub(TAG)?;
        let nonce = self.nonce(sequence, sent);
        buffer.clear();
        buffer.extend_from_slice(sealed);
        let opened = match self.style {
            AeadConstruction::Tls13 => {
                let associated = aead::Aad::from(header.bytes());
                self.key.open_in_place(nonce, associated, buffer)
            }
            AeadConstruction::Tls12SentNonce | AeadConstruction::Tls12 => {
                let length = u16::try_from(length).ok()?;
                let [n0, n1, n2, n3, n4, n5, n6, n7] = sequence.to_be_bytes();
                let [kind, major, minor, ..] = header.bytes();
                let [high, low] = length.to_be_bytes();
                let associated = [
                    n0, n1, n2, n3, n4, n5, n6, n7, kind, major, minor, high, low,
                ];
                let associated = aead::Aad::from(associated);
                self.key.open_in_place(nonce, associated, buffer)
            }
        };
        opened.ok().map(|text| &*text)
    }

    fn new(
        algorithm: &'static aead::Algorithm,
        key: &[u8],
        iv: [u8; NONCE],
        style: AeadConstruction,
    ) -> Option<Self> {
        let key = aead::UnboundKey::new(algorithm, key).ok()?;
        Some(Self {
            key: aead::LessSafeKey::new(key),
            iv,
            style,
        })
    }

    /// The record's nonce: its number mixed into the IV, or what was sent behind the fixed part.
    fn nonce(&self, sequence: u64, sent: &[u8]) -> aead::Nonce {
        let mut nonce = self.iv;
        let number = sequence.to_be_bytes();
        let last = nonce.iter_mut().skip(NONCE - SENT_NONCE);
        match self.style {
            AeadConstruction::Tls12SentNonce => last.zip(sent).for_each(|(to, from)| *to = *from),
            AeadConstruction::Tls13 | AeadConstruction::Tls12 => {
                last.zip(number).for_each(|(to, from)| *to ^= from)
            }
        }
        aead::Nonce::assume_unique_for_key(nonce)
    }
}

/// The traffic secret that follows this one after a KeyUpdate (RFC 8446, section 7.2).
pub(super) fn updated(suite: CipherSuite, secret: &Secret) -> Option<Secret> {
    let (_, hash) = suite.protection(Version::TLS_1_3)?;
    let prk = traffic_prk(hash, secret)?;
    let mut next = vec![0; secret.0.len()];
    expand_label(&prk, b"traffic upd", &mut next)?;
    Some(Secret(next.into()))
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Key(<redacted>, {:?})", self.style)
    }
}

fn algorithm(cipher: Cipher) -> &'static aead::Algorithm {
    match cipher {
        Cipher::Aes128Gcm => &aead::AES_128_GCM,
        Cipher::Aes256Gcm => &aead::AES_256_GCM,
        Cipher::ChaCha20Poly1305 => &aead::CHACHA20_POLY1305,
    }
}

fn traffic_prk(hash: Hash, secret: &Secret) -> Option<hkdf::Prk> {
    let (algorithm, length) = match hash {
        Hash::Sha256 => (hkdf::HKDF_SHA256, 32),
        Hash::Sha384 => (hkdf::HKDF_SHA384, 48),
    };
    (secret.0.len() == length).then(|| hkdf::Prk::new_less_safe(algorithm, &secret.0))
}

struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// HKDF-Expand-Label with an empty context (RFC 8446, section 7.1).
///
/// ```text
/// length (2)  "tls13 " + label <1>  context <1>
/// ```
fn expand_label(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(b"tls13 ".len() + label.len()).ok()?];
    let info = [&length[..], &label_length, b"tls13 ", label, &[0]];
    let expanded = prk.expand(&info, Length(out.len())).ok()?;
    expanded.fill(out).ok()
}

/// The PRF of TLS 1.2 (RFC 5246, section 5): `seed` begins with the label.
fn pseudorandom(hash: Hash, secret: &[u8], seed: &[u8], out: &mut [u8]) {
    let algorithm = match hash {
        Hash::Sha256 => hmac::HMAC_SHA256,
        Hash::Sha384 => hmac::HMAC_SHA384,
    };
    let key = hmac::Key::new(algorithm, secret);
    let mut chain = hmac::sign(&key, seed);
    let size = chain.as_ref().len();
    for part in out.chunks_mut(size) {
        let block = hmac::sign(&key, &[chain.as_ref(), seed].concat());
        part.iter_mut()
            .zip(block.as_ref())
            .for_each(|(to, from)| *to = *from);
        chain = hmac::sign(&key, chain.as_ref());
    }
}

#[cfg(test)]
pub(super) mod sealing {
    //! The other way, for tests.

    use super::{AeadConstruction, Key, SENT_NONCE, TAG, aead};
    use crate::decode::tls::records::RecordHeader;

    impl Key {
        /// A protected record of this number.
        pub(in crate::decode::tls) fn seal(&self, sequence: u64, kind: u8, text: &[u8]) -> Vec<u8> {
            let mut sealed = text.to_vec();
            let (outer, sent) = match self.style {
                AeadConstruction::Tls13 => {
                    sealed.push(kind);
                    (RecordHeader::APPLICATION_DATA, Vec::new())
                }
                AeadConstruction::Tls12SentNonce => (kind, (sequence + 7).to_be_bytes().to_vec()),
                AeadConstruction::Tls12 => (kind, Vec::new()),
            };
            let text_length = sealed.len() as u16;
            let length = sent.len() as u16 + text_length + TAG as u16;
            let mut record = vec![outer, 3, 3];
            record.extend(length.to_be_bytes());
            let associated = match self.style {
                AeadConstruction::Tls13 => record.clone(),
                _ => {
                    let length = text_length.to_be_bytes();
                    [&sequence.to_be_bytes()[..], &[kind, 3, 3], &length].concat()
                }
            };
            let nonce = self.nonce(sequence, &sent);
            debug_assert!(sent.is_empty() || sent.len() == SENT_NONCE);
            self.key
                .seal_in_place_append_tag(nonce, aead::Aad::from(associated), &mut sealed)
                .unwrap();
            record.extend(sent);
            record.extend(sealed);
            record
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let pairs = digits.chunks(2);
        pairs
            .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
            .collect()
    }

    /// RFC 8448, section 3: the server's application traffic secret of the simple handshake, its key
    /// and IV, and the record of application data that the server sends with them.
    #[test]
    fn the_trace_of_rfc_8448_opens() {
        let suite = CipherSuite(0x1301);
        let secret = Secret(
            bytes("a1 1a f9 f0 55 31 f8 56 ad 47 11 6b 45 a9 50 32 82 04 b4 f4 4b fb 6b 3a 4b 4f 1f 3f cb 63 16 43")
                .into(),
        );
        let prk = traffic_prk(Hash::Sha256, &secret).unwrap();
        let mut key = [0; 16];
        expand_label(&prk, b"key", &mut key).unwrap();
        assert_eq!(
            key[..],
            bytes("9f 02 28 3b 6c 9c 07 ef c2 6b b9 f2 ac 92 e3 56")
        );
        let mut iv = [0; 12];
        expand_label(&prk, b"iv", &mut iv).unwrap();
        assert_eq!(iv[..], bytes("cf 78 2b 88 dd 83 54 9a ad f1 e9 84"));

        let record = bytes(
            "17 03 03 00 43 2e 93 7e 11 ef 4a c7 40 e5 38 ad 36 00 5f c4 a4 69 32 fc 32 25 d0 5f 82 aa 1b 36 \
             e3 0e fa f9 7d 90 e6 df fc 60 2d cb 50 1a 59 a8 fc c4 9c 4b f2 e5 f0 a2 1c 00 47 c2 ab f3 32 54 \
             0d d0 32 e1 67 c2 95 5d",
        );
        let (header, payload) = record.split_first_chunk().unwrap();
        let header = RecordHeader::parse(header).unwrap();
        let mut buffer = Vec::new();
        let key = Key::of_traffic(suite, &secret).unwrap();
        // The server's NewSessionTicket had number 0.
        assert!(key.open(0, header, payload, &mut buffer).is_none());
        let text = key.open(1, header, payload, &mut buffer).unwrap();
        let sent: Vec<u8> = (0..50).chain([RecordHeader::APPLICATION_DATA]).collect();
        assert_eq!(text, sent);
    }

    /// The PRF's test vector for SHA-256 as published on the TLS working group's list.
    #[test]
    fn the_published_prf_vector_is_met() {
        let secret = bytes("9b be 43 6b a9 40 f0 17 b1 76 52 84 9a 71 db 35");
        let seed = bytes("a0 ba 9f 93 6c da 31 18 27 a6 f7 96 ff d5 19 8c");
        let seed = [b"test label", &seed[..]].concat();
        let mut out = [0; 100];
        pseudorandom(Hash::Sha256, &secret, &seed, &mut out);
        let expected = bytes(
            "e3 f2 29 ba 72 7b e1 7b 8d 12 26 20 55 7c d4 53 c2 aa b2 1d 07 c3 d4 95 32 9b 52 d4 e6 1e db 5a \
             6b 30 17 91 e9 0d 35 c9 c9 a4 6b 4e 14 ba f9 af 0f a0 22 f7 07 7d ef 17 ab fd 37 97 c0 56 4b ab \
             4f bc 91 66 6e 9d ef 9b 97 fc e3 4f 79 67 89 ba a4 80 82 d1 22 ee 42 c5 a7 2e 5a 51 10 ff f7 01 \
             87 34 7b 66",
        );
        assert_eq!(out[..], expected);
    }
}
