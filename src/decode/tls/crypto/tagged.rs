//! Ciphers that prove what they protect: AES-GCM, ChaCha20-Poly1305, AES-CCM, ARIA-GCM.
//!
//! In: a key and an IV, or a record. Out: what the record protected, if its tag proves it. The first two are those that
//! nearly all connections use; the others are of RFC 6655 and RFC 6209.

use aes_gcm::AesGcm;
use ccm::aead::inout::InOutBuf;
use ccm::consts::{U8, U12, U16};
use ccm::{AeadInOut, Ccm, KeyInit};
use ring::aead;

use super::super::cipher_suite::AeadCipher;
use super::super::records::RecordHeader;
use super::tls12_header;

/// Length of a nonce, and of its part that TLS 1.2 sends with each record (RFC 5288, section 3; RFC 6655, section 3).
pub(super) const NONCE: usize = 12;
const SENT_NONCE: usize = 8;

/// A key, and how nonces are made for it.
pub(in crate::decode::tls) struct AeadKey {
    opener: Opener,
    tag: usize,
    iv: [u8; NONCE],
    construction: AeadConstruction,
}

/// How nonce and associated data are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AeadConstruction {
    /// RFC 8446, sections 5.2 and 5.3.
    Tls13,
    /// RFC 5288, section 3: a part of the nonce stands before the ciphertext.
    Tls12SentNonce,
    /// RFC 7905, section 2.
    Tls12,
}

enum Opener {
    Fast(Box<aead::LessSafeKey>),
    Other(Box<dyn TaggedCipher>),
}

/// What opens a text in place.
trait TaggedCipher: Send + Sync {
    /// Whether the tag proved the text.
    fn open(&self, nonce: [u8; NONCE], associated: &[u8], text: &mut [u8], tag: &[u8]) -> bool;

    /// Seals a text in place, for tests; gives its tag.
    #[cfg(test)]
    fn seal(&self, nonce: [u8; NONCE], associated: &[u8], text: &mut [u8]) -> Vec<u8>;
}

impl<C> TaggedCipher for C
where
    C: AeadInOut<NonceSize = U12> + Send + Sync,
{
    fn open(&self, nonce: [u8; NONCE], associated: &[u8], text: &mut [u8], tag: &[u8]) -> bool {
        let Ok(tag) = tag.try_into() else {
            return false;
        };
        self.decrypt_inout_detached(&nonce.into(), associated, InOutBuf::from(text), tag)
            .is_ok()
    }

    #[cfg(test)]
    fn seal(&self, nonce: [u8; NONCE], associated: &[u8], text: &mut [u8]) -> Vec<u8> {
        let tag = self.encrypt_inout_detached(&nonce.into(), associated, InOutBuf::from(text));
        tag.unwrap().to_vec()
    }
}

/// How long a cipher's key is.
pub(super) const fn key_length(cipher: AeadCipher) -> usize {
    match cipher {
        AeadCipher::Aes128Gcm
        | AeadCipher::Aes128Ccm
        | AeadCipher::Aes128Ccm8
        | AeadCipher::Aria128Gcm => 16,
        AeadCipher::Aes256Gcm
        | AeadCipher::ChaCha20Poly1305
        | AeadCipher::Aes256Ccm
        | AeadCipher::Aes256Ccm8
        | AeadCipher::Aria256Gcm => 32,
    }
}

/// How much of the nonce TLS 1.2 derives with the key.
pub(super) const fn fixed_iv_length(cipher: AeadCipher) -> usize {
    match cipher {
        AeadCipher::ChaCha20Poly1305 => NONCE,
        _ => NONCE - SENT_NONCE,
    }
}

impl AeadKey {
    /// A key of TLS 1.2, and the part of its nonces that is not sent.
    pub(super) fn of_tls12(cipher: AeadCipher, key: &[u8], iv: &[u8]) -> Option<Self> {
        let mut padded = [0; NONCE];
        padded.iter_mut().zip(iv).for_each(|(to, from)| *to = *from);
        let construction = match cipher {
            AeadCipher::ChaCha20Poly1305 => AeadConstruction::Tls12,
            _ => AeadConstruction::Tls12SentNonce,
        };
        Self::new(cipher, key, padded, construction)
    }

    pub(super) fn new(
        cipher: AeadCipher,
        key: &[u8],
        iv: [u8; NONCE],
        construction: AeadConstruction,
    ) -> Option<Self> {
        let fast = |algorithm| {
            let key = aead::UnboundKey::new(algorithm, key).ok()?;
            Some(Opener::Fast(Box::new(aead::LessSafeKey::new(key))))
        };
        let opener = match cipher {
            AeadCipher::Aes128Gcm => fast(&aead::AES_128_GCM)?,
            AeadCipher::Aes256Gcm => fast(&aead::AES_256_GCM)?,
            AeadCipher::ChaCha20Poly1305 => fast(&aead::CHACHA20_POLY1305)?,
            AeadCipher::Aes128Ccm => other::<Ccm<aes::Aes128, U16, U12>>(key)?,
            AeadCipher::Aes256Ccm => other::<Ccm<aes::Aes256, U16, U12>>(key)?,
            AeadCipher::Aes128Ccm8 => other::<Ccm<aes::Aes128, U8, U12>>(key)?,
            AeadCipher::Aes256Ccm8 => other::<Ccm<aes::Aes256, U8, U12>>(key)?,
            AeadCipher::Aria128Gcm => other::<AesGcm<aria::Aria128, U12>>(key)?,
            AeadCipher::Aria256Gcm => other::<AesGcm<aria::Aria256, U12>>(key)?,
        };
        Some(Self {
            opener,
            tag: cipher.tag_length(),
            iv,
            construction,
        })
    }

