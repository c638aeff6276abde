//! What tests are written with: packets built by hand, and connections as scenarios.

pub(crate) mod scenario;
pub(crate) mod wire;
