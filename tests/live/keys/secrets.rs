//! The secrets are where they were asked for and nowhere else: every output, page and recording is searched.

use super::*;
use crate::metrics::scrape;
use crate::network::INTERFACE;
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

/// Exports a capture into a folder; what tables hold is written down as it is, since they are compressed.
#[cfg(feature = "export")]
fn export(log: &str, capture: &str, into: &Path) {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    let export = |options: &[&str]| {
        let done = Command::new(H2SNIFF)
            .args(["export", "--show-secrets", "--keylog", log, capture])
            .args(options)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
    };
    let spans = into.join("spans");
    export(&["--format", "otlp", "--all", "-o", spans.to_str().unwrap()]);
    let tables = into.join("tables");
    export(&["-o", tables.to_str().unwrap()]);
    let mut rows = Vec::new();
    for table in files(&tables) {
        let reader = SerializedFileReader::try_from(table.as_path()).unwrap();
        for row in reader.get_row_iter(None).unwrap() {
            for (name, field) in row.unwrap().get_column_iter() {
                rows.extend_from_slice(format!("\n{name}: ").as_bytes());
                match field {
                    Field::Bytes(bytes) => rows.extend_from_slice(bytes.data()),
                    field => rows.extend_from_slice(field.to_string().as_bytes()),
                }
            }
        }
    }
    assert!(rows.len() > 1_000, "{}", rows.len());
    fs::write(into.join("rows of tables"), rows).unwrap();
}

/// How many outputs are searched at least: three of live, its metrics, a recording of several files, a capture, words on
/// standard error, a file each of what is made of the capture, and where it is built three of the export and more.
const OUTPUTS: usize = match cfg!(feature = "export") {
    true => 23,
    false => 18,
};

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
        "--metrics",
        "9464",
        "-w",
        &all,
    ];
    let mut without = Watcher::start(&network, &closed_options);
    let mut text = network.on_client(H2SNIFF);
    text.args([
        "live",
        "-i",
        INTERFACE,
        "--tls-keys",
        &id,
        "--events",
        "all",
    ]);
    text.args(["-o", &searched("live text")]);
    let mut text = Beside::start(text);
    text.wait_for("takes secrets of");
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
    let page = scrape(&network, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
    fs::write(searched("metrics"), page).unwrap();
    let (words, _) = keys.end();
    let (words_of_text, _) = text.end();
    fs::write(searched("words of live text"), words_of_text.join("\n")).unwrap();
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
        (
            "json",
            &["analyze", "--format", "json", "--all", "--show-secrets"],
        ),
        ("markdown", &["analyze", "--format", "markdown"]),
        ("timeline", &["timeline", "--format", "html", "-o", &page]),
        (
            "sequence",
            &["timeline", "--format", "mermaid", "--around", "0:1"],
        ),
        ("story", &["timeline", "--show-secrets"]),
        ("frames", &["frames", "--show-secrets"]),
        (
            "frames json",
            &["frames", "--format", "json", "--show-secrets"],
        ),
        (
            "debug log",
            &["frames", "--format", "http2debug", "--side", "server"],
        ),
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
    #[cfg(feature = "export")]
    export(&log, &all, Path::new(&inside("searched")));

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
    assert!(searched.len() >= OUTPUTS, "{searched:?}");
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
