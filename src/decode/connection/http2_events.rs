//! Both directions of an HTTP/2 connection, as events.
//!
//! In: chunks of either direction. Out: [`Event`]s and anomalies. It knows what one side's SETTINGS
//! mean for reading the other's frames, and whether the server answers in HTTP/2 at all; what a frame
//! means for a call is the listener's to judge.

use crate::decode::anomaly::Layer;
use crate::decode::carrier::Carrier;
use crate::decode::direction::{Direction, PerSide};
use crate::decode::event::{Event, UnexpectedProtocol};
use crate::decode::http2::{
    Flags, Frame, FrameHeader, FrameReader, FrameType, Loss, Payload, ReaderItem, SettingId,
    StreamId, boundary,
};
use crate::decode::stream_part::StreamPart;

/// Takes what is decoded of one connection.
pub trait ConnectionSink {
    /// One thing that happened.
    fn event(&mut self, event: &Event<'_>);

    /// Something odd, and how decoding goes on, as a sentence without a full stop.
    fn anomaly(&mut self, layer: Layer, text: String, carrier: Carrier);
}

/// How much is kept of what passes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// First bytes of each DATA frame.
    pub data: usize,
}

/// One HTTP/2 connection.
#[derive(Debug)]
pub struct Http2Events {
    readers: PerSide<FrameReader>,
    /// The server's first bytes, a frame header's length at most, until they tell what it speaks;
    /// `None` once they did, or where they were not captured.
    server_first: Option<Vec<u8>>,
    /// The server turned out to speak something else: its bytes are no frames.
    server_failed: bool,
    /// Whether what a side sent was given up and no frame of it was found since.
    given_up: PerSide<bool>,
    /// Whether statuses of the server's answers are being inferred.
    inferring: bool,
    keep: Keep,
}

impl Http2Events {
    /// A connection; `begun` says of each side whether its first frame was captured.
    #[must_use]
    pub fn new(begun: PerSide<bool>, keep: Keep) -> Self {
        Self {
            readers: readers(begun, keep),
            server_first: begun.server.then(Vec::new),
            server_failed: false,
            given_up: PerSide::default(),
            inferring: false,
            keep,
        }
    }

    /// How many bytes of memory it takes to read on.
    pub(super) fn held(&self) -> usize {
        self.readers.client.held() + self.readers.server.held()
    }

    /// Gives up frames begun and header tables, to stay within bounds: as if the capture began in the
    /// middle of the connection with what comes next.
    pub(super) fn shed(&mut self, carrier: Carrier, sink: &mut impl ConnectionSink) {
        self.readers = readers(PerSide::default(), self.keep);
        self.given_up = PerSide {
            client: true,
            server: true,
        };
        for direction in [Direction::ClientToServer, Direction::ServerToClient] {
            let cause = Loss::GivenUp;
            sink.event(&Event::Lost {
                direction,
                cause,
                carrier,
            });
        }
        self.tell_inference(sink);
    }

    /// Takes the next part of one direction.
    pub fn push(
        &mut self,
        direction: Direction,
        chunk: StreamPart<'_>,
        sink: &mut impl ConnectionSink,
    ) {
        let missing = match chunk {
            StreamPart::Gap {
                length, carrier, ..
            } => Some((length, carrier)),
            StreamPart::Break { missing, carrier } if missing > 0 => Some((missing, carrier)),
            StreamPart::Bytes { .. } | StreamPart::Break { .. } => None,
        };
        if let Some((length, carrier)) = missing {
            sink.event(&Event::Gap {
                direction,
                length,
                carrier,
            });
        }
        if direction == Direction::ServerToClient && !self.hear_server(chunk, sink) {
            return;
        }
        let given_up = &mut self.given_up[direction];
        let (reader, peer) = self.readers.split_mut(direction);
        reader.push(chunk, &mut |item| match item {
            ReaderItem::Frame(frame) => {
                // A reader that begins on a boundary has itself lost nothing.
                if std::mem::take(given_up) {
                    sink.event(&Event::Found { direction, carrier: frame.began });
                }
                apply_settings(frame, peer);
                note_malformed(frame, sink);
                sink.event(&Event::Frame(frame));
            }
            ReaderItem::Large { header, began } => {
                sink.event(&Event::LargeFrame { direction, header, began });
            }
            ReaderItem::Data { stream, bytes } => {
                sink.event(&Event::Data { direction, stream, bytes });
            }
            ReaderItem::DataMissing { stream, length } => {
                sink.event(&Event::DataMissing { direction, stream, length });
            }
            ReaderItem::Lost { cause, carrier } => {
                let text = match cause {
                    Loss::Gap | Loss::TornFrame => format!(
                        "frames of the {} are lost from a gap to the next boundary found",
                        direction.sender()
                    ),
                    Loss::Nonsense => format!(
                        "bytes of the {} are not valid HTTP/2; reading goes on at the next boundary found",
                        direction.sender()
                    ),
                    Loss::GivenUp => format!("frames of the {} were given up", direction.sender()),
                };
                sink.anomaly(Layer::Http2, text, carrier);
                sink.event(&Event::Lost { direction, cause, carrier });
            }
            ReaderItem::Found { carrier } => {
                *given_up = false;
                sink.event(&Event::Found { direction, carrier });
            }
            ReaderItem::Undecodable { fault, carrier } => {
                let text = format!("a header block of the {}: {fault}", direction.sender());
                sink.anomaly(Layer::Hpack, text, carrier);
            }
        });
        reader.give_back();
        self.tell_inference(sink);
    }

