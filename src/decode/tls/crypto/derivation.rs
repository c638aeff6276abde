//! Keys out of secrets: HKDF for TLS 1.3, the PRF of TLS 1.2.
//!
//! In: a secret, and what to derive. Out: as many bytes as were asked for.

use ring::{hkdf, hmac};

use super::super::cipher_suite::{CipherSuite, Hash};
use super::super::key_log::Secret;
use super::super::version::Version;

/// The traffic secret that follows this one after a KeyUpdate (RFC 8446, section 7.2).
pub(in crate::decode::tls) fn updated(suite: CipherSuite, secret: &Secret) -> Option<Secret> {
    let (_, hash) = suite.protection(Version::TLS_1_3)?;
    let prk = traffic_prk(hash, secret)?;
    let mut next = vec![0; secret.0.len()];
    expand_label(&prk, b"traffic upd", &mut next)?;
    Some(Secret(next.into()))
}

pub(super) fn traffic_prk(hash: Hash, secret: &Secret) -> Option<hkdf::Prk> {
    let (algorithm, length) = match hash {
        Hash::Sha256 => (hkdf::HKDF_SHA256, 32),
        Hash::Sha384 => (hkdf::HKDF_SHA384, 48),
        Hash::Md5 | Hash::Sha1 => return None,
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
pub(super) fn expand_label(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) -> Option<()> {
    let length = u16::try_from(out.len()).ok()?.to_be_bytes();
    let label_length = [u8::try_from(b"tls13 ".len() + label.len()).ok()?];
    let info = [&length[..], &label_length, b"tls13 ", label, &[0]];
    let expanded = prk.expand(&info, Length(out.len())).ok()?;
    expanded.fill(out).ok()
}

/// The PRF of TLS 1.2 (RFC 5246, section 5): `seed` begins with the label. `None` for a hash that no suite derives with.
pub(super) fn pseudorandom(hash: Hash, secret: &[u8], seed: &[u8], out: &mut [u8]) -> Option<()> {
    let key = hmac::Key::new(mac_algorithm(hash)?, secret);
    let mut chain = hmac::sign(&key, seed);
    let size = chain.as_ref().len();
    for part in out.chunks_mut(size) {
        let block = hmac::sign(&key, &[chain.as_ref(), seed].concat());
        part.iter_mut()
            .zip(block.as_ref())
            .for_each(|(to, from)| *to = *from);
        chain = hmac::sign(&key, chain.as_ref());
    }
    Some(())
}

/// The MAC that is made with a hash (RFC 5246, section 6.2.3.1); `None` for MD5, whose stands in `md5`.
pub(super) fn mac_algorithm(hash: Hash) -> Option<hmac::Algorithm> {
    match hash {
        Hash::Md5 => None,
        Hash::Sha1 => Some(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
        Hash::Sha256 => Some(hmac::HMAC_SHA256),
        Hash::Sha384 => Some(hmac::HMAC_SHA384),
    }
}
