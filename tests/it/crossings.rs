//! What passed between the two ends of connections: what is said of each frame and segment, held against all packets.
//!
//! In: the recordings of the labs that were made at both ends, as they are and with packets of one end taken out. Out:
//! crossings that are called lost and are in the other end's packets, and those that are said to be there and are not.

use std::collections::{BTreeMap, BTreeSet};

use h2sniff::decode::{Direction, TransitFate};
use h2sniff::inspect::{Crossing, CrossingEnd};
use h2sniff::report::Report;

use crate::recordings::{Kept, Recording};
use crate::two_ends::{self, Dice};

/// What both captures have of a packet alike: all from its addresses on but the TCP checksum, which network cards write.
fn alike(kept: &Kept) -> Option<Vec<u8>> {
    const IP: usize = 14;
    let mut alike = kept.data.get(IP + 12..)?.to_vec();
    (alike.len() > 28).then(|| {
        alike.drain(24..26);
        alike
    })
}

/// A capture's packets, by what they are and by when they were.
struct Packets {
    known: BTreeSet<Vec<u8>>,
    by_time: BTreeMap<i64, Vec<Vec<u8>>>,
}

impl Packets {
    fn of(recording: &Recording) -> Self {
        let mut by_time: BTreeMap<i64, Vec<Vec<u8>>> = BTreeMap::new();
        for kept in &recording.packets {
            let time = kept.stamp.time.nanos();
            by_time.entry(time).or_default().extend(alike(kept));
        }
        Self {
            known: by_time.values().flatten().cloned().collect(),
            by_time,
        }
    }

    /// Whether the other capture has a packet of a moment, and all of them.
    fn are_in(&self, moment: CrossingEnd, other: &Self) -> (bool, bool) {
        let of_moment = self.by_time.get(&moment.time.nanos());
        let mut of_moment = of_moment.into_iter().flatten();
        let some = of_moment.clone().any(|packet| other.known.contains(packet));
        (some, of_moment.all(|packet| other.known.contains(packet)))
    }
}

/// How many crossings of each kind there are, and those that the packets contradict.
#[derive(Debug, Default)]
struct Account {
    came: u64,
    lost: u64,
    uncaptured: u64,
    unsent: u64,
    unknown: u64,
    wrong: Vec<String>,
}

impl Account {
    fn add(&mut self, name: &str, report: &Report, client: &Packets, server: &Packets) {
        for record in &report.analysis.connections {
            let both = record.both_ends.as_deref();
            for crossing in both.into_iter().flat_map(|both| &both.crossings) {
                let (sender, receiver) = match crossing.from {
                    Direction::ClientToServer => (client, server),
                    Direction::ServerToClient => (server, client),
                };
                if !self.judge(crossing, sender, receiver) {
                    self.wrong.push(format!("{name}: {crossing:?}"));
                }
            }
        }
    }

    /// Counts a crossing; whether the packets agree.
    fn judge(&mut self, crossing: &Crossing, sender: &Packets, receiver: &Packets) -> bool {
        match (crossing.sent, crossing.came, crossing.fate) {
            (Some(sent), None, TransitFate::Lost(_)) => {
                self.lost += 1;
                !sender.are_in(sent, receiver).1
            }
            (Some(sent), None, TransitFate::Uncaptured) => {
                self.uncaptured += 1;
                sender.are_in(sent, receiver).0
            }
            (None, Some(came), TransitFate::Uncaptured) => {
                self.unsent += 1;
                receiver.are_in(came, sender).0
            }
            (_, _, TransitFate::Unknown) => {
                self.unknown += 1;
                true
            }
            _ => {
                self.came += 1;
                crossing.sent.is_some() || crossing.came.is_some()
            }
        }
    }

    /// Tells the counts of some captures; none may be wrong.
    fn settle(&self, captures: &str) {
        eprintln!(
            "{captures}: {} came, {} lost, {} uncaptured, {} unsent, {} unknown",
            self.came, self.lost, self.uncaptured, self.unsent, self.unknown
        );
        assert!(
            self.wrong.is_empty(),
            "{}: {:#?}",
            self.wrong.len(),
            &self.wrong[..self.wrong.len().min(20)]
        );
    }
}

#[test]
fn crossings_say_what_the_packets_say() {
    let mut account = Account::default();
    for pair in two_ends::pairs("crossings") {
        let (client, server) = (Recording::read(&pair.client), Recording::read(&pair.server));
        let captures = [pair.client.clone(), pair.server.clone()];
        let report = two_ends::analyze(&captures, &pair.client);
        account.add(
            &pair.name,
            &report,
            &Packets::of(&client),
            &Packets::of(&server),
        );
    }
    account.settle("whole captures");
}

#[test]
fn what_a_capture_lacks_is_never_said_to_be_lost() {
    for end in ["client", "server"] {
        let mut account = Account::default();
        for (number, pair) in two_ends::pairs("crossings").iter().enumerate() {
            let mut dice = Dice::of(5_000 + u64::try_from(number).unwrap());
            let (client, server) = (Recording::read(&pair.client), Recording::read(&pair.server));
            let lossy = if end == "client" { &client } else { &server };
            let mut left = two_ends::as_they_are(lossy);
            left.retain(|_| dice.below(100) != 0);
            let written = two_ends::write(&format!("crossings-{end}.pcap"), &left);
            let captures = match end {
                "client" => [written, pair.server.clone()],
                _ => [pair.client.clone(), written],
            };
            let report = two_ends::analyze(&captures, &pair.client);
            account.add(
                &pair.name,
                &report,
                &Packets::of(&client),
                &Packets::of(&server),
            );
        }
        account.settle(&format!("1 % of the {end}'s packets missing"));
    }
}
