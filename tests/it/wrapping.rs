//! The same calls, however their packets travelled: recordings wrapped anew must tell the same story.
//!
//! In: the client's capture of every scenario of `lab`, all plain Ethernet. Each frame is wrapped as
//! other networks and capture tools would have it, written to a file, and given to the program. The
//! report must be that of the bare capture, with the same packet numbers where no packet was cut up.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use serde_json::Value;

use crate::shared_material::{Disagreements, Run, folder};

/// Captures up to this size, in bytes, are wrapped in every way; longer ones in those of
/// [`OF_LONG_ONES`], unless `H2SNIFF_EVERY_WRAPPING=1` is set. All of all take a minute.
const LONG: u64 = 700_000;

/// The wrappings of long captures: a tunnel with a network, a link type, and fragments.
const OF_LONG_ONES: [&str; 3] = ["vxlan", "linux_cooked2", "fragments"];

/// Fragments have at most this many bytes of payload, a multiple of eight.
const FRAGMENT: usize = 600;

/// The exit status where a capture holds no HTTP/2.
const NOTHING_FOUND: i32 = 2;

const ETHERNET: u32 = 1;
const LINUX_SLL: u32 = 113;
const LINUX_SLL2: u32 = 276;

/// A way to wrap Ethernet frames.
struct Wrapping {
    name: &'static str,
    link_type: u32,
    /// A frame's bytes, and how many frames came before, to what is captured instead.
    wrap: fn(&[u8], usize) -> Vec<Vec<u8>>,
}

macro_rules! wrappings {
    ($($name:ident: $link_type:ident, $wrap:expr;)*) => {
        $(#[test] fn $name() {
            Wrapping { name: stringify!($name), link_type: $link_type, wrap: $wrap }.check();
        })*
    };
}

wrappings! {
    vlan: ETHERNET, |frame, _| vec![tagged(frame, &[0x81, 0, 0, 42])];
    q_in_q: ETHERNET, |frame, _| vec![tagged(frame, &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 42])];
    vxlan: ETHERNET, |frame, number| vec![in_vxlan(frame, number)];
    geneve: ETHERNET, |frame, number| {
        // With an option of four bytes.
        let header = [2, 0, 0x65, 0x58, 0, 0, 42, 0, 1, 2, 3, 1, 0, 0, 0, 0];
        vec![in_udp(6081, &header, frame, number)]
    };
    gre: ETHERNET, |frame, number| {
        let header = [0x20, 0, 0x65, 0x58, 0, 0, 0, 42];
        vec![in_ip(47, &[&header, frame].concat(), number)]
    };
    linux_cooked: LINUX_SLL, |frame, _| {
        let header = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        vec![[&header, &frame[12..]].concat()]
    };
    linux_cooked2: LINUX_SLL2, |frame, number| {
        let mut header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        header[..2].copy_from_slice(&frame[12..14]);
        // Several interfaces, as where the capture was on `any`.
        header[7] = u8::try_from(number % 3).expect("it is below 3");
        vec![[&header, &frame[14..]].concat()]
    };
    fragments: ETHERNET, in_fragments;
    fragments_of_vxlan_in_vlan: ETHERNET, |frame, number| {
        let fragments = in_fragments(&in_vxlan(frame, number), number);
        fragments.iter().map(|fragment| tagged(fragment, &[0x81, 0, 0, 42])).collect()
    };
}

/// The frame with tags between its addresses and its EtherType.
fn tagged(frame: &[u8], tags: &[u8]) -> Vec<u8> {
    let (addresses, rest) = frame.split_at(12);
    [addresses, tags, rest].concat()
}

fn in_vxlan(frame: &[u8], number: usize) -> Vec<u8> {
    in_udp(4789, &[8, 0, 0, 0, 0, 0, 42, 0], frame, number)
}

/// The frame behind `header` in a UDP datagram, whose source port spreads over links as tunnels do.
fn in_udp(port: u16, header: &[u8], frame: &[u8], number: usize) -> Vec<u8> {
    let length = u16::try_from(8 + header.len() + frame.len()).expect("no frame is that long");
    let source = 0x8000 | u16::try_from(number & 0x7fff).expect("it was masked");
    let ports = [source, port, length, 0].map(u16::to_be_bytes).concat();
    in_ip(17, &[&ports, header, frame].concat(), number)
}

/// The payload in an IPv4 packet between two hosts, back and forth, in an Ethernet frame.
fn in_ip(protocol: u8, payload: &[u8], number: usize) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).expect("no frame is that long");
    let identification = u16::try_from(number & 0xffff).expect("it was masked");
    let mut header = [
        2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, // Ethernet
        0x45, 0, 0, 0, 0, 0, 0, 0, 64, protocol, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2,
    ];
    header[16..18].copy_from_slice(&length.to_be_bytes());
    header[18..20].copy_from_slice(&identification.to_be_bytes());
    [&header, payload].concat()
}

/// The frame's IPv4 packet cut up, every other time with its last fragment first.
fn in_fragments(frame: &[u8], number: usize) -> Vec<Vec<u8>> {
    let header_length = 14 + usize::from(frame[14] & 0x0f) * 4;
    if frame[12..14] != [8, 0] || frame.len() <= header_length + FRAGMENT {
        return vec![frame.to_vec()];
    }
    let (header, payload) = frame.split_at(header_length);
    let cut = payload.chunks(FRAGMENT).enumerate().map(|(place, piece)| {
        let mut fragment = [header, piece].concat();
        let length = u16::try_from(fragment.len() - 14).expect("no fragment is that long");
        let offset = u16::try_from(place * FRAGMENT / 8).expect("no packet is that long");
        let more = u16::from((place + 1) * FRAGMENT < payload.len()) << 13;
        fragment[16..18].copy_from_slice(&length.to_be_bytes());
        fragment[20..22].copy_from_slice(&(offset | more).to_be_bytes());
        fragment
    });
    let mut cut: Vec<_> = cut.collect();
    if number % 2 == 1 {
        cut.reverse();
    }
    cut
}

