//! What each side's SETTINGS allow the other: a change counts once it is acknowledged (RFC 9113, section
//! 6.5.3).
//!
//! In: SETTINGS of one side, and their acknowledgements. Out: the loosest limits that its peer may still
//! keep to. `None` once more changes wait than are remembered.

use std::collections::VecDeque;

use crate::decode::http2::{SettingId, Settings};

/// How many SETTINGS wait for their acknowledgements. An honest peer waits for each.
const MAX_WAITING: usize = 16;

/// Limits that one side sets for what the other sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    /// MAX_FRAME_SIZE.
    pub(super) frame_size: u32,
    /// INITIAL_WINDOW_SIZE.
    pub(super) window: u32,
    /// HEADER_TABLE_SIZE.
    pub(super) table: u32,
    /// ENABLE_PUSH.
    pub(super) push: bool,
}

impl Allowed {
    /// Before anybody says otherwise (RFC 9113, section 6.5.2).
    const DEFAULT: Self = Self {
        frame_size: 16_384,
        window: 65_535,
        table: 4_096,
        push: true,
    };

    fn or(self, other: Self) -> Self {
        Self {
            frame_size: self.frame_size.max(other.frame_size),
            window: self.window.max(other.window),
            table: self.table.max(other.table),
            push: self.push || other.push,
        }
    }
}

/// The settings of one side, as far as they bind the other.
#[derive(Clone, Debug)]
pub(super) struct Announced {
    acknowledged: Allowed,
    /// What holds after each SETTINGS that is not acknowledged.
    waiting: VecDeque<Allowed>,
    overflowed: bool,
    /// MAX_HEADER_LIST_SIZE, as announced last.
    pub(super) header_list: Option<u32>,
}

impl Default for Announced {
    fn default() -> Self {
        Self {
            acknowledged: Allowed::DEFAULT,
            waiting: VecDeque::new(),
            overflowed: false,
            header_list: None,
        }
    }
}

impl Announced {
    /// It sent SETTINGS; the first value that a setting cannot have, if one is.
    pub(super) fn announce(&mut self, settings: Settings<'_>) -> Option<(SettingId, u32)> {
        let mut allowed = {
            let latest = self.waiting.back();
            latest.copied().unwrap_or(self.acknowledged)
        };
        let mut illegal = None;
        for (id, value) in settings.iter() {
            let legal = match id {
                SettingId::MAX_FRAME_SIZE => {
                    allowed.frame_size = value;
                    (1 << 14..1 << 24).contains(&value)
                }
                SettingId::INITIAL_WINDOW_SIZE => {
                    allowed.window = value;
                    value < 1 << 31
                }
                SettingId::ENABLE_PUSH => {
                    allowed.push = value != 0;
                    value <= 1
                }
                SettingId::HEADER_TABLE_SIZE => {
                    allowed.table = value;
                    true
                }
                SettingId::MAX_HEADER_LIST_SIZE => {
                    self.header_list = Some(value);
                    true
                }
                _ => true,
            };
            if !legal {
                illegal = illegal.or(Some((id, value)));
            }
        }
        if self.waiting.len() >= MAX_WAITING {
            self.overflowed = true;
        } else {
            self.waiting.push_back(allowed);
        }
        illegal
    }

    /// Its peer acknowledged the oldest SETTINGS that waited.
    pub(super) fn acknowledge(&mut self) {
        if let Some(allowed) = self.waiting.pop_front() {
            self.acknowledged = allowed;
        }
        if self.waiting.is_empty() {
            self.waiting = VecDeque::new();
        }
    }

    /// What its peer may keep to, whichever of its SETTINGS that has applied.
    pub(super) fn loosest(&self) -> Option<Allowed> {
        let mut loosest = self.acknowledged;
        // Asked with every DATA frame: most find none that waits.
        if !self.waiting.is_empty() {
            loosest = self.waiting.iter().copied().fold(loosest, Allowed::or);
        }
        (!self.overflowed).then_some(loosest)
    }
}
