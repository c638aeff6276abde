//! Versions of TLS.

use std::fmt;

/// A version of the protocol, unknown ones kept. Displays as `TLS 1.3` or `0x…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Version(pub u16);

impl Version {
    /// TLS 1.2 (RFC 5246).
    pub const TLS_1_2: Self = Self(0x0303);
    /// TLS 1.3 (RFC 8446).
    pub const TLS_1_3: Self = Self(0x0304);
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0x0300 => formatter.write_str("SSL 3.0"),
            number @ 0x0301..=0x0304 => write!(formatter, "TLS 1.{}", number - 0x0301),
            number => write!(formatter, "{number:#06x}"),
        }
    }
}
