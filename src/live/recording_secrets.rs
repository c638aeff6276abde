//! `--record-secrets`: the TLS secrets that belong into a recording.
//!
//! In: what key logs say, and which packets began connections over TLS. Out: for a recording, the secrets of the
//! connections that began in it; without their handshakes nobody can use secrets, and those of others are not its
//! business. Where the option is not given there is none of this, and no secret is kept for recordings.

use std::collections::BTreeMap;

use h2sniff::decode::tls::KeyLog;

/// Of how many connections the secrets are kept: those that are needed are the latest.
pub(crate) const KEYS_KEPT: usize = 1 << 16;

/// The text of a key log for each connection, by the number of the packet with which it began.
pub(super) type SecretsByPacket = BTreeMap<u64, String>;

/// Secrets and the handshakes that need them.
#[derive(Debug)]
pub(super) struct RecordingSecrets {
    keys: KeyLog,
    /// Client randoms, by the number of the packet with which their connections began.
    handshakes: BTreeMap<u64, [u8; 32]>,
}

impl RecordingSecrets {
    pub(super) fn new() -> Self {
        Self {
            keys: KeyLog::of_latest(KEYS_KEPT),
            handshakes: BTreeMap::new(),
        }
    }

    /// What key logs say.
    pub(super) fn read(&mut self, key_log: &[u8]) {
        self.keys.read(key_log);
    }

    /// A connection over TLS began with this packet.
    pub(super) fn began(&mut self, packet: u64, client_random: [u8; 32]) {
        self.handshakes.insert(packet, client_random);
    }

    /// Packets before this one are not kept any more.
    pub(super) fn forget_before(&mut self, packet: u64) {
        while let Some(entry) = self.handshakes.first_entry() {
            if *entry.key() >= packet {
                break;
            }
            entry.remove();
        }
    }

    /// The secrets of connections that began in the packets kept, as far as they are known.
    pub(super) fn of_kept(&self) -> SecretsByPacket {
        let handshakes = self.handshakes.iter();
        let known =
            handshakes.filter_map(|(packet, random)| Some((*packet, self.keys.text_of(random)?)));
        known.collect()
    }
}
