//! Calls that ended while a capture was read, put aside until the rest is known.
//!
//! In: calls as they are told. Out, once: the same, in that order. What rows need of them takes some eighty bytes each in a
//! file of the caller's; texts that come again are kept here, up to a bound.

use std::io::{self, BufReader, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, LazyLock};

use rustc_hash::FxHashMap;

use crate::capture::{Stamp, TimeDelta, Timestamp};
use crate::inspect::{CallId, Doubt, Race, Rpc, TakenBack};

/// Bytes that are written at once.
const PIECE: usize = 1 << 18;

/// How many texts are kept, and how long they may be to be kept.
const MAX_TEXTS: usize = 1 << 15;
const MAX_KEPT: usize = 512;

/// Bytes of what is put aside of a call, before texts that follow.
const RECORD: usize = 71;

/// Instead of the number of a text: there is none, or it follows.
const NO_TEXT: u32 = u32::MAX;
const FOLLOWS: u32 = u32::MAX - 1;

/// Instead of a time.
const NO_TIME: i64 = i64::MIN;

/// Instead of the number of a word.
const NO_WORD: u8 = u8::MAX;

/// What may make a call doubtful, by numbers.
const DOUBTS: [Doubt; 8] = [
    Doubt::BeganBefore,
    Doubt::HeadersMissing,
    Doubt::OneWay,
    Doubt::FramesMissing,
    Doubt::ResetMissing,
    Doubt::AnswerUnacknowledged,
    Doubt::Evicted,
    Doubt::StatusUnreadable,
];

/// A file that is written, and then read from its beginning.
pub trait Scratch: Read + Write + Seek {}

impl<T: Read + Write + Seek> Scratch for T {}

/// Calls that were put aside.
pub struct ToldCalls<'f> {
    file: Box<dyn Scratch + 'f>,
    piece: Vec<u8>,
    texts: KeptTexts,
    words: Vec<&'static str>,
    count: u64,
    /// Why they could not be put aside.
    failed: Option<io::Error>,
}

impl<'f> ToldCalls<'f> {
    /// Puts calls aside in `file`, which is empty.
    #[must_use]
    pub fn new(file: Box<dyn Scratch + 'f>) -> Self {
        Self {
            file,
            piece: Vec::with_capacity(PIECE),
            texts: KeptTexts::default(),
            words: Vec::new(),
            count: 0,
            failed: None,
        }
    }

    /// Puts a call aside. That the file cannot be written is said when the calls are asked for.
    pub fn push(&mut self, rpc: &Rpc) {
        if self.failed.is_some() {
            return;
        }
        self.count += 1;
        self.encode(&CallFacts::of(rpc));
        if self.piece.len() >= PIECE
            && let Err(error) = self.write()
        {
            self.failed = Some(error);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }

    /// Gives the calls back, once, in the order in which they came.
    pub(super) fn take(
        &mut self,
        mut each: impl FnMut(CallFacts) -> io::Result<()>,
    ) -> io::Result<()> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        self.write()?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(PIECE, &mut self.file);
        for _ in 0..std::mem::take(&mut self.count) {
            each(decode(&mut reader, &self.texts.all, &self.words)?)?;
        }
        Ok(())
    }

