//! A call: one of `rpcs`, and the body of the live event `rpc`.

use std::borrow::Cow;

use serde::Serialize;
use serde::ser::Serializer;

use super::hops::HopsJson;
use super::value::{CallJson, Displayed, PeerText, time};
use crate::capture::{TimeDelta, Timestamp};
use crate::decode::http2::ErrorCode;
use crate::inspect::report::Files;
use crate::inspect::{
    AtServer, Contradiction, Doubt, Link, LostOnTheWay, Race, RequestedHeader, Rpc, TakenBack,
};
use crate::report::redact::SecretDisplay;

/// The twin of [`Rpc`].
#[derive(Serialize, Debug)]
pub(super) struct RpcJson<'a> {
    #[serde(flatten)]
    id: CallJson,
    method: Option<PeerText<'a>>,
    method_inferred: bool,
    authority: Option<PeerText<'a>>,
    opened: Option<Displayed<Timestamp>>,
    ended: Option<Displayed<Timestamp>>,
    duration_ms: Option<f64>,
    packets: CallPackets,
    verdict: &'static str,
    died: bool,
    doubt: Option<&'static str>,
    race: Option<&'static str>,
    late_by_ms: Option<f64>,
    processed: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    at_server: Option<AtServerJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hops: Option<HopsJson<'a>>,
    contradiction: Option<&'static str>,
    grpc_status: Option<PeerText<'a>>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    grpc_status_inferred: bool,
    verdict_inferred: bool,
    grpc_message: Option<PeerText<'a>>,
    http_status: Option<u16>,
    error: Option<Displayed<ErrorCode>>,
    retried_as: Option<LinkJson<'a>>,
    retry_of: Option<LinkJson<'a>>,
    outcome: &'static str,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    hedge_lost: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_back: Option<&'static str>,
    app_error: Option<Cow<'a, str>>,
    headers: HeadersJson<'a>,
    messages: MessagesJson,
}

/// The twin of [`AtServer`].
#[derive(Serialize, Debug)]
struct AtServerJson {
    arrived: Option<Displayed<Timestamp>>,
    answered: Option<Displayed<Timestamp>>,
    lost: Option<&'static str>,
}

impl AtServerJson {
    fn new(at_server: &AtServer) -> Self {
        Self {
            arrived: at_server.arrived.map(Displayed),
            answered: at_server.answered.map(Displayed),
            lost: at_server.lost.map(LostOnTheWay::name),
        }
    }
}

impl<'a> RpcJson<'a> {
    pub(super) fn new(rpc: &'a Rpc, (files, secrets): (Files, SecretDisplay)) -> Self {
        Self {
            id: rpc.id.into(),
            method: rpc
                .method
                .as_deref()
                .map(|path| PeerText(secrets.path(path))),
            method_inferred: rpc.method_inferred,
            authority: rpc.authority.as_deref().map(PeerText::from),
            opened: time(rpc.opened),
            ended: time(rpc.ended),
            duration_ms: rpc.duration().map(TimeDelta::as_millis_f64),
            packets: CallPackets::new(rpc, files),
            verdict: rpc.verdict.name(),
            died: rpc.died(),
            doubt: rpc.doubt.map(Doubt::name),
            race: rpc.race.map(Race::name),
            late_by_ms: rpc.late_by.map(TimeDelta::as_millis_f64),
            processed: rpc.processed.name(),
            at_server: rpc.at_server.as_deref().map(AtServerJson::new),
            hops: rpc.hops.as_deref().map(HopsJson::new),
            contradiction: rpc.contradiction.map(Contradiction::name),
            grpc_status: rpc.grpc_status.as_deref().map(PeerText::from),
            grpc_status_inferred: rpc.grpc_status_inferred,
            verdict_inferred: rpc.verdict_inferred,
            grpc_message: rpc
                .grpc_message
                .as_deref()
                .map(|message| PeerText(secrets.message(message))),
            http_status: rpc.http_status,
            error: rpc.error.map(Displayed),
            retried_as: rpc.retried_as.as_ref().map(LinkJson::new),
            retry_of: rpc.retry_of.as_ref().map(LinkJson::new),
            outcome: rpc.outcome.name(),
            hedge_lost: rpc.taken_back == Some(TakenBack::TwinAnswered),
            taken_back: rpc.taken_back.map(TakenBack::name),
            app_error: secrets.app_error(rpc),
            headers: HeadersJson {
                headers: &rpc.headers,
                secrets,
            },
            messages: MessagesJson {
                request: MessageCount::of(rpc.request_messages),
                response: MessageCount::of(rpc.response_messages),
            },
        }
    }
}

/// The packets that opened and ended a call, and their files where there are several.
#[derive(Serialize, Debug)]
struct CallPackets {
    opened: Option<u64>,
    ended: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    opened_file: Option<Option<u32>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_file: Option<Option<u32>>,
}

impl CallPackets {
    fn new(rpc: &Rpc, files: Files) -> Self {
        let several = files == Files::Several;
        Self {
            opened: rpc.opened.map(|stamp| stamp.packet),
            ended: rpc.ended.map(|stamp| stamp.packet),
            opened_file: several.then(|| rpc.opened.map(|stamp| stamp.file)),
            ended_file: several.then(|| rpc.ended.map(|stamp| stamp.file)),
        }
    }
}

#[derive(Serialize, Debug)]
pub(super) struct LinkJson<'a> {
    #[serde(flatten)]
    call: CallJson,
    linked_by: &'a str,
}

impl<'a> LinkJson<'a> {
    pub(super) fn new(link: &'a Link) -> Self {
        Self {
            call: link.call.into(),
            linked_by: &link.by,
        }
    }
}

/// The requested headers by name, each with the list of its values.
#[derive(Debug)]
struct HeadersJson<'a> {
    headers: &'a [RequestedHeader],
    secrets: SecretDisplay,
}

impl Serialize for HeadersJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // One that was asked for twice has the same values twice.
        let once = self.headers.iter().enumerate().filter(|(place, header)| {
            let mut before = self.headers.iter().take(*place);
            !before.any(|earlier| earlier.name == header.name)
        });
        let secrets = self.secrets;
        serializer.collect_map(once.map(|(_, header)| {
            let values = HeaderValues { header, secrets };
            (PeerText::from(&*header.name), values)
        }))
    }
}

#[derive(Debug)]
struct HeaderValues<'a> {
    header: &'a RequestedHeader,
    secrets: SecretDisplay,
}

impl Serialize for HeaderValues<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.header.values.iter().map(|value| {
            let value = value.as_deref();
            value.map(|value| PeerText(self.secrets.value(&self.header.name, value)))
        }))
    }
}

#[derive(Serialize, Debug)]
struct MessagesJson {
    request: MessageCount,
    response: MessageCount,
}

/// gRPC messages and their bytes.
#[derive(Serialize, Debug)]
struct MessageCount {
    count: u64,
    bytes: u64,
}

impl MessageCount {
    const fn of((count, bytes): (u64, u64)) -> Self {
        Self { count, bytes }
    }
}
