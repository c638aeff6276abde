//! What tests are told with: packets built by hand, and connections as stories.

pub(crate) mod story;
pub(crate) mod wire;
