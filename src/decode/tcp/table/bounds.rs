//! Whom it costs when there are too many connections, or when they hold too much.
//!
//! In: all parts of the table, and bounds. Out: the connections that are evicted, or that must give up what
//! they hold, each with its part. Each look at all connections makes room for as many packets as it looked at
//! connections, give or take a constant, whatever the packets are; so the cost per packet is constant.

use super::{FlowSlot, Flows};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::tcp::Flow;

/// How long a connection that matters may be silent until it is evicted. Clients ping idle ones
/// every few minutes or hours (gRPC's own bound is two hours); their state is small.
const IDLE: TimeDelta = TimeDelta::from_secs(2 * 60 * 60);

/// The same for one that does not matter, or not yet.
const IDLE_UNRELATED: TimeDelta = TimeDelta::from_secs(60);

/// How often idle connections are looked for.
const SWEEP: TimeDelta = TimeDelta::from_secs(10);

/// Where there are too many connections, one in this many goes at a time, and as many places are kept
/// for those that may yet show what they speak.
const SHARE: usize = 10;

impl<T: Default> Flows<T> {
    /// Takes out connections that have been silent for long: two hours where `counts`, else
    /// a minute. Should one of them speak again, it is a new one.
    pub fn take_idle(&mut self, now: Timestamp, counts: impl Fn(&T) -> bool) -> Vec<(Flow, T)> {
        let since = self.swept.get_or_insert(now);
        if now - *since < SWEEP {
            return Vec::new();
        }
        self.swept = Some(now);
        let entries = self.entries.iter();
        let going = entries.filter(|(_, entry)| entry.over.is_none());
        let idle = going.filter_map(|(slot, entry)| {
            let limit = match counts(&entry.attachment) {
                true => IDLE,
                false => IDLE_UNRELATED,
            };
            let silence = now - entry.flow.last_seen().time;
            (silence >= limit).then_some(slot)
        });
        let idle: Vec<_> = idle.collect();
        idle.into_iter()
            .filter_map(|slot| self.forget(slot))
            .collect()
    }

    /// Takes out a connection before its time. Should it speak again, it is a new one, unless it was over:
    /// a stray packet must not look like one.
    pub fn evict(&mut self, slot: FlowSlot) -> Option<(Flow, T)> {
        let entry = self.entries.get(slot)?;
        match entry.over {
            Some(_) => self.take(slot),
            None => self.forget(slot),
        }
    }

    /// What all connections hold, in bytes.
    #[must_use]
    pub const fn held(&self) -> usize {
        self.held
    }

    /// The connection at `slot` holds this many bytes by now.
    pub fn charge(&mut self, slot: FlowSlot, held: usize) {
        if let Some(entry) = self.entries.get_mut(slot) {
            self.held = (self.held + held).saturating_sub(entry.held);
            entry.held = held;
        }
    }
}

/// Where there are more than `most` connections in all `parts`, a tenth of them: those that are over, then
/// the most silent ones that do not count (but for the latest, which may yet), then the most silent ones of
/// all.
#[must_use]
pub fn surplus<T: Default>(
    parts: &[&Flows<T>],
    most: usize,
    counts: impl Fn(&T) -> bool,
) -> Vec<(usize, FlowSlot)> {
    let all: usize = parts.iter().map(|flows| flows.len()).sum();
    if all <= most {
        return Vec::new();
    }
    let surplus = all - (most - most / SHARE);
    let (mut over, mut unrelated, mut counting) = (Vec::new(), Vec::new(), Vec::new());
    for (part, flows) in parts.iter().enumerate() {
        for (slot, entry) in flows.entries.iter() {
            let going = (entry.last_packet, (part, slot));
            match () {
                () if entry.over.is_some() => over.push(going),
                () if counts(&entry.attachment) => counting.push(going),
                () => unrelated.push(going),
            }
        }
    }
    over.sort_unstable();
    unrelated.sort_unstable();
    let spared = (most / SHARE).max(1).min(unrelated.len());
    counting.extend(unrelated.split_off(unrelated.len() - spared));
    counting.sort_unstable();
    let going = [over, unrelated, counting].into_iter().flatten();
    going.map(|(_, place)| place).take(surplus).collect()
}

