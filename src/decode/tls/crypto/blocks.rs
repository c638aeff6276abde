//! Ciphers that need a MAC beside them: AES and Camellia in CBC, and none at all.
//!
//! In: keys, or a record. Out: what the record protected, if its MAC proves it. Which of the two is applied first is
//! agreed on in the hellos.
//!
//! ```text
//! MAC, then cipher    IV  [ text  MAC  padding ]         RFC 5246, section 6.2.3.2; what is in [ ] is encrypted
//! cipher, then MAC    IV  [ text  padding ]  MAC         RFC 7366, section 3
//! no cipher           text  MAC
//! ```

use aes::cipher::{
    Block, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt as _, BlockSizeUser, KeyInit,
    consts::U16,
};
use ring::hmac;

use super::super::cipher_suite::{BlockCipher, Hash, MacOrder};
use super::super::records::RecordHeader;
use super::derivation::mac_algorithm;
use super::md5::{self, Md5Key};
use super::tls12_header;

/// Length of a block of every cipher here, and so of an IV.
const BLOCK: usize = 16;

/// The keys of a direction.
pub(in crate::decode::tls) struct MacKey {
    mac: MacFunction,
    cipher: Option<Box<dyn CbcCipher>>,
    order: MacOrder,
}

/// What proves that a record is whole.
enum MacFunction {
    Md5(Md5Key),
    Sha(hmac::Key),
}

impl MacFunction {
    fn new(hash: Hash, key: &[u8]) -> Self {
        match mac_algorithm(hash) {
            None => Self::Md5(Md5Key::new(key)),
            Some(algorithm) => Self::Sha(hmac::Key::new(algorithm, key)),
        }
    }

    fn length(&self) -> usize {
        match self {
            Self::Md5(_) => md5::LENGTH,
            Self::Sha(key) => key.algorithm().digest_algorithm().output_len(),
        }
    }

    /// Whether this is the MAC of both parts together. Nobody learns here how much of it is right: a capture answers no
    /// questions.
    fn proves(&self, parts: [&[u8]; 2], mac: &[u8]) -> bool {
        match self {
            Self::Md5(key) => key.sign(parts) == mac,
            Self::Sha(key) => {
                let mut context = hmac::Context::with_key(key);
                for part in parts {
                    context.update(part);
                }
                context.sign().as_ref() == mac
            }
        }
    }
}

/// What decrypts blocks in place.
trait CbcCipher: Send + Sync {
    /// `None` unless these are whole blocks.
    fn decrypt(&self, iv: [u8; BLOCK], blocks: &mut [u8]) -> Option<()>;

    /// The other way, for tests.
    #[cfg(test)]
    fn encrypt(&self, iv: [u8; BLOCK], blocks: &mut [u8]);
}

impl<C> CbcCipher for C
where
    C: BlockCipherDecrypt
        + BlockCipherEncrypt
        + BlockSizeUser<BlockSize = U16>
        + Clone
        + Send
        + Sync,
{
    fn decrypt(&self, iv: [u8; BLOCK], blocks: &mut [u8]) -> Option<()> {
        use aes::cipher::InnerIvInit as _;

        let (blocks, []) = Block::<C>::slice_as_chunks_mut(blocks) else {
            return None;
        };
        let mut cbc = cbc::Decryptor::inner_iv_init(self.clone(), &iv.into());
        cbc.decrypt_blocks(blocks);
        Some(())
    }

    #[cfg(test)]
    fn encrypt(&self, iv: [u8; BLOCK], blocks: &mut [u8]) {
        use aes::cipher::{BlockModeEncrypt as _, InnerIvInit as _};

        let (blocks, _) = Block::<C>::slice_as_chunks_mut(blocks);
        cbc::Encryptor::inner_iv_init(self.clone(), &iv.into()).encrypt_blocks(blocks);
    }
}

/// How long a cipher's key is.
pub(super) const fn key_length(cipher: BlockCipher) -> usize {
    match cipher {
        BlockCipher::Aes128 | BlockCipher::Camellia128 => 16,
        BlockCipher::Aes256 | BlockCipher::Camellia256 => 32,
    }
}

/// How long a MAC and its key are.
pub(super) fn mac_length(hash: Hash) -> usize {
    let algorithm = mac_algorithm(hash);
    algorithm.map_or(md5::LENGTH, |algorithm| {
        algorithm.digest_algorithm().output_len()
    })
}

