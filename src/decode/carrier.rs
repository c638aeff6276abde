//! What carried a byte: the packet, and what its sender had received by then.

use crate::capture::Stamp;

/// The segment that first carried a byte.
///
/// Every TCP segment says in its acknowledgement number what its sender's kernel has received
/// (RFC 9293, section 3.4). That orders what two peers did without comparing clocks: a request
/// whose segment does not acknowledge the whole GOAWAY left before the client could know of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carrier {
    /// Where and when it was captured.
    pub stamp: Stamp,
    /// How much of its receiver's byte stream the segment's sender had acknowledged, as a
    /// position in that stream (exclusive); `None` where the segment carried no acknowledgement.
    pub acknowledged: Option<u64>,
    /// Whether the segment can have been the first to carry its bytes. `false` where later bytes
    /// had already been seen: then it may be a retransmission whose first copy was lost before
    /// the point of capture, and its acknowledgement is newer than the first copy's.
    pub original: bool,
}
