//! TLS 1.3 connections whose handshake was not captured: which secrets of a key log are theirs, found by trying.
//!
//! In: what both sides sent, from whole records on, and a key log. Out: a session that reads on from there, and a
//! sentence that says how it was found. A record says neither which secret protects it nor what its number is; both are
//! guessed, the lowest numbers first, and its tag proves them. What that may cost is bounded.

use super::Facts;
use super::cipher_suite::CipherSuite;
use super::crypto::Key;
use super::key_log::{KeyLog, Secret};
use super::protection::{Epoch, Protection};
use super::records::{RecordHeader, records};
use super::session::Session;
use super::side::TlsDirection;
use super::version::Version;
use crate::decode::direction::{Direction, PerSide};

/// What one connection may cost, in bytes decrypted: a sixteenth of a second where cores are fast.
const MAX_OF_CONNECTION: u64 = 64 << 20;

/// What those of one part of a capture may cost together: a quarter of a second.
const MAX_OF_PART: u64 = 256 << 20;

/// What a trial costs beside the record's bytes, and the making of a key.
const COST_OF_TRIAL: u64 = 128;
const COST_OF_KEY: u64 = 4 << 10;

/// How many connections a key log may have: beyond, what may be tried of each is next to nothing.
const MAX_CANDIDATES: usize = 4_096;

/// Up to which numbers records are tried, in turn, with every candidate.
const STEPS: [u64; 4] = [1 << 8, 1 << 12, 1 << 16, 1 << 20];

/// How many records of a side are looked at for the shortest one, which is the cheapest to try.
const LOOKED_AT: usize = 8;

/// The suites of TLS 1.3, by the length of their secrets; the most frequent first.
const OF_32_BYTES: [u16; 4] = [0x1301, 0x1303, 0x1304, 0x1305];
const OF_48_BYTES: [u16; 1] = [0x1302];

/// How much may still be tried.
#[derive(Debug)]
pub(in crate::decode) struct Trials {
    left: u64,
    /// Up to which number the records of the last connection were tried.
    reached: u64,
}

impl Default for Trials {
    fn default() -> Self {
        Self {
            left: MAX_OF_PART,
            reached: 0,
        }
    }
}

/// A record to try.
struct TriedRecord<'a> {
    side: Direction,
    header: RecordHeader,
    payload: &'a [u8],
    /// How many records of its side come before it.
    before: u64,
}

/// What may have protected a record.
struct TriedKey<'a> {
    random: &'a [u8; 32],
    suite: CipherSuite,
    key: Key,
}

impl Trials {
    /// Whether no more may be tried.
    pub(in crate::decode) const fn is_spent(&self) -> bool {
        self.left == 0
    }

    /// What was tried of a connection for nothing, as a part of a sentence.
    pub(in crate::decode) fn in_vain(&self, keys: &KeyLog) -> String {
        match (keys.of_tls13().len(), self.is_spent()) {
            (0, _) => "the key log has no secrets of TLS 1.3".to_owned(),
            (count, _) if count > MAX_CANDIDATES => {
                format!("the key log has secrets of {count} connections, too many to try")
            }
            (_, true) => "which secrets it has was not tried, after so many others".to_owned(),
            (count, false) => format!(
                "the secrets of none of the {count} in the key log open its records numbered up to {}",
                self.reached
            ),
        }
    }

    #[cfg(all(test, feature = "tls"))]
    pub(in crate::decode) const fn of_bytes(left: u64) -> Self {
        Self { left, reached: 0 }
    }

    /// Takes what something costs; `false` if that is too much.
    const fn pay(&mut self, of_connection: &mut u64, cost: u64) -> bool {
        if cost > *of_connection || cost > self.left {
            self.left = if cost > self.left { 0 } else { self.left };
            return false;
        }
        *of_connection -= cost;
        self.left -= cost;
        true
    }
}

