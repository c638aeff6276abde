//! Cipher suites: which can be read, and what the others are called.
//!
//! In: a number of the registry at IANA. Out: how the suite protects records, and its name.

use std::fmt;

use super::version::Version;

/// A cipher suite's number, unknown ones kept. Displays as its name at IANA or `0x…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CipherSuite(pub u16);

/// How a suite protects records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    /// Text and tag in one (RFC 5246, section 6.2.3.3; RFC 8446, section 5.2).
    Aead(AeadCipher),
    /// Blocks, each of which depends on the one before, and a MAC (RFC 5246, section 6.2.3.2).
    Cbc(BlockCipher, Hash),
    /// The text as it is, and a MAC (RFC 5246, section 6.2.3.1).
    Null(Hash),
}

/// A cipher that proves what it protects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AeadCipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    /// RFC 6655: a tag of 16 bytes; that of the next two has 8.
    Aes128Ccm,
    Aes256Ccm,
    Aes128Ccm8,
    Aes256Ccm8,
    /// RFC 6209.
    Aria128Gcm,
    Aria256Gcm,
}

/// A cipher for single blocks, each of 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockCipher {
    Aes128,
    Aes256,
    Camellia128,
    Camellia256,
}

/// Which comes first where a cipher and a MAC are two (RFC 7366).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::decode) enum MacOrder {
    #[default]
    MacThenEncrypt,
    EncryptThenMac,
}

/// A hash: the one that keys are derived with, or that of a MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
}

impl AeadCipher {
    /// How long the tag behind each record is, in bytes.
    pub(super) const fn tag_length(self) -> usize {
        match self {
            Self::Aes128Ccm8 | Self::Aes256Ccm8 => 8,
            _ => 16,
        }
    }
}

use AeadCipher::{
    Aes128Ccm, Aes128Ccm8, Aes128Gcm, Aes256Ccm, Aes256Ccm8, Aes256Gcm, Aria128Gcm, Aria256Gcm,
    ChaCha20Poly1305,
};
use BlockCipher::{Aes128, Aes256, Camellia128, Camellia256};
use Hash::{Md5, Sha1, Sha256, Sha384};

