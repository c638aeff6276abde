//! Sessions that begin in the middle of a connection.

use super::*;
use crate::decode::direction::PerSide;
use crate::decode::tls::Trials;

/// What a client sends from some record on, with the secrets of it and of others: the text that a session in the middle
/// reads, and what it says of how it came there.
fn join(suite: (Version, u16, usize), before: usize, others: u8) -> Option<(Vec<u8>, String)> {
    let mut stream = Stream::new(suite);
    for number in 0..before {
        stream.seal(DATA, &[number as u8; 40]);
    }
    let begin = stream.bytes.len();
    for text in ["long enough to be the longer one", "a", "word"] {
        stream.seal(DATA, text.as_bytes());
    }
    let mut keys = KeyLog::default();
    let hex = |byte: u8, length| format!("{byte:02x}").repeat(length);
    for random in 0..=others {
        let secret = hex(if random == others { 7 } else { 0x70 + random }, suite.2);
        for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
            keys.read(format!("{label} {} {secret}", hex(random, 32)).as_bytes());
        }
    }
    let sent = &stream.bytes[begin..];
    let sides = PerSide {
        client: &[][..],
        server: sent,
    };
    let (mut session, found) = Session::join(sides, &keys, &mut Trials::default())?;
    let mut heard = Heard::default();
    heard.take(&mut session, bytes(begin, sent, Carrier::default()));
    assert_eq!(heard.odd.len(), 0);
    Some((heard.text(), found))
}

#[test]
fn in_the_middle_of_a_connection_its_secret_and_the_number_are_found_by_trying() {
    for suite in SUITES {
        let joined = join(suite, 200, 3);
        if suite.0 == Version::TLS_1_2 {
            assert_eq!(joined, None, "its keys need the server's random too");
            continue;
        }
        let (text, found) = joined.unwrap();
        assert_eq!(text, b"long enough to be the longer oneaword", "{suite:?}");
        let told = "begins with 03030303 were found to open its records, the first of the server as number 200";
        assert!(found.ends_with(told), "{found}");
    }
}

#[test]
fn no_secret_that_fits_costs_no_more_than_is_allowed() {
    let mut trials = Trials::of_bytes(8 << 20);
    let stream = Stream::new((Version::TLS_1_3, 0x1301, 32));
    let mut sealed = stream.bytes.clone();
    sealed.extend(stream.key.seal(3, DATA, b"of others"));
    let sides = PerSide {
        client: &sealed[CHANGE_CIPHER_SPEC.len()..],
        server: &[][..],
    };
    let mut keys = KeyLog::default();
    for label in ["CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0"] {
        let text = format!("{label} {} {}", "ab".repeat(32), "cd".repeat(48));
        keys.read(text.as_bytes());
    }
    assert!(Session::join(sides, &keys, &mut trials).is_none());
    assert!(trials.is_spent());
    assert!(
        trials
            .in_vain(&keys)
            .contains("not tried, after so many others")
    );
}
