//! Where a file writes down the secrets of TLS.
//!
//! In: the bytes of a program or library. Out: the function to watch, or why there is none.

use std::fmt;

use super::elf::{AMD64, ARM64, Elf};
use super::go_table::{self, GoProgram, holds};
use super::label_calls::{self, RandomPlace};

/// A function that every handshake calls with its secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LogFunction {
    /// Where in the file it is, in bytes.
    pub(super) offset: u64,
    pub(super) arguments: Arguments,
}

/// How it is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arguments {
    /// `crypto/tls.(*Config).writeKeyLog(label, clientRandom, secret)` of Go.
    Go,
    /// `ssl_log_secret(connection, label, secret, length)` of OpenSSL and BoringSSL.
    C(RandomPlace),
}

/// Why a file has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    NoTls,
    GoWithoutTls,
    GoObfuscated,
    GoOld,
    Rustls,
    NotFound,
    Architecture,
}

impl fmt::Display for Arguments {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Go => "Go crypto/tls",
            Self::C(RandomPlace { pointer: None, .. }) => "OpenSSL",
            Self::C(_) => "BoringSSL",
        })
    }
}

impl fmt::Display for Unknown {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::NoTls => "no TLS library that is known",
            Self::GoWithoutTls => "Go without crypto/tls",
            Self::GoObfuscated => {
                "Go whose functions have other names (obfuscated, as garble does it): the program itself must set \
                 KeyLogWriter in its tls.Config"
            }
            Self::GoOld => "Go before 1.18, whose functions are not looked for",
            Self::Rustls => {
                "rustls calls nothing with its secrets unless the program wants them: it must set KeyLogFile as key_log \
                 in its configuration, and be started with SSLKEYLOGFILE"
            }
            Self::NotFound => "has labels of a key log, but the call that takes them was not found",
            Self::Architecture => "is for another processor",
        })
    }
}

/// Looks for the function.
pub(super) fn find(data: &[u8]) -> Result<LogFunction, Unknown> {
    let elf = Elf::parse(data).ok_or(Unknown::NoTls)?;
    let own = match std::env::consts::ARCH {
        "aarch64" => ARM64,
        _ => AMD64,
    };
    if elf.machine != own {
        return Err(Unknown::Architecture);
    }
    search(&elf)
}

/// Looks for the function in a file of any architecture that is known.
pub(super) fn search(elf: &Elf<'_>) -> Result<LogFunction, Unknown> {
    let data = elf.data();
    let place = |address| elf.offset_of(address).ok_or(Unknown::NotFound);
    match go_table::program(elf) {
        Some(GoProgram::Obfuscated) => return Err(Unknown::GoObfuscated),
        Some(GoProgram::Old) => return Err(Unknown::GoOld),
        Some(GoProgram::Named) => {
            let address = go_table::function(elf, b"crypto/tls.(*Config).writeKeyLog");
            return Ok(LogFunction {
                offset: place(address.ok_or(Unknown::GoWithoutTls)?)?,
                arguments: Arguments::Go,
            });
        }
        None => {}
    }
    if let Some((address, random)) = label_calls::find(elf) {
        return Ok(LogFunction {
            offset: place(address)?,
            arguments: Arguments::C(random),
        });
    }
    if !label_calls::has_labels(elf) && !holds(data, b"CLIENT_HANDSHAKE_TRAFFIC_SECRET") {
        return Err(Unknown::NoTls);
    }
    match is_rustls(data) {
        true => Err(Unknown::Rustls),
        false => Err(Unknown::NotFound),
    }
}

/// Whether paths or names of rustls are in a program; one that only has a word for it, as this one, is not meant.
fn is_rustls(data: &[u8]) -> bool {
    let mut places = data.windows(b"rustls".len() + 3);
    places.any(|place| {
        matches!(
            place.strip_prefix(b"rustls"),
            Some([b'-', b'0'..=b'9', b'.'] | [b':', b':', b'a'..=b'z'] | b"/sr")
        )
    })
}
