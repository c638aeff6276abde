//! The calls of the page in columns, a list for each thing known of them: names of fields stand there once
//! and not once a call, and what many calls share is listed once.

use std::collections::HashMap;
use std::hash::Hash;
use std::iter;

use serde::Serialize;
use serde::ser::{SerializeMap as _, Serializer};

use super::clock::CaptureClock;
use super::hop_links::HopsOnPage;
use crate::capture::Stamp;
use crate::decode::http2::ErrorCode;
use crate::inspect::{Outcome, Processed, Race, RequestedHeader, Rpc};
use crate::report::escape;
use crate::report::json::Displayed;
use crate::report::redact::SecretDisplay;

/// All calls that are drawn.
#[derive(Serialize)]
pub(super) struct CallsJson<'a> {
    count: usize,
    /// Methods and authorities.
    texts: SharedValues<String>,
    fates: SharedValues<EndOnPage>,
    columns: Columns<'a>,
    headers: Vec<HeaderColumn<'a>>,
    retries: Vec<RetryOnPage>,
    hops: Vec<HopsOnPage>,
}

/// A call's place in the columns; the connection and the stream of its retry, and by what the two were
/// recognised as one call.
type RetryOnPage = (usize, u32, u32, String);

impl<'a> CallsJson<'a> {
    pub(super) fn new(calls: Vec<&'a Rpc>, clock: CaptureClock, secrets: SecretDisplay) -> Self {
        let mut texts = SharedValues::default();
        let mut fates = SharedValues::default();
        let shared = calls.iter().map(|rpc| {
            let method = secrets.method(rpc);
            Shared {
                method: method.map(|method| texts.place(escape::terminal(&method))),
                authority: rpc
                    .authority
                    .as_deref()
                    .map(|authority| texts.place(escape::terminal(authority))),
                fate: fates.place(EndOnPage::new(rpc, secrets)),
            }
        });
        let shared = shared.collect();
        let retries = calls.iter().enumerate().filter_map(|(place, rpc)| {
            let link = rpc.retried_as.as_ref()?;
            let by = escape::terminal(link.by.as_bytes());
            Some((place, link.call.connection, link.call.stream, by))
        });
        Self {
            count: calls.len(),
            retries: retries.collect(),
            hops: HopsOnPage::all(&calls),
            headers: HeaderColumn::all(&calls, secrets),
            columns: Columns {
                calls,
                shared,
                clock,
            },
            texts,
            fates,
        }
    }
}

/// Where in the tables stands what a call shares with others.
struct Shared {
    method: Option<usize>,
    authority: Option<usize>,
    fate: usize,
}

/// The columns by name. Each is made while it is written.
struct Columns<'a> {
    calls: Vec<&'a Rpc>,
    shared: Vec<Shared>,
    clock: CaptureClock,
}

impl Serialize for Columns<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if self.calls.is_empty() {
            return map.end();
        }
        let micros = |stamp: Option<Stamp>| stamp.map(|stamp| self.clock.micros(stamp.time));
        let packet = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.packet);
        let file = |stamp: Option<Stamp>| stamp.map(|stamp| stamp.file);
        map.serialize_entry("conn", &self.of_calls(|rpc| rpc.id.connection))?;
        map.serialize_entry("stream", &self.of_calls(|rpc| rpc.id.stream))?;
        map.serialize_entry("verdict", &self.of_calls(|rpc| rpc.verdict as usize))?;
        map.serialize_entry("method", &self.of_shared(|shared| shared.method))?;
        map.serialize_entry("authority", &self.of_shared(|shared| shared.authority))?;
        map.serialize_entry("opened", &self.of_calls(|rpc| micros(rpc.opened)))?;
        map.serialize_entry("ended", &self.of_calls(|rpc| micros(rpc.ended)))?;
        map.serialize_entry("openedPacket", &self.of_calls(|rpc| packet(rpc.opened)))?;
        map.serialize_entry("endedPacket", &self.of_calls(|rpc| packet(rpc.ended)))?;
        map.serialize_entry("openedFile", &self.of_calls(|rpc| file(rpc.opened)))?;
        map.serialize_entry("endedFile", &self.of_calls(|rpc| file(rpc.ended)))?;
        map.serialize_entry("fate", &self.of_shared(|shared| shared.fate))?;
        let late = |rpc: &Rpc| rpc.late_by.map(|late_by| late_by.as_nanos() / 1_000);
        map.serialize_entry("late", &self.of_calls(late))?;
        map.serialize_entry("requests", &self.of_calls(|rpc| rpc.request_messages.0))?;
        map.serialize_entry("requestBytes", &self.of_calls(|rpc| rpc.request_messages.1))?;
        map.serialize_entry("responses", &self.of_calls(|rpc| rpc.response_messages.0))?;
        map.serialize_entry(
            "responseBytes",
            &self.of_calls(|rpc| rpc.response_messages.1),
        )?;
        map.end()
    }
}

