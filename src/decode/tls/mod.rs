//! TLS: records, hellos and alerts; with keys, what they protect (RFC 8446, RFC 5246).
//!
//! ```text
//! StreamPart --records--> TlsRecord --protection--> text --session--> StreamPart
//! ```
//!
//! In: the parts of both directions' streams and a [`KeyLog`]. Out: the parts of what was protected, each
//! with the place of its record in the TCP stream. Cryptography stands in `crypto` alone, which the
//! feature `tls` brings; hellos and alerts are read without it. Certificates are not checked.

mod alert;
mod cipher_suite;
#[cfg_attr(not(feature = "tls"), path = "crypto_absent.rs")]
mod crypto;
mod early_data;
mod first_flight;
mod hello;
mod join;
mod key_log;
mod protection;
mod reached;
mod records;
mod renegotiation;
mod session;
mod side;
#[cfg(test)]
#[cfg(feature = "tls")]
mod tests;
mod version;

pub use alert::Alert;
pub use cipher_suite::CipherSuite;
pub use hello::ClientHello;
pub use key_log::KeyLog;
pub use reached::Reached;
pub use version::Version;

pub(super) use first_flight::{ServerFlight, cleartext_alert, is_protected};
pub(super) use hello::ClientHelloRead;
pub(super) use join::Trials;
pub(super) use session::{Hellos, Session, Undecryptable, protected_alert};
pub(super) use side::TlsOutput;

/// What is known of a connection's TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version agreed on.
    pub version: Option<Version>,
    /// The cipher suite agreed on.
    pub cipher: Option<CipherSuite>,
    /// The application protocol the server chose (RFC 7301); unknown where that was not decrypted.
    pub alpn: Option<Box<[u8]>>,
    /// The name the client asked for (RFC 6066, section 3).
    pub server_name: Option<String>,
    /// Whether the client offered HTTP/2.
    pub offers_h2: bool,
    /// Whether it offered other protocols, with one of which it can go on.
    pub offers_others: bool,
    /// The random of its ClientHello, by which key logs name it.
    pub client_random: Option<Box<[u8; 32]>>,
    /// How far its client came.
    pub reached: Reached,
}
