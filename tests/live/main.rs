//! `live` on real interfaces: network namespaces joined by a veth pair, real `h2` peers in them.
//!
//! It takes root, iproute2 and tcpdump. Where namespaces are not allowed the tests say so and are
//! skipped, unless `H2SNIFF_REQUIRE_NETNS=1`. Those of the feature `keys` take BPF too, and say so where it is not
//! allowed, unless `H2SNIFF_REQUIRE_BPF=1`.

#![cfg(feature = "live")]
#![allow(
    clippy::cast_precision_loss,
    clippy::disallowed_methods,
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used
)]

mod endings;
mod events;
mod incidents;
#[cfg(all(feature = "keys", target_os = "linux"))]
mod keys;
mod metrics;
mod network;
mod peers;
mod race;
mod recorder;
mod refusals;
mod service;
mod tls;
mod watcher;
