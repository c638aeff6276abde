//! What the environment changes: the width of a terminal, its colours, its letters, and what shells complete.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::shared_material::Run;

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_h2sniff"));
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    for name in [
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "LC_ALL",
        "LC_CTYPE",
        "LANG",
    ] {
        command.env_remove(name);
    }
    command
}

fn printed(arguments: &[&str], variables: &[(&str, &str)]) -> String {
    let output = program()
        .args(arguments)
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    assert!(output.status.success(), "{arguments:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What a terminal with so many columns shows, by util-linux's script.
fn on_terminal(columns: usize, arguments: &str, variables: &[(&str, &str)]) -> Option<String> {
    let program = env!("CARGO_BIN_EXE_h2sniff");
    let line = format!("stty rows 24 cols {columns}; {program} {arguments}");
    let mut script = Command::new("script");
    script
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"))
        .args(["-qec", &line, "/dev/null"])
        .env("TERM", "xterm-256color")
        .env_remove("NO_COLOR")
        .envs(variables.iter().copied());
    let output = script.output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).replace('\r', "");
    assert!(output.status.success(), "{text}");
    Some(text)
}

#[test]
fn all_text_is_as_wide_as_the_terminal() {
    let quiet = [("NO_COLOR", "1")];
    for command in [
        "analyze grace-cut.pcap",
        "timeline grace-cut.pcap",
        "frames grace-cut.pcap",
        "explain grace-expired",
        "analyze grace-cut.pcap --find 'transport is closing'",
    ] {
        let mut lines = Vec::new();
        for columns in [60, 80, 200] {
            let Some(text) = on_terminal(columns, command, &quiet) else {
                return;
            };
            for line in text.lines() {
                assert!(
                    line.chars().count() <= columns,
                    "{command} in {columns}: {line}"
                );
            }
            lines.push(text.lines().count());
        }
        assert!(lines[0] > lines[2], "{command}: {lines:?}");
    }
    // A pipe has no width: one line a frame.
    let frames = printed(&["frames", "grace-cut.pcap"], &[]);
    assert!(frames.lines().any(|line| line.len() > 200));
    assert!(frames.lines().all(|line| !line.starts_with("          ")));
}

#[test]
fn colours_follow_the_conventions() {
    let arguments = ["analyze", "grace-cut.pcap"];
    let coloured = |variables: &[(&str, &str)]| printed(&arguments, variables).contains('\u{1b}');
    assert!(!coloured(&[]));
    assert!(coloured(&[("CLICOLOR_FORCE", "1")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "0")]));
    assert!(!coloured(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    for (variables, expected) in [
        (&[][..], true),
        (&[("TERM", "dumb")], false),
        (&[("NO_COLOR", "1")], false),
        (&[("NO_COLOR", "")], true),
        (&[("CLICOLOR", "0")], false),
    ] {
        if let Some(text) = on_terminal(80, "analyze grace-cut.pcap", variables) {
            assert_eq!(text.contains('\u{1b}'), expected, "{variables:?}");
        }
    }
}

#[test]
fn where_the_locale_has_no_unicode_there_is_none() {
    for arguments in [
        &["analyze", "grace-cut.pcap"][..],
        &["analyze", "resets.pcap"],
        &["timeline", "late-client.pcap"],
        &["frames", "grace-cut.pcap"],
        &["explain", "goaway-race"],
    ] {
        let ascii = printed(arguments, &[("LANG", "C.UTF-8"), ("LC_ALL", "C")]);
        assert!(ascii.is_ascii(), "{ascii}");
        assert!(
            !ascii.contains("\\u{"),
            "every mark of ours has its letter: {ascii}"
        );
        let unicode = printed(arguments, &[("LANG", "C.UTF-8")]);
        assert_eq!(
            unicode,
            printed(arguments, &[]),
            "what is not set says nothing"
        );
        assert_eq!(ascii.lines().count(), unicode.lines().count());
    }
    let json = ["analyze", "grace-cut.pcap", "--format", "json"];
    assert_eq!(
        printed(&json, &[("LC_ALL", "C")]),
        printed(&json, &[]),
        "JSON is UTF-8"
    );
}

/// A script that bash reads, and what it then completes of words.
fn completed(words: &[&str]) -> Vec<String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("completions");
    fs::create_dir_all(&folder).unwrap();
    let script = folder.join(format!("h2sniff-{}.bash", words.join("-").replace('/', "")));
    fs::write(&script, Run::of(&["completions", "bash"]).succeeded()).unwrap();
    let program = PathBuf::from(env!("CARGO_BIN_EXE_h2sniff"));
    let path = format!(
        "{}:{}",
        program.parent().unwrap().display(),
        std::env::var("PATH").unwrap()
    );
    let quoted: Vec<_> = words.iter().map(|word| format!("'{word}'")).collect();
    let asks = format!(
        "source '{}'; COMP_WORDS=({}); COMP_CWORD={}; _h2sniff h2sniff '{}' '{}'; printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display(),
        quoted.join(" "),
        words.len() - 1,
        words[words.len() - 1],
        words[words.len() - 2],
    );
    let output = Command::new("bash")
        .args(["-c", &asks])
        .env("PATH", path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn bash_completes_rules_severities_shells_and_interfaces() {
    assert_eq!(
        completed(&["h2sniff", "explain", "goaway-r"]),
        ["goaway-race"]
    );
    assert_eq!(
        completed(&["h2sniff", "analyze", "--fail-on", "goa"]),
        ["goaway-race"]
    );
    assert_eq!(
        completed(&["h2sniff", "analyze", "--fail-on", "warn"]),
        ["warning"]
    );
    assert_eq!(
        completed(&["h2sniff", "timeline", "--around", "late"]),
        ["late-open"]
    );
    assert_eq!(completed(&["h2sniff", "completions", "zs"]), ["zsh"]);
    assert_eq!(
        completed(&["h2sniff", "timeline", "--format", "mer"]),
        ["mermaid"]
    );
    #[cfg(feature = "live")]
    {
        assert_eq!(
            completed(&["h2sniff", "live", "--record-on", "grace"]),
            ["grace-expired"]
        );
        let known = Run::of(&["interfaces"]).succeeded();
        let known: Vec<_> = known
            .lines()
            .filter_map(|line| line.split_whitespace().next())
            .collect();
        assert_eq!(completed(&["h2sniff", "live", "-i", ""]), known);
        assert_eq!(completed(&["h2sniff", "live", "--interface", ""]), known);
    }
}

#[test]
fn other_shells_know_the_same_names() {
    for shell in ["zsh", "fish"] {
        let script = Run::of(&["completions", shell]).succeeded();
        for name in ["goaway-race", "warning", "mermaid", "powershell"] {
            assert!(script.contains(name), "{shell}: {name}");
        }
        assert!(!script.contains("H2SNIFF_INTERFACES"), "{shell}");
        #[cfg(feature = "live")]
        assert!(script.contains("h2sniff interfaces"), "{shell}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("man");
    fs::remove_dir_all(&folder).ok();
    Run::of(&["man", "-o", folder.to_str().unwrap()]).succeeded();
    for (page, says) in [
        ("h2sniff.1", "h2sniff\\-analyze(1)"),
        ("h2sniff-analyze.1", "\\-\\-fail\\-on"),
        ("h2sniff-timeline.1", "\\-\\-around"),
        ("h2sniff-frames.1", "http2debug"),
        ("h2sniff-explain.1", "rule"),
        ("h2sniff-completions.1", "shell"),
    ] {
        let text = fs::read_to_string(folder.join(page)).unwrap();
        assert!(
            text.contains(".TH") && text.contains(says),
            "{page}: {text}"
        );
    }
    assert!(!folder.join("h2sniff-man.1").exists());
}