impl MacKey {
    pub(super) fn new(
        (hash, mac): (Hash, &[u8]),
        cipher: Option<(BlockCipher, &[u8])>,
        order: MacOrder,
    ) -> Option<Self> {
        let cipher = match cipher {
            None => None,
            Some((BlockCipher::Aes128, key)) => Some(boxed::<aes::Aes128>(key)?),
            Some((BlockCipher::Aes256, key)) => Some(boxed::<aes::Aes256>(key)?),
            Some((BlockCipher::Camellia128, key)) => Some(boxed::<camellia::Camellia128>(key)?),
            Some((BlockCipher::Camellia256, key)) => Some(boxed::<camellia::Camellia256>(key)?),
        };
        Some(Self {
            mac: MacFunction::new(hash, mac),
            cipher,
            order,
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
        let mac_length = self.mac.length();
        let Some(cipher) = &self.cipher else {
            let (text, mac) = payload.split_at_checked(payload.len().checked_sub(mac_length)?)?;
            self.verify(sequence, header, text, mac)?;
            buffer.clear();
            buffer.extend_from_slice(text);
            return Some(buffer);
        };
        let sealed = match self.order {
            MacOrder::MacThenEncrypt => payload,
            MacOrder::EncryptThenMac => {
                let (sealed, mac) =
                    payload.split_at_checked(payload.len().checked_sub(mac_length)?)?;
                self.verify(sequence, header, sealed, mac)?;
                sealed
            }
        };
        let (iv, blocks) = sealed.split_first_chunk::<BLOCK>()?;
        buffer.clear();
        buffer.extend_from_slice(blocks);
        cipher.decrypt(*iv, buffer)?;
        let text = unpadded(buffer)?;
        match self.order {
            MacOrder::EncryptThenMac => Some(text),
            MacOrder::MacThenEncrypt => {
                let (text, mac) = text.split_at_checked(text.len().checked_sub(mac_length)?)?;
                self.verify(sequence, header, text, mac)?;
                Some(text)
            }
        }
    }

    fn verify(
        &self,
        sequence: u64,
        header: RecordHeader,
        covered: &[u8],
        mac: &[u8],
    ) -> Option<()> {
        let header = tls12_header(sequence, header, covered.len())?;
        self.mac.proves([&header, covered], mac).then_some(())
    }
}

/// What stands before the padding: so many bytes as the last one says, each of which says the same.
fn unpadded(text: &[u8]) -> Option<&[u8]> {
    let (last, rest) = text.split_last()?;
    let (text, padding) = rest.split_at_checked(rest.len().checked_sub(usize::from(*last))?)?;
    padding.iter().all(|byte| byte == last).then_some(text)
}

fn boxed<C: CbcCipher + KeyInit + 'static>(key: &[u8]) -> Option<Box<dyn CbcCipher>> {
    Some(Box::new(C::new_from_slice(key).ok()?))
}

#[cfg(test)]
mod sealing {
    //! The other way, for tests.

    use super::{BLOCK, MacFunction, MacKey, MacOrder, hmac};

    impl MacKey {
        /// The payload of a protected record of this number.
        pub(in crate::decode::tls::crypto) fn seal(
            &self,
            sequence: u64,
            kind: u8,
            text: &[u8],
        ) -> Vec<u8> {
            let mac = |covered: &[u8]| {
                let length = (covered.len() as u16).to_be_bytes();
                let header = [&sequence.to_be_bytes()[..], &[kind, 3, 3], &length].concat();
                match &self.mac {
                    MacFunction::Md5(key) => key.sign([&header, covered]).to_vec(),
                    MacFunction::Sha(key) => {
                        let tag = hmac::sign(key, &[&header, covered].concat());
                        tag.as_ref().to_vec()
                    }
                }
            };
            let Some(cipher) = &self.cipher else {
                return [text, &mac(text)].concat();
            };
            let iv = [sequence as u8; BLOCK];
            let mut blocks = text.to_vec();
            if self.order == MacOrder::MacThenEncrypt {
                blocks.extend(mac(text));
            }
            let padding = BLOCK - 1 - blocks.len() % BLOCK;
            blocks.extend(std::iter::repeat_n(padding as u8, padding + 1));
            cipher.encrypt(iv, &mut blocks);
            let mut sealed = [&iv[..], &blocks].concat();
            if self.order == MacOrder::EncryptThenMac {
                sealed.extend(mac(&sealed));
            }
            sealed
        }
    }
}
