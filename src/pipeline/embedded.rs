//! Secrets of TLS, and names, that captures carry with them.
//!
//! In: a capture, before each of its packets, and the packets. Out: each key log once, before the packets that it decrypts;
//! names to the [`Directory`].

use crate::capture::{Capture, Packet, SecretsKind};
use crate::decode::link;
use crate::names::{CommentedSocket, Directory};

/// The secrets and the names that captures carry with them, as they come to light.
#[derive(Debug, Default)]
pub(super) struct Embedded {
    taken: usize,
    named: usize,
}

impl Embedded {
    /// Gives what is new among them: before most packets nothing is.
    #[inline]
    pub(super) fn take(&mut self, capture: &Capture, sink: impl FnMut(&[u8])) {
        if capture.secrets().len() > self.taken {
            self.take_new(capture, sink);
        }
    }

    fn take_new(&mut self, capture: &Capture, mut sink: impl FnMut(&[u8])) {
        let secrets = capture.secrets();
        for new in secrets.get(self.taken..).unwrap_or_default() {
            if new.kind == SecretsKind::TLS_KEY_LOG {
                sink(&new.bytes);
            }
        }
        self.taken = secrets.len();
    }

    /// Tells what is new among the names that blocks of the files have.
    #[inline]
    pub(super) fn take_names(&mut self, capture: &Capture, names: &mut Directory) {
        if capture.resolved_names().len() > self.named {
            self.take_new_names(capture, names);
        }
    }

    fn take_new_names(&mut self, capture: &Capture, names: &mut Directory) {
        let resolved = capture.resolved_names();
        for (address, name) in resolved.get(self.named..).unwrap_or_default() {
            names.resolve(*address, name);
        }
        self.named = resolved.len();
    }
}

/// Reads the names in packets' comments.
#[derive(Default)]
pub(super) struct CommentReader {
    links: link::Decoder,
}

impl CommentReader {
    /// Tells whose packet it is, where it says so.
    pub(super) fn read(&mut self, packet: &Packet<'_>, names: &mut Directory) {
        let options = packet.options;
        let is_commented = || options.way().is_some() && options.comments().next().is_some();
        if options.is_empty() || !is_commented() {
            return;
        }
        let Ok(segment) = self.links.decode(packet) else {
            return;
        };
        let (source, destination) = (segment.source, segment.destination);
        if let Some(socket) = CommentedSocket::of(options, source, destination) {
            names.hear(socket, packet.stamp.time);
        }
    }
}
