//! What was odd in a capture, where, and how decoding went on. Data, not failure.

use crate::capture::Stamp;

/// The layer that noticed an [`Anomaly`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layer {
    /// The capture file: cut off, damaged, oddly ordered.
    Capture,
    /// Link layer, IP and tunnels.
    Link,
    /// TCP: bytes missing, conflicting or out of bounds.
    Tcp,
    /// TLS records.
    Tls,
    /// HTTP/2 frames.
    Http2,
    /// Header compression (RFC 7541).
    Hpack,
    /// gRPC messages.
    Grpc,
}

impl Layer {
    /// The layer's name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Capture => "capture",
            Self::Link => "link",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Http2 => "http2",
            Self::Hpack => "hpack",
            Self::Grpc => "grpc",
        }
    }
}

/// One oddity. Equal ones on a connection are counted, not repeated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Anomaly {
    /// The layer that noticed it.
    pub layer: Layer,
    /// What was odd and how decoding went on, as a sentence without a full stop.
    pub text: String,
    /// Where it was first seen, if it belongs to a packet.
    pub stamp: Option<Stamp>,
    /// The connection it belongs to, by its number in this analysis.
    pub connection: Option<u32>,
    /// How often it was seen.
    pub count: u64,
    /// The limit that was reached, where that is what was odd and the caller can raise it.
    pub limit: Option<LimitKind>,
}

impl Anomaly {
    /// One of the capture as a whole, seen `count` times.
    #[must_use]
    pub fn of_capture(count: u64, text: impl Into<String>, limit: Option<LimitKind>) -> Self {
        Self {
            layer: Layer::Capture,
            text: text.into(),
            stamp: None,
            connection: None,
            count,
            limit,
        }
    }
}

impl Anomaly {
    fn is_like(&self, other: &Self) -> bool {
        self.layer == other.layer
            && self.connection == other.connection
            && self.limit == other.limit
            && self.text == other.text
    }
}

/// A limit on what is read or kept, which whoever runs an analysis can raise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LimitKind {
    /// Connections followed at a time: [`Limits::connections`](super::Limits::connections).
    Connections,
    /// Bytes held for all connections: [`Limits::held_bytes`](super::Limits::held_bytes).
    HeldBytes,
    /// Calls that a report lists.
    ListedRpcs,
    /// Bytes that a compressed capture unpacks to.
    UnpackedBytes,
}

/// How many different anomalies are kept; a damaged capture can produce one a packet.
const MAX_KINDS: usize = 1_000;

/// Collects anomalies, equal ones counted together.
#[derive(Debug, Default)]
pub struct Anomalies {
    kinds: Vec<Anomaly>,
    left_out: u64,
}

impl Anomalies {
    /// Notes one; an equal one of the same connection is counted instead.
    pub fn note(
        &mut self,
        layer: Layer,
        text: impl Into<String>,
        stamp: Option<Stamp>,
        connection: Option<u32>,
    ) {
        let text = text.into();
        let known = self.kinds.iter_mut().rev().find(|known| {
            known.layer == layer && known.connection == connection && known.text == text
        });
        if let Some(known) = known {
            known.count += 1;
        } else if self.kinds.len() < MAX_KINDS {
            self.kinds.push(Anomaly {
                layer,
                text,
                stamp,
                connection,
                count: 1,
                limit: None,
            });
        } else {
            self.left_out += 1;
        }
    }

    /// Notes that a limit was reached `count` times, wherever that was.
    pub fn note_limit(&mut self, limit: LimitKind, text: impl Into<String>, count: u64) {
        self.kinds
            .push(Anomaly::of_capture(count, text, Some(limit)));
    }

    /// Takes those that were noted of other connections, in order of first sight.
    pub(crate) fn merge(&mut self, others: Vec<Self>) {
        if others.iter().all(|other| other.kinds.is_empty()) {
            return;
        }
        let mut kinds = std::mem::take(&mut self.kinds);
        for other in others {
            self.left_out += other.left_out;
            kinds.extend(other.kinds);
        }
        kinds.sort_by_key(|anomaly| (anomaly.stamp.is_none(), anomaly.stamp));
        for anomaly in kinds {
            let known = self
                .kinds
                .iter_mut()
                .find(|known| anomaly.connection.is_none() && known.is_like(&anomaly));
            if let Some(known) = known {
                known.count += anomaly.count;
            } else if self.kinds.len() < MAX_KINDS {
                self.kinds.push(anomaly);
            } else {
                self.left_out += anomaly.count;
            }
        }
    }

    /// Gives the connections that they belong to other numbers.
    pub(crate) fn renumber(&mut self, number: impl Fn(u32) -> Option<u32>) {
        for anomaly in &mut self.kinds {
            anomaly.connection = anomaly.connection.and_then(&number);
        }
    }

    /// All of them, in order of first sight.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<Anomaly> {
        if self.left_out > 0 {
            let text = format!("more kinds of anomalies than the {MAX_KINDS} that are kept");
            self.kinds
                .push(Anomaly::of_capture(self.left_out, text, None));
        }
        self.kinds
    }
}
