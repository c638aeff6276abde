//! What kind of header a packet begins with.

use std::fmt;

/// A link type by its number in the [tcpdump.org registry] (`LINKTYPE_…`).
///
/// [tcpdump.org registry]: https://www.tcpdump.org/linktypes.html
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u32);

impl LinkType {
    /// BSD loopback, address family in the byte order of the capturing host.
    pub const NULL: Self = Self(0);
    /// Ethernet.
    pub const ETHERNET: Self = Self(1);
    /// Token Ring.
    pub const TOKEN_RING: Self = Self(6);
    /// ARCNET as BSD captures it.
    pub const ARCNET: Self = Self(7);
    /// SLIP, as BSD captures it.
    pub const SLIP: Self = Self(8);
    /// PPP, perhaps framed as in HDLC.
    pub const PPP: Self = Self(9);
    /// FDDI.
    pub const FDDI: Self = Self(10);
    /// PPP framed as in HDLC, or Cisco HDLC.
    pub const PPP_HDLC: Self = Self(50);
    /// The session header of PPP over Ethernet.
    pub const PPP_ETHER: Self = Self(51);
    /// Logical link control over ATM.
    pub const ATM_RFC1483: Self = Self(100);
    /// Raw IPv4 or IPv6.
    pub const RAW: Self = Self(101);
    /// Cisco HDLC.
    pub const CISCO_HDLC: Self = Self(104);
    /// IEEE 802.11.
    pub const IEEE802_11: Self = Self(105);
    /// Frame relay.
    pub const FRAME_RELAY: Self = Self(107);
    /// OpenBSD loopback, address family in network byte order.
    pub const LOOP: Self = Self(108);
    /// OpenBSD's IPsec from inside.
    pub const ENC: Self = Self(109);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: Self = Self(113);
    /// OpenBSD's packet filter log.
    pub const PFLOG: Self = Self(117);
    /// IEEE 802.11 behind Prism's header.
    pub const IEEE802_11_PRISM: Self = Self(119);
    /// IEEE 802.11 behind radiotap's header.
    pub const IEEE802_11_RADIOTAP: Self = Self(127);
    /// ARCNET as Linux captures it.
    pub const ARCNET_LINUX: Self = Self(129);
    /// Anybody's; macOS writes [`PKTAP`](Self::PKTAP) under it.
    pub const USER2: Self = Self(149);
    /// IEEE 802.11 behind AVS's header.
    pub const IEEE802_11_AVS: Self = Self(163);
    /// Per-packet information, with a link type of its own for what follows.
    pub const PPI: Self = Self(192);
    /// Solaris's IP packets.
    pub const IPNET: Self = Self(226);
    /// Raw IPv4.
    pub const IPV4: Self = Self(228);
    /// Raw IPv6.
    pub const IPV6: Self = Self(229);
    /// Linux's netfilter log.
    pub const NFLOG: Self = Self(239);
    /// Ethernet as a netANALYZER captures it.
    pub const NETANALYZER: Self = Self(240);
    /// IP over InfiniBand.
    pub const IPOIB: Self = Self(242);
    /// macOS's packets with their process, and a link type of its own for what follows.
    pub const PKTAP: Self = Self(258);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: Self = Self(276);
    /// Ethernet with a Broadcom switch's tag.
    pub const DSA_TAG_BRCM: Self = Self(281);
    /// Ethernet behind a Broadcom switch's tag.
    pub const DSA_TAG_BRCM_PREPEND: Self = Self(282);
    /// Ethernet with a Marvell switch's tag.
    pub const DSA_TAG_DSA: Self = Self(284);
    /// Ethernet with a Marvell switch's tag behind an EtherType.
    pub const DSA_TAG_EDSA: Self = Self(285);

    /// Whether it is what a capture on all interfaces of a Linux host has: a header that stands for
    /// those of all of them.
    #[must_use]
    pub const fn is_of_any_interface(self) -> bool {
        matches!(self, Self::LINUX_SLL | Self::LINUX_SLL2)
    }

    /// The name people know it by: the registry's without `LINKTYPE_`, or `Ethernet`. `None` for
    /// those that nobody has sent us yet.
    #[must_use]
    pub const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "NULL",
            1 => "Ethernet",
            6 => "IEEE802_5",
            7 => "ARCNET_BSD",
            8 => "SLIP",
            9 => "PPP",
            10 => "FDDI",
            50 => "PPP_HDLC",
            51 => "PPP_ETHER",
            100 => "ATM_RFC1483",
            101 => "RAW",
            104 => "C_HDLC",
            105 => "IEEE802_11",
            107 => "FRELAY",
            108 => "LOOP",
            109 => "ENC",
            113 => "LINUX_SLL",
            114 => "LTALK",
            117 => "PFLOG",
            119 => "IEEE802_11_PRISM",
            121 => "HHDLC",
            122 => "IP_OVER_FC",
            127 => "IEEE802_11_RADIOTAP",
            129 => "ARCNET_LINUX",
            140 => "MTP2",
            141 => "MTP3",
            147 => "USER0",
            149 => "USER2",
            163 => "IEEE802_11_AVS",
            187 => "BLUETOOTH_HCI_H4",
            189 => "USB_LINUX",
            192 => "PPI",
            195 => "IEEE802_15_4_WITHFCS",
            201 => "BLUETOOTH_HCI_H4_WITH_PHDR",
            220 => "USB_LINUX_MMAPPED",
            226 => "IPNET",
            227 => "CAN_SOCKETCAN",
            228 => "IPV4",
            229 => "IPV6",
            230 => "IEEE802_15_4_NOFCS",
            231 => "DBUS",
            239 => "NFLOG",
            240 => "NETANALYZER",
            242 => "IPOIB",
            247 => "INFINIBAND",
            248 => "SCTP",
            249 => "USBPCAP",
            251 => "BLUETOOTH_LE_LL",
            252 => "WIRESHARK_UPPER_PDU",
            253 => "NETLINK",
            254 => "BLUETOOTH_LINUX_MONITOR",
            256 => "BLUETOOTH_LE_LL_WITH_PHDR",
            258 => "PKTAP",
            266 => "USB_DARWIN",
            271 => "VSOCK",
            274 => "ETHERNET_MPACKET",
            276 => "LINUX_SLL2",
            281 => "DSA_TAG_BRCM",
            282 => "DSA_TAG_BRCM_PREPEND",
            284 => "DSA_TAG_DSA",
            285 => "DSA_TAG_EDSA",
            _ => return None,
        })
    }
}

/// The name where there is one, else `link type 4711`.
impl fmt::Display for LinkType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "link type {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_link_types_print_by_name_and_others_by_number() {
        assert_eq!(LinkType::ETHERNET.to_string(), "Ethernet");
        assert_eq!(LinkType::LINUX_SLL2.to_string(), "LINUX_SLL2");
        assert_eq!(LinkType(4711).to_string(), "link type 4711");
    }
}
