//! What TLS protects in the captures of the corpus beside the repository, against what TShark decrypts of them.
//!
//! In: `fixtures/tls/corpus.tsv`, which the program beside it makes: of each connection lengths and digests of both sides'
//! texts, and secrets where the corpus has a private key or a PSK instead of a key log.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::*;
use crate::capture::Capture;
use crate::decode::direction::PerSide;
use crate::decode::link;
use crate::decode::tcp::{Arrivals, FlowKey, Flows, PerEnd, Side, Signal};
use crate::decode::tls::ServerFlight;
use crate::decode::tls::hello::ClientHelloRead;

/// The table of `fixtures/tls`.
const TABLE: &str = include_str!("../../../../fixtures/tls/corpus.tsv");

/// How many connections stand in it.
const TABLED: usize = 58;

/// What both sides of a connection sent, in the order in which it came to be whole.
type Sent = Vec<(Side, Vec<u8>)>;

/// What stays encrypted, and why: HTTP/2 must not be spoken over what is older than TLS 1.2 (RFC 9113, section 9.2), and
/// nobody speaks drafts of TLS 1.3 any more. TShark sees no frame of HTTP/2 in any of them.
const ENCRYPTED: [(&str, &str); 5] = [
    (
        "tls/wireshark/dhe1.pcapng.gz, stream 0",
        "TLS 1.0 is not decrypted",
    ),
    (
        "tls/wireshark/rsasnakeoil2.pcap, stream 0",
        // Its ClientHello has the form of SSL 2.0.
        "0x0002 is not decrypted",
    ),
    (
        "tls/wireshark/rsasnakeoil2.pcap, stream 1",
        "SSL 3.0 is not decrypted",
    ),
    (
        "tls/wireshark/tls13-20-chacha20poly1305.pcap, stream 0",
        "0x7f14 is not decrypted",
    ),
    (
        "tls/wireshark/tls13-20-chacha20poly1305.pcap, stream 1",
        "0x7f14 is not decrypted",
    ),
];

fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let shared = std::env::var_os("H2SNIFF_SHARED").map_or_else(beside, PathBuf::from);
    let corpus = shared.join("corpus");
    if !corpus.is_dir() {
        let required = std::env::var("H2SNIFF_REQUIRE_SHARED").is_ok_and(|value| value == "1");
        assert!(!required, "{} is required", corpus.display());
        eprintln!("not run: there is no {}", corpus.display());
        return None;
    }
    Some(corpus)
}

/// The connections of a capture by their number, and the secrets inside it.
fn connections(path: &Path, keys: &mut KeyLog) -> BTreeMap<u32, Sent> {
    let mut capture = Capture::open(&[path.to_owned()]).unwrap();
    let (mut links, mut arrivals) = (link::Decoder::default(), Arrivals::default());
    let mut flows: Flows<Sent> = Flows::default();
    let keep = |sent: &mut Sent, signal: Signal<'_>| {
        if let Signal::Chunk { from, chunk } = signal
            && let StreamPart::Bytes { data, .. } = StreamPart::from(chunk)
        {
            sent.push((from, data.to_vec()));
        }
    };
    let mut read = 0;
    let mut all = BTreeMap::new();
    while let Some(packet) = capture.next_packet().unwrap() {
        arrivals.count_packet();
        if let Ok(mut segment) = links.decode(&packet) {
            // TShark joins what both sides send, though the two directions pass through different VLANs.
            segment.scope = 0;
            let arrival = arrivals.next(&segment);
            let mut located = flows.locate(FlowKey::of(&segment));
            if let Some((flow, sent)) = flows.pop_reopened(&mut located, &segment) {
                all.insert(flow.index(), sent);
            }
            flows.push(located, &segment, arrival, &mut |sent, signal| {
                keep(sent, signal)
            });
        }
        for secrets in capture.secrets().iter().skip(read) {
            keys.read(&secrets.bytes);
        }
        read = capture.secrets().len();
    }
    for (_, slot) in flows.places() {
        if let Some((mut flow, mut sent)) = flows.forget(slot) {
            flow.finish(&mut |signal| keep(&mut sent, signal));
            all.insert(flow.index(), sent);
        }
    }
    all
}

