//! Cipher suites: which can be read, and what the others are called.

use std::fmt;

use super::version::Version;

/// A cipher suite's number, unknown ones kept. Displays as its name at IANA or `0x…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CipherSuite(pub u16);

/// How a suite protects records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
}

/// The hash that a suite derives its keys with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
}

use Cipher::{Aes128Gcm, Aes256Gcm, ChaCha20Poly1305};
use Hash::{Sha256, Sha384};

type RegisteredSuite = (u16, &'static str, Option<(Version, Cipher, Hash)>);

const fn read13(number: u16, name: &'static str, cipher: Cipher, hash: Hash) -> RegisteredSuite {
    (number, name, Some((Version::TLS_1_3, cipher, hash)))
}

const fn read12(number: u16, name: &'static str, cipher: Cipher, hash: Hash) -> RegisteredSuite {
    (number, name, Some((Version::TLS_1_2, cipher, hash)))
}

const fn named(number: u16, name: &'static str) -> RegisteredSuite {
    (number, name, None)
}

/// The suites met in practice, by number. Of those that cannot be read RFC 9113, appendix A
/// prohibits all but CCM for HTTP/2.
#[rustfmt::skip]
const SUITES: &[RegisteredSuite] = &[
    named(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    named(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA"),
    named(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"),
    named(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA"),
    named(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA"),
    named(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256"),
    named(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256"),
    named(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256"),
    named(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256"),
    read12(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read13(0x1301, "TLS_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read13(0x1302, "TLS_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read13(0x1303, "TLS_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    named(0x1304, "TLS_AES_128_CCM_SHA256"),
    named(0x1305, "TLS_AES_128_CCM_8_SHA256"),
    named(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA"),
    named(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA"),
    named(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    named(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"),
    named(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA"),
    named(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256"),
    named(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384"),
    named(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
    named(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384"),
    read12(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    named(0xc09c, "TLS_RSA_WITH_AES_128_CCM"),
    named(0xc09d, "TLS_RSA_WITH_AES_256_CCM"),
    named(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM"),
    named(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"),
    named(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8"),
    named(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8"),
    read12(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
];

impl CipherSuite {
    /// Its name, if it is one of those met in practice.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.known().map(|(_, name, _)| *name)
    }

    /// How it protects records, if it is one that can be read and belongs to this version.
    pub(super) fn protection(self, version: Version) -> Option<(Cipher, Hash)> {
        let (_, _, readable) = self.known()?;
        let (of, cipher, hash) = (*readable)?;
        (of == version).then_some((cipher, hash))
    }

    fn known(self) -> Option<&'static RegisteredSuite> {
        let place = SUITES.binary_search_by_key(&self.0, |(number, _, _)| *number);
        SUITES.get(place.ok()?)
    }
}

impl fmt::Display for CipherSuite {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "{:#06x}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_in_the_order_that_searching_needs() {
        assert!(SUITES.is_sorted_by(|one, other| one.0 < other.0));
        assert_eq!(CipherSuite(0x1302).to_string(), "TLS_AES_256_GCM_SHA384");
        assert_eq!(CipherSuite(0x0005).to_string(), "0x0005");
    }
}