    /// As [`Key::open`](super::Key::open).
    pub(super) fn open<'a>(
        &self,
        sequence: u64,
        header: RecordHeader,
        payload: &[u8],
        buffer: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        let (sent, sealed) = match self.construction {
            AeadConstruction::Tls12SentNonce => payload.split_at_checked(SENT_NONCE)?,
            AeadConstruction::Tls13 | AeadConstruction::Tls12 => (&[][..], payload),
        };
        let length = sealed.len().checked_sub(self.tag)?;
        let nonce = self.nonce(sequence, sent);
        buffer.clear();
        buffer.extend_from_slice(sealed);
        match self.construction {
            AeadConstruction::Tls13 => self.open_in_place(nonce, &header.bytes(), buffer)?,
            AeadConstruction::Tls12SentNonce | AeadConstruction::Tls12 => {
                let associated = tls12_header(sequence, header, length)?;
                self.open_in_place(nonce, &associated, buffer)?;
            }
        }
        buffer.get(..length)
    }

    fn open_in_place(
        &self,
        nonce: [u8; NONCE],
        associated: &[u8],
        buffer: &mut [u8],
    ) -> Option<()> {
        match &self.opener {
            Opener::Fast(key) => {
                let nonce = aead::Nonce::assume_unique_for_key(nonce);
                let opened = key.open_in_place(nonce, aead::Aad::from(associated), buffer);
                opened.ok().map(drop)
            }
            Opener::Other(cipher) => {
                let length = buffer.len().checked_sub(self.tag)?;
                let (text, tag) = buffer.split_at_mut_checked(length)?;
                cipher.open(nonce, associated, text, tag).then_some(())
            }
        }
    }

    /// The record's nonce: its number mixed into the IV, or what was sent behind the fixed part.
    fn nonce(&self, sequence: u64, sent: &[u8]) -> [u8; NONCE] {
        let mut nonce = self.iv;
        let number = sequence.to_be_bytes();
        let last = nonce.iter_mut().skip(NONCE - SENT_NONCE);
        match self.construction {
            AeadConstruction::Tls12SentNonce => last.zip(sent).for_each(|(to, from)| *to = *from),
            AeadConstruction::Tls13 | AeadConstruction::Tls12 => {
                last.zip(number).for_each(|(to, from)| *to ^= from)
            }
        }
        nonce
    }
}

fn other<C: TaggedCipher + KeyInit + 'static>(key: &[u8]) -> Option<Opener> {
    let cipher = C::new_from_slice(key).ok()?;
    Some(Opener::Other(Box::new(cipher)))
}

#[cfg(test)]
mod sealing {
    //! The other way, for tests.

    use super::{AeadConstruction, AeadKey, Opener, aead};
    use crate::decode::tls::records::RecordHeader;

    impl AeadKey {
        /// The type and the payload of a protected record of this number.
        pub(in crate::decode::tls::crypto) fn seal(
            &self,
            sequence: u64,
            kind: u8,
            text: &[u8],
        ) -> (u8, Vec<u8>) {
            let mut sealed = text.to_vec();
            let (outer, sent) = match self.construction {
                AeadConstruction::Tls13 => {
                    sealed.push(kind);
                    (RecordHeader::APPLICATION_DATA, Vec::new())
                }
                AeadConstruction::Tls12SentNonce => (kind, (sequence + 7).to_be_bytes().to_vec()),
                AeadConstruction::Tls12 => (kind, Vec::new()),
            };
            let text_length = sealed.len() as u16;
            let length = sent.len() as u16 + text_length + self.tag as u16;
            let associated = match self.construction {
                AeadConstruction::Tls13 => [&[outer, 3, 3][..], &length.to_be_bytes()].concat(),
                _ => {
                    let length = text_length.to_be_bytes();
                    [&sequence.to_be_bytes()[..], &[kind, 3, 3], &length].concat()
                }
            };
            let nonce = self.nonce(sequence, &sent);
            match &self.opener {
                Opener::Fast(key) => {
                    let nonce = aead::Nonce::assume_unique_for_key(nonce);
                    let associated = aead::Aad::from(associated);
                    key.seal_in_place_append_tag(nonce, associated, &mut sealed)
                        .unwrap();
                }
                Opener::Other(cipher) => {
                    let tag = cipher.seal(nonce, &associated, &mut sealed);
                    sealed.extend(tag);
                }
            }
            (outer, [sent, sealed].concat())
        }
    }
}
