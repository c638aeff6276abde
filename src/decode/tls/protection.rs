//! The keys of one direction as they follow each other, and which record is which.
//!
//! In: protected records in order, and how much was lost between them. Out: what they protected. A
//! record does not say its number, nor which of a direction's keys protects it; both are found by
//! trying, and the tag proves them.
//!
//! ```text
//! TLS 1.2   (in the clear) --ChangeCipherSpec--> data
//! TLS 1.3   (in the clear, or keys not known) --> [early] --> [handshake] --> data 0 --KeyUpdate--> data 1 --> ...
//! ```

use std::collections::VecDeque;

use super::cipher_suite::CipherSuite;
use super::crypto::{self, Key};
use super::key_log::Secret;
use super::records::TlsRecord;

/// The least that a record with a byte of text takes, beside its tag: header and text. It bounds how many records a gap
/// can have held.
const MIN_RECORD: u64 = 5 + 1;

/// How often a record of less than a kilobyte may be tried in vain, and a longer one less often, before the rest of a direction is given up. A gap of a
/// megabyte can hold as many small records; trying them costs a tenth of a second.
const MAX_VAIN_TRIALS: u32 = 1 << 14;

/// The same for the first record of a side in the middle of a connection, once the other side's is known: most sides
/// send as many records as the other, within a factor.
const MAX_JOINING_TRIALS: u32 = 1 << 20;

/// One direction's protection.
#[derive(Debug)]
pub(super) struct Protection {
    suite: CipherSuite,
    current: Option<Epoch>,
    /// Those that follow, as far as known.
    next: VecDeque<Epoch>,
    /// Number of the next record under the current key.
    sequence: u64,
    /// Number of the first record that can carry application data under a data key.
    first_data: u64,
    /// Bytes since the last record that opened which may have held others.
    uncertain: u64,
    vain_trials: u32,
    /// How many of those there may be.
    patience: u32,
}

/// From one change of keys to the next.
#[derive(Debug)]
pub(super) struct Epoch {
    key: Key,
    /// What the next key comes from.
    secret: Option<Secret>,
    carries: Carries,
}

/// What an epoch's keys protect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carries {
    Handshake,
    /// Application data that the client sends before the server has answered.
    EarlyData,
    Data,
}

/// What a record protected.
#[derive(Debug)]
pub(super) struct OpenedRecord<'a> {
    pub(super) text: &'a [u8],
    /// What its keys protect.
    pub(super) carries: Carries,
    /// Its number under its key.
    pub(super) sequence: u64,
    /// Whether application data may have been lost before it.
    pub(super) after_loss: bool,
}

impl Epoch {
    pub(super) fn of_handshake(suite: CipherSuite, secret: &Secret) -> Option<Self> {
        Some(Self {
            key: Key::of_traffic(suite, secret)?,
            secret: None,
            carries: Carries::Handshake,
        })
    }

    pub(super) fn of_early_data(suite: CipherSuite, secret: &Secret) -> Option<Self> {
        Some(Self {
            key: Key::of_traffic(suite, secret)?,
            secret: None,
            carries: Carries::EarlyData,
        })
    }

    pub(super) fn of_traffic(suite: CipherSuite, secret: Secret) -> Option<Self> {
        Some(Self {
            key: Key::of_traffic(suite, &secret)?,
            secret: Some(secret),
            carries: Carries::Data,
        })
    }

    pub(super) const fn of_master(key: Key) -> Self {
        Self {
            key,
            secret: None,
            carries: Carries::Data,
        }
    }

    /// The one after a KeyUpdate.
    fn updated(&self, suite: CipherSuite) -> Option<Self> {
        Self::of_traffic(suite, crypto::updated(suite, self.secret.as_ref()?)?)
    }
}

impl Carries {
    pub(super) const fn is_data(self) -> bool {
        matches!(self, Self::EarlyData | Self::Data)
    }
}

impl Protection {
    /// TLS 1.2: the client's and the server's first protected record is their Finished.
    pub(super) fn tls12(suite: CipherSuite, data: Epoch) -> Self {
        Self::new(suite, None, [data].into(), 1)
    }

    /// TLS 1.3: the keys that are known, in order; records under others are passed over.
    pub(super) fn tls13(suite: CipherSuite, epochs: impl IntoIterator<Item = Epoch>) -> Self {
        let mut next: VecDeque<_> = epochs.into_iter().collect();
        // Those of data are looked for behind what is not known.
        let first = next
            .front()
            .is_some_and(|epoch| epoch.carries != Carries::Data);
        let current = if first { next.pop_front() } else { None };
        Self::new(suite, current, next, 0)
    }

