//! A handshake of TLS 1.2 within another (RFC 5246, section 7.4.1.1; RFC 5746).
//!
//! In: the handshake messages that a connection's own keys protect. Out: the keys that follow each side's
//! ChangeCipherSpec, by the new client random. HTTP/2 prohibits it once the preface was sent (RFC 9113, section 9.2.1).
//!
//! ```text
//! data under keys 0    hellos under keys 0    ChangeCipherSpec    data under keys 1
//! ```

use super::cipher_suite::CipherSuite;
use super::crypto::Key;
use super::hello::{CLIENT_HELLO, ClientHello, SERVER_HELLO, ServerHello, split_message};
use super::key_log::KeyLog;
use super::protection::Epoch;
use crate::decode::direction::Direction;

/// What was said of the next handshake.
#[derive(Debug, Default)]
pub(super) struct Renegotiation {
    client_random: Option<[u8; 32]>,
    server: Option<ServerHello>,
}

impl Renegotiation {
    /// Takes the messages of a record.
    pub(super) fn take(&mut self, by: Direction, messages: &[u8]) {
        match (by, split_message(messages)) {
            (Direction::ClientToServer, Some((CLIENT_HELLO, body, _))) => {
                self.client_random = ClientHello::parse(body).map(|hello| hello.random);
                self.server = None;
            }
            (Direction::ServerToClient, Some((SERVER_HELLO, body, _))) => {
                self.server = ServerHello::read(body);
            }
            _ => {}
        }
    }

    /// The suite and the keys of a side after its ChangeCipherSpec; `None` where a hello was not seen, or the key log
    /// lacks the secret.
    pub(super) fn keys_of(&self, by: Direction, keys: &KeyLog) -> Option<(CipherSuite, Epoch)> {
        let (client, server) = (self.client_random.as_ref()?, self.server.as_ref()?);
        let master = keys.of(client)?.master.as_ref()?;
        let suite = (server.cipher, server.mac_order);
        let both = Key::of_master(suite, master, client, &server.random)?;
        let own = match by {
            Direction::ClientToServer => both.client,
            Direction::ServerToClient => both.server,
        };
        Some((server.cipher, Epoch::of_master(own)))
    }
}
