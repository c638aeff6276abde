//! What the targets have in common: input read as a script, a bound on memory, and what may stand
//! on a terminal.

pub mod reports;

use std::alloc::System;

use cap::Cap;
use h2sniff::capture::{LinkType, Stamp, Timestamp};

/// Most bytes that may be allocated at a time. Inputs are a few kilobytes: one that makes anything
/// grow to this has found a buffer without a bound. Beyond it the allocation fails, which ends the
/// process, and libFuzzer keeps the input.
const MAX_MEMORY: usize = 64 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, MAX_MEMORY);

/// What would clear a terminal, colour it, turn text around, end an element of a page, and end code
/// in Markdown.
pub const HARMFUL: &str = "\x1b[2J\u{9b}31m\u{202e}</script><b>`|";

/// Every link type that is read, in the order in which the target `packets` numbers them.
pub const LINK_TYPES: [LinkType; 36] = [
    LinkType::ETHERNET,
    LinkType::RAW,
    LinkType::NULL,
    LinkType::LOOP,
    LinkType::LINUX_SLL,
    LinkType::LINUX_SLL2,
    LinkType::IPV4,
    LinkType::IPV6,
    LinkType::PPP,
    LinkType::PPP_HDLC,
    LinkType::PPP_ETHER,
    LinkType::CISCO_HDLC,
    LinkType::FRAME_RELAY,
    LinkType::SLIP,
    LinkType::ENC,
    LinkType::PFLOG,
    LinkType::NFLOG,
    LinkType::PPI,
    LinkType::PKTAP,
    LinkType::USER2,
    LinkType::IEEE802_11,
    LinkType::IEEE802_11_PRISM,
    LinkType::IEEE802_11_RADIOTAP,
    LinkType::IEEE802_11_AVS,
    LinkType::TOKEN_RING,
    LinkType::FDDI,
    LinkType::ARCNET,
    LinkType::ARCNET_LINUX,
    LinkType::ATM_RFC1483,
    LinkType::IPNET,
    LinkType::IPOIB,
    LinkType::NETANALYZER,
    LinkType::DSA_TAG_BRCM,
    LinkType::DSA_TAG_BRCM_PREPEND,
    LinkType::DSA_TAG_DSA,
    LinkType::DSA_TAG_EDSA,
];

/// Input read from its front, field by field. Past its end there are zeros and no bytes, so that
/// every input is a script.
#[derive(Clone, Copy, Debug)]
pub struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    /// Reads `input`.
    #[must_use]
    pub const fn new(input: &'a [u8]) -> Self {
        Self(input)
    }

    /// Whether nothing is left.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        self.0.is_empty()
    }

    /// The next byte.
    pub fn byte(&mut self) -> u8 {
        self.bytes(1).first().copied().unwrap_or_default()
    }

    /// The next two bytes, the higher one first.
    pub fn half(&mut self) -> u16 {
        u16::from_be_bytes([self.byte(), self.byte()])
    }

    /// The next `length` bytes, or as many as are left.
    pub fn bytes(&mut self, length: usize) -> &'a [u8] {
        let (taken, left) = self.0.split_at(length.min(self.0.len()));
        self.0 = left;
        taken
    }
}

/// The stamp of the `number`-th packet, from 1, captured at `nanos`.
#[must_use]
pub const fn stamp(number: u64, nanos: i64) -> Stamp {
    Stamp {
        time: Timestamp::from_nanos(nanos),
        packet: number,
        file: 0,
    }
}

/// Checks that `text` may stand on a terminal: it breaks lines and does nothing else there, whatever
/// a peer sent.
///
/// # Panics
///
/// If a character of it moves the cursor or turns the direction of text.
pub fn assert_harmless(what: &str, text: &str) {
    let harmful = text.chars().find(|letter| {
        let turns = matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        (letter.is_control() && *letter != '\n') || turns
    });
    assert!(harmful.is_none(), "{what} prints {harmful:?}: {text}");
}
