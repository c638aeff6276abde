//! Settings (RFC 9113, section 6.5).

use std::fmt;

/// A setting's identifier, unknown ones kept. Displays without the `SETTINGS_` of its RFC name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SettingId(pub u16);

impl SettingId {
    /// Size of the table that the receiver's encoder may use (RFC 9113, section 6.5.2).
    pub const HEADER_TABLE_SIZE: Self = Self(0x1);
    /// Whether the receiver may promise streams: 0 or 1.
    pub const ENABLE_PUSH: Self = Self(0x2);
    /// How many streams the receiver may have open.
    pub const MAX_CONCURRENT_STREAMS: Self = Self(0x3);
    /// Window that new streams begin with, in bytes.
    pub const INITIAL_WINDOW_SIZE: Self = Self(0x4);
    /// Largest frame payload the sender takes, in bytes.
    pub const MAX_FRAME_SIZE: Self = Self(0x5);
    /// Largest header list the sender takes, uncompressed, in bytes.
    pub const MAX_HEADER_LIST_SIZE: Self = Self(0x6);

    /// The name in the IANA registry, if the identifier has one.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0x1 => "HEADER_TABLE_SIZE",
            0x2 => "ENABLE_PUSH",
            0x3 => "MAX_CONCURRENT_STREAMS",
            0x4 => "INITIAL_WINDOW_SIZE",
            0x5 => "MAX_FRAME_SIZE",
            0x6 => "MAX_HEADER_LIST_SIZE",
            0x8 => "ENABLE_CONNECT_PROTOCOL",
            0x9 => "NO_RFC7540_PRIORITIES",
            _ => return None,
        })
    }
}

impl fmt::Display for SettingId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "{:#x}", self.0),
        }
    }
}

/// The parameters of one SETTINGS payload, in wire order, read where they lie.
///
/// ```text
/// +-------------------------------+
/// |       Identifier (16)         |
/// +-------------------------------+-------------------------------+
/// |                        Value (32)                             |
/// +---------------------------------------------------------------+
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<'a>(&'a [u8]);

impl<'a> Settings<'a> {
    /// The parameters in `payload`; bytes after the last whole one are ignored.
    #[must_use]
    pub const fn new(payload: &'a [u8]) -> Self {
        Self(payload)
    }

    /// The parameters in wire order.
    pub fn iter(self) -> impl Iterator<Item = (SettingId, u32)> + 'a {
        self.0.chunks_exact(6).filter_map(|parameter| {
            let (identifier, value) = parameter.split_first_chunk::<2>()?;
            let value = value.first_chunk::<4>()?;
            Some((
                SettingId(u16::from_be_bytes(*identifier)),
                u32::from_be_bytes(*value),
            ))
        })
    }
}
