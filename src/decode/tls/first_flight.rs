//! What a side says in the clear before its records are protected.
//!
//! In: the first bytes of a side, from its first one to a gap. Out: the ServerHello, an alert.

use super::alert::Alert;
use super::hello::{SERVER_HELLO, ServerHello, split_message};
use super::records::{RecordHeader, records};

/// What the server answered to a ClientHello.
#[derive(Clone, Debug, Default)]
pub(in crate::decode) struct ServerFlight {
    pub(in crate::decode) hello: Option<ServerHello>,
    /// An alert in the clear.
    pub(in crate::decode) alert: Option<Alert>,
    /// Whether its first bytes are no TLS at all.
    pub(in crate::decode) is_foreign: bool,
}

impl ServerFlight {
    /// Reads the server's first bytes.
    pub(in crate::decode) fn read(bytes: &[u8]) -> Self {
        let is_foreign = match bytes {
            [kind, major, ..] => !RecordHeader::is_known(*kind) || *major != 3,
            [kind] => !RecordHeader::is_known(*kind),
            [] => false,
        };
        if is_foreign {
            return Self {
                is_foreign,
                ..Self::default()
            };
        }
        let mut messages = Vec::new();
        for (header, payload) in records(bytes) {
            match header.kind {
                RecordHeader::HANDSHAKE => messages.extend_from_slice(payload),
                RecordHeader::APPLICATION_DATA => break,
                _ => {}
            }
        }
        let mut hello = None;
        let mut rest = &messages[..];
        while let Some((kind, body, after)) = split_message(rest) {
            if kind == SERVER_HELLO && hello.is_none() {
                hello = ServerHello::read(body);
            }
            rest = after;
        }
        Self {
            hello,
            alert: cleartext_alert(bytes),
            is_foreign,
        }
    }
}

/// The alert with which a side gave up before its records were protected: a protected one is longer.
pub(in crate::decode) fn cleartext_alert(bytes: &[u8]) -> Option<Alert> {
    records(bytes)
        .take_while(|(header, _)| header.kind != RecordHeader::APPLICATION_DATA)
        .filter(|(header, payload)| {
            header.kind == RecordHeader::ALERT && payload.len() == Alert::LENGTH
        })
        .find_map(|(_, payload)| Alert::read(payload))
}

/// Whether bytes from the middle of a connection are records of application data: two in a row, or one
/// that ends where the bytes end.
pub(in crate::decode) fn is_protected(bytes: &[u8]) -> bool {
    let mut count = 0;
    let mut length = 0;
    for (header, payload) in records(bytes) {
        if header.kind != RecordHeader::APPLICATION_DATA {
            return false;
        }
        count += 1;
        length += RecordHeader::LENGTH + payload.len();
    }
    count >= 2 || (count == 1 && length == bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_handshake_has_a_name() {
        let refusal = [0x15, 3, 3, 0, 2, 2, 120];
        let flight = ServerFlight::read(&refusal);
        assert_eq!(flight.alert, Some(Alert(120)));
        assert_eq!(flight.alert.unwrap().to_string(), "no_application_protocol");
        assert!(flight.hello.is_none() && !flight.is_foreign);
    }

    #[test]
    fn a_server_that_speaks_no_tls_is_told_by_its_first_bytes() {
        assert!(ServerFlight::read(b"HTTP/1.1 400 Bad Request\r\n").is_foreign);
        assert!(ServerFlight::read(&[0, 0, 6, 4, 0, 0, 0, 0, 0]).is_foreign);
        assert!(!ServerFlight::read(&[]).is_foreign);
    }

    #[test]
    fn a_warning_about_the_name_is_no_failure() {
        assert_eq!(cleartext_alert(&[0x15, 3, 3, 0, 2, 1, 112]), None);
    }
}
