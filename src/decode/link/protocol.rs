//! The kinds of header there are, and which of them a number announces.

use etherparse::EtherType;

use super::content::{Other, Stop, Tunnel};
use super::excerpt::Excerpt;
use super::scope::Network;
use super::{ethernet, gre, host, lan, mpls, serial, wireless};
use crate::capture::LinkType;

/// The least EtherType; a smaller number is the length of an IEEE 802.3 frame (IEEE 802.3,
/// section 3.2.6).
const LEAST_ETHER_TYPE: u16 = 0x0600;

/// What an [`Excerpt`] begins with.
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
pub(super) struct Inner<'a> {
    /// What `excerpt` begins with.
    pub(super) protocol: Protocol,
    /// The bytes.
    pub(super) excerpt: Excerpt<'a>,
    /// What the header said about the network.
    pub(super) network: Network,
}

impl<'a> Inner<'a> {
    /// Behind a header that names no network.
    pub(super) const fn new(protocol: Protocol, excerpt: Excerpt<'a>) -> Self {
        Self {
            protocol,
            excerpt,
            network: Network::Same,
        }
    }

    /// Behind a tunnel header whose `identifier` names a network.
    pub(super) const fn within(self, tunnel: Tunnel, identifier: u32) -> Self {
        Self {
            network: Network::Tunnel(tunnel, identifier),
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

    /// Which of the two IP versions, if any, `excerpt` begins with: where no number announces it.
    pub(super) fn of_ip_version(excerpt: Excerpt<'_>) -> Option<Self> {
        matches!(excerpt.byte(0)? >> 4, 4 | 6).then_some(Self::Ip)
    }

    /// What is behind this header at the front of `excerpt`.
    pub(super) fn peel(self, excerpt: Excerpt<'_>) -> Result<Inner<'_>, Stop> {
        match self {
            // IP holds segments and fragments too, so the loop in [`super`] opens it itself.
            Self::Ip => Ok(Inner::new(self, excerpt)),
            Self::Ethernet => ethernet::ethernet(excerpt),
            Self::Vlan => ethernet::vlan(excerpt),
            Self::LogicalLink => ethernet::logical_link(excerpt),
            Self::ProviderBackbone => ethernet::provider_backbone(excerpt),
            Self::ETag => ethernet::e_tag(excerpt),
            Self::VnTag => ethernet::vn_tag(excerpt),
            Self::ServiceHeader => ethernet::service_header(excerpt),
            Self::SwitchTag => ethernet::switch_tag(excerpt),
            Self::LongSwitchTag => ethernet::long_switch_tag(excerpt),
            Self::SwitchTagInFront | Self::NetAnalyzer => ethernet::behind_four_bytes(excerpt),
            Self::Mpls => mpls::labels(excerpt),
            Self::Gre => gre::gre(excerpt),
            Self::Pppoe => serial::pppoe(excerpt),
            Self::Ppp => serial::ppp(excerpt),
            Self::PppOrCiscoHdlc => serial::ppp_or_cisco_hdlc(excerpt),
            Self::CiscoHdlc => serial::cisco_hdlc(excerpt),
            Self::FrameRelay => serial::frame_relay(excerpt),
            Self::Slip => serial::slip(excerpt),
            Self::LinuxCooked => host::linux_cooked(excerpt),
            Self::LinuxCooked2 => host::linux_cooked2(excerpt),
            Self::Loopback => host::loopback(excerpt),
            Self::NetfilterLog => host::netfilter_log(excerpt),
            Self::PacketFilterLog => host::packet_filter_log(excerpt),
            Self::Encapsulating => host::encapsulating(excerpt),
            Self::IpNet => host::ip_net(excerpt),
            Self::PacketTap => host::packet_tap(excerpt),
            Self::Wireless => wireless::frame(excerpt),
            Self::Radiotap => wireless::radiotap(excerpt),
            Self::Prism => wireless::prism(excerpt),
            Self::PerPacketInformation => wireless::per_packet_information(excerpt),
            Self::TokenRing => lan::token_ring(excerpt),
            Self::Fddi => lan::fddi(excerpt),
            Self::Arcnet => lan::arcnet(excerpt),
            Self::ArcnetOfLinux => lan::arcnet_of_linux(excerpt),
            Self::InfiniBand => lan::infiniband(excerpt),
        }
    }
}
