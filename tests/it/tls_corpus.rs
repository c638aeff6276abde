//! What the tests of the decoder take for TShark's word is what TShark says: the table of the corpus's TLS is made anew.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::shared_material;

/// Whether TShark is there; without it the table is taken as it stands, which is said.
fn has_tshark() -> bool {
    let version = Command::new("tshark").arg("--version").output();
    let there = version.is_ok_and(|output| output.status.success());
    let required = std::env::var("H2SNIFF_REQUIRE_TSHARK").is_ok_and(|value| value == "1");
    assert!(there || !required, "TShark is required");
    if !there {
        eprintln!("not run: there is no TShark");
    }
    there
}

#[test]
fn the_table_of_the_corpus_is_what_tshark_decrypts() {
    let Some(shared) = shared_material::folder("tls_corpus") else {
        return;
    };
    if !has_tshark() {
        return;
    }
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tls");
    let made = Command::new(fixtures.join("corpus"))
        .arg(shared.join("corpus"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stderr).into_owned();
    assert!(made.status.success(), "{said}");
    let made = String::from_utf8(made.stdout).unwrap();
    let kept = fs::read_to_string(fixtures.join("corpus.tsv")).unwrap();
    for (made, kept) in made.lines().zip(kept.lines()) {
        assert_eq!(made, kept);
    }
    assert_eq!(made.lines().count(), kept.lines().count());
}
