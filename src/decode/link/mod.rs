//! A packet to the TCP segment in it: link layer, VLAN tags, IP and its extension headers.

mod segment;

pub use segment::{Segment, TcpFlags};
