//! The finder on files that nobody should trust, and on programs of this machine.

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
