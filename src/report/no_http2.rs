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
    if tally.damaged > 0 {
        let packets = counted(tally.damaged, "packet");
        found.push(format!("{packets} that cannot be read to the TCP in them"));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::{Packet, Stamp};
    use crate::decode::{Decoder, EachEvent, Options};

    #[test]
    fn packets_whose_headers_nest_too_deep_are_packets() {
        let mut data = Vec::new();
        for left in (1..=20_u16).rev() {
            let length = (left * 20).to_be_bytes();
            data.extend([0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 4, 0, 0]);
            data.extend([10, 0, 0, 1, 10, 0, 0, 2]);
        }
        let mut decoder = Decoder::new(Options::default());
        let mut listener = EachEvent::new(|_, _| ());
        decoder.push(
            &Packet {
                stamp: Stamp::default(),
                link_type: LinkType::RAW,
                original_length: u32::try_from(data.len()).unwrap(),
                data: &data,
                options: crate::capture::PacketOptions::default(),
            },
            &mut listener,
        );
        let said = instead(decoder.tally(), 0);
        assert_eq!(said, "1 packet that cannot be read to the TCP in them");
        assert_eq!(instead(&Tally::default(), 0), "it holds no packets");
    }
}
