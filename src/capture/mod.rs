//! Packets in: the only stage that does I/O.
//!
//! In: paths, standard input. Out: [`Packet`]s in capture order, each with its number, time and
//! link type. What never happens here: looking inside a packet.

mod link_type;
mod packet;

pub use link_type::LinkType;
pub use packet::{Packet, Stamp, Timestamp};
