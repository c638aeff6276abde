//! Requests to an OpenTelemetry Collector.
//!
//! In: requests of spans and log records. Out: they are sent over HTTP, again where the collector was away, and what it never
//! took is counted. Whoever has an end waits for each ([`deliver`]); whoever goes on puts them into an [`Outbox`].

mod client;
mod clock;
mod error;
#[cfg(feature = "live")]
mod outbox;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use client::OtlpClient;
#[cfg(feature = "export")]
pub(crate) use client::deliver;
pub(crate) use error::OtlpError;
#[cfg(feature = "live")]
pub(crate) use outbox::{Outbox, OutboxLimits};
pub(crate) use target::OtlpTarget;