    /// TLS 1.3 from the middle on: keys of data, and the number of the first record where that is known. Where it is not,
    /// it is looked for.
    pub(super) fn joined(suite: CipherSuite, data: Epoch, first: Option<u64>) -> Self {
        let next = data.updated(suite).into_iter().collect();
        let mut joined = Self::new(suite, Some(data), next, 0);
        match first {
            Some(first) => joined.sequence = first,
            None => {
                joined.patience = MAX_JOINING_TRIALS;
                joined.uncertain = u64::from(MAX_JOINING_TRIALS) * joined.least_record();
            }
        }
        joined
    }

    const fn new(
        suite: CipherSuite,
        current: Option<Epoch>,
        next: VecDeque<Epoch>,
        first_data: u64,
    ) -> Self {
        Self {
            suite,
            current,
            next,
            sequence: 0,
            first_data,
            uncertain: 0,
            vain_trials: 0,
            patience: MAX_VAIN_TRIALS,
        }
    }

    fn least_record(&self) -> u64 {
        MIN_RECORD + self.suite.least_overhead() as u64
    }

    /// Whether records are protected by the keys of application data.
    pub(super) fn carries_data(&self) -> bool {
        let carries = self.current.as_ref().map(|epoch| epoch.carries);
        carries.is_some_and(Carries::is_data)
    }

    /// Whether records are protected by keys that are known.
    pub(super) const fn has_begun(&self) -> bool {
        self.current.is_some()
    }

    /// Whether trying has gone on in vain for too long.
    pub(super) const fn is_hopeless(&self) -> bool {
        self.vain_trials >= self.patience
    }

    /// RecordReader may have been lost in this many bytes.
    pub(super) const fn lose(&mut self, bytes: u64) {
        self.uncertain = self.uncertain.saturating_add(bytes);
    }

    /// The sender renegotiates: what follows its ChangeCipherSpec is protected by other keys.
    pub(super) fn renegotiate(&mut self, suite: CipherSuite, data: Epoch) {
        self.suite = suite;
        self.next = [data].into();
        self.uncertain = 0;
    }

    /// The sender changed its keys.
    pub(super) fn advance(&mut self) {
        self.current = self.next.pop_front();
        self.sequence = 0;
        if let Some(current) = self.current.as_ref().filter(|_| self.next.is_empty()) {
            self.next.extend(current.updated(self.suite));
        }
    }

    /// Opens a record in `buffer`; `None` if no key and number that are possible do.
    pub(super) fn open<'a>(
        &mut self,
        record: &TlsRecord<'_>,
        buffer: &'a mut Vec<u8>,
    ) -> Option<OpenedRecord<'a>> {
        // Beside those that lay in the gap whole, two may have lain in it in part, of which one's bytes
        // before the gap are counted.
        let possible = match self.uncertain {
            0 => 0,
            bytes => bytes / self.least_record() + 1,
        };
        let was_data = self.carries_data();
        let (sequence, advanced) = self.find(record, possible, buffer)?;
        let loss_hides_data = self.uncertain > 0 && was_data;
        if advanced {
            self.advance();
        }
        let expected = if advanced { 0 } else { self.sequence };
        let carries = self.current.as_ref()?.carries;
        let expected = if carries.is_data() {
            expected.max(self.first_data)
        } else {
            expected
        };
        let after_loss =
            carries.is_data() && (sequence > expected || (advanced && loss_hides_data));
        self.sequence = sequence.saturating_add(1);
        self.uncertain = 0;
        self.vain_trials = 0;
        self.patience = MAX_VAIN_TRIALS;
        Some(OpenedRecord {
            text: buffer,
            carries,
            sequence,
            after_loss,
        })
    }

    /// Finds a record's number by trying: under the current key, then under the next one. What it
    /// protected is then in the buffer.
    fn find(
        &mut self,
        record: &TlsRecord<'_>,
        possible: u64,
        buffer: &mut Vec<u8>,
    ) -> Option<(u64, bool)> {
        let current = self
            .current
            .as_ref()
            .map(|epoch| (epoch, self.sequence, false));
        let next = self.next.front().map(|epoch| (epoch, 0, true));
        // Long records take longer.
        let cost = 1 + u32::from(record.header.length) / 1024;
        for (epoch, first, advances) in [current, next].into_iter().flatten() {
            for sequence in first..=first.saturating_add(possible) {
                if self.vain_trials >= self.patience {
                    return None;
                }
                let length = epoch
                    .key
                    .open(sequence, record.header, record.payload, buffer)
                    .map(<[u8]>::len);
                if let Some(length) = length {
                    buffer.truncate(length);
                    return Some((sequence, advances));
                }
                self.vain_trials += cost;
            }
        }
        None
    }
}
