//! Secrets of TLS that captures carry with them.
//!
//! In: a capture, before each of its packets. Out: each key log once, before the packets that it decrypts.

use crate::capture::{Capture, SecretsKind};

/// The secrets that captures carry with them, as they come to light.
#[derive(Debug, Default)]
pub(super) struct Embedded {
    taken: usize,
}

impl Embedded {
    /// Gives what is new among them.
    pub(super) fn take(&mut self, capture: &Capture, mut sink: impl FnMut(&[u8])) {
        let secrets = capture.secrets();
        for new in secrets.get(self.taken..).unwrap_or_default() {
            if new.kind == SecretsKind::TLS_KEY_LOG {
                sink(&new.bytes);
            }
        }
        self.taken = secrets.len();
    }
}