impl Session {
    /// A session from the middle on; everything that was sent is to be pushed. `sides` are the records that are there by
    /// now.
    pub(in crate::decode) fn join(
        sides: PerSide<&[u8]>,
        keys: &KeyLog,
        trials: &mut Trials,
    ) -> Option<(Self, String)> {
        trials.reached = 0;
        let known = keys.of_tls13();
        if known.len() > MAX_CANDIDATES {
            return None;
        }
        let sample = sample(&sides)?;
        let mut left = MAX_OF_CONNECTION;
        let mut candidates = Vec::new();
        for (random, secrets) in &known {
            for suite in suites_of(secrets[sample.side]) {
                if !trials.pay(&mut left, COST_OF_KEY) {
                    return None;
                }
                let key = Key::of_traffic(*suite, secrets[sample.side]);
                candidates.extend(key.map(|key| TriedKey {
                    random,
                    suite: *suite,
                    key,
                }));
            }
        }
        let (found, number) = find(&sample, &candidates, trials, &mut left)?;
        let (_, secrets) = known.iter().find(|(random, _)| *random == found.random)?;
        let (random, suite) = (*found.random, found.suite);
        let first = number.checked_sub(sample.before)?;
        let protection = |side: Direction| {
            let epoch = Epoch::of_traffic(suite, secrets[side].clone())?;
            let first = (side == sample.side).then_some(first);
            Some(TlsDirection::new(Protection::joined(suite, epoch, first)))
        };
        let directions = PerSide {
            client: protection(Direction::ClientToServer)?,
            server: protection(Direction::ServerToClient)?,
        };
        let facts = Facts {
            version: Some(Version::TLS_1_3),
            cipher: Some(suite),
            client_random: Some(Box::new(random)),
            ..Facts::default()
        };
        let begins: String = random
            .iter()
            .take(4)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let sender = sample.side.sender();
        let text = format!(
            "its TLS handshake was not captured: by trying, the secrets of the client random that begins with {begins} were \
             found to open its records, the first of the {sender} as number {first}"
        );
        Some((Self::joined(directions, facts), text))
    }
}

fn suites_of(secret: &Secret) -> impl Iterator<Item = &'static CipherSuite> {
    const OF_32: [CipherSuite; 4] = {
        let [a, b, c, d] = OF_32_BYTES;
        [
            CipherSuite(a),
            CipherSuite(b),
            CipherSuite(c),
            CipherSuite(d),
        ]
    };
    const OF_48: [CipherSuite; 1] = [CipherSuite(OF_48_BYTES[0])];
    match secret.0.len() {
        48 => OF_48.iter(),
        _ => OF_32.iter(),
    }
}

/// The shortest record of either side, of the first ones.
fn sample<'a>(sides: &PerSide<&'a [u8]>) -> Option<TriedRecord<'a>> {
    let of_side = |(side, bytes): (Direction, &&'a [u8])| {
        let numbered = records(bytes).zip(0..).take(LOOKED_AT);
        let samples = numbered.map(move |((header, payload), before)| TriedRecord {
            side,
            header,
            payload,
            before,
        });
        samples.collect::<Vec<_>>()
    };
    let samples = sides.iter().flat_map(of_side);
    samples.min_by_key(|sample| sample.payload.len())
}

/// The candidate and the number that open a record.
fn find<'a, 'c>(
    sample: &TriedRecord<'_>,
    candidates: &'a [TriedKey<'c>],
    trials: &mut Trials,
    left: &mut u64,
) -> Option<(&'a TriedKey<'c>, u64)> {
    let cost = COST_OF_TRIAL + sample.payload.len() as u64;
    let mut buffer = Vec::new();
    let mut from = 0;
    for until in STEPS {
        for candidate in candidates {
            for number in from..until {
                if !trials.pay(left, cost) {
                    return None;
                }
                let TriedRecord {
                    header, payload, ..
                } = *sample;
                if candidate
                    .key
                    .open(number, header, payload, &mut buffer)
                    .is_some()
                {
                    return Some((candidate, number));
                }
            }
        }
        trials.reached = until - 1;
        from = until;
    }
    None
}
