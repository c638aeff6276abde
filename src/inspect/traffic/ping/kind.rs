//! What a PING is for, and whose it is, as far as its payload shows.
//!
//! Implementations put constants into their PINGs, so that they can distinguish the acknowledgements
//! apart; the constants are as good as a signature.

/// A PING's payload, where it is a known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PingKind {
    /// grpc-go's server, between the two GOAWAYs of a graceful end.
    GoDrain,
    /// grpc-go's estimate of the bandwidth-delay product, either side.
    GoProbe,
    /// All zeros: grpc-go's keepalive; Kestrel's too.
    ZeroKeepalive,
    /// grpc-java's Netty server, between the two GOAWAYs.
    JavaDrain,
    /// grpc-java's OkHttp server, between the two GOAWAYs.
    OkHttpDrain,
    /// grpc-java's server keepalive.
    JavaServerKeepalive,
    /// grpc-java's Netty client keepalive.
    JavaClientKeepalive,
    /// grpc-java's flow control probe.
    JavaProbe,
    /// Rust's h2, between the two GOAWAYs.
    RustDrain,
    /// hyper's probe and its keepalive, which look the same.
    HyperPing,
    /// .NET's round-trip probe.
    DotNetProbe,
    /// Any other; gRPC C-core and Go's x/net use random ones for everything.
    Unknown,
}

/// What a PING is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// To find out when the client has read the announcement of a GOAWAY.
    Drain,
    /// To measure round trips, or the bandwidth of the path.
    Probe,
    /// To find out whether the other end is alive.
    Keepalive,
    /// The payload does not say.
    Unknown,
}

/// How far .NET's probes have counted down at most when they are still taken for such.
const DOT_NET_PROBES: u64 = 1 << 20;

impl PingKind {
    /// All kinds.
    pub const ALL: [Self; 12] = [
        Self::GoDrain,
        Self::GoProbe,
        Self::ZeroKeepalive,
        Self::JavaDrain,
        Self::OkHttpDrain,
        Self::JavaServerKeepalive,
        Self::JavaClientKeepalive,
        Self::JavaProbe,
        Self::RustDrain,
        Self::HyperPing,
        Self::DotNetProbe,
        Self::Unknown,
    ];

    /// The kind that a payload gives away.
    #[must_use]
    pub const fn of(payload: [u8; 8]) -> Self {
        match u64::from_be_bytes(payload) {
            0x0106_0108_0003_0309 => Self::GoDrain,
            0x0204_1010_090e_0707 => Self::GoProbe,
            0 => Self::ZeroKeepalive,
            0x9_7ace_f001 => Self::JavaDrain,
            0xdead => Self::JavaServerKeepalive,
            0x4d2 => Self::JavaProbe,
            0x457 => Self::JavaClientKeepalive,
            0x1111 => Self::OkHttpDrain,
            0x0b7b_a2f0_8b9b_fe54 => Self::RustDrain,
            0x3b7c_db7a_0b87_16b4 => Self::HyperPing,
            counter if counter < u64::MAX && counter > u64::MAX - DOT_NET_PROBES => {
                Self::DotNetProbe
            }
            _ => Self::Unknown,
        }
    }

    /// What PINGs of this kind are for.
    #[must_use]
    pub const fn purpose(self) -> Purpose {
        match self {
            Self::GoDrain | Self::JavaDrain | Self::OkHttpDrain | Self::RustDrain => Purpose::Drain,
            Self::GoProbe | Self::JavaProbe | Self::DotNetProbe => Purpose::Probe,
            Self::ZeroKeepalive | Self::JavaServerKeepalive | Self::JavaClientKeepalive => {
                Purpose::Keepalive
            }
            Self::HyperPing | Self::Unknown => Purpose::Unknown,
        }
    }

    /// Its name in a sentence: `keepalive PING`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.purpose() {
            Purpose::Drain => "drain PING",
            Purpose::Probe => "probe PING",
            Purpose::Keepalive => "keepalive PING",
            Purpose::Unknown => "PING",
        }
    }
}

/// Which kinds one side sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PingKinds(u16);

impl PingKinds {
    /// Adds a kind that was sent.
    pub const fn add(&mut self, kind: PingKind) {
        self.0 |= 1 << kind as u16;
    }

    /// Whether PINGs of this kind were sent.
    #[must_use]
    pub const fn contains(self, kind: PingKind) -> bool {
        self.0 & (1 << kind as u16) != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_tell_the_stack_and_the_purpose() {
        let drain = [1, 6, 1, 8, 0, 3, 3, 9];
        assert_eq!(PingKind::of(drain), PingKind::GoDrain);
        assert_eq!(
            PingKind::of([2, 4, 16, 16, 9, 14, 7, 7]).purpose(),
            Purpose::Probe
        );
        assert_eq!(PingKind::of([0; 8]).purpose(), Purpose::Keepalive);
        assert_eq!(
            PingKind::of([0, 0, 0, 0, 0, 0, 0xde, 0xad]),
            PingKind::JavaServerKeepalive
        );
        let probe = [255, 255, 255, 255, 255, 255, 255, 254];
        assert_eq!(PingKind::of(probe), PingKind::DotNetProbe);
        assert_eq!(PingKind::of([255; 8]), PingKind::Unknown);
        assert_eq!(PingKind::of(*b"whatever").purpose(), Purpose::Unknown);
    }

    #[test]
    fn kinds_are_remembered_apart() {
        for one in PingKind::ALL {
            let mut kinds = PingKinds::default();
            kinds.add(one);
            assert!(
                PingKind::ALL
                    .iter()
                    .all(|kind| kinds.contains(*kind) == (*kind == one))
            );
        }
    }
}
