//! Why a packet gives no TCP segment, each reason with the name that a report counts it by.

use std::fmt;

use crate::capture::LinkType;

/// What a packet without a TCP segment holds instead.
///
/// Displayed with its number where it has one, so that the report names what to look up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Other {
    /// A UDP datagram that is no known tunnel.
    Udp,
    /// An ICMP or ICMPv6 message.
    Icmp,
    /// Another protocol over IP, by its number in the IANA registry.
    IpProtocol(u8),
    /// A fragment of an IP packet without the others.
    Fragment,
    /// Packets within packets that cannot be opened.
    Tunnel(Tunnel),
    /// An address resolution packet (RFC 826).
    Arp,
    /// A frame of another EtherType, by its number in the IANA registry.
    EtherType(u16),
    /// An IEEE 802.3 frame: a length where Ethernet II has its EtherType.
    LengthFrame,
    /// A PPP frame of another protocol, by its number in the IANA registry.
    PppProtocol(u16),
    /// An IEEE 802.11 frame without readable data: management, control, null or aggregated.
    Wireless,
    /// An encrypted IEEE 802.11 frame.
    WirelessEncrypted,
    /// A cooked packet of a device whose protocol field is no EtherType, by its `ARPHRD_` number.
    Device(u16),
    /// A BSD loopback packet of an address family other than IP, as read in network byte order.
    AddressFamily(u32),
    /// A link type without a decoder.
    LinkType(LinkType),
}

impl Other {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Icmp => "ICMP",
            Self::IpProtocol(_) => "other IP protocol",
            Self::Fragment => "IP fragment",
            Self::Tunnel(tunnel) => tunnel.name(),
            Self::Arp => "ARP",
            Self::EtherType(_) => "other EtherType",
            Self::LengthFrame => "IEEE 802.3 frame",
            Self::PppProtocol(_) => "other PPP protocol",
            Self::Wireless => "IEEE 802.11 without data",
            Self::WirelessEncrypted => "IEEE 802.11, encrypted",
            Self::Device(_) => "other device type",
            Self::AddressFamily(_) => "other address family",
            Self::LinkType(_) => "unsupported link type",
        }
    }
}

impl fmt::Display for Other {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::IpProtocol(number) => write!(formatter, "IP protocol {number}"),
            Self::EtherType(number) => write!(formatter, "EtherType {number:#06x}"),
            Self::PppProtocol(number) => write!(formatter, "PPP protocol {number:#06x}"),
            Self::Device(number) => write!(formatter, "device type {number}"),
            Self::AddressFamily(number) => write!(formatter, "address family {number:#x}"),
            Self::LinkType(LinkType(number)) => write!(formatter, "link type {number}"),
            named => formatter.write_str(named.name()),
        }
    }
}

/// A way to carry packets within packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tunnel {
    /// Ethernet over UDP (RFC 7348).
    Vxlan,
    /// Any EtherType over UDP (RFC 8926).
    Geneve,
    /// IP over UDP in mobile networks (3GPP TS 29.281).
    GtpU,
    /// Any EtherType over IP (RFC 2784).
    Gre,
    /// Encrypted packets (RFC 4303), which no decoder opens.
    Esp,
    /// Encrypted packets over UDP, which no decoder opens (wireguard.com, "Protocol & Cryptography").
    WireGuard,
    /// Labelled packets (RFC 3032).
    Mpls,
    /// PPP sessions over Ethernet (RFC 2516).
    Pppoe,
    /// A provider's Ethernet around its customers' (IEEE 802.1Q, clause 9.7: I-TAG).
    ProviderBackbone,
    /// A chain of services to visit (RFC 8300).
    ServiceHeader,
    /// Authenticated, often encrypted frames (IEEE 802.1AE).
    Macsec,
}

impl Tunnel {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vxlan => "VXLAN",
            Self::Geneve => "Geneve",
            Self::GtpU => "GTP-U",
            Self::Gre => "GRE",
            Self::Esp => "IPsec ESP",
            Self::WireGuard => "WireGuard",
            Self::Mpls => "MPLS",
            Self::Pppoe => "PPPoE",
            Self::ProviderBackbone => "provider backbone bridging",
            Self::ServiceHeader => "network service header",
            Self::Macsec => "MACsec",
        }
    }
}

/// What is wrong with a damaged packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PacketFault {
    /// The captured bytes end within a link-layer header or VLAN tag.
    LinkHeaderCut,
    /// The captured bytes end within a tunnel's header.
    TunnelHeaderCut,
    /// A link-layer or tunnel header that contradicts itself.
    LinkHeader,
    /// The captured bytes end within the IP header.
    IpHeaderCut,
    /// An IP version other than 4 and 6, or an IPv4 header length below five words.
    IpHeader,
    /// An IP extension header that ends too late or stands where it must not.
    ExtensionHeader,
    /// An IP length that does not cover the IP header.
    IpLength,
    /// The captured bytes end within the TCP header.
    TcpHeaderCut,
    /// A TCP data offset below five words or past the end of the IP packet.
    TcpDataOffset,
    /// More headers, or more VLAN tags, than a packet can honestly have.
    Nesting,
}

impl PacketFault {
    /// The name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LinkHeaderCut => "link-layer header cut off",
            Self::TunnelHeaderCut => "tunnel header cut off",
            Self::LinkHeader => "illegal link-layer or tunnel header",
            Self::IpHeaderCut => "IP header cut off",
            Self::IpHeader => "illegal IP version or header length",
            Self::ExtensionHeader => "IP extension header cut off or out of place",
            Self::IpLength => "IP length shorter than the IP header",
            Self::TcpHeaderCut => "TCP header cut off",
            Self::TcpDataOffset => "illegal TCP data offset",
            Self::Nesting => "too many headers nested",
        }
    }
}

impl PacketFault {
    /// Whether the packet merely ends too early. Other faults are contradictions.
    pub(super) const fn is_cut(self) -> bool {
        matches!(
            self,
            Self::LinkHeaderCut | Self::TunnelHeaderCut | Self::IpHeaderCut | Self::TcpHeaderCut
        )
    }
}

impl fmt::Display for PacketFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Why a packet gives no TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It holds something else, whole as far as it was read.
    Other(Other),
    /// It ends within its headers or contradicts itself.
    Damaged(PacketFault),
    /// It is a fragment of an IP packet, kept until the others come.
    Fragment,
}

impl From<Other> for Stop {
    fn from(other: Other) -> Self {
        Self::Other(other)
    }
}

impl From<Tunnel> for Stop {
    fn from(tunnel: Tunnel) -> Self {
        Self::Other(Other::Tunnel(tunnel))
    }
}

impl From<PacketFault> for Stop {
    fn from(fault: PacketFault) -> Self {
        Self::Damaged(fault)
    }
}
