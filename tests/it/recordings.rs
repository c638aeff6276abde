//! Every recording there is, packet by packet: fixtures, and those of the shared folder.

use std::path::{Path, PathBuf};

use h2sniff::capture::{Capture, LinkType, Packet, SecretsKind, Stamp};
use h2sniff::decode::{Decoder, Listener};
use h2sniff::inspect::{self, News, Rpc};
use h2sniff::pipeline::{Options, Pipeline};
use h2sniff::report::Report;

use crate::shared_material;

/// A capture, read whole.
pub(crate) struct Recording {
    pub(crate) name: String,
    key_logs: Vec<Vec<u8>>,
    pub(crate) packets: Vec<Kept>,
}

/// A packet that outlives its file.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) stamp: Stamp,
    pub(crate) link_type: LinkType,
    pub(crate) original_length: u32,
    pub(crate) data: Vec<u8>,
}

impl Kept {
    fn packet(&self) -> Packet<'_> {
        Packet {
            stamp: self.stamp,
            link_type: self.link_type,
            original_length: self.original_length,
            data: &self.data,
            options: h2sniff::capture::PacketOptions::default(),
        }
    }
}

impl Recording {
    pub(crate) fn read(path: &Path) -> Self {
        let mut capture = Capture::open(&[path.to_owned()]).unwrap();
        let mut packets = Vec::new();
        while let Some(packet) = capture.next_packet().unwrap() {
            packets.push(Kept {
                stamp: packet.stamp,
                link_type: packet.link_type,
                original_length: packet.original_length,
                data: packet.data.to_vec(),
            });
        }
        let secrets = capture.secrets().iter();
        let secrets = secrets.filter(|secret| secret.kind == SecretsKind::TLS_KEY_LOG);
        let mut key_logs: Vec<_> = secrets.map(|secret| secret.bytes.to_vec()).collect();
        key_logs.extend(std::fs::read(path.with_file_name("keylog.txt")));
        Self {
            name: path.display().to_string(),
            key_logs,
            packets,
        }
    }

    /// The same without the secrets whose label begins like this.
    pub(crate) fn without_secrets(mut self, label: &str) -> Self {
        for key_log in &mut self.key_logs {
            let lines = key_log.split_inclusive(|byte| *byte == b'\n');
            let kept = lines.filter(|line| !line.starts_with(label.as_bytes()));
            *key_log = kept.flatten().copied().collect();
        }
        self
    }

    /// The same as if everything had taken `times` as long.
    pub(crate) fn stretched(mut self, times: i64) -> Self {
        let Some(begin) = self.packets.first().map(|kept| kept.stamp.time) else {
            return self;
        };
        for kept in &mut self.packets {
            kept.stamp.time = begin + (kept.stamp.time - begin) * times;
        }
        self
    }

    /// What it shows.
    pub(crate) fn report(&self) -> Report {
        self.analyze(self.packets.iter())
    }

    /// What these packets of it show.
    pub(crate) fn analyze<'a>(&'a self, packets: impl Iterator<Item = &'a Kept>) -> Report {
        self.analyze_by(options(), packets)
    }

    /// The same, done as `options` say.
    pub(crate) fn analyze_by<'a>(
        &'a self,
        options: Options,
        packets: impl Iterator<Item = &'a Kept>,
    ) -> Report {
        self.run(Pipeline::new(options), packets).finish()
    }

    /// Gives these packets of it to a decoder.
    pub(crate) fn decode<'a, L: Listener>(
        &'a self,
        decoder: &mut Decoder<L::Connection>,
        listener: &mut L,
        packets: impl Iterator<Item = &'a Kept>,
    ) {
        for key_log in &self.key_logs {
            decoder.read_keys(key_log);
        }
        for kept in packets {
            decoder.push(&kept.packet(), listener);
        }
        decoder.finish(listener);
    }

    /// The same as a watch that never rests tells it, and the calls it told on the way.
    pub(crate) fn watch<'a>(
        &'a self,
        packets: impl Iterator<Item = &'a Kept>,
    ) -> (Report, Vec<Rpc>) {
        let mut pipeline = Pipeline::watching(options());
        let mut told = Vec::new();
        for packet in packets {
            pipeline = self.run(pipeline, std::iter::once(packet));
            told.extend(pipeline.take_news());
        }
        pipeline.conclude();
        told.extend(pipeline.take_news());
        let rpcs = told.into_iter().filter_map(|news| match news {
            News::Rpc { rpc, .. } => Some(*rpc),
            _ => None,
        });
        let rpcs = rpcs.collect();
        (pipeline.finish(), rpcs)
    }

    /// How many findings a watch of it has told, that looks for them so often on the way and at its end.
    pub(crate) fn look_on_the_way(&self, looks: usize) -> usize {
        let mut pipeline = Pipeline::watching(options());
        let mut told = 0;
        for packets in self.packets.chunks(self.packets.len().div_ceil(looks)) {
            pipeline = self.run(pipeline, packets.iter());
            told += pipeline.take_news().len();
            told += pipeline.findings_so_far().len();
        }
        pipeline.conclude();
        told + pipeline.finish().analysis.findings.len()
    }

    fn run<'a>(&self, mut pipeline: Pipeline, packets: impl Iterator<Item = &'a Kept>) -> Pipeline {
        for key_log in &self.key_logs {
            pipeline.read_keys(key_log);
        }
        for kept in packets {
            pipeline.push(&kept.packet());
        }
        pipeline
    }
}

/// With which recordings are analyzed: every call is listed.
pub(crate) fn options() -> Options {
    let inspect = inspect::Options {
        all: true,
        ..inspect::Options::default()
    };
    Options {
        inspect,
        ..Options::default()
    }
}

/// Where they lie; `test` is told if there are only fixtures.
pub(crate) fn recordings(test: &str) -> Vec<PathBuf> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut folders = vec![
        fixtures.join("browsers"),
        fixtures.join("handshakes"),
        fixtures,
    ];
    if let Some(shared) = shared_material::folder(test) {
        folders.push(shared.join("cases"));
        for lab in ["lab", "lab-today"] {
            let scenarios = std::fs::read_dir(shared.join(lab)).unwrap();
            folders.extend(
                scenarios
                    .map(|entry| entry.unwrap().path())
                    .filter(|path| path.is_dir()),
            );
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let capture = [".pcap", ".pcap.gz", ".pcapng"];
            if capture.iter().any(|end| name.ends_with(end)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
