//! What `keys` cannot do, in clear words, and nothing left attached.

use super::*;

/// What `keys` says of something that it cannot do, and its exit status.
fn said(options: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(H2SNIFF)
        .arg("keys")
        .args(options)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (text, output.status.code())
}

/// A process that lives for a while and has no TLS.
fn sleeper() -> Beside {
    let mut command = Command::new("sleep");
    command.arg("60");
    Beside::start(command)
}

#[test]
fn a_wrong_process_and_one_that_is_not_there_have_clear_words_and_leave_nothing() {
    let Some(_network) = place() else { return };
    let sleeper = sleeper();
    let (text, status) = said(&[&sleeper.id().to_string()]);
    assert_eq!(status, Some(2));
    assert!(
        text.contains("(sleep): nothing to probe: no TLS library that is known"),
        "{text}"
    );
    let (text, status) = said(&["4194000"]);
    assert_eq!(status, Some(2));
    assert!(text.contains("there is no process 4194000"), "{text}");
    assert!(loaded().is_none_or(|count| count == 0));
}

#[test]
fn a_process_that_ends_is_let_go_and_keys_ends_with_the_last() {
    let Some(network) = place() else { return };
    let directory = directory();
    let Some(server) = nghttpd(&network, directory.path(), 9444) else {
        return;
    };
    let server = Beside::start(server);
    listening(&network, 9444);
    let mut keys = take_keys(server.id(), &directory.path().join("secrets"));
    match loaded() {
        Some(count) => assert!(count > 0, "bpftool lists them while they are there"),
        None => lacks("bpftool, which lists what is attached"),
    }
    let id = server.id();
    drop(server);
    keys.wait_for(&format!("process {id} has ended"));
    keys.wait_for("no process is left");
    let status = wait(&mut keys.child);
    assert_eq!(status.code(), Some(0));
    assert!(loaded().is_none_or(|count| count == 0));
}

#[test]
fn keys_that_is_killed_leaves_nothing_attached() {
    let Some(network) = place() else { return };
    let directory = directory();
    let Some(server) = nghttpd(&network, directory.path(), 9445) else {
        return;
    };
    let server = Beside::start(server);
    listening(&network, 9445);
    let keys = take_keys(server.id(), &directory.path().join("secrets"));
    drop(keys);
    thread::sleep(Duration::from_millis(200));
    assert!(loaded().is_none_or(|count| count == 0));
}

#[test]
fn without_the_right_it_is_named_and_how_to_give_it() {
    let Some(_network) = place() else { return };
    let own = std::process::id().to_string();
    // All capabilities but the one; then none at all, as another user.
    for dropped in [
        &[
            "setpriv",
            "--bounding-set",
            "-sys_admin",
            "--inh-caps",
            "-all",
        ][..],
        &[
            "setpriv",
            "--reuid",
            "65534",
            "--regid",
            "65534",
            "--clear-groups",
        ][..],
    ] {
        let (program, options) = dropped.split_first().unwrap();
        let output = Command::new(program)
            .args(options)
            .args([H2SNIFF, "keys", &own])
            .output();
        let Ok(output) = output else {
            lacks("setpriv");
            return;
        };
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{text}");
        for told in [
            "needs CAP_SYS_ADMIN",
            "setcap cap_sys_admin",
            "CAP_BPF and CAP_PERFMON are not enough",
        ] {
            let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(flat.contains(told), "{told}: {flat}");
        }
    }
}

#[test]
fn what_the_kernel_does_not_let_be_probed_is_said_and_the_rest_goes_on() {
    let Some(network) = place() else { return };
    let directory = directory();
    let Some(server) = nghttpd(&network, directory.path(), 9446) else {
        return;
    };
    let server = Beside::start(server);
    listening(&network, 9446);
    // Nobody may have so much as one more file open: no probe can be opened.
    // What this test has open of others does not count.
    let alone = "for file in 3 4 5 6 7 8 9; do eval \"exec $file>&-\"; done; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", alone, "sh", "prlimit", "--nofile=9:9"]);
    command.args([H2SNIFF, "keys", "--duration", "3s"]);
    command.arg(server.id().to_string());
    if !has("prlimit", "--version") {
        return;
    }
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    for told in [
        "cannot be probed",
        "Too many open files",
        "nothing to probe",
    ] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(loaded().is_none_or(|count| count == 0));
}