    /// The statuses that were inferred; nothing more will come.
    pub(super) fn take_inferred(&mut self) -> impl Iterator<Item = Event<'static>> {
        let found = self.readers.server.take_found();
        found.map(|(stream, status)| Event::StatusInferred {
            stream: StreamId(stream),
            status,
        })
    }

    /// Says whether statuses are being inferred, where that has changed.
    fn tell_inference(&mut self, sink: &mut impl ConnectionSink) {
        let inferring = self.readers.server.is_recovering();
        if inferring != std::mem::replace(&mut self.inferring, inferring) {
            sink.event(match inferring {
                true => &Event::InferenceBegins,
                false => &Event::InferenceEnds,
            });
        }
    }

    /// Looks at the first bytes of the server, however few come at a time; whether its bytes are
    /// frames.
    fn hear_server(&mut self, chunk: StreamPart<'_>, sink: &mut impl ConnectionSink) -> bool {
        let Some(first) = &mut self.server_first else {
            return !self.server_failed;
        };
        let StreamPart::Bytes { data, carrier, .. } = chunk else {
            // What follows is the middle of something.
            self.server_first = None;
            return true;
        };
        let missing = FrameHeader::LENGTH.saturating_sub(first.len());
        first.extend_from_slice(data.get(..missing).unwrap_or(data));
        let instead = instead_of_frames(first);
        if instead.is_some() || first.len() == FrameHeader::LENGTH {
            self.server_first = None;
        }
        let Some(instead) = instead else { return true };
        self.server_failed = true;
        let by = Direction::ServerToClient;
        sink.event(&Event::Failed {
            by,
            instead,
            carrier,
        });
        false
    }
}

fn readers(begun: PerSide<bool>, keep: Keep) -> PerSide<FrameReader> {
    let reader = |direction| {
        let mut reader = match begun[direction] {
            true => FrameReader::new(direction),
            false => FrameReader::mid_connection(direction),
        };
        reader.keep_data(keep.data);
        reader
    };
    PerSide {
        client: reader(Direction::ClientToServer),
        server: reader(Direction::ServerToClient),
    }
}

/// What one side's SETTINGS allow the other to send (RFC 9113, section 6.5.2).
fn apply_settings(frame: &Frame<'_>, peer: &mut FrameReader) {
    let Payload::Settings(settings) = frame.payload else {
        return;
    };
    if frame.header.flags.contains(Flags::ACK) {
        return;
    }
    for (setting, value) in settings.iter() {
        match setting {
            SettingId::HEADER_TABLE_SIZE => peer.set_header_table_size(value),
            SettingId::MAX_FRAME_SIZE => peer.set_max_frame_size(value),
            _ => {}
        }
    }
}

fn note_malformed(frame: &Frame<'_>, sink: &mut impl ConnectionSink) {
    let Payload::Malformed(malformation) = frame.payload else {
        return;
    };
    let text = format!(
        "a {} frame of the {} {}",
        frame.header.kind,
        frame.direction.sender(),
        malformation.name()
    );
    sink.anomaly(Layer::Http2, text, frame.completed);
}

