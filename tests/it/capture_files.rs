//! Every capture of the shared corpus and of the lab, read to its end and counted.

use std::fs;
use std::path::{Path, PathBuf};

use h2sniff::capture::{Capture, SecretsKind};

/// Where the corpus and the lab's recordings are; `None`, and a line that says so, where they are
/// not and need not be.
#[expect(
    clippy::print_stderr,
    reason = "whoever runs the tests must see what was not run"
)]
fn shared() -> Option<PathBuf> {
    let path = std::env::var_os("H2SNIFF_SHARED").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared"),
        PathBuf::from,
    );
    if path.join("corpus/MANIFEST.tsv").is_file() {
        return Some(path);
    }
    let required = std::env::var_os("H2SNIFF_REQUIRE_SHARED").is_some_and(|value| value == "1");
    assert!(!required, "{} holds no corpus", path.display());
    eprintln!("not run: {} holds no corpus", path.display());
    None
}

/// Reads a capture to its end: the packets, and whatever was odd.
fn count(path: &Path) -> Result<(u64, Vec<String>), String> {
    let mut capture = Capture::open(&[path.to_owned()]).map_err(|error| error.to_string())?;
    let mut packets = 0;
    while capture
        .next_packet()
        .map_err(|error| error.to_string())?
        .is_some()
    {
        packets += 1;
    }
    assert_eq!(
        capture.files().map(|file| file.packets).sum::<u64>(),
        packets
    );
    Ok((
        packets,
        capture
            .take_notes()
            .into_iter()
            .map(|note| note.text)
            .collect(),
    ))
}

/// What must be said of an odd capture.
#[derive(Debug)]
enum Said {
    /// Read up to an oddity: so many packets, and a note with these words.
    Note(u64, &'static str),
    /// Not read, with these words.
    Error(&'static str),
}

/// The odd captures, and why they are. All others must be read without a word, and with as many
/// packets as the manifest counts.
///
/// `capinfos` stops at the same packets; the manifest counts what its own lenient walk found.
const ODD: &[(&str, Said, &str)] = &[
    (
        "linktypes/libpcap/shb-option-too-long.pcapng",
        Said::Error("the two lengths of a block differ"),
        "a fuzzer's file: the section header ends with 0x30303030 in place of its length",
    ),
    (
        "pcapng/pcap_file_ex/corrupted.pcap",
        Said::Note(
            27,
            "damaged after packet 27: it claims to be 8323328 bytes long",
        ),
        "the length of packet 28 was overwritten",
    ),
];

#[test]
fn the_corpus_has_as_many_packets_as_its_manifest_says() {
    let Some(shared) = shared() else { return };
    let manifest = fs::read_to_string(shared.join("corpus/MANIFEST.tsv")).unwrap();
    let mut lines = manifest.lines();
    let header: Vec<_> = lines.next().unwrap().split('\t').collect();
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let (path, format, packets) = (column("path"), column("file_format"), column("packets"));

    let mut read = 0;
    let mut wrong = Vec::new();
    for line in lines {
        let fields: Vec<_> = line.split('\t').collect();
        let capture = fields[path];
        let file = shared.join("corpus").join(capture);
        if !file.is_file() {
            continue;
        }
        read += 1;
        let found = count(&file);
        if fields[format].is_empty() {
            if !matches!(&found, Err(error) if error.contains("is not a capture but")) {
                wrong.push(format!("{capture}: expected an error, found {found:?}"));
            }
            continue;
        }
        let expected: u64 = fields[packets].parse().unwrap();
        let odd = ODD.iter().find(|(odd, ..)| *odd == capture);
        let right = match (&found, odd) {
            (Ok((packets, notes)), None) => *packets == expected && notes.is_empty(),
            (Ok((packets, notes)), Some((_, Said::Note(count, words), _))) => {
                packets == count && notes.iter().any(|note| note.contains(words))
            }
            (Err(error), Some((_, Said::Error(words), _))) => error.contains(words),
            _ => false,
        };
        if !right {
            wrong.push(format!(
                "{capture}: expected {expected} or {odd:?}, found {found:?}"
            ));
        }
    }
    assert!(read > 100, "the manifest lists only {read} captures");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Packets at the client, as `capinfos -c` counts them.
const LAB: &[(&str, u64)] = &[
    ("00-control-healthy", 1_584),
    ("01a-maxage-grpcgo-300c", 13_093),
    ("01c-maxage-singlegoaway-300c", 13_416),
    ("02a-idle-race-grpcgo", 380),
    ("03-grace-cut", 347),
    ("04a-server-Stop", 5_744),
    ("06-too-many-pings", 207),
    ("07a-keepalive-client", 549),
    ("08-maxstreams10", 1_341),
    ("09a-nginx-keepalive-requests", 5_220),
    ("10a-python-client-maxage", 10_136),
    ("10d-node-client-singlegoaway", 4_110),
    ("10f-node-server-goclient", 7_134),
    ("11a-plaintext-client-tls-server", 43),
    ("12a-tls13-gracefulstop", 1_475),
    ("12e-tls13-singlegoaway-race", 4_852),
    ("13a-refused-stream-goclient", 675),
    ("13b-rst-mix-goclient", 274),
    ("13c-late-client", 183),
    ("13d-polite-client-race", 125),
    ("13e-goaway-zero", 133),
    ("14a-midconnection", 7_709),
    ("14c-network-loss", 4_409),
    ("15-streams-grace", 857),
    ("16-blog-real-values", 9_457),
];

#[test]
fn the_lab_recordings_are_whole() {
    let Some(shared) = shared() else { return };
    for (scenario, packets) in LAB {
        let found = count(&shared.join("lab").join(scenario).join("client.pcap"));
        assert_eq!(found, Ok((*packets, Vec::new())), "{scenario}");
    }
}

#[test]
fn both_ends_of_a_recording_are_one_story() {
    let Some(shared) = shared() else { return };
    let ends =
        ["client.pcap", "server.pcap"].map(|end| shared.join("lab/16-blog-real-values").join(end));
    let mut capture = Capture::open(&ends).unwrap();
    let mut seen = [0, 0];
    let mut latest = [None, None];
    let mut switches = 0;
    let mut before = 0;
    while let Some(packet) = capture.next_packet().unwrap() {
        let stamp = packet.stamp;
        let file = stamp.file as usize;
        assert_eq!(stamp.packet, seen[file] + 1);
        seen[file] = stamp.packet;
        // A file's own order is kept even where its times run backwards, so only a packet that is
        // not late in its own file must not be late in the story.
        if latest[file].is_none_or(|latest| stamp.time >= latest) {
            assert!(
                latest[1 - file].is_none_or(|other| stamp.time >= other),
                "{stamp:?}"
            );
            latest[file] = Some(stamp.time);
        }
        switches += usize::from(before != file);
        before = file;
    }
    assert!(seen.iter().all(|&packets| packets > 5_000), "{seen:?}");
    assert!(switches > 1_000, "the files are told one after the other");
}

#[test]
fn keys_inside_a_capture_are_kept() {
    let Some(shared) = shared() else { return };
    let path = shared.join("corpus/tls/wireshark/tls12-dsb.pcapng");
    let mut capture = Capture::open(&[path]).unwrap();
    while capture.next_packet().unwrap().is_some() {}
    let [first, second] = capture.secrets() else {
        panic!("{:?}", capture.secrets())
    };
    for secrets in [first, second] {
        assert_eq!(secrets.kind, SecretsKind::TLS_KEY_LOG);
        assert!(
            secrets
                .bytes
                .windows(13)
                .any(|word| word == b"CLIENT_RANDOM")
        );
    }
}
