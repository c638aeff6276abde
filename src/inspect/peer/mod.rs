//! What the two peers are built with, read from what they say of themselves and how they behave.

pub(in crate::inspect) mod app_error;
pub(in crate::inspect) mod client;
pub(in crate::inspect) mod confidence;
pub(in crate::inspect) mod server;
pub(in crate::inspect) mod settings;
mod signature;