impl<'a> Columns<'a> {
    fn of_calls<T>(
        &self,
        value: impl Fn(&'a Rpc) -> T + Clone,
    ) -> CallColumn<impl Iterator<Item = T> + Clone> {
        CallColumn(self.calls.iter().copied().map(value))
    }

    fn of_shared<T>(
        &self,
        value: impl Fn(&Shared) -> T + Clone,
    ) -> CallColumn<impl Iterator<Item = T> + Clone> {
        CallColumn(self.shared.iter().map(value))
    }
}

/// The values of all calls; one value that all of them have stands there once.
struct CallColumn<I>(I);

impl<I: Iterator<Item: Serialize + PartialEq> + Clone> Serialize for CallColumn<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut values = self.0.clone();
        match values.next() {
            Some(first) if values.all(|value| value == first) => {
                serializer.collect_map(iter::once(("all", first)))
            }
            _ => serializer.collect_seq(self.0.clone()),
        }
    }
}

/// A requested header, with the values of each call in one text.
#[derive(Serialize)]
struct HeaderColumn<'a> {
    name: String,
    values: HeaderTexts<'a>,
}

impl<'a> HeaderColumn<'a> {
    /// Every call has the same headers, those that were asked for, in the same order.
    fn all(calls: &[&'a Rpc], secrets: SecretDisplay) -> Vec<Self> {
        let mut headers = calls.iter().map(|rpc| rpc.headers.as_slice());
        let headers = headers.find(|headers| !headers.is_empty());
        let headers = headers.unwrap_or_default();
        let columns = headers.iter().enumerate().map(|(place, header)| Self {
            name: escape::terminal(&header.name),
            values: HeaderTexts {
                headers: calls
                    .iter()
                    .filter_map(|rpc| rpc.headers.get(place))
                    .collect(),
                secrets,
            },
        });
        columns.collect()
    }
}

struct HeaderTexts<'a> {
    headers: Vec<&'a RequestedHeader>,
    secrets: SecretDisplay,
}

impl Serialize for HeaderTexts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.headers.iter().map(|header| {
            let values = header.values.iter().map(|value| match value {
                Some(value) => escape::terminal(&self.secrets.value(&header.name, value)),
                None => "?".to_owned(),
            });
            values.collect::<Vec<_>>().join(", ")
        }))
    }
}

/// What else is known of a call's end, in the words of the report; what is unknown is left out.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
struct EndOnPage {
    #[serde(skip_serializing_if = "Option::is_none")]
    race: Option<&'static str>,
    processed: &'static str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_status: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    grpc_message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    http_status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Displayed<ErrorCode>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    app_error: Option<String>,
}

impl EndOnPage {
    fn new(rpc: &Rpc, secrets: SecretDisplay) -> Self {
        let message = rpc.grpc_message.as_deref();
        Self {
            race: rpc.race.map(Race::name),
            processed: Processed::name(rpc.processed),
            outcome: Outcome::name(rpc.outcome),
            grpc_status: rpc.grpc_status.as_deref().map(escape::terminal),
            grpc_message: message.map(|message| escape::terminal(&secrets.message(message))),
            http_status: rpc.http_status,
            error: rpc.error.map(Displayed),
            app_error: secrets
                .app_error(rpc)
                .map(|text| escape::terminal(text.as_bytes())),
        }
    }
}

/// Values that many calls share, each of which stands there once.
struct SharedValues<T> {
    values: Vec<T>,
    places: HashMap<T, usize>,
}

impl<T> Default for SharedValues<T> {
    fn default() -> Self {
        Self {
            values: Vec::new(),
            places: HashMap::new(),
        }
    }
}

impl<T: Clone + Eq + Hash> SharedValues<T> {
    fn place(&mut self, value: T) -> usize {
        if let Some(place) = self.places.get(&value) {
            return *place;
        }
        let place = self.values.len();
        self.values.push(value.clone());
        self.places.insert(value, place);
        place
    }
}

impl<T: Serialize> Serialize for SharedValues<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.values.serialize(serializer)
    }
}
