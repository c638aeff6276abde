//! What two peers said to what the targets `http2`, `talks` and `hpack` are fed.

use h2sniff::decode::tcp::{Chunk, Side, Signal};

use crate::MAX_SEED;
use crate::wire::PREFACE;

/// What was heard of one connection.
#[derive(Default)]
pub(crate) struct Heard {
    said: Vec<(Side, Vec<u8>)>,
}

impl Heard {
    /// Takes what a segment brought.
    pub(crate) fn hear(&mut self, signal: Signal<'_>) {
        if let Signal::Chunk {
            from,
            chunk: Chunk::Bytes { data, .. },
        } = signal
        {
            self.said.push((from, data.to_vec()));
        }
    }

    /// Whether one of them said HTTP/2's preface.
    pub(crate) fn is_http2(&self) -> bool {
        self.client().is_some()
    }

    /// Each side's bytes, without the preface; the client's first.
    pub(crate) fn said_by_each(&self) -> [Vec<u8>; 2] {
        [Side::First, Side::Second].map(|side| {
            let said = self.parts().filter(|(from, _)| *from == side);
            said.flat_map(|(_, bytes)| bytes.to_vec()).collect()
        })
    }

    /// As the target `talks` reads it: frame by frame, in the order in which they were complete.
    pub(crate) fn as_frames(&self) -> Vec<u8> {
        let mut seed = vec![0];
        let mut unread = [Vec::new(), Vec::new()];
        for (from, bytes) in self.parts() {
            let unread = &mut unread[usize::from(from == Side::Second)];
            unread.extend_from_slice(bytes);
            while let Some((header, payload, rest)) = split_frame(unread) {
                seed.extend(instruction(from, header, payload));
                *unread = rest.to_vec();
            }
            if seed.len() > MAX_SEED / 2 {
                break;
            }
        }
        seed
    }

    /// As the target `http2` reads it.
    pub(crate) fn as_parts(&self) -> Vec<u8> {
        let mut seed = vec![7];
        for (from, bytes) in self.parts() {
            if seed.len() + bytes.len() <= MAX_SEED {
                seed.extend(part(from, bytes));
            }
        }
        seed
    }

    /// Who said the preface.
    fn client(&self) -> Option<Side> {
        let mut said = self.said.iter();
        let preface = said.find(|(_, bytes)| bytes.starts_with(PREFACE));
        preface.map(|(side, _)| *side)
    }

    /// What was said, without the preface; the first side is the client.
    fn parts(&self) -> impl Iterator<Item = (Side, &[u8])> {
        let client = self.client().unwrap_or(Side::First);
        self.said.iter().map(move |(from, bytes)| {
            let from = if *from == client {
                Side::First
            } else {
                Side::Second
            };
            (from, bytes.strip_prefix(PREFACE).unwrap_or(bytes))
        })
    }
}

/// The frames of one side that are complete, and what is left.
fn split_frame(bytes: &[u8]) -> Option<([u8; 9], &[u8], &[u8])> {
    let (header, rest) = bytes.split_first_chunk::<9>()?;
    let [l0, l1, l2, ..] = *header;
    let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
    let (payload, rest) = rest.split_at_checked(length)?;
    Some((*header, payload, rest))
}

/// A frame as the target `talks` reads it, if it is short.
fn instruction(from: Side, header: [u8; 9], payload: &[u8]) -> Vec<u8> {
    let [.., kind, flags, _, _, _, stream] = header;
    let Ok(length) = u8::try_from(payload.len()) else {
        return Vec::new();
    };
    let server = u8::from(from == Side::Second);
    [&[server, 1, kind, flags, stream, length], payload].concat()
}

/// A part of what is said, as the target `http2` reads it.
pub(crate) fn part(from: Side, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut part = vec![u8::from(from == Side::Second)];
    part.extend(length.to_be_bytes());
    part.extend(&bytes[..usize::from(length)]);
    part
}

/// The header blocks in a side's frames, as the target `hpack` reads them: those of HEADERS that
/// are neither padded nor continued (RFC 9113, section 6.2).
pub(crate) fn header_blocks(mut bytes: &[u8]) -> Vec<u8> {
    let mut seed = vec![2];
    while let Some(([_, _, _, kind, flags, ..], payload, rest)) = split_frame(bytes) {
        bytes = rest;
        if kind == 1 && flags & 0x0c == 0x04 {
            let priority = if flags & 0x20 == 0 { 0 } else { 5 };
            add_block(&mut seed, payload.get(priority..).unwrap_or_default());
        }
    }
    seed
}

/// Adds a header block as the target `hpack` reads it.
pub(crate) fn add_block(seed: &mut Vec<u8>, block: &[u8]) {
    let length = u16::try_from(block.len()).unwrap_or_default();
    if seed.len() + block.len() <= MAX_SEED {
        seed.push(0);
        seed.extend(length.to_be_bytes());
        seed.extend(&block[..usize::from(length)]);
    }
}
