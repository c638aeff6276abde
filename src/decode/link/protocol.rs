//! The kinds of header there are, and which of them a number announces.

use etherparse::EtherType;

use super::header_bytes::HeaderBytes;
use super::scope::NetworkTag;
use super::stop::{Other, Stop, Tunnel};
use super::{ethernet, gre, host, lan, mpls, serial, wireless};
use crate::capture::LinkType;

/// The least EtherType; a smaller number is the length of an IEEE 802.3 frame (IEEE 802.3,
/// section 3.2.6).
const LEAST_ETHER_TYPE: u16 = 0x0600;

/// What an [`HeaderBytes`] begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Ip,
    Ethernet,
    Vlan,
    LogicalLink,
    ProviderBackbone,
    ETag,
    VnTag,
    ServiceHeader,
    Mpls,
    Gre,
    Pppoe,
    Ppp,
    PppOrCiscoHdlc,
    CiscoHdlc,
    FrameRelay,
    Slip,
    LinuxCooked,
    LinuxCooked2,
    Loopback,
    NetfilterLog,
    PacketFilterLog,
    Encapsulating,
    IpNet,
    PacketTap,
    Wireless,
    Radiotap,
    Prism,
    PerPacketInformation,
    TokenRing,
    Fddi,
    Arcnet,
    ArcnetOfLinux,
    InfiniBand,
    SwitchTag,
    LongSwitchTag,
    SwitchTagInFront,
    NetAnalyzer,
}

/// The bytes behind a header, what they begin with, and which network they belong to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decapsulated<'a> {
    /// What `header_bytes` begins with.
    pub(super) protocol: Protocol,
    /// The bytes.
    pub(super) header_bytes: HeaderBytes<'a>,
    /// What the header said about the network.
    pub(super) network: NetworkTag,
}

impl<'a> Decapsulated<'a> {
    /// Behind a header that names no network.
    pub(super) const fn new(protocol: Protocol, header_bytes: HeaderBytes<'a>) -> Self {
        Self {
            protocol,
            header_bytes,
            network: NetworkTag::Same,
        }
    }

    /// Behind a tunnel header whose `identifier` names a network.
    pub(super) const fn within(self, tunnel: Tunnel, identifier: u32) -> Self {
        Self {
            network: NetworkTag::Tunnel(tunnel, identifier),
            ..self
        }
    }
}

impl Protocol {
    /// The outermost header of packets of this link type.
    pub(super) const fn of_link_type(link_type: LinkType) -> Result<Self, Stop> {
        Ok(match link_type {
            LinkType::ETHERNET => Self::Ethernet,
            LinkType::LINUX_SLL => Self::LinuxCooked,
            LinkType::LINUX_SLL2 => Self::LinuxCooked2,
            LinkType::NULL | LinkType::LOOP => Self::Loopback,
            LinkType::RAW | LinkType::IPV4 | LinkType::IPV6 => Self::Ip,
            // Raw IP under the numbers that some systems' own DLT_RAW has; files should say 101.
            LinkType(12 | 14) => Self::Ip,
            LinkType::TOKEN_RING => Self::TokenRing,
            LinkType::ARCNET => Self::Arcnet,
            LinkType::ARCNET_LINUX => Self::ArcnetOfLinux,
            LinkType::SLIP => Self::Slip,
            LinkType::PPP | LinkType::PPP_HDLC => Self::PppOrCiscoHdlc,
            LinkType::PPP_ETHER => Self::Pppoe,
            LinkType::FDDI => Self::Fddi,
            LinkType::ATM_RFC1483 => Self::LogicalLink,
            LinkType::CISCO_HDLC => Self::CiscoHdlc,
            LinkType::FRAME_RELAY => Self::FrameRelay,
            LinkType::IEEE802_11 => Self::Wireless,
            LinkType::IEEE802_11_RADIOTAP => Self::Radiotap,
            LinkType::IEEE802_11_PRISM | LinkType::IEEE802_11_AVS => Self::Prism,
            LinkType::PPI => Self::PerPacketInformation,
            LinkType::ENC => Self::Encapsulating,
            LinkType::PFLOG => Self::PacketFilterLog,
            LinkType::IPNET => Self::IpNet,
            LinkType::NFLOG => Self::NetfilterLog,
            LinkType::NETANALYZER => Self::NetAnalyzer,
            LinkType::IPOIB => Self::InfiniBand,
            LinkType::PKTAP | LinkType::USER2 => Self::PacketTap,
            LinkType::DSA_TAG_BRCM | LinkType::DSA_TAG_DSA => Self::SwitchTag,
            LinkType::DSA_TAG_EDSA => Self::LongSwitchTag,
            LinkType::DSA_TAG_BRCM_PREPEND => Self::SwitchTagInFront,
            unsupported => return Err(Stop::Other(Other::LinkType(unsupported))),
        })
    }

