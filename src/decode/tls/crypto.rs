//! All of the cryptography: keys from secrets, and records opened with them.
//!
//! In: a secret and a suite, or a protected record. Out: keys, or what the record protected, if its tag or MAC
//! proves it.
//!
//! ```text
//! secret --derivation--> key --+-- tagged   AES-GCM, ChaCha20-Poly1305, AES-CCM, ARIA-GCM
//!                              +-- blocks   CBC or no cipher, and a MAC
//! ```

mod blocks;
mod derivation;
mod md5;
mod tagged;

use std::fmt;

use super::cipher_suite::{Cipher, CipherSuite, MacOrder};
use super::key_log::Secret;
use super::records::RecordHeader;
use super::version::Version;
use crate::decode::direction::PerSide;
use blocks::MacKey;
use derivation::{expand_label, pseudorandom, traffic_prk};
use tagged::{AeadConstruction, AeadKey, NONCE};

pub(super) use derivation::updated;

/// What protects one direction until its keys change.
pub(super) enum Key {
    Tagged(AeadKey),
    Blocks(MacKey),
}

/// How long the parts of one direction's keys are in TLS 1.2.
struct KeyLengths {
    mac: usize,
    key: usize,
    iv: usize,
}

impl Key {
    /// The key of a TLS 1.3 traffic secret (RFC 8446, section 7.3); `None` where the secret does not
    /// fit the suite.
    pub(super) fn of_traffic(suite: CipherSuite, secret: &Secret) -> Option<Self> {
        let (Cipher::Aead(cipher), hash) = suite.protection(Version::TLS_1_3)? else {
            return None;
        };
        let prk = traffic_prk(hash, secret)?;
        let mut key = vec![0; tagged::key_length(cipher)];
        expand_label(&prk, b"key", &mut key)?;
        let mut iv = [0; NONCE];
        expand_label(&prk, b"iv", &mut iv)?;
        AeadKey::new(cipher, &key, iv, AeadConstruction::Tls13).map(Self::Tagged)
    }

    /// The keys of client and server of a TLS 1.2 master secret (RFC 5246, section 6.3).
    ///
    /// ```text
    /// client MAC key  server MAC key  client key  server key  client IV  server IV
    /// ```
    pub(super) fn of_master(
        (suite, order): (CipherSuite, MacOrder),
        master: &Secret,
        client_random: &[u8; 32],
        server_random: &[u8; 32],
    ) -> Option<PerSide<Self>> {
        let (cipher, hash) = suite.protection(Version::TLS_1_2)?;
        let lengths = KeyLengths::of(cipher);
        let seed = [&b"key expansion"[..], server_random, client_random].concat();
        let mut block = vec![0; 2 * (lengths.mac + lengths.key + lengths.iv)];
        pseudorandom(hash, &master.0, &seed, &mut block)?;
        let mut rest = &block[..];
        let mut next = |length| {
            let (part, after) = rest.split_at_checked(length)?;
            rest = after;
            Some(part)
        };
        let macs = (next(lengths.mac)?, next(lengths.mac)?);
        let keys = (next(lengths.key)?, next(lengths.key)?);
        let ivs = (next(lengths.iv)?, next(lengths.iv)?);
        let key = |mac, key, iv| match cipher {
            Cipher::Aead(cipher) => AeadKey::of_tls12(cipher, key, iv).map(Self::Tagged),
            Cipher::Cbc(block, hash) => {
                MacKey::new((hash, mac), Some((block, key)), order).map(Self::Blocks)
            }
            Cipher::Null(hash) => MacKey::new((hash, mac), None, order).map(Self::Blocks),
        };
        Some(PerSide {
            client: key(macs.0, keys.0, ivs.0)?,
            server: key(macs.1, keys.1, ivs.1)?,
        })
    }

    /// Opens the record of this number in `buffer`, which serves as working space; gives what it
    /// protected if the tag or the MAC proves it.
    pub(super) fn open<'a>(
        &self,
        sequence: u64,
        header: RecordHeader,
        payload: &[u8],
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        match self {
            Self::Tagged(key) => key.open(sequence, header, payload, buffer),
            Self::Blocks(key) => key.open(sequence, header, payload, buffer),
        }
    }
}

impl KeyLengths {
    fn of(cipher: Cipher) -> Self {
        match cipher {
            Cipher::Aead(cipher) => Self {
                mac: 0,
                key: tagged::key_length(cipher),
                iv: tagged::fixed_iv_length(cipher),
            },
            // Their IVs stand in the records (RFC 5246, section 6.2.3.2).
            Cipher::Cbc(block, mac) => Self {
                mac: blocks::mac_length(mac),
                key: blocks::key_length(block),
                iv: 0,
            },
            Cipher::Null(mac) => Self {
                mac: blocks::mac_length(mac),
                key: 0,
                iv: 0,
            },
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Tagged(_) => "Tagged",
            Self::Blocks(_) => "Blocks",
        };
        write!(formatter, "{kind}(<redacted>)")
    }
}

/// What a MAC of TLS 1.2, or its associated data, begins with (RFC 5246, section 6.2.3.1): the number, the type, the
/// version and a length.
fn tls12_header(sequence: u64, header: RecordHeader, length: usize) -> Option<[u8; 13]> {
    let [n0, n1, n2, n3, n4, n5, n6, n7] = sequence.to_be_bytes();
    let [kind, major, minor, ..] = header.bytes();
    let [high, low] = u16::try_from(length).ok()?.to_be_bytes();
    Some([
        n0, n1, n2, n3, n4, n5, n6, n7, kind, major, minor, high, low,
    ])
}

#[cfg(test)]
pub(super) mod sealing {
    //! The other way, for tests.

    use super::Key;

    impl Key {
        /// A protected record of this number.
        pub(in crate::decode::tls) fn seal(&self, sequence: u64, kind: u8, text: &[u8]) -> Vec<u8> {
            let (outer, sealed) = match self {
                Self::Tagged(key) => key.seal(sequence, kind, text),
                Self::Blocks(key) => (kind, key.seal(sequence, kind, text)),
            };
            let mut record = vec![outer, 3, 3];
            record.extend((sealed.len() as u16).to_be_bytes());
            record.extend(sealed);
            record
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cipher_suite::Hash;
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
        pseudorandom(Hash::Sha256, &secret, &seed, &mut out).unwrap();
        let expected = bytes(
            "e3 f2 29 ba 72 7b e1 7b 8d 12 26 20 55 7c d4 53 c2 aa b2 1d 07 c3 d4 95 32 9b 52 d4 e6 1e db 5a \
             6b 30 17 91 e9 0d 35 c9 c9 a4 6b 4e 14 ba f9 af 0f a0 22 f7 07 7d ef 17 ab fd 37 97 c0 56 4b ab \
             4f bc 91 66 6e 9d ef 9b 97 fc e3 4f 79 67 89 ba a4 80 82 d1 22 ee 42 c5 a7 2e 5a 51 10 ff f7 01 \
             87 34 7b 66",
        );
        assert_eq!(out[..], expected);
    }
}
