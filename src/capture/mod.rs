//! Packets in: the only stage that does I/O.
//!
//! In: paths, standard input. Out: [`Packet`]s in capture order, each with its number, time and
//! link type; beside them what the files say of themselves. What never happens here: looking inside
//! a packet, or holding more of a file than one buffer.

mod file_kind;

mod buffer;
mod compression;
mod error;
mod file;
#[cfg(feature = "live")]
mod interfaces;
mod link_type;
#[cfg(feature = "live")]
mod live;
mod merge;
mod packet;
mod pcap;
mod pcapng;
mod record;
mod summary;
#[cfg(test)]
mod tests;
mod time;

pub use compression::Compression;
pub use error::CaptureError;
pub use file_kind::Looks;
#[cfg(feature = "live")]
pub use interfaces::{Device, interfaces};
pub use link_type::LinkType;
#[cfg(feature = "live")]
pub use live::{Heard, KernelCounts, LiveCapture, LiveOptions, Waker};
pub use merge::Capture;
pub use packet::{Packet, Stamp};
pub use pcapng::{WrittenPacket, interface_block, packet_block, section_block};
pub use record::MAX_PACKET;
pub use summary::{CaptureNote, FileSummary, Format, Interface, Resolution, Secrets, SecretsKind};
pub use time::{TimeDelta, Timestamp};
