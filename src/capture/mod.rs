//! Packets in: the only stage that does I/O.
//!
//! In: paths, standard input, interfaces. Out: [`Packet`]s in capture order, each with its number, time
//! and link type; beside them what the files say of themselves. Packets are not looked into, and no
//! more of a file than one buffer is in memory.

mod buffer;
mod compression;
mod error;
mod file;
mod file_kind;
#[cfg(feature = "live")]
mod interfaces;
mod link_type;
#[cfg(feature = "live")]
mod live;
mod merge;
mod options;
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
pub use file_kind::{FileContent, FileKind};
#[cfg(feature = "live")]
pub use interfaces::{Device, interfaces};
pub use link_type::LinkType;
#[cfg(feature = "live")]
pub use live::{KernelCounts, LiveCapture, LiveEvent, LiveOptions, Waker};
pub use merge::Capture;
pub use options::{PacketOptions, PacketWay};
pub use packet::{Packet, Stamp};
pub use pcapng::{
    WrittenPacket, interface_block, packet_block, secrets_block, section_block, statistics_block,
};
pub use record::MAX_PACKET;
pub use summary::{
    CaptureNote, DecryptionSecrets, DroppedPackets, FileSummary, Format, Interface, Resolution,
    SecretsKind,
};
pub use time::{TimeDelta, Timestamp};