/// Where all connections of all `parts` together hold more than `most` bytes: which of them must give up what
/// they hold, so that three quarters are left. Those that hold less than half as much as all do on average are
/// spared, since it would gain little; of the others the most silent ones come first, for what they wait for
/// is the least likely to come.
#[must_use]
pub fn holders<T: Default>(parts: &[&Flows<T>], most: usize) -> Vec<(usize, FlowSlot)> {
    let all: usize = parts.iter().map(|flows| flows.held()).sum();
    if all <= most {
        return Vec::new();
    }
    let connections: usize = parts.iter().map(|flows| flows.len()).sum();
    let share = all / connections.max(1) / 2;
    let mut holders = Vec::new();
    for (part, flows) in parts.iter().enumerate() {
        let much = flows
            .entries
            .iter()
            .filter(|(_, entry)| entry.held > 0 && entry.held >= share);
        holders.extend(much.map(|(slot, entry)| (entry.last_packet, (part, slot), entry.held)));
    }
    holders.sort_unstable();
    let mut left = all;
    let goal = most - most / 4;
    let giving = holders.into_iter().map_while(|(_, place, held)| {
        let goes = left > goal;
        left = left.saturating_sub(held);
        goes.then_some(place)
    });
    giving.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{LinkType, Packet, Stamp};
    use crate::decode::link;
    use crate::decode::tcp::{Arrival, FlowKey};
    use crate::testing::wire::{End, Peers, SYN};

    /// A table of connections from ports 1, 2, 3 …; those on an even one count.
    fn table(connections: u16) -> Flows<u16> {
        let mut flows = Flows::default();
        for port in 1..=connections {
            hear(&mut flows, port);
        }
        flows
    }

    fn hear(flows: &mut Flows<u16>, port: u16) -> FlowSlot {
        let data = Peers::new(port, 50_051).packet(End::Client, 0, None, SYN, b"");
        let latest = flows
            .entries
            .iter()
            .map(|(_, entry)| entry.last_packet)
            .max();
        let packets_before = latest.map_or(0, |latest| latest + 1);
        // Far enough from the one before to be no copy of it.
        let time = Timestamp::from_nanos(i64::try_from(packets_before).unwrap() * 1_000_000_000);
        let packet = Packet {
            stamp: Stamp {
                time,
                ..Stamp::default()
            },
            link_type: LinkType::RAW,
            original_length: u32::try_from(data.len()).unwrap(),
            data: &data,
            options: crate::capture::PacketOptions::default(),
        };
        let mut links = link::Decoder::default();
        let Ok(segment) = links.decode(&packet) else {
            panic!("no segment");
        };
        let arrival = Arrival {
            packets_before,
            latest: time,
        };
        let located = flows.locate(FlowKey::of(&segment));
        let place = flows
            .push(located, &segment, arrival, &mut |_, _| ())
            .unwrap();
        *flows.at(place).unwrap().1 = port;
        place
    }

    fn gone(flows: &mut Flows<u16>, most: usize) -> Vec<u16> {
        let gone = surplus(&[flows], most, |port| port.is_multiple_of(2));
        let gone = gone.into_iter().filter_map(|(_, slot)| flows.evict(slot));
        gone.map(|(_, port)| port).collect()
    }

    #[test]
    fn the_most_silent_go_first_and_those_that_do_not_count_before_them() {
        let mut flows = table(20);
        assert!(gone(&mut flows, 20).is_empty());
        hear(&mut flows, 1);
        assert_eq!(gone(&mut flows, 19), [3, 5]);
        assert_eq!(flows.len(), 18);
        // But for the latest, a tenth of the places, who may yet show what they speak.
        assert_eq!(gone(&mut flows, 8), [7, 9, 11, 13, 15, 17, 19, 2, 4, 6]);
        assert_eq!(flows.len(), 8);
    }

    #[test]
    fn one_place_goes_to_the_latest() {
        let mut flows = table(2);
        assert_eq!(gone(&mut flows, 1), [1]);
        hear(&mut flows, 3);
        assert_eq!(
            gone(&mut flows, 1),
            [2],
            "though the other does not count yet"
        );
    }

    #[test]
    fn those_that_hold_little_are_spared() {
        let mut flows = table(0);
        for (port, held) in (1..=8).zip([100, 4_000, 100, 4_000, 100, 4_000, 100, 4_000]) {
            let place = hear(&mut flows, port);
            flows.charge(place, held);
        }
        hear(&mut flows, 2);
        assert!(holders(&[&flows], 20_000).is_empty());
        let asked = holders(&[&flows], 16_000);
        let asked: Vec<_> = asked
            .into_iter()
            .map(|(_, slot)| *flows.at(slot).unwrap().1)
            .collect();
        assert_eq!(
            asked,
            [4, 6],
            "the most silent first, until 12,000 are left"
        );
    }
}
