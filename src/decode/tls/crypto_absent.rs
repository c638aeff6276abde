//! What stands for the cryptography in a build without the feature `tls`: there are no keys, so that
//! nothing is ever opened, and the compiler knows it.

use super::cipher_suite::{CipherSuite, MacOrder};
use super::key_log::Secret;
use super::records::RecordHeader;
use crate::decode::direction::PerSide;

/// No key can be made.
#[derive(Debug)]
pub(super) enum Key {}

impl Key {
    pub(super) fn of_traffic(_: CipherSuite, _: &Secret) -> Option<Self> {
        None
    }

    pub(super) fn of_master(
        _: (CipherSuite, MacOrder),
        _: &Secret,
        _: &[u8; 32],
        _: &[u8; 32],
    ) -> Option<PerSide<Self>> {
        None
    }

    pub(super) fn open<'a>(
        &self,
        _: u64,
        _: RecordHeader,
        _: &[u8],
        _: &'a mut Vec<u8>,
    ) -> Option<&'a [u8]> {
        match *self {}
    }
}

pub(super) fn updated(_: CipherSuite, _: &Secret) -> Option<Secret> {
    None
}
