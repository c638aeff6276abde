//! What a capture without HTTP/2 held instead.

use crate::capture::LinkType;
use crate::decode::Tally;

/// What was found instead, as the rest of a sentence.
#[must_use]
pub fn instead(tally: &Tally, tls_with_h2: usize) -> String {
    let mut found = Vec::new();
    let count = |count: u64, one: &str| {
        if count == 1 {
            format!("1 {one}")
        } else {
            format!("{count} {one}s")
        }
    };
    if tally.tcp_connections > 0 {
        let mut kinds = Vec::new();
        if tls_with_h2 > 0 {
            kinds.push(format!("{tls_with_h2} TLS that offers h2"));
        }
        kinds.extend(
            tally
                .unrelated
                .iter()
                .map(|(kind, count)| format!("{count} {}", kind.name())),
        );
        let connections = count(tally.tcp_connections.into(), "TCP connection");
        found.push(format!("{connections} ({})", kinds.join(", ")));
    }
    for (name, packets) in &tally.not_tcp {
        found.push(count(*packets, &format!("{name} packet")));
    }
    for (number, packets) in &tally.unknown_links {
        let packets = count(*packets, "packet");
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