/// What was protected, or why it stays so.
fn texts(sent: &Sent, keys: &KeyLog) -> Result<PerSide<Vec<u8>>, Undecryptable> {
    let of = |side| -> Vec<u8> {
        let own = sent.iter().filter(|(from, _)| *from == side);
        own.flat_map(|(_, data)| data.clone()).collect()
    };
    let both = PerEnd {
        first: of(Side::First),
        second: of(Side::Second),
    };
    let hello = [Side::First, Side::Second].into_iter().find_map(|side| {
        match ClientHello::read(&both[side]) {
            ClientHelloRead::Hello(hello) => Some((side, hello)),
            _ => None,
        }
    });
    // One that could go on in SSL 2.0 has another form, and goes on in none that is read.
    let (client, hello) = hello.ok_or(Undecryptable::Version(Version(0x0002)))?;
    let server = ServerFlight::read(&both[client.peer()]).hello;
    // The capture lacks it, or holds it in a form that is not read.
    let server = server.ok_or(Undecryptable::NoSecrets)?;
    let hellos = Hellos {
        client: &hello,
        server: &server,
    };
    let mut session = Session::new(hellos, keys)?;
    let mut texts = PerSide::<Vec<u8>>::default();
    let mut positions = PerEnd::<usize>::default();
    for (from, data) in sent {
        let by = match *from == client {
            true => Direction::ClientToServer,
            false => Direction::ServerToClient,
        };
        let part = bytes(positions[*from], data, Carrier::default());
        positions[*from] += data.len();
        session.push(by, part, keys, &mut |by, output| {
            if let TlsOutput::Text(StreamPart::Bytes { data, .. }) = output {
                texts[by].extend_from_slice(data);
            }
        });
    }
    Ok(texts)
}

fn digest(text: &[u8]) -> String {
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn what_tshark_decrypts_of_the_corpus_is_decrypted_to_the_same_text() {
    let Some(corpus) = corpus() else { return };
    let mut same = 0;
    let mut encrypted = Vec::new();
    let rows = TABLE.lines().map(|line| line.split('\t').collect());
    for row in rows.filter(|row: &Vec<_>| row[0] != "secret") {
        let [file, log, stream, rest @ ..] = &row[..] else {
            panic!("{row:?}");
        };
        let mut keys = KeyLog::default();
        if *log != "-" {
            keys.read(&fs::read(corpus.join(log)).unwrap());
        }
        let derived = format!("secret\t{file}\t");
        for line in TABLE.lines().filter_map(|line| line.strip_prefix(&derived)) {
            keys.read(line.as_bytes());
        }
        let connections = connections(&corpus.join(file), &mut keys);
        let about = format!("{file}, stream {stream}");
        match texts(&connections[&stream.parse().unwrap()], &keys) {
            Ok(texts) => {
                let [client, server] = [&texts.client, &texts.server]
                    .map(|text| [text.len().to_string(), digest(text)]);
                assert_eq!([client, server].concat(), rest, "{about}");
                same += 1;
            }
            Err(why) => encrypted.push((about, why.reason())),
        }
    }
    let encrypted: Vec<_> = encrypted
        .iter()
        .map(|(about, why)| (about.as_str(), why.as_str()))
        .collect();
    assert_eq!(encrypted, ENCRYPTED);
    let manifest = fs::read_to_string(corpus.join("MANIFEST.tsv")).unwrap();
    for (about, _) in ENCRYPTED {
        let (file, _) = about.split_once(',').unwrap();
        let mut rows = manifest
            .lines()
            .map(|line| line.split('\t').collect::<Vec<_>>());
        let row = rows.find(|row| row[0] == file).unwrap();
        assert_eq!(row[11], "0", "frames of HTTP/2 in {file}");
    }
    eprintln!(
        "{same} connections are the same, {} stay encrypted",
        ENCRYPTED.len()
    );
    assert_eq!(same, TABLED - ENCRYPTED.len());
}
