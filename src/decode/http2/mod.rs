//! HTTP/2: preface and framing, frames, settings, header compression (RFC 9113, RFC 7541).

pub mod boundary;
pub mod hpack;

mod error_code;
mod frame;
mod header_blocks;
mod item;
mod opened_streams;
mod payload;
mod reader;
mod repeated_blocks;
mod setting;
#[cfg(test)]
mod tests;

pub use error_code::ErrorCode;
pub use frame::{
    EndedBlock, Flags, Frame, FrameHeader, FrameType, Malformation, Payload, Priority, StreamId,
};
pub use header_blocks::MAX_HEADER_BLOCK;
pub use item::{Loss, ReaderItem};
pub use reader::{FrameReader, MAX_GATHERED};
pub use setting::{SettingId, Settings};