type RegisteredSuite = (u16, &'static str, Option<(Version, Cipher, Hash)>);

const fn read13(n: u16, name: &'static str, cipher: AeadCipher, hash: Hash) -> RegisteredSuite {
    (
        n,
        name,
        Some((Version::TLS_1_3, Cipher::Aead(cipher), hash)),
    )
}

const fn read12(n: u16, name: &'static str, cipher: AeadCipher, hash: Hash) -> RegisteredSuite {
    (
        n,
        name,
        Some((Version::TLS_1_2, Cipher::Aead(cipher), hash)),
    )
}

const fn cbc(n: u16, name: &'static str, block: BlockCipher, mac: Hash) -> RegisteredSuite {
    (
        n,
        name,
        Some((Version::TLS_1_2, Cipher::Cbc(block, mac), deriving(mac))),
    )
}

const fn null(n: u16, name: &'static str, mac: Hash) -> RegisteredSuite {
    (
        n,
        name,
        Some((Version::TLS_1_2, Cipher::Null(mac), deriving(mac))),
    )
}

/// In TLS 1.2 keys are derived with SHA-256 where the suite's hash is an older one (RFC 5246, section 5).
const fn deriving(mac: Hash) -> Hash {
    match mac {
        Md5 | Sha1 | Sha256 => Sha256,
        Sha384 => Sha384,
    }
}

const fn named(number: u16, name: &'static str) -> RegisteredSuite {
    (number, name, None)
}

/// The suites that OpenSSL 3 offers for TLS 1.2 and 1.3, and others met in practice, by number. RFC 9113, appendix A
/// prohibits most of them for HTTP/2, but not every server heeds it.
#[rustfmt::skip]
const SUITES: &[RegisteredSuite] = &[
    null(0x0001, "TLS_RSA_WITH_NULL_MD5", Md5),
    null(0x0002, "TLS_RSA_WITH_NULL_SHA", Sha1),
    named(0x000a, "TLS_RSA_WITH_3DES_EDE_CBC_SHA"),
    null(0x002c, "TLS_PSK_WITH_NULL_SHA", Sha1),
    null(0x002d, "TLS_DHE_PSK_WITH_NULL_SHA", Sha1),
    null(0x002e, "TLS_RSA_PSK_WITH_NULL_SHA", Sha1),
    cbc(0x002f, "TLS_RSA_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x0032, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x0033, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x0034, "TLS_DH_anon_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x0035, "TLS_RSA_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0x0038, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0x0039, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0x003a, "TLS_DH_anon_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    null(0x003b, "TLS_RSA_WITH_NULL_SHA256", Sha256),
    cbc(0x003c, "TLS_RSA_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x003d, "TLS_RSA_WITH_AES_256_CBC_SHA256", Aes256, Sha256),
    cbc(0x0040, "TLS_DHE_DSS_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x0041, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA", Camellia128, Sha1),
    cbc(0x0044, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA", Camellia128, Sha1),
    cbc(0x0045, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA", Camellia128, Sha1),
    cbc(0x0046, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA", Camellia128, Sha1),
    cbc(0x0067, "TLS_DHE_RSA_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x006a, "TLS_DHE_DSS_WITH_AES_256_CBC_SHA256", Aes256, Sha256),
    cbc(0x006b, "TLS_DHE_RSA_WITH_AES_256_CBC_SHA256", Aes256, Sha256),
    cbc(0x006c, "TLS_DH_anon_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x006d, "TLS_DH_anon_WITH_AES_256_CBC_SHA256", Aes256, Sha256),
    cbc(0x0084, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA", Camellia256, Sha1),
    cbc(0x0087, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA", Camellia256, Sha1),
    cbc(0x0088, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA", Camellia256, Sha1),
    cbc(0x0089, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA", Camellia256, Sha1),
    cbc(0x008c, "TLS_PSK_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x008d, "TLS_PSK_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0x0090, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x0091, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0x0094, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0x0095, "TLS_RSA_PSK_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    read12(0x009c, "TLS_RSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x009d, "TLS_RSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x009e, "TLS_DHE_RSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x009f, "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x00a2, "TLS_DHE_DSS_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x00a3, "TLS_DHE_DSS_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x00a6, "TLS_DH_anon_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x00a7, "TLS_DH_anon_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x00a8, "TLS_PSK_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x00a9, "TLS_PSK_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x00aa, "TLS_DHE_PSK_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x00ab, "TLS_DHE_PSK_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0x00ac, "TLS_RSA_PSK_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0x00ad, "TLS_RSA_PSK_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    cbc(0x00ae, "TLS_PSK_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x00af, "TLS_PSK_WITH_AES_256_CBC_SHA384", Aes256, Sha384),
    null(0x00b0, "TLS_PSK_WITH_NULL_SHA256", Sha256),
    null(0x00b1, "TLS_PSK_WITH_NULL_SHA384", Sha384),
    cbc(0x00b2, "TLS_DHE_PSK_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x00b3, "TLS_DHE_PSK_WITH_AES_256_CBC_SHA384", Aes256, Sha384),
    null(0x00b4, "TLS_DHE_PSK_WITH_NULL_SHA256", Sha256),
    null(0x00b5, "TLS_DHE_PSK_WITH_NULL_SHA384", Sha384),
    cbc(0x00b6, "TLS_RSA_PSK_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0x00b7, "TLS_RSA_PSK_WITH_AES_256_CBC_SHA384", Aes256, Sha384),
    null(0x00b8, "TLS_RSA_PSK_WITH_NULL_SHA256", Sha256),
    null(0x00b9, "TLS_RSA_PSK_WITH_NULL_SHA384", Sha384),
    cbc(0x00ba, "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0x00bd, "TLS_DHE_DSS_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0x00be, "TLS_DHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0x00bf, "TLS_DH_anon_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0x00c0, "TLS_RSA_WITH_CAMELLIA_256_CBC_SHA256", Camellia256, Sha256),
    cbc(0x00c3, "TLS_DHE_DSS_WITH_CAMELLIA_256_CBC_SHA256", Camellia256, Sha256),
    cbc(0x00c4, "TLS_DHE_RSA_WITH_CAMELLIA_256_CBC_SHA256", Camellia256, Sha256),
    cbc(0x00c5, "TLS_DH_anon_WITH_CAMELLIA_256_CBC_SHA256", Camellia256, Sha256),
    read13(0x1301, "TLS_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read13(0x1302, "TLS_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read13(0x1303, "TLS_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read13(0x1304, "TLS_AES_128_CCM_SHA256", Aes128Ccm, Sha256),
    read13(0x1305, "TLS_AES_128_CCM_8_SHA256", Aes128Ccm8, Sha256),
    null(0xc006, "TLS_ECDHE_ECDSA_WITH_NULL_SHA", Sha1),
    cbc(0xc009, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc00a, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    null(0xc010, "TLS_ECDHE_RSA_WITH_NULL_SHA", Sha1),
    named(0xc012, "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"),
    cbc(0xc013, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc014, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    null(0xc015, "TLS_ECDH_anon_WITH_NULL_SHA", Sha1),
    cbc(0xc018, "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc019, "TLS_ECDH_anon_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0xc01d, "TLS_SRP_SHA_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc01e, "TLS_SRP_SHA_RSA_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc01f, "TLS_SRP_SHA_DSS_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc020, "TLS_SRP_SHA_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0xc021, "TLS_SRP_SHA_RSA_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0xc022, "TLS_SRP_SHA_DSS_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0xc023, "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0xc024, "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384", Aes256, Sha384),
    cbc(0xc027, "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0xc028, "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA384", Aes256, Sha384),
    read12(0xc02b, "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0xc02c, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    read12(0xc02f, "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", Aes128Gcm, Sha256),
    read12(0xc030, "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", Aes256Gcm, Sha384),
    cbc(0xc035, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA", Aes128, Sha1),
    cbc(0xc036, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA", Aes256, Sha1),
    cbc(0xc037, "TLS_ECDHE_PSK_WITH_AES_128_CBC_SHA256", Aes128, Sha256),
    cbc(0xc038, "TLS_ECDHE_PSK_WITH_AES_256_CBC_SHA384", Aes256, Sha384),
    null(0xc039, "TLS_ECDHE_PSK_WITH_NULL_SHA", Sha1),
    null(0xc03a, "TLS_ECDHE_PSK_WITH_NULL_SHA256", Sha256),
    null(0xc03b, "TLS_ECDHE_PSK_WITH_NULL_SHA384", Sha384),
    read12(0xc050, "TLS_RSA_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc051, "TLS_RSA_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc052, "TLS_DHE_RSA_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc053, "TLS_DHE_RSA_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc056, "TLS_DHE_DSS_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc057, "TLS_DHE_DSS_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc05c, "TLS_ECDHE_ECDSA_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc05d, "TLS_ECDHE_ECDSA_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc060, "TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc061, "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc06a, "TLS_PSK_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc06b, "TLS_PSK_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc06c, "TLS_DHE_PSK_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc06d, "TLS_DHE_PSK_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    read12(0xc06e, "TLS_RSA_PSK_WITH_ARIA_128_GCM_SHA256", Aria128Gcm, Sha256),
    read12(0xc06f, "TLS_RSA_PSK_WITH_ARIA_256_GCM_SHA384", Aria256Gcm, Sha384),
    cbc(0xc072, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0xc073, "TLS_ECDHE_ECDSA_WITH_CAMELLIA_256_CBC_SHA384", Camellia256, Sha384),
    cbc(0xc076, "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0xc077, "TLS_ECDHE_RSA_WITH_CAMELLIA_256_CBC_SHA384", Camellia256, Sha384),
    cbc(0xc094, "TLS_PSK_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0xc095, "TLS_PSK_WITH_CAMELLIA_256_CBC_SHA384", Camellia256, Sha384),
    cbc(0xc096, "TLS_DHE_PSK_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0xc097, "TLS_DHE_PSK_WITH_CAMELLIA_256_CBC_SHA384", Camellia256, Sha384),
    cbc(0xc098, "TLS_RSA_PSK_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0xc099, "TLS_RSA_PSK_WITH_CAMELLIA_256_CBC_SHA384", Camellia256, Sha384),
    cbc(0xc09a, "TLS_ECDHE_PSK_WITH_CAMELLIA_128_CBC_SHA256", Camellia128, Sha256),
    cbc(0xc09b, "TLS_ECDHE_PSK_WITH_CAMELLIA_256_CBC_SHA384", Camellia256, Sha384),
    read12(0xc09c, "TLS_RSA_WITH_AES_128_CCM", Aes128Ccm, Sha256),
    read12(0xc09d, "TLS_RSA_WITH_AES_256_CCM", Aes256Ccm, Sha256),
    read12(0xc09e, "TLS_DHE_RSA_WITH_AES_128_CCM", Aes128Ccm, Sha256),
    read12(0xc09f, "TLS_DHE_RSA_WITH_AES_256_CCM", Aes256Ccm, Sha256),
    read12(0xc0a0, "TLS_RSA_WITH_AES_128_CCM_8", Aes128Ccm8, Sha256),
    read12(0xc0a1, "TLS_RSA_WITH_AES_256_CCM_8", Aes256Ccm8, Sha256),
    read12(0xc0a2, "TLS_DHE_RSA_WITH_AES_128_CCM_8", Aes128Ccm8, Sha256),
    read12(0xc0a3, "TLS_DHE_RSA_WITH_AES_256_CCM_8", Aes256Ccm8, Sha256),
    read12(0xc0a4, "TLS_PSK_WITH_AES_128_CCM", Aes128Ccm, Sha256),
    read12(0xc0a5, "TLS_PSK_WITH_AES_256_CCM", Aes256Ccm, Sha256),
    read12(0xc0a6, "TLS_DHE_PSK_WITH_AES_128_CCM", Aes128Ccm, Sha256),
    read12(0xc0a7, "TLS_DHE_PSK_WITH_AES_256_CCM", Aes256Ccm, Sha256),
    read12(0xc0a8, "TLS_PSK_WITH_AES_128_CCM_8", Aes128Ccm8, Sha256),
    read12(0xc0a9, "TLS_PSK_WITH_AES_256_CCM_8", Aes256Ccm8, Sha256),
    read12(0xc0aa, "TLS_PSK_DHE_WITH_AES_128_CCM_8", Aes128Ccm8, Sha256),
    read12(0xc0ab, "TLS_PSK_DHE_WITH_AES_256_CCM_8", Aes256Ccm8, Sha256),
    read12(0xc0ac, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM", Aes128Ccm, Sha256),
    read12(0xc0ad, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM", Aes256Ccm, Sha256),
    read12(0xc0ae, "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", Aes128Ccm8, Sha256),
    read12(0xc0af, "TLS_ECDHE_ECDSA_WITH_AES_256_CCM_8", Aes256Ccm8, Sha256),
    read12(0xcca8, "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xcca9, "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xccaa, "TLS_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xccab, "TLS_PSK_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xccac, "TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xccad, "TLS_DHE_PSK_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
    read12(0xccae, "TLS_RSA_PSK_WITH_CHACHA20_POLY1305_SHA256", ChaCha20Poly1305, Sha256),
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

    /// What a record takes at least beside its header and its text, in bytes.
    pub(super) fn least_overhead(self) -> usize {
        const BLOCK: usize = 16;

        match self.known() {
            Some((_, _, Some((_, Cipher::Aead(cipher), _)))) => cipher.tag_length(),
            _ => BLOCK,
        }
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