    /// What is behind an EtherType.
    #[inline]
    pub(super) fn of_ether_type(number: u16) -> Result<Self, Stop> {
        match EtherType(number) {
            // The IP version is read from the IP header, which is right where the two differ.
            EtherType::IPV4 | EtherType::IPV6 => Ok(Self::Ip),
            EtherType::VLAN_TAGGED_FRAME
            | EtherType::PROVIDER_BRIDGING
            | EtherType::VLAN_DOUBLE_TAGGED_FRAME => Ok(Self::Vlan),
            EtherType::ARP => Err(Other::Arp.into()),
            EtherType::MACSEC => Err(Tunnel::Macsec.into()),
            // Unicast and multicast (RFC 5332).
            EtherType(0x8847 | 0x8848) => Ok(Self::Mpls),
            EtherType(0x8863) => Err(Tunnel::Pppoe.into()),
            EtherType(0x8864) => Ok(Self::Pppoe),
            EtherType(0x880b) => Ok(Self::Ppp),
            EtherType(0x88e7) => Ok(Self::ProviderBackbone),
            EtherType(0x893f) => Ok(Self::ETag),
            EtherType(0x8926) => Ok(Self::VnTag),
            EtherType(0x894f) => Ok(Self::ServiceHeader),
            // Transparent Ethernet bridging.
            EtherType(0x6558) => Ok(Self::Ethernet),
            // A frame longer than the length field of IEEE 802.3 can say.
            EtherType(0x8870) => Ok(Self::LogicalLink),
            EtherType(0..LEAST_ETHER_TYPE) => Ok(Self::LogicalLink),
            EtherType(number) => Err(Other::EtherType(number).into()),
        }
    }

    /// Which of the two IP versions, if any, `header_bytes` begins with: where no number announces it.
    pub(super) fn of_ip_version(header_bytes: HeaderBytes<'_>) -> Option<Self> {
        matches!(header_bytes.byte(0)? >> 4, 4 | 6).then_some(Self::Ip)
    }

    /// What is behind this header at the front of `header_bytes`.
    pub(super) fn peel(self, header_bytes: HeaderBytes<'_>) -> Result<Decapsulated<'_>, Stop> {
        match self {
            // IP holds segments and fragments too, so the loop in [`super`] opens it itself.
            Self::Ip => Ok(Decapsulated::new(self, header_bytes)),
            Self::Ethernet => ethernet::ethernet(header_bytes),
            Self::Vlan => ethernet::vlan(header_bytes),
            Self::LogicalLink => ethernet::logical_link(header_bytes),
            Self::ProviderBackbone => ethernet::provider_backbone(header_bytes),
            Self::ETag => ethernet::e_tag(header_bytes),
            Self::VnTag => ethernet::vn_tag(header_bytes),
            Self::ServiceHeader => ethernet::service_header(header_bytes),
            Self::SwitchTag => ethernet::switch_tag(header_bytes),
            Self::LongSwitchTag => ethernet::long_switch_tag(header_bytes),
            Self::SwitchTagInFront | Self::NetAnalyzer => ethernet::behind_four_bytes(header_bytes),
            Self::Mpls => mpls::labels(header_bytes),
            Self::Gre => gre::gre(header_bytes),
            Self::Pppoe => serial::pppoe(header_bytes),
            Self::Ppp => serial::ppp(header_bytes),
            Self::PppOrCiscoHdlc => serial::ppp_or_cisco_hdlc(header_bytes),
            Self::CiscoHdlc => serial::cisco_hdlc(header_bytes),
            Self::FrameRelay => serial::frame_relay(header_bytes),
            Self::Slip => serial::slip(header_bytes),
            Self::LinuxCooked => host::linux_cooked(header_bytes),
            Self::LinuxCooked2 => host::linux_cooked2(header_bytes),
            Self::Loopback => host::loopback(header_bytes),
            Self::NetfilterLog => host::netfilter_log(header_bytes),
            Self::PacketFilterLog => host::packet_filter_log(header_bytes),
            Self::Encapsulating => host::encapsulating(header_bytes),
            Self::IpNet => host::ip_net(header_bytes),
            Self::PacketTap => host::packet_tap(header_bytes),
            Self::Wireless => wireless::frame(header_bytes),
            Self::Radiotap => wireless::radiotap(header_bytes),
            Self::Prism => wireless::prism(header_bytes),
            Self::PerPacketInformation => wireless::per_packet_information(header_bytes),
            Self::TokenRing => lan::token_ring(header_bytes),
            Self::Fddi => lan::fddi(header_bytes),
            Self::Arcnet => lan::arcnet(header_bytes),
            Self::ArcnetOfLinux => lan::arcnet_of_linux(header_bytes),
            Self::InfiniBand => lan::infiniband(header_bytes),
        }
    }
}
