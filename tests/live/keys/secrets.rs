//! The secrets are where they were asked for and nowhere else: every output, page and recording is searched.

use super::*;
use crate::watcher::Watcher;

/// In which forms a secret could be somewhere: digits, in capitals too, bytes, and base64 of bytes.
fn forms(digits: &str) -> Vec<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap());
    let bytes: Vec<u8> = bytes.collect();
    vec![
        digits.as_bytes().to_vec(),
        digits.to_uppercase().into_bytes(),
        base64(&bytes).into_bytes(),
        bytes,
    ]
}

/// Of three bytes each, so that it is the same wherever it begins at one.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (threes, _) = bytes.as_chunks::<3>();
    let digits = threes.iter().flat_map(|[a, b, c]| {
        let number = u32::from_be_bytes([0, *a, *b, *c]);
        [18, 12, 6, 0].map(|shift| char::from(DIGITS[(number >> shift & 63) as usize]))
    });
    digits.collect()
}

/// Everything below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path),
            false => vec![path],
        })
        .collect()
}

fn holds(file: &Path, wanted: &[Vec<u8>]) -> bool {
    let data = fs::read(file).unwrap();
    let found = |form: &Vec<u8>| data.windows(form.len()).any(|window| window == form);
    wanted.iter().any(found)
}

#[test]
fn no_output_log_page_or_recording_holds_a_secret_that_was_not_asked_for() {
    let Some(network) = place() else { return };
    let directory = directory();
    let inside = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    if !has("nghttpd", "--version") || !has("h2load", "--version") {
        return;
    }
    let (certificate, key) = certificate(directory.path());
    let mut server = network.on_server("nghttpd");
    server.arg("9448").arg(key).arg(certificate);
    let server = Beside::start(server);
    let id = server.id().to_string();
    thread::sleep(Duration::from_millis(500));
    // What is searched lies in a folder of its own; the log that is asked for, and the truth, do not.
    fs::create_dir(inside("searched")).unwrap();
    let searched = |name: &str| inside(&format!("searched/{name}"));
    let (closed, all, with) = (searched("closed"), searched("all.pcap"), inside("with"));
    let closed_options = [
        "--tls-keys",
        &id,
        "--events",
        "all",
        "--record",
        &closed,
        "-w",
        &all,
    ];
    let mut without = Watcher::start(&network, &closed_options);
    let open_options = ["--tls-keys", &id, "--record", &with, "--record-secrets"];
    let mut open = Watcher::start(&network, &open_options);
    let log = inside("secrets");
    let keys = take_keys(server.id(), Path::new(&log));

    let done = network
        .on_client("h2load")
        .args(["-n", "40", "-c", "4", "https://10.77.0.2:9448/"])
        .output()
        .unwrap();
    assert!(done.status.success());
    thread::sleep(Duration::from_millis(1_500));
    for watcher in [&mut without, &mut open] {
        watcher.signal(Signal::SIGUSR1);
        watcher.wait_for(|event| event.kind() == "recording");
    }
    let (words, _) = keys.end();
    let (events, status, errors) = without.stop();
    assert!(status.success(), "{errors}");
    open.stop();
    let h2 = events
        .iter()
        .filter(|event| event.value["transport"] == "h2");
    assert!(h2.count() >= 4, "what it was asked to decrypt it did");
    let events: Vec<_> = events.iter().map(|event| event.value.to_string()).collect();
    fs::write(searched("events"), events.join("\n")).unwrap();
    fs::write(searched("errors"), errors).unwrap();
    fs::write(searched("words of keys"), words.join("\n")).unwrap();
    let page = searched("page.html");
    for (name, options) in [
        ("text", &["analyze"][..]),
        ("json", &["analyze", "--format", "json"]),
        ("markdown", &["analyze", "--format", "markdown"]),
        ("timeline", &["timeline", "--format", "html", "-o", &page]),
        ("frames", &["frames", "--format", "json", "--show-secrets"]),
        ("list", &["keys", "--list"]),
    ] {
        let mut command = Command::new(H2SNIFF);
        command.args(options);
        if name != "list" {
            command.args(["--keylog", &log, &all]);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {text}");
        fs::write(searched(name), [output.stdout, output.stderr].concat()).unwrap();
    }

    let text = fs::read_to_string(&log).unwrap();
    let secrets: Vec<_> = text
        .lines()
        .filter_map(|line| line.split(' ').nth(2))
        .map(forms)
        .collect();
    assert!(secrets.len() >= 4 * 4, "{}", secrets.len());
    let recorded = files(Path::new(&with));
    let asked_for = recorded
        .iter()
        .any(|file| secrets.iter().any(|forms| holds(file, forms)));
    assert!(asked_for, "--record-secrets writes them");
    let searched = files(Path::new(&inside("searched")));
    assert!(searched.len() >= 11, "{searched:?}");
    for file in &searched {
        for forms in &secrets {
            assert!(!holds(file, forms), "{} holds a secret", file.display());
        }
    }
    eprintln!(
        "{} secrets are in none of {} outputs",
        secrets.len(),
        searched.len()
    );
}