    fn encode(&mut self, facts: &CallFacts) {
        let CallFacts {
            id,
            method,
            method_inferred,
            authority,
            opened,
            ended,
            verdict,
            died,
            race,
            processed,
            outcome,
            doubt,
            taken_back,
            grpc_status,
            http_status,
            previous_attempts,
            late_by,
            // Known only of calls that are listed.
            retried_as: _,
            retry_of: _,
        } = facts;
        let out = &mut self.piece;
        out.extend(id.connection.to_le_bytes());
        out.extend(id.stream.to_le_bytes());
        for stamp in [opened, ended] {
            let time = stamp.map_or(NO_TIME, |stamp| stamp.time.nanos());
            out.extend(time.to_le_bytes());
            out.extend(stamp.map_or(0, |stamp| stamp.packet).to_le_bytes());
        }
        out.extend(late_by.map_or(NO_TIME, TimeDelta::as_nanos).to_le_bytes());
        out.extend(http_status.unwrap_or_default().to_le_bytes());
        let attempts = previous_attempts.map_or(u16::MAX, u16::from);
        out.extend(attempts.to_le_bytes());
        out.push(u8::from(*method_inferred) | u8::from(*died) << 1);
        let place = doubt.and_then(|doubt| DOUBTS.iter().position(|known| *known == doubt));
        let place = place.and_then(|place| u8::try_from(place).ok());
        out.push(place.unwrap_or(NO_WORD));
        for word in [
            Some(*verdict),
            *race,
            Some(*processed),
            Some(*outcome),
            *taken_back,
        ] {
            out.push(word.map_or(NO_WORD, |word| number(&mut self.words, word)));
        }
        let texts = [method, authority, grpc_status].map(Option::as_ref);
        let new = texts.map(|text| self.texts.put(text, out));
        for text in new.into_iter().flatten() {
            out.extend(u32::try_from(text.len()).unwrap_or_default().to_le_bytes());
            out.extend_from_slice(text);
        }
    }
}

/// What nearly all answers say is one text.
fn status(bytes: &[u8]) -> Arc<[u8]> {
    static OK: LazyLock<Arc<[u8]>> = LazyLock::new(|| Arc::from(b"0".as_slice()));
    match bytes {
        b"0" => Arc::clone(&OK),
        other => Arc::from(other),
    }
}

/// The number of a word: there are some thirty.
fn number(words: &mut Vec<&'static str>, word: &'static str) -> u8 {
    let known = words.iter().position(|known| *known == word);
    let place = known.unwrap_or_else(|| {
        words.push(word);
        words.len() - 1
    });
    u8::try_from(place).unwrap_or(NO_WORD)
}

fn decode(
    from: &mut impl Read,
    texts: &[Arc<[u8]>],
    words: &[&'static str],
) -> io::Result<CallFacts> {
    let record: [u8; RECORD] = bytes(from)?;
    let mut fields = RecordFields(&record);
    let id = CallId {
        connection: u32::from_le_bytes(fields.take()),
        stream: u32::from_le_bytes(fields.take()),
    };
    let [opened, ended] = [(); 2].map(|()| {
        let time = i64::from_le_bytes(fields.take());
        let packet = u64::from_le_bytes(fields.take());
        (time != NO_TIME).then(|| Stamp {
            time: Timestamp::from_nanos(time),
            packet,
            ..Stamp::default()
        })
    });
    let late_by = i64::from_le_bytes(fields.take());
    let http_status = u16::from_le_bytes(fields.take());
    let previous_attempts = u16::from_le_bytes(fields.take());
    let [flags, doubt, words_of @ ..] = fields.take::<7>();
    let [verdict, race, processed, outcome, taken_back] =
        words_of.map(|number| words.get(usize::from(number)).copied());
    let mut text = || -> io::Result<Option<Arc<[u8]>>> {
        match u32::from_le_bytes(fields.take()) {
            NO_TEXT => Ok(None),
            FOLLOWS => {
                let length = u32::from_le_bytes(bytes(from)?);
                let mut text = vec![0; usize::try_from(length).unwrap_or_default()];
                from.read_exact(&mut text)?;
                Ok(Some(text.into()))
            }
            number => {
                let place = usize::try_from(number).unwrap_or(usize::MAX);
                Ok(texts.get(place).cloned())
            }
        }
    };
    Ok(CallFacts {
        id,
        method: text()?,
        method_inferred: flags & 1 != 0,
        authority: text()?,
        opened,
        ended,
        verdict: verdict.unwrap_or_default(),
        died: flags & 2 != 0,
        race,
        processed: processed.unwrap_or_default(),
        outcome: outcome.unwrap_or_default(),
        doubt: DOUBTS.get(usize::from(doubt)).copied(),
        taken_back,
        grpc_status: text()?,
        http_status: (http_status > 0).then_some(http_status),
        previous_attempts: u8::try_from(previous_attempts).ok(),
        late_by: (late_by != NO_TIME).then(|| TimeDelta::from_nanos(late_by)),
        retried_as: None,
        retry_of: None,
    })
}

/// What is left of a record.
struct RecordFields<'a>(&'a [u8]);