/// What the first bytes of a server are, if they are not the SETTINGS frame that must come first
/// (RFC 9113, section 3.4), nor any other frame.
fn instead_of_frames(bytes: &[u8]) -> Option<UnexpectedProtocol> {
    match bytes {
        // A TLS record: an alert about the preface, or a handshake.
        [0x14..=0x17, ..] => return Some(UnexpectedProtocol::Tls),
        [b'H', b'T', b'T', b'P', ..] => return Some(UnexpectedProtocol::Http1),
        _ => {}
    }
    let header = FrameHeader::parse(bytes.first_chunk()?);
    let settings = header.kind == FrameType::SETTINGS;
    let frame = settings || boundary::is_plausible(&header, boundary::UNSEEN_MAX_FRAME_SIZE);
    (!frame).then_some(UnexpectedProtocol::Other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::carrier::Carrier;

    #[test]
    fn a_server_that_answers_in_another_protocol_is_told_from_one_that_sends_odd_frames() {
        let alert = [0x15, 3, 1, 0, 2, 2, 0x16];
        assert_eq!(instead_of_frames(&alert), Some(UnexpectedProtocol::Tls));
        let refusal = b"HTTP/1.1 400 Bad Request\r\n";
        assert_eq!(instead_of_frames(refusal), Some(UnexpectedProtocol::Http1));
        assert_eq!(
            instead_of_frames(b"220 mail.example ESMTP"),
            Some(UnexpectedProtocol::Other)
        );
        let settings_with_reserved_bit = [0, 0, 0, 4, 0, 0x80, 0, 0, 0];
        assert_eq!(instead_of_frames(&settings_with_reserved_bit), None);
        let goaway_first = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(instead_of_frames(&goaway_first), None);
    }

    #[derive(Default)]
    struct Told(Vec<String>);

    impl ConnectionSink for Told {
        fn event(&mut self, event: &Event<'_>) {
            match event {
                Event::Failed { instead, .. } => self.0.push(instead.name().to_owned()),
                Event::Frame(frame) => self.0.push(frame.header.kind.to_string()),
                _ => {}
            }
        }

        fn anomaly(&mut self, _: Layer, _: String, _: Carrier) {}
    }

    /// What is told of a server that sends `parts`; `None` is a gap.
    fn told(parts: &[Option<&[u8]>]) -> Vec<String> {
        let mut events = Http2Events::new(
            PerSide {
                client: true,
                server: true,
            },
            Keep::default(),
        );
        let mut told = Told::default();
        let mut position = 0;
        for part in parts {
            let carrier = Carrier::default();
            let length = part.map_or(5, <[u8]>::len) as u64;
            let chunk = match *part {
                Some(data) => StreamPart::Bytes {
                    position,
                    data,
                    carrier,
                    whole: carrier.stamp,
                    record: None,
                },
                None => StreamPart::Gap {
                    position,
                    length,
                    carrier,
                },
            };
            position += length;
            let from = Direction::ServerToClient;
            events.push(from, chunk, &mut told);
        }
        told.0
    }

    #[test]
    fn a_refusal_is_heard_however_few_bytes_come_at_a_time() {
        let refusal = b"HTTP/1.1 400 Bad Request\r\n".as_slice();
        let smtp = b"220 mail.example ESMTP".as_slice();
        for answer in [refusal, smtp] {
            let whole = told(&[Some(answer)]);
            assert_eq!(whole.len(), 1, "{whole:?}");
            for length in 1..answer.len() {
                let parts: Vec<_> = answer.chunks(length).map(Some).collect();
                assert_eq!(told(&parts), whole, "{length} bytes at a time");
            }
        }
    }

    #[test]
    fn a_server_whose_first_bytes_are_missing_is_not_judged_by_later_ones() {
        let middle_of_data = b"of a message, long enough for a frame header";
        let ping = [0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];
        let twice = [ping, ping].concat();
        assert_eq!(
            told(&[None, Some(middle_of_data), Some(&twice)]),
            ["PING", "PING"]
        );
        assert_eq!(told(&[Some(b"\0\0"), None, Some(&twice)]), ["PING", "PING"]);
    }
}
