//! Keys that are derived from what they name, and the shards that connections fall into.
//!
//! In: bytes. Out: a number that is the same on every machine and in every version (FNV-1a, 64 bits).

use std::fmt;
use std::net::SocketAddr;

/// FNV-1a over parts, each ended by a byte so that no two lists of parts are one text.
#[derive(Clone, Copy, Debug)]
pub(super) struct DerivedKey(u64);

impl Default for DerivedKey {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl DerivedKey {
    pub(super) fn add(&mut self, part: &[u8]) {
        for byte in part.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

impl fmt::Display for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// One of several equal parts of all connections, by their addresses and ports: a connection is in the same part on
/// every machine, from whichever side it is seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

impl Default for Shard {
    fn default() -> Self {
        Self { number: 1, of: 1 }
    }
}

impl Shard {
    /// The `number`th of `of` parts, counted from 1; `None` where there is no such part.
    #[must_use]
    pub fn new(number: u32, of: u32) -> Option<Self> {
        (1..=of).contains(&number).then_some(Self { number, of })
    }

    /// Whether a connection between these falls into it.
    #[must_use]
    pub fn has(self, (one, other): (SocketAddr, SocketAddr)) -> bool {
        let mut key = DerivedKey::default();
        key.add(one.min(other).to_string().as_bytes());
        key.add(one.max(other).to_string().as_bytes());
        // The low bits of FNV are its weakest.
        let spread = key.0 ^ (key.0 >> 32);
        spread % u64::from(self.of) == u64::from(self.number - 1)
    }

    /// Whether it takes what belongs to no connection.
    #[must_use]
    pub const fn is_first(self) -> bool {
        self.number == 1
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.number, self.of)
    }
}
