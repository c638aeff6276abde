//! Which parts of a connection's frames are missing from the capture: marks where gaps begin and end come
//! in; whether a gap can hide something that was sent at a certain time or place goes out.

use super::FromClient;
use super::client_gaps::{AnswerSent, ClientGaps, HiddenReset};
use super::server_progress::ServerProgress;
use crate::capture::Stamp;
use crate::decode::http2::{Frame, FrameType};
use crate::decode::{Direction, PerSide};

/// Up to where frames of each side may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FrameGaps {
    latest: PerSide<FrameGap>,
    /// Up to where in the server's byte stream all frames were seen.
    server_whole_to: Option<u64>,
    /// Where in the server's byte stream frames go on behind its latest gap; `None` while that is not known.
    server_resumes: Option<u64>,
    /// What is known of those of the client.
    of_client: Option<Box<ClientGaps>>,
    /// The highest stream that the client was seen to open.
    highest_opened: u32,
    /// Whether the client was seen to take a call back: by RST_STREAM, or by leaving its stream id out.
    takes_back: bool,
}

/// The latest gap in what one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum FrameGap {
    #[default]
    None,
    /// Frames are missing, and where they go on was not found yet.
    Open,
    /// What is missing was sent before this was.
    Before(Stamp),
}

impl FrameGaps {
    /// Frames are missing from here on; the server's were seen up to `server_upto`, and the client had sent none of
    /// those that are missing when it stood at `behind`, and its frames ended at `client_upto`, if they are read in
    /// cleartext.
    pub(crate) fn begin(
        &mut self,
        direction: Direction,
        server_upto: u64,
        (behind, client_upto): (Option<FromClient>, Option<u64>),
    ) {
        self.latest[direction] = FrameGap::Open;
        if direction == Direction::ServerToClient {
            self.server_whole_to.get_or_insert(server_upto);
            self.server_resumes = None;
        } else {
            self.of_client
                .get_or_insert_default()
                .begin(behind, client_upto);
        }
    }

    /// They go on here.
    pub(crate) fn end(&mut self, direction: Direction, stamp: Stamp) {
        self.latest[direction] = FrameGap::Before(stamp);
        if direction == Direction::ClientToServer {
            self.of_client.get_or_insert_default().end(stamp);
        }
    }

    /// The client's HEADERS of a stream.
    pub(crate) fn client_opened(&mut self, id: u32, server: &ServerProgress) {
        if id > self.highest_opened {
            let next = self.highest_opened == 0 || id == self.highest_opened.saturating_add(2);
            let missing = self.of_client.as_ref();
            let missing = missing.is_some_and(|gaps| gaps.await_stream());
            self.takes_back |= !next && !missing;
            if let Some(gaps) = &mut self.of_client {
                gaps.opened(id, self.highest_opened, server);
            }
            self.highest_opened = id;
        }
    }

    /// A frame of the client, whose stream is not opened yet.
    pub(crate) fn client_frame(&mut self, frame: &Frame<'_>, server: &ServerProgress) {
        self.takes_back |= frame.header.kind == FrameType::RST_STREAM;
        if let Some(gaps) = &mut self.of_client {
            gaps.frame(frame, self.highest_opened, server);
        }
    }

    /// What is known of gaps in what the client sent, if there is one.
    pub(crate) fn of_client_mut(&mut self) -> Option<&mut ClientGaps> {
        self.of_client.as_deref_mut()
    }

    /// Whether frames may be missing by which the client reset a call that was opened here, before this answer.
    pub(crate) fn may_hide_reset(&self, opened: Stamp, answer: AnswerSent) -> HiddenReset {
        let gaps = self.of_client.as_ref();
        gaps.map_or(HiddenReset::No, |gaps| {
            gaps.may_hide_reset(opened, answer, self.takes_back)
        })
    }

    /// A frame of the server begins here in its byte stream.
    pub(crate) fn server_frame(&mut self, begins: u64) {
        if self.server_whole_to.is_some() && self.server_resumes.is_none() {
            self.server_resumes = Some(begins);
        }
    }

    /// Whether a frame of the server that ends here came after all that is missing of what it sent.
    pub(crate) fn is_behind_server_gaps(&self, end: u64) -> bool {
        match self.server_whole_to {
            None => true,
            Some(_) => self.server_resumes.is_some_and(|resumes| end > resumes),
        }
    }

    /// Whether anything that the server sent is missing.
    pub(crate) const fn any_of_server(&self) -> bool {
        self.server_whole_to.is_some()
    }

    /// Whether anything is missing.
    pub(crate) fn any(&self) -> bool {
        self.latest
            .iter()
            .any(|(_, latest)| *latest != FrameGap::None)
    }

    /// Whether frames may be missing that a side sent after `since`.
    pub(crate) fn since(&self, direction: Direction, since: Stamp) -> bool {
        match self.latest[direction] {
            FrameGap::None => false,
            FrameGap::Open => true,
            FrameGap::Before(stamp) => stamp > since,
        }
    }

    /// Whether no frame of the server is missing before this place in its byte stream.
    pub(crate) fn is_whole_to(&self, place: u64) -> bool {
        self.server_whole_to
            .is_none_or(|whole_to| place <= whole_to)
    }
}