impl RecordFields<'_> {
    /// The next field; zeros where a record ends early, which none does.
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

fn bytes<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Texts that come again, by their numbers.
#[derive(Debug, Default)]
struct KeptTexts {
    numbers: FxHashMap<Arc<[u8]>, u32>,
    all: Vec<Arc<[u8]>>,
}

impl KeptTexts {
    /// Puts the number of a text; gives a text that has none and is to follow.
    fn put<'t>(&mut self, text: Option<&'t Arc<[u8]>>, out: &mut Vec<u8>) -> Option<&'t [u8]> {
        let number = text.map_or(Some(NO_TEXT), |text| self.number(text));
        out.extend(number.unwrap_or(FOLLOWS).to_le_bytes());
        text.filter(|_| number.is_none()).map(|text| &**text)
    }

    fn number(&mut self, text: &Arc<[u8]>) -> Option<u32> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        if self.all.len() >= MAX_TEXTS || text.len() > MAX_KEPT {
            return None;
        }
        let number = u32::try_from(self.all.len()).ok()?;
        self.all.push(Arc::clone(text));
        self.numbers.insert(Arc::clone(text), number);
        Some(number)
    }
}

/// What a row says of a call.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CallFacts {
    pub(super) id: CallId,
    pub(super) method: Option<Arc<[u8]>>,
    pub(super) method_inferred: bool,
    pub(super) authority: Option<Arc<[u8]>>,
    pub(super) opened: Option<Stamp>,
    pub(super) ended: Option<Stamp>,
    pub(super) verdict: &'static str,
    pub(super) died: bool,
    pub(super) race: Option<&'static str>,
    pub(super) processed: &'static str,
    pub(super) outcome: &'static str,
    /// What made it doubtful in itself.
    pub(super) doubt: Option<Doubt>,
    pub(super) taken_back: Option<&'static str>,
    pub(super) grpc_status: Option<Arc<[u8]>>,
    pub(super) http_status: Option<u16>,
    pub(super) previous_attempts: Option<u8>,
    pub(super) late_by: Option<TimeDelta>,
    pub(super) retried_as: Option<CallId>,
    pub(super) retry_of: Option<CallId>,
}

impl CallFacts {
    pub(super) fn of(rpc: &Rpc) -> Self {
        Self {
            id: rpc.id,
            method: rpc.method.clone(),
            method_inferred: rpc.method_inferred,
            authority: rpc.authority.clone(),
            opened: rpc.opened,
            ended: rpc.ended,
            verdict: rpc.verdict.name(),
            died: rpc.died(),
            race: rpc.race.map(Race::name),
            processed: rpc.processed.name(),
            outcome: rpc.outcome.name(),
            doubt: rpc.doubt,
            taken_back: rpc.taken_back.map(TakenBack::name),
            grpc_status: rpc.grpc_status.as_deref().map(status),
            http_status: rpc.http_status,
            previous_attempts: rpc.previous_attempts,
            late_by: rpc.late_by,
            retried_as: rpc.retried_as.as_ref().map(|link| link.call),
            retry_of: rpc.retry_of.as_ref().map(|link| link.call),
        }
    }

    /// From its opening to its end; `None` where either was not captured.
    pub(super) fn duration(&self) -> Option<TimeDelta> {
        Some(self.ended?.time - self.opened?.time)
    }
}
