//! The finder on files that nobody should trust, and on programs of this machine.

use std::path::Path;
use std::process::Command;

use super::elf::{AMD64, ARM64, Elf};
use super::function::{self, Arguments, Unknown};
use super::label_calls::RandomPlace;

#[test]
fn what_is_no_program_has_nothing() {
    for data in [&b""[..], b"\x7fELF", b"\x7fELF\x02\x01\x01", &[0; 4096]] {
        assert_eq!(function::find(data), Err(Unknown::NoTls));
    }
}

#[test]
fn a_program_that_is_cut_or_changed_anywhere_ends_no_search_in_a_panic() {
    let own = std::fs::read("/proc/self/exe").unwrap();
    let start = own.get(..64 << 10).unwrap();
    for length in (0..start.len()).step_by(997) {
        let _ = function::find(start.get(..length).unwrap());
    }
    let mut changed = start.to_vec();
    for at in 0..64 {
        let before = std::mem::replace(&mut changed[at], 0xff);
        let _ = function::find(&changed);
        changed[at] = before;
    }
}

#[test]
#[cfg(target_arch = "x86_64")]
fn openssl_of_this_machine_is_found_though_it_is_stripped() {
    let path = "/usr/lib/x86_64-linux-gnu/libssl.so.3";
    let Ok(data) = std::fs::read(path) else {
        eprintln!("skipped: there is no {path}");
        return;
    };
    let found = function::find(&data).unwrap();
    let Arguments::C(RandomPlace { pointer, offset }) = found.arguments else {
        panic!("{found:?}");
    };
    assert_eq!(pointer, None);
    assert!((0x100..0x400).contains(&offset), "{offset:#x}");
}

/// Builds the lab's server for a processor; `None` without Go.
fn go_server(architecture: &str, options: &[&str], folder: &Path) -> Option<Vec<u8>> {
    let program = folder.join("server");
    let built = Command::new("go")
        .current_dir(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/fixtures/lab/peers/go"
        ))
        .env("CGO_ENABLED", "0")
        .env("GOARCH", architecture)
        .args(["build", "-trimpath"])
        .args(options)
        .arg("-o")
        .arg(&program)
        .arg("./server")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&built.stderr).into_owned();
    assert!(built.status.success(), "{said}");
    Some(std::fs::read(program).unwrap())
}

#[test]
#[ignore = "builds Go programs, which takes minutes"]
fn go_is_found_for_both_processors_with_and_without_symbols_and_sections() {
    let folder = tempfile::tempdir().unwrap();
    for architecture in ["amd64", "arm64"] {
        for mode in ["-buildmode=exe", "-buildmode=pie"] {
            let build = |flags| {
                let options = [mode, "-ldflags", flags];
                go_server(architecture, &options, folder.path()).expect("there is Go")
            };
            let find = |data: &[u8]| {
                let found = function::search(&Elf::parse(data).unwrap()).unwrap();
                assert_eq!(found.arguments, Arguments::Go);
                found.offset
            };
            // With symbols the address is the linker's own word.
            let by_symbol = find(&build(""));
            let mut stripped = build("-s -w");
            assert_eq!(find(&stripped), by_symbol, "{architecture} {mode}");
            // No section is named any more: neither their number nor where they begin.
            stripped[0x28..0x30].fill(0);
            stripped[0x3c..0x40].fill(0);
            assert_eq!(find(&stripped), by_symbol, "{architecture} {mode}");
        }
    }
}

/// A file for this processor that holds some bytes and nothing else.
fn file_of(bytes: &[u8]) -> Vec<u8> {
    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(0x40, 0);
    let own = match std::env::consts::ARCH {
        "aarch64" => ARM64,
        _ => AMD64,
    };
    file[0x12..0x14].copy_from_slice(&own.to_le_bytes());
    file.extend_from_slice(bytes);
    file
}

/// The same with its bytes in a section of a name.
fn file_with_section(name: &str, bytes: &[u8]) -> Vec<u8> {
    const HEADER: usize = 0x40;

    let mut file = file_of(bytes);
    let names_at = file.len() as u64;
    file.extend_from_slice(format!("\0{name}\0").as_bytes());
    let headers_at = file.len() as u64;
    // What the section is called stands in the second one.
    for (called, offset) in [(1u32, HEADER as u64), (0, names_at)] {
        let mut header = [0; HEADER];
        header[..4].copy_from_slice(&called.to_le_bytes());
        header[0x18..0x20].copy_from_slice(&offset.to_le_bytes());
        file.extend_from_slice(&header);
    }
    file[0x28..0x30].copy_from_slice(&headers_at.to_le_bytes());
    for (at, field) in [(0x3a, HEADER as u8), (0x3c, 2), (0x3e, 1)] {
        file[at] = field;
    }
    file
}

#[test]
fn what_cannot_be_probed_has_a_reason_each() {
    // An obfuscated program keeps the header of its build information, at a multiple of 16, and what its
    // libraries say of errors; its function table has another form, or other names.
    let garbled = file_of(b"\xff Go buildinf:\x08\x02");
    assert_eq!(function::find(&garbled), Err(Unknown::GoObfuscated));
    // One that only tells of them, as this program does, is none.
    for told in [&b"a\xff Go buildinf:\x08\x02"[..], b"\xff Go buildinf:ab"] {
        assert_eq!(function::find(&file_of(told)), Err(Unknown::NoTls));
    }
    let rustls = file_of(b"rustls-0.23.31/src/lib.rsCLIENT_HANDSHAKE_TRAFFIC_SECRETx");
    assert_eq!(function::find(&rustls), Err(Unknown::Rustls));
    let table = |name: &[u8], rest: &[u8]| {
        let header = [0xf1, 0xff, 0xff, 0xff, 0, 0, 1, 8];
        file_of(&[&header[..], name, rest].concat())
    };
    let with_names = table(b"runtime.main", b"");
    assert_eq!(function::find(&with_names), Err(Unknown::GoWithoutTls));
    let without = table(b"", b"crypto/tls: handshake message too large");
    assert_eq!(function::find(&without), Err(Unknown::GoObfuscated));
    let word_alone = file_of(b"rustls: CLIENT_HANDSHAKE_TRAFFIC_SECRET");
    assert_eq!(function::find(&word_alone), Err(Unknown::NotFound));
    let old = file_with_section(".gopclntab", b"\xfa\xff\xff\xff\0\0\x01\x08");
    assert_eq!(function::find(&old), Err(Unknown::GoOld));
    let now = file_with_section(".gopclntab", b"\xf1\xff\xff\xff\0\0\x01\x08");
    assert_eq!(function::find(&now), Err(Unknown::GoWithoutTls));
    for (why, told) in [
        (Unknown::GoOld, "before 1.18"),
        (Unknown::GoObfuscated, "KeyLogWriter"),
        (Unknown::Rustls, "KeyLogFile"),
        (Unknown::GoWithoutTls, "without crypto/tls"),
    ] {
        assert!(why.to_string().contains(told));
    }
}
