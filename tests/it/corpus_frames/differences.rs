//! Where TShark is wrong about a frame, and what the bytes say.

/// One frame that the two sides see differently.
pub(crate) struct Difference {
    pub(crate) capture: &'static str,
    /// How the frame stands in the list that has it alone: the packet and the frame.
    pub(crate) packet: u64,
    pub(crate) frame: &'static str,
    pub(crate) whose: Whose,
    /// What the bytes say.
    pub(crate) reason: &'static str,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Whose {
    /// On the wire, though TShark does not show it.
    Ours,
    /// Not on the wire in this form, though TShark shows it.
    Tsharks,
}

const UPGRADE: &str = "the segment holds the 101 response and, behind its blank line, this frame: \
    TShark dissects it as HTTP/1.1 to its end";
const SERVER_FIRST: &str = "the server spoke before the client: the preface comes in packet 5 only, and \
    TShark knows the connection for HTTP/2 from there on";
const LONG_HEADERS: &str = "packet 4 begins a frame of 16384 bytes whose last byte comes in packet 22: \
    TShark shows it at its first packet, reassembles none of it and follows this direction no further";

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        capture: "suricata-verify/bug-5929-02.pcap",
        packet: 4,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: SERVER_FIRST,
    },
    Difference {
        capture: "suricata-verify/bug-5929-02.pcap",
        packet: 4,
        frame: "s2c WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: SERVER_FIRST,
    },
    Difference {
        capture: "suricata-verify/drop-protocol-change.pcap",
        packet: 2,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: UPGRADE,
    },
    Difference {
        capture: "suricata-verify/http2-authority-mismatch.pcap",
        packet: 4,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: SERVER_FIRST,
    },
    Difference {
        capture: "suricata-verify/http2-authority-mismatch.pcap",
        packet: 4,
        frame: "s2c WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: SERVER_FIRST,
    },
    Difference {
        capture: "suricata-verify/http2-userinfo-authority.pcap",
        packet: 4,
        frame: "s2c SETTINGS stream 0",
        whose: Whose::Ours,
        reason: SERVER_FIRST,
    },
    Difference {
        capture: "suricata-verify/http2-userinfo-authority.pcap",
        packet: 4,
        frame: "s2c WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: SERVER_FIRST,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 4,
        frame: "c2s HEADERS stream 13",
        whose: Whose::Tsharks,
        reason: LONG_HEADERS,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 22,
        frame: "c2s HEADERS stream 13",
        whose: Whose::Ours,
        reason: LONG_HEADERS,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 24,
        frame: "c2s CONTINUATION stream 13",
        whose: Whose::Ours,
        reason: LONG_HEADERS,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 24,
        frame: "c2s SETTINGS stream 0",
        whose: Whose::Ours,
        reason: LONG_HEADERS,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 77,
        frame: "c2s WINDOW_UPDATE stream 0",
        whose: Whose::Ours,
        reason: LONG_HEADERS,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 85,
        frame: "c2s WINDOW_UPDATE stream 2",
        whose: Whose::Ours,
        reason: LONG_HEADERS,
    },
    Difference {
        capture: "arkime/http2-nghttp2.pcap",
        packet: 95,
        frame: "c2s GOAWAY stream 0",
        whose: Whose::Ours,
        reason: LONG_HEADERS,
    },
];
