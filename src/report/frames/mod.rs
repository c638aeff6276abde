//! Every frame in a line or more: as text, as JSON, and as Go's debug log would have had it.
//!
//! In: the events of all connections, in order. Out: what a [`FrameFormat`] makes of each frame that was
//! asked for, at once: no frame is kept.

mod format;
mod http2debug;
mod printer;
mod selected;
mod text;

pub use format::{FrameContext, FrameFormat};
pub use http2debug::{Http2Debug, LoggedSide};
pub use printer::FramePrinter;
pub use text::FrameText;
