//! JSON values that several twins share: moments, spans, bytes of a peer, packets, settings, lists.
//!
//! A twin is a struct that derives `Serialize` and borrows from the data it stands for: its fields are
//! the names of the contract, and the data stays free of any format.

use std::borrow::Cow;
use std::fmt::Display;
use std::net::SocketAddr;

use serde::ser::{Serialize, Serializer};

use crate::capture::{Stamp, Timestamp};
use crate::decode::PerSide;
use crate::decode::http2::SettingId;
use crate::inspect::CallId;
use crate::inspect::report::Files;
use crate::report::escape;

/// A string that is formatted while it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::report) struct Displayed<T>(pub(in crate::report) T);

impl<T: Display> Serialize for Displayed<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

/// The time of a packet, where there is one.
pub(super) fn time(stamp: Option<Stamp>) -> Option<Displayed<Timestamp>> {
    stamp.map(|stamp| Displayed(stamp.time))
}

/// Bytes of a peer: what is not UTF-8 stands as `\xNN`.
#[derive(Debug)]
pub(super) struct PeerText<'a>(pub(super) Cow<'a, [u8]>);

impl<'a> From<&'a [u8]> for PeerText<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }
}

impl Serialize for PeerText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&escape::text(&self.0))
    }
}

/// A packet's number, and its file where there are several.
#[derive(serde::Serialize, Debug)]
pub(super) struct PacketNumber {
    packet: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<Option<u32>>,
}

impl PacketNumber {
    pub(super) fn new(stamp: Option<Stamp>, files: Files) -> Self {
        Self {
            packet: stamp.map(|stamp| stamp.packet),
            file: (files == Files::Several).then(|| stamp.map(|stamp| stamp.file)),
        }
    }
}

/// A list whose twins are made one by one while they are written: only one is in memory at a time.
#[derive(Debug)]
pub(in crate::report) struct Each<'a, T, C, J, L: ?Sized = [T]> {
    items: &'a L,
    context: C,
    twin: fn(&'a T, C) -> J,
}

impl<'a, T, C, J, L: ?Sized> Each<'a, T, C, J, L> {
    pub(in crate::report) const fn new(items: &'a L, context: C, twin: fn(&'a T, C) -> J) -> Self {
        Self {
            items,
            context,
            twin,
        }
    }
}

impl<'a, T, C: Copy, J: Serialize, L: ?Sized> Serialize for Each<'a, T, C, J, L>
where
    &'a L: IntoIterator<Item = &'a T>,
{
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let items = self.items.into_iter();
        serializer.collect_seq(items.map(|item| (self.twin)(item, self.context)))
    }
}

/// Settings by name, each of which stands there once.
#[derive(Clone, Copy, Debug)]
pub(in crate::report) struct SettingsJson<'a>(pub(in crate::report) &'a [(SettingId, u32)]);

impl Serialize for SettingsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(id, value)| (Displayed(id), value)))
    }
}

/// One value for what the client sent or did, one for the server.
#[derive(serde::Serialize, Debug)]
pub(in crate::report) struct BothSides<T> {
    pub(in crate::report) client: T,
    pub(in crate::report) server: T,
}

impl From<PerSide<SocketAddr>> for BothSides<SocketAddr> {
    fn from(ends: PerSide<SocketAddr>) -> Self {
        Self {
            client: ends.client,
            server: ends.server,
        }
    }
}

#[derive(serde::Serialize, Debug)]
pub(super) struct CallJson {
    conn: u32,
    stream: u32,
}

impl From<CallId> for CallJson {
    fn from(call: CallId) -> Self {
        Self {
            conn: call.connection,
            stream: call.stream,
        }
    }
}
