//! TCP segments to what the target `tcp_streams` is fed: each direction's pieces, and what its receiver
//! acknowledged.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use h2sniff::capture::{Stamp, Timestamp};
use h2sniff::decode::link::{Segment, TcpFlags};

use crate::MAX_SEED;

/// The byte streams of a capture by sender and receiver.
#[derive(Default)]
pub(crate) struct Streams(BTreeMap<[SocketAddr; 2], Stream>);

#[derive(Default)]
struct Stream {
    seed: Vec<u8>,
    /// The sequence number after the segment before, and the highest one.
    end: u32,
    highest: u32,
    now: Timestamp,
}

impl Streams {
    /// A seed for each.
    pub(crate) fn seeds(&self) -> impl Iterator<Item = &[u8]> {
        self.0.values().map(|stream| stream.seed.as_slice())
    }

    /// Takes the next segment.
    pub(crate) fn record(&mut self, segment: &Segment<'_>) {
        let opens = segment.flags.contains(TcpFlags::SYN);
        let sequence = segment.sequence.wrapping_add(u32::from(opens));
        let (from, to) = (segment.source, segment.destination);
        let own = self.0.entry([from, to]).or_default();
        if own.seed.is_empty() {
            own.seed.push(u8::from(opens));
            own.end = sequence;
        }
        if segment.payload_length > 0 {
            let displacement = sequence.wrapping_sub(own.end);
            own.instruct(0, displacement, segment.payload_length, segment.stamp);
            own.end = sequence.wrapping_add(segment.payload_length);
            own.highest = own.end;
        }
        let acknowledged = segment.acknowledgement.zip(self.0.get_mut(&[to, from]));
        if let Some((acknowledged, peers)) = acknowledged {
            let displacement = acknowledged.wrapping_sub(peers.highest);
            peers.instruct(1, displacement, 0, segment.stamp);
        }
    }
}

impl Stream {
    fn instruct(&mut self, flags: u8, displacement: u32, length: u32, stamp: Stamp) {
        let before = std::mem::replace(&mut self.now, stamp.time);
        let millis = (stamp.time - before).as_nanos() / 1_000_000;
        if self.seed.len() > MAX_SEED / 2 {
            return;
        }
        let (flags, length) = match u8::try_from(length) {
            Ok(length) => (flags, length),
            Err(_) => (flags | 0x40, (length / 256) as u8),
        };
        self.seed.push(flags);
        self.seed.extend((displacement as i16).to_be_bytes());
        self.seed.extend([length, millis.clamp(0, 255) as u8]);
    }
}
