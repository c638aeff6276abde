//! What the program says of real recordings, whole: each fixture through `analyze`.
//!
//! In: captures of `fixtures`, whose README says what each must show. The texts are snapshots, to be
//! read by whoever changes a word.

use std::path::Path;
use std::process::Command;

/// What `h2sniff analyze` prints in the folder of the fixtures.
fn analyze(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"))
        .arg("analyze")
        .args(arguments)
        .output()
        .expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("reports are UTF-8")
}

/// Text without escapes, and no line that a terminal of 80 columns would break.
fn plain(arguments: &[&str]) -> String {
    let text = analyze(&[arguments, &["--color", "never"]].concat());
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    }
    text
}

macro_rules! fixtures {
    ($($test:ident: $file:literal,)*) => {
        $(#[test]
        fn $test() {
            insta::assert_snapshot!(plain(&[$file]));
        })*

        const ALL: &[&str] = &[$($file),*];
    };
}

fixtures! {
    late_client: "late-client.pcap",
    goaway_zero: "goaway-zero.pcap",
    polite_client: "polite-client.pcap",
    too_many_pings: "too-many-pings.pcap",
    grace_cut: "grace-cut.pcap",
    plaintext_to_tls: "plaintext-to-tls.pcap",
    idle: "idle.pcap",
    resets: "resets.pcap",
}

#[test]
fn requested_headers_stand_below_their_call() {
    insta::assert_snapshot!(plain(&[
        "polite-client.pcap",
        "--header",
        "X-RPC-ID",
        "--header",
        "cookie"
    ]));
}

#[test]
fn several_files_are_one_story() {
    insta::assert_snapshot!(plain(&[
        "polite-client.pcap",
        "late-client.pcap",
        "--limit",
        "1"
    ]));
}

#[test]
fn colours_only_repeat_what_the_words_say() {
    for file in ALL {
        let coloured = analyze(&[file, "--color", "always"]);
        assert!(coloured.contains("\x1b["), "{file}");
        assert_eq!(without_colours(&coloured), plain(&[file]));
    }
    insta::assert_snapshot!(analyze(&["grace-cut.pcap", "--color", "always"]).replace('\x1b', "␛"));
}

/// Text without the escapes that set colours (ECMA-48, section 8.3.117).
fn without_colours(text: &str) -> String {
    let mut pieces = text.split("\x1b[");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.fold(first, |text, piece| {
        let (_, after) = piece.split_once('m').expect("only colours are escaped");
        text + after
    })
}

#[test]
fn markdown_for_a_ticket() {
    insta::assert_snapshot!(analyze(&[
        "grace-cut.pcap",
        "--format",
        "markdown",
        "--header",
        "x-rpc-id"
    ]));
    insta::assert_snapshot!(
        "markdown_of_resets",
        analyze(&["resets.pcap", "--format", "markdown"])
    );
}

#[test]
fn what_to_type_next_works() {
    for file in ALL {
        let text = plain(&[file]);
        let (_, command) = text.trim_end().rsplit_once("See more: h2sniff ").unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_h2sniff"))
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"))
            .args(command.split_whitespace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert!(!output.stdout.is_empty(), "{command}");
    }
}
