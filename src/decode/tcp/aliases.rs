//! Aliases: one connection that a capture shows in several networks, or under several addresses.
//!
//! In: what looks like the first segment of a new connection. Out: the connection that has just shown
//! that very segment. A capture on all interfaces of a Kubernetes node has such: the packets of a pod
//! pass its veth, the bridge, the overlay's device, and, wrapped in VXLAN, the wire; on the way the
//! service's address is exchanged for a pod's.
//!
//! ```text
//!   pod ── veth ── bridge ── kube-proxy ── flannel.1 ── eth0
//!           to 10.96.0.10:80          to 10.244.2.2:8080    VXLAN, to 10.244.2.2:8080
//! ```
//!
//! Captures of one place have none: there equal addresses in two networks are two connections, and so
//! they are everywhere where both are tagged or tunnelled, each in its own way.

use std::collections::VecDeque;
use std::net::SocketAddr;

use super::key::{FlowKey, FlowSlot};
use super::side::Side;

use crate::capture::{TimeDelta, Timestamp};
use crate::decode::link::{Segment, TcpFlags};

/// How many networks are remembered; a node has one or two overlays.
const MAX_NETWORKS: usize = 16;

/// How many opening segments are remembered: far more than a host sends within [`SAME_SYN`].
const MAX_OPENED: usize = 1_024;

/// How long a SYN takes at most to show up on every interface of its host.
const SAME_SYN: TimeDelta = TimeDelta::from_millis(50);

/// A connection's other addresses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alias {
    pub(super) key: FlowKey,
    /// An address of this alias, and whose it is.
    pub(super) address: SocketAddr,
    pub(super) side: Side,
}

impl Alias {
    /// Which side sent a segment with this alias's addresses.
    pub(super) fn sender_of(&self, segment: &Segment<'_>) -> Side {
        if segment.source == self.address {
            self.side
        } else {
            self.side.peer()
        }
    }
}

/// What it takes to find aliases.
#[derive(Debug, Default)]
pub(super) struct Aliases {
    networks: Vec<u64>,
    /// SYNs by their sequence number, which address translation leaves as it is.
    opened: VecDeque<(Timestamp, u32, FlowSlot)>,
}

impl Aliases {
    /// Remembers a connection that is no alias, by its first segment.
    pub(super) fn remember(&mut self, segment: &Segment<'_>, slot: FlowSlot) {
        if !segment.of_any_interface {
            return;
        }
        if self.networks.len() < MAX_NETWORKS && !self.networks.contains(&segment.scope) {
            self.networks.push(segment.scope);
        }
        if segment.flags.contains(TcpFlags::SYN) {
            if self.opened.len() >= MAX_OPENED {
                self.opened.pop_front();
            }
            let opened = (segment.stamp.time, segment.sequence, slot);
            self.opened.push_back(opened);
        }
    }

    /// The keys under which a segment's connection may stand already: the same addresses bare, if
    /// these are in a network of their own, or else in one of the networks seen.
    pub(super) fn elsewhere(&self, segment: &Segment<'_>) -> impl Iterator<Item = FlowKey> {
        let key = FlowKey::of(segment);
        let networks = self.networks.iter().copied();
        networks
            .filter(move |network| (key.scope == 0) != (*network == 0))
            .map(move |network| key.in_network(network))
    }

    /// The connections that a SYN may have opened under other addresses, the latest first.
    pub(super) fn opened_by(&self, segment: &Segment<'_>) -> impl Iterator<Item = FlowSlot> {
        let (now, sequence) = (segment.stamp.time, segment.sequence);
        let opens = segment.flags.contains(TcpFlags::SYN);
        self.opened
            .iter()
            .rev()
            .take_while(move |(time, ..)| opens && now - *time <= SAME_SYN)
            .filter(move |(_, opened, _)| *opened == sequence)
            .map(|(.., slot)| *slot)
    }
}
