//! What a TCP connection was that does not count, for the sentence that says what was found instead.

use crate::decode::event::UnexpectedProtocol;

/// What an unrelated connection was, for the sentence that says what was found instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Unrelated {
    /// TLS without `h2` among its protocols, or unknown which.
    Tls,
    /// TLS whose handshake was not captured: no key log can name its secrets.
    TlsUnderWay,
    /// HTTP/1.x.
    Http1,
    /// Nothing known here.
    Other,
    /// No data at all.
    Silent,
}

impl Unrelated {
    /// Its name in a sentence about several.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tls => "TLS without h2",
            Self::TlsUnderWay => "TLS begun before the capture",
            Self::Http1 => UnexpectedProtocol::Http1.name(),
            Self::Other => "other protocols",
            Self::Silent => "no data",
        }
    }
}
