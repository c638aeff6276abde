//! How far the client of a TLS connection came, told by the types and lengths of its records alone.
//!
//! In: the client's first bytes, and the version agreed on. Out: whether it finished the handshake, and whether it
//! ever sent anything under its protection. No secret is needed for that.

use super::alert::Alert;
use super::hello::ClientHello;
use super::records::{RecordHeader, records};
use super::version::Version;

/// How far a client came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Reached {
    /// That cannot be told.
    #[default]
    Unknown,
    /// Its handshake had not ended when the connection did.
    Unfinished,
    /// It gave the handshake up with an alert that is protected.
    GivenUp,
    /// It finished the handshake, and sent nothing after it.
    Unused,
    /// It sent data.
    Used,
}

/// What TLS 1.3 adds to a protected message at least: its type, and the shortest tag (RFC 8446, section 5.2; RFC
/// 6655 has the tag of 8 bytes).
const LEAST_OVERHEAD: usize = 1 + 8;

/// What it adds without padding at most.
const MOST_OVERHEAD: usize = 1 + 16;

/// The shortest message that ends a handshake: a Finished with a hash of 32 bytes.
const LEAST_FINISHED: usize = 4 + 32 + LEAST_OVERHEAD;

/// The longest alert under protection.
const MOST_ALERT: usize = Alert::LENGTH + MOST_OVERHEAD;

impl Reached {
    /// Judges by all that the client sent, from its first byte on.
    pub(in crate::decode) fn read(hello: &ClientHello, version: Version, of_client: &[u8]) -> Self {
        match version {
            // Which records are early data cannot be seen.
            Version::TLS_1_3 if hello.early_data => Self::Unknown,
            Version::TLS_1_3 => Self::tls13(of_client),
            _ => Self::tls12(of_client),
        }
    }

    /// TLS 1.3: what is protected calls itself application data.
    fn tls13(of_client: &[u8]) -> Self {
        let mut protected = records(of_client)
            .filter(|(header, _)| header.kind == RecordHeader::APPLICATION_DATA)
            .map(|(_, payload)| payload.len());
        match protected.next() {
            None => Self::Unfinished,
            Some(length) if length < LEAST_FINISHED => Self::GivenUp,
            Some(_) if protected.any(|length| length > MOST_ALERT) => Self::Used,
            Some(_) => Self::Unused,
        }
    }

    /// TLS 1.2: after ChangeCipherSpec the types still say what is what.
    fn tls12(of_client: &[u8]) -> Self {
        let protected = records(of_client)
            .map(|(header, _)| header.kind)
            .skip_while(|kind| *kind != RecordHeader::CHANGE_CIPHER_SPEC);
        let kinds: Vec<_> = protected.collect();
        match () {
            () if kinds.contains(&RecordHeader::APPLICATION_DATA) => Self::Used,
            () if kinds.contains(&RecordHeader::HANDSHAKE) => Self::Unused,
            () => Self::Unfinished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HELLO: (u8, usize) = (RecordHeader::HANDSHAKE, 200);
    const CHANGE: (u8, usize) = (RecordHeader::CHANGE_CIPHER_SPEC, 1);

    fn reached(version: Version, sent: &[(u8, usize)]) -> Reached {
        let record = |&(kind, length): &(u8, usize)| {
            let [high, low] = u16::try_from(length).unwrap().to_be_bytes();
            [&[kind, 3, 3, high, low][..], &vec![0; length]].concat()
        };
        let bytes: Vec<u8> = sent.iter().flat_map(record).collect();
        Reached::read(&ClientHello::default(), version, &bytes)
    }

    #[test]
    fn of_tls_1_3_the_lengths_tell_a_finished_from_an_alert() {
        let protected = |length| (RecordHeader::APPLICATION_DATA, length);
        let of = |sent: &[_]| reached(Version::TLS_1_3, sent);
        assert_eq!(of(&[HELLO]), Reached::Unfinished);
        assert_eq!(of(&[HELLO, CHANGE, protected(19)]), Reached::GivenUp);
        // A Finished of SHA-256, and of SHA-384, and close_notify after it.
        assert_eq!(of(&[HELLO, CHANGE, protected(53)]), Reached::Unused);
        assert_eq!(of(&[HELLO, protected(69), protected(19)]), Reached::Unused);
        assert_eq!(of(&[HELLO, protected(53), protected(81)]), Reached::Used);
    }

    #[test]
    fn of_tls_1_2_the_types_tell() {
        let of = |sent: &[_]| reached(Version::TLS_1_2, sent);
        let finished = (RecordHeader::HANDSHAKE, 40);
        assert_eq!(
            of(&[HELLO, (RecordHeader::HANDSHAKE, 70)]),
            Reached::Unfinished
        );
        assert_eq!(of(&[HELLO, CHANGE, finished]), Reached::Unused);
        assert_eq!(
            of(&[HELLO, CHANGE, finished, (RecordHeader::ALERT, 26)]),
            Reached::Unused
        );
        let data = (RecordHeader::APPLICATION_DATA, 60);
        assert_eq!(of(&[HELLO, CHANGE, finished, data]), Reached::Used);
    }

    #[test]
    fn early_data_hides_where_the_handshake_ends() {
        let hello = ClientHello {
            early_data: true,
            ..ClientHello::default()
        };
        let bytes = [&[RecordHeader::APPLICATION_DATA, 3, 3, 0, 19][..], &[0; 19]].concat();
        assert_eq!(
            Reached::read(&hello, Version::TLS_1_3, &bytes),
            Reached::Unknown
        );
    }
}