impl Wrapping {
    /// Compares the reports on all captures.
    fn check(&self) {
        let Some(shared) = folder(self.name) else {
            return;
        };
        let every = env::var_os("H2SNIFF_EVERY_WRAPPING").is_some_and(|value| value == "1");
        let mut disagreements = Disagreements::about(self.name);
        let mut cut_up = 0;
        for (capture, bare) in &*BARE {
            let is_long = fs::metadata(capture).is_ok_and(|file| file.len() > LONG);
            if is_long && !every && !OF_LONG_ONES.contains(&self.name) {
                continue;
            }
            let place = capture
                .strip_prefix(&shared)
                .expect("the lab is in the folder");
            let name = place.display().to_string().replace('/', "-");
            let wrapped =
                Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{name}", self.name));
            let (packets, written) = self.rewrite(capture, &wrapped);
            cut_up += written - packets;

            let mut ours = report(&wrapped);
            let mut truth = bare.clone();
            if written > packets {
                forget_packets(&mut ours);
                forget_packets(&mut truth);
            }
            compare(&name, &truth, &ours, &mut disagreements);
            fs::remove_file(&wrapped).expect("it was just written");
        }
        assert_eq!(
            cut_up > 0,
            self.name.contains("fragments"),
            "{cut_up} more packets"
        );
        disagreements.settle();
    }

    /// Writes the frames of `capture` wrapped to `target`; how many there were and how many are
    /// written.
    fn rewrite(&self, capture: &Path, target: &Path) -> (usize, usize) {
        let bytes = fs::read(capture).unwrap_or_else(|e| panic!("{}: {e}", capture.display()));
        let (header, mut rest) = bytes.split_at(24);
        let mut out = [&header[..20], &self.link_type.to_le_bytes()].concat();
        assert_eq!(
            header[20..],
            ETHERNET.to_le_bytes(),
            "little-endian, of Ethernet"
        );
        let (mut packets, mut written) = (0, 0);
        while !rest.is_empty() {
            let (record, behind) = rest.split_at(16);
            assert_eq!(record[8..12], record[12..], "a whole packet");
            let length = u32::from_le_bytes([record[8], record[9], record[10], record[11]]);
            let (frame, behind) = behind.split_at(length as usize);
            for wrapped in (self.wrap)(frame, packets) {
                let length = u32::try_from(wrapped.len()).expect("no packet is that long");
                out.extend(&record[..8]);
                out.extend([length.to_le_bytes(); 2].concat());
                out.extend(wrapped);
                written += 1;
            }
            packets += 1;
            rest = behind;
        }
        fs::write(target, out).unwrap_or_else(|e| panic!("{}: {e}", target.display()));
        (packets, written)
    }
}

/// The client's captures and the reports on them as they are.
static BARE: LazyLock<BTreeMap<PathBuf, Value>> = LazyLock::new(|| {
    let lab = folder("wrapping").expect("the caller found it").join("lab");
    let scenarios = fs::read_dir(lab).expect("the lab can be listed");
    let captures = scenarios.map(|entry| {
        entry
            .expect("the lab can be listed")
            .path()
            .join("client.pcap")
    });
    let bare: BTreeMap<_, _> = captures
        .filter(|capture| capture.is_file())
        .map(|capture| {
            let report = report(&capture);
            (capture, report)
        })
        .collect();
    assert!(!bare.is_empty(), "the lab has captures");
    bare
});

/// The program's report on a capture, without what tells of the file alone; where it found nothing to
/// report on (the lab has TLS too), what it found instead.
fn report(capture: &Path) -> Value {
    let arguments = [
        "analyze".into(),
        "--format=json".into(),
        "--all".into(),
        capture.to_owned(),
    ];
    let run = Run::of(&arguments);
    if run.status == Some(NOTHING_FOUND) {
        let path = capture.display().to_string();
        return Value::from(run.complaints.replace(&path, "the capture"));
    }
    let output = run.succeeded();
    let mut report: Value =
        serde_json::from_str(&output).unwrap_or_else(|e| panic!("not JSON: {e}\n{output}"));
    let capture = report["capture"]
        .as_object_mut()
        .expect("the report tells of the capture");
    capture.remove("files");
    capture.remove("bytes");
    report
}

/// Removes all packet numbers.
fn forget_packets(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|name, _| name != "packet" && name != "packets");
            members.values_mut().for_each(forget_packets);
        }
        Value::Array(elements) => elements.iter_mut().for_each(forget_packets),
        _ => {}
    }
}

/// Adds a line for each part of the report that differs.
fn compare(at: &str, truth: &Value, ours: &Value, disagreements: &mut Disagreements) {
    match (truth, ours) {
        (Value::Object(truth), Value::Object(ours)) if truth.keys().eq(ours.keys()) => {
            for (name, value) in truth {
                compare(&format!("{at}/{name}"), value, &ours[name], disagreements);
            }
        }
        (Value::Array(truth), Value::Array(ours)) if truth.len() == ours.len() => {
            for (index, (truth, ours)) in truth.iter().zip(ours).enumerate() {
                compare(&format!("{at}/{index}"), truth, ours, disagreements);
            }
        }
        _ => disagreements.compare(at, truth, ours),
    }
}
