//! Where OpenSSL and BoringSSL log a secret, by the labels that they log it under.
//!
//! In: an ELF file's code. Out: the function that most labels are handed to, and where it finds the client random. Both
//! libraries have `ssl_log_secret(connection, label, secret, length)`, and call it for every handshake; whether somebody
//! wants the line is asked inside. So no table of structures and versions is needed.

mod amd64;
mod arm64;

use std::collections::{BTreeMap, BTreeSet};

use super::elf::{AMD64, ARM64, Elf};

/// Labels of a key log that a handshake has in TLS 1.2 or 1.3 (draft-ietf-tls-keylogfile).
const LABELS: [&[u8]; 8] = [
    b"CLIENT_RANDOM",
    b"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    b"SERVER_HANDSHAKE_TRAFFIC_SECRET",
    b"CLIENT_TRAFFIC_SECRET_0",
    b"SERVER_TRAFFIC_SECRET_0",
    b"EXPORTER_SECRET",
    b"EARLY_EXPORTER_SECRET",
    b"CLIENT_EARLY_TRAFFIC_SECRET",
];

/// How much of the function is read to see where it finds the client random.
const BODY: usize = 0x130;

/// One that a single label is handed to may be anything.
const AGREEING_LABELS: usize = 2;

/// Where the client random stands: at an offset of the connection, or of what a pointer in it points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RandomPlace {
    /// Where in the connection the pointer stands, if there is one.
    pub(super) pointer: Option<u8>,
    pub(super) offset: u32,
}

/// Functions by their addresses, and which labels each is called with.
type Callees = BTreeMap<u64, BTreeSet<usize>>;

/// The function's address, and where it finds the client random.
pub(super) fn find(elf: &Elf<'_>) -> Option<(u64, RandomPlace)> {
    if let Some(address) = elf.function(b"ssl_log_secret") {
        return Some((address, random_place(elf, address)?));
    }
    let labels = labels(elf);
    if labels.is_empty() {
        return None;
    }
    let callees = match elf.machine {
        AMD64 => amd64::callees(elf, &labels),
        ARM64 => arm64::callees(elf, &labels),
        _ => return None,
    };
    let likely = callees
        .iter()
        .filter(|(_, labels)| labels.len() >= AGREEING_LABELS);
    let mut likely: Vec<_> = likely.collect();
    likely.sort_by_key(|(_, labels)| std::cmp::Reverse(labels.len()));
    likely
        .iter()
        .find_map(|(address, _)| Some((**address, random_place(elf, **address)?)))
}

/// Whether the file holds labels of a key log at all.
pub(super) fn has_labels(elf: &Elf<'_>) -> bool {
    !labels(elf).is_empty()
}

/// The addresses of the labels, each with its number.
fn labels(elf: &Elf<'_>) -> BTreeMap<u64, usize> {
    let data = elf.data();
    let mut found = BTreeMap::new();
    for (at, pair) in data.windows(2).enumerate() {
        // Each stands alone: after the end of another string.
        if !matches!(pair, [0, b'C' | b'S' | b'E']) {
            continue;
        }
        let text = data.get(at + 1..).unwrap_or_default();
        let label = LABELS
            .iter()
            .position(|label| text.starts_with(label) && text.get(label.len()) == Some(&0));
        if let Some(label) = label
            && let Some(address) = elf.address_of(at as u64 + 1)
        {
            found.insert(address, label);
        }
    }
    found
}

/// Reads in the function's own code where it takes the client random's 32 bytes from.
fn random_place(elf: &Elf<'_>, function: u64) -> Option<RandomPlace> {
    let start = usize::try_from(elf.offset_of(function)?).ok()?;
    let body = elf.data().get(start..)?;
    let body = body.get(..body.len().min(BODY))?;
    match elf.machine {
        AMD64 => amd64::random_place(body),
        ARM64 => arm64::random_place(body),
        _ => None,
    }
}
