//! What a capture without HTTP/2 held instead.

use crate::capture::LinkType;
use crate::decode::Tally;
use crate::units::{count, counted};

/// What was found instead, as the rest of a sentence.
#[must_use]
pub fn instead(tally: &Tally, tls_with_h2: usize) -> String {
    let mut found = Vec::new();
    if tally.tcp_connections > 0 {
        let mut kinds = Vec::new();
        if tls_with_h2 > 0 {
            kinds.push(format!("{} TLS that offers h2", count(tls_with_h2)));
        }
        kinds.extend(
            tally
                .unrelated
                .iter()
                .map(|(kind, number)| format!("{} {}", count(*number), kind.name())),
        );
        let connections = counted(tally.tcp_connections, "TCP connection");
        found.push(format!("{connections} ({})", kinds.join(", ")));
    }
    for (name, packets) in &tally.not_tcp {
        found.push(counted(*packets, &format!("{name} packet")));
    }
    for (number, packets) in &tally.unknown_links {
        let packets = counted(*packets, "packet");
        found.push(format!(
            "{packets} of link type {}, which is not supported",
            LinkType(*number)
        ));
    }
    if found.is_empty() {
        "it holds no packets".to_owned()
    } else {
        found.join(", ")
    }
}
