//! `frames --format json`: one object a line.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use serde::ser::Serializer;

use super::value::{Displayed, PeerText, SettingsJson};
use crate::capture::Timestamp;
use crate::decode::http2::hpack::HeaderBlock;
use crate::decode::http2::{
    ErrorCode, Flags, Frame, FrameType, Payload, Priority, SettingId, Settings,
};
use crate::inspect::report::Files;
use crate::report::frames::{FrameContext, FrameFormat};
use crate::report::hex::Hex;
use crate::report::redact::SecretDisplay;

/// An object a line for each frame.
#[derive(Clone, Copy, Debug)]
pub struct FrameJson {
    /// Whether packets need their file named.
    pub files: Files,
    /// How secrets are printed.
    pub secrets: SecretDisplay,
}

impl FrameFormat for FrameJson {
    fn write(
        &self,
        frame: &Frame<'_>,
        context: &FrameContext,
        out: &mut Vec<u8>,
    ) -> io::Result<()> {
        super::visible::write_line(out, &FrameObject::new(frame, context, *self))?;
        out.push(b'\n');
        Ok(())
    }
}

/// The twin of [`Frame`].
#[derive(Serialize)]
struct FrameObject<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<u32>,
    packet: u64,
    time: Displayed<Timestamp>,
    /// Seconds since the capture's first packet.
    elapsed: f64,
    conn: u32,
    tcp_stream: u32,
    dir: &'static str,
    stream: u32,
    #[serde(rename = "type")]
    kind: Displayed<FrameType>,
    flags: FlagNames,
    length: u32,
    #[serde(flatten)]
    payload: PayloadFields<'a>,
}

impl<'a> FrameObject<'a> {
    fn new(frame: &'a Frame<'_>, context: &FrameContext, format: FrameJson) -> Self {
        let stamp = frame.whole;
        Self {
            file: (format.files == Files::Several).then_some(stamp.file),
            packet: stamp.packet,
            time: Displayed(stamp.time),
            elapsed: (stamp.time - context.epoch).as_secs_f64(),
            conn: context.connection,
            tcp_stream: context.tcp_stream,
            dir: frame.direction.short(),
            stream: frame.header.stream.0,
            kind: Displayed(frame.header.kind),
            flags: FlagNames(frame.header.flags, frame.header.kind),
            length: frame.header.length,
            payload: PayloadFields::new(&frame.payload, format.secrets),
        }
    }
}

/// What a frame's payload says, in fields beside those of its header.
#[derive(Serialize)]
#[serde(untagged)]
enum PayloadFields<'a> {
    Headers {
        headers: FieldsJson<'a>,
    },
    PushPromise {
        promised_stream: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        headers: Option<FieldsJson<'a>>,
    },
    Settings {
        settings: LatestSettings,
    },
    WindowUpdate {
        increment: u32,
    },
    Ping {
        ping: Displayed<Hex<'a>>,
    },
    ResetStream {
        error: Displayed<ErrorCode>,
    },
    GoAway {
        last_stream_id: u32,
        error: Displayed<ErrorCode>,
        debug_data: PeerText<'a>,
    },
    Priority {
        priority: PriorityJson,
    },
    Malformed {
        malformed: &'static str,
    },
    Nothing {},
}

impl<'a> PayloadFields<'a> {
    fn new(payload: &'a Payload<'_>, secrets: SecretDisplay) -> Self {
        let fields = |block| FieldsJson { block, secrets };
        match payload {
            Payload::Headers {
                block: Some(block), ..
            } => Self::Headers {
                headers: fields(block),
            },
            Payload::Continuation { block: Some(ended) } => Self::Headers {
                headers: fields(ended.block),
            },
            Payload::PushPromise { promised, block } => Self::PushPromise {
                promised_stream: promised.0,
                headers: block.map(fields),
            },
            Payload::Settings(settings) => Self::Settings {
                settings: LatestSettings::new(settings),
            },
            Payload::WindowUpdate { increment } => Self::WindowUpdate {
                increment: *increment,
            },
            Payload::Ping(payload) => Self::Ping {
                ping: Displayed(Hex(payload)),
            },
            Payload::ResetStream { error } => Self::ResetStream {
                error: Displayed(*error),
            },
            Payload::GoAway {
                last_stream_id,
                error,
                debug_data,
            } => Self::GoAway {
                last_stream_id: last_stream_id.0,
                error: Displayed(*error),
                debug_data: PeerText(Cow::Borrowed(debug_data)),
            },
            Payload::Priority(priority)
            | Payload::Headers {
                priority: Some(priority),
                ..
            } => Self::Priority {
                priority: PriorityJson::from(*priority),
            },
            Payload::Malformed(malformation) => Self::Malformed {
                malformed: malformation.name(),
            },
            Payload::Data { .. }
            | Payload::Headers { .. }
            | Payload::Continuation { block: None }
            | Payload::Unknown => Self::Nothing {},
        }
    }
}

/// The names of flags that are set; those without one as numbers.
struct FlagNames(Flags, FrameType);

impl Serialize for FlagNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names = self.0.named(self.1).map(|(bit, name)| match name {
            Some(name) => Cow::Borrowed(name),
            None => Cow::Owned(format!("{bit:#x}")),
        });
        serializer.collect_seq(names)
    }
}

/// Header fields in order, each a pair of name and value; null for what cannot be known.
struct FieldsJson<'a> {
    block: &'a HeaderBlock,
    secrets: SecretDisplay,
}

impl Serialize for FieldsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.block.fields().map(|field| {
            let value = field.value.map(|value| match field.name {
                Some(name) => PeerText(self.secrets.value(name, value)),
                None => PeerText(self.secrets.unnamed(value)),
            });
            (field.name.map(PeerText::from), value)
        }))
    }
}

/// Settings by name. A frame may repeat one: it stands where it stood first, with the value it had last
/// (RFC 9113, section 6.5.3).
struct LatestSettings(Vec<(SettingId, u32)>);

impl LatestSettings {
    fn new(settings: &Settings<'_>) -> Self {
        let mut latest: Vec<(SettingId, u32)> = Vec::new();
        let mut places = BTreeMap::new();
        for (id, value) in settings.iter() {
            let place = *places.entry(id).or_insert(latest.len());
            match latest.get_mut(place) {
                Some(setting) => setting.1 = value,
                None => latest.push((id, value)),
            }
        }
        Self(latest)
    }
}

impl Serialize for LatestSettings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        SettingsJson(&self.0).serialize(serializer)
    }
}

#[derive(Serialize)]
struct PriorityJson {
    depends_on: u32,
    exclusive: bool,
    /// From 1 to 256.
    weight: u16,
}

impl From<Priority> for PriorityJson {
    fn from(priority: Priority) -> Self {
        Self {
            depends_on: priority.dependency.0,
            exclusive: priority.exclusive,
            weight: u16::from(priority.weight) + 1,
        }
    }
}
