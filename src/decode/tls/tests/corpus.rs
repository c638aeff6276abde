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
use crate::decode::tcp::{Arrivals, Flows, PerEnd, Side, Signal};
use crate::decode::tls::hello::ClientHelloRead;
use crate::decode::tls::{ServerFlight, Version};

/// The table of `fixtures/tls`.
const TABLE: &str = include_str!("../../../../fixtures/tls/corpus.tsv");

/// What both sides of a connection sent, in the order in which it came to be whole.
type Sent = Vec<(Side, Vec<u8>)>;

fn shared() -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    if !shared.is_dir() {
        let required = std::env::var("H2SNIFF_REQUIRE_SHARED").is_ok_and(|value| value == "1");
        assert!(!required, "../shared is required");
        eprintln!("skipped: there is no ../shared/corpus");
        return None;
    }
    Some(shared)
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
        if let Ok(segment) = links.decode(&packet) {
            let arrival = arrivals.next(&segment);
            if let Some((flow, sent)) = flows.pop_reopened(&segment) {
                all.insert(flow.index(), sent);
            }
            flows.push(&segment, arrival, &mut |sent, signal| keep(sent, signal));
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
    let (client, hello) = hello.expect("a ClientHello");
    let server = ServerFlight::read(&both[client.peer()]).hello;
    let server = server.expect("a ServerHello");
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
    let Some(corpus) = shared() else { return };
    let mut same = 0;
    let mut older = Vec::new();
    let rows = TABLE
        .lines()
        .map(|line| line.split('\t').collect::<Vec<_>>());
    for row in rows.filter(|row| row[0] != "secret") {
        let [
            file,
            log,
            stream,
            client_length,
            client,
            server_length,
            server,
        ] = row[..]
        else {
            panic!("{row:?}");
        };
        let mut keys = KeyLog::default();
        if log != "-" {
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
                let ours = [&texts.client, &texts.server];
                let lengths = ours.map(|text| text.len().to_string());
                assert_eq!(lengths, [client_length, server_length], "{about}");
                assert_eq!(ours.map(|text| digest(text)), [client, server], "{about}");
                same += 1;
            }
            Err(Undecryptable::Version(version)) if version.0 < Version::TLS_1_2.0 => {
                older.push(about);
            }
            Err(why) => panic!("{about}: {}", why.reason()),
        }
    }
    eprintln!("{same} connections are the same; before TLS 1.2: {older:#?}");
    assert!(same > 50, "{same}");
}
