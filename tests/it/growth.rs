//! No step grows faster than its input, but for what sorting costs: eight times as much of anything takes at most nine
//! times the work.
//!
//! Work is counted, not timed: the instructions of the real binary, as valgrind counts them (`cachegrind`). Where valgrind
//! is absent a test says that it was not run and passes, unless `H2SNIFF_REQUIRE_VALGRIND=1` is set.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::bounds::captures::{self, ACK, From, Talk, Writer};
use crate::bounds::{self, answer, hello};
use crate::recordings::Recording;
use crate::wire;

/// How much larger the larger input is, and how much more work it may take.
const LARGER: u32 = 8;
const MOST: f64 = 9.0;

/// Every command that reads captures, in every way in which it tells what it found.
const COMMANDS: &[&[&str]] = &[
    &["analyze"],
    &["analyze", "--format", "json"],
    &["analyze", "--format", "markdown"],
    &["analyze", "--all"],
    &["analyze", "--all", "--format", "json"],
    &["analyze", "--find", "transport is closing"],
    &["timeline"],
    &["timeline", "--format", "html"],
    &["timeline", "--format", "mermaid"],
    &["frames"],
    &["frames", "--format", "json"],
    &["frames", "--format", "http2debug"],
    #[cfg(feature = "export")]
    &["export", "--format", "otlp", "--all"],
    #[cfg(feature = "export")]
    EXPORT_TABLES,
];

/// What writes a folder rather than a file.
#[cfg(feature = "export")]
const EXPORT_TABLES: &[&str] = &["export", "--format", "parquet"];

/// Where a command is to write. Tables are left behind for the next run to write over.
fn output(arguments: &[&str]) -> PathBuf {
    match arguments.contains(&"parquet") {
        true => Path::new(env!("CARGO_TARGET_TMPDIR")).join("growth-tables"),
        false => "/dev/null".into(),
    }
}

#[allow(clippy::print_stderr, reason = "a test that was not run must say so")]
fn has_valgrind(test: &str) -> bool {
    let found = Command::new("valgrind").arg("--version").output().is_ok();
    let required = env::var_os("H2SNIFF_REQUIRE_VALGRIND").is_some_and(|value| value == "1");
    assert!(found || !required, "{test}: no valgrind");
    if !found {
        eprintln!("{test}: not run, no valgrind");
    }
    found
}

/// Who does the work.
#[derive(Clone, Copy)]
enum Worker<'a> {
    /// The program, with these arguments.
    Program(&'a [&'a str]),
    /// A watch of the same packets, as `live` has it, that looks for findings on the way: [`watch`].
    Watch,
}

/// What [`watch`] is to watch.
const WATCHED: &str = "H2SNIFF_WATCHED";

/// How often a watch looks for findings.
const LOOKS: usize = 4;

#[test]
#[ignore = "a watch whose work other tests count"]
fn watch() {
    let Some(path) = env::var_os(WATCHED) else {
        return;
    };
    let recording = Recording::read(Path::new(&path));
    let told = recording.look_on_the_way(LOOKS);
    assert!(told > 0, "something is found in each");
}

/// How many instructions it takes on a capture.
fn instructions(worker: Worker<'_>, capture: &Path) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args([
        "--tool=cachegrind",
        "--cache-sim=no",
        "--cachegrind-out-file=/dev/null",
    ]);
    match worker {
        Worker::Program(arguments) => valgrind
            .arg(env!("CARGO_BIN_EXE_h2sniff"))
            .args(arguments)
            .arg(capture)
            .arg("-o")
            .arg(output(arguments)),
        Worker::Watch => valgrind
            .arg(env::current_exe().unwrap())
            .args(["--exact", "growth::watch", "--ignored"])
            .env(WATCHED, capture),
    };
    let run = valgrind.output().unwrap();
    assert!(
        run.status.success(),
        "{}",
        String::from_utf8_lossy(&run.stderr)
    );
    let said = String::from_utf8(run.stderr).unwrap();
    let counted = said.lines().find_map(|line| line.split_once("refs:"));
    let (_, number) = counted.unwrap_or_else(|| panic!("{said}"));
    number.trim().replace(',', "").parse().unwrap()
}

fn request(stream: u32) -> Vec<u8> {
    bounds::request(wire::END_STREAM, stream)
}

fn capture(name: &str, size: u32, write: &impl Fn(&mut Writer, u32)) -> PathBuf {
    let (mut writer, path) = Writer::create(&format!("growth-{name}-{size}.pcap"));
    write(&mut writer, size);
    writer.finish();
    path
}

/// Compares an input with one of eight times its size, with every command.
fn assert_grows(name: &str, size: u32, write: impl Fn(&mut Writer, u32)) {
    if !has_valgrind(name) {
        return;
    }
    let [small, large] = [size, size * LARGER].map(|size| capture(name, size, &write));
    let programs = COMMANDS.iter().map(|command| Worker::Program(command));
    for worker in programs.chain([Worker::Watch]) {
        let [little, much] = [&small, &large].map(|path| instructions(worker, path));
        let times = much as f64 / little as f64;
        let command = match worker {
            Worker::Program(arguments) => arguments,
            Worker::Watch => &["a watch"],
        };
        let told = format!(
            "{name}, {}: {little} and {much} instructions, {times:.2} times",
            command.join(" ")
        );
        eprintln!("{told}");
        assert!(times <= MOST, "{told}");
    }
    for path in [small, large] {
        std::fs::remove_file(path).unwrap();
    }
}

/// A connection with a call that is answered and one that is lost to GOAWAY.
fn short_connection(talk: &mut Talk, writer: &mut Writer) {
    hello(talk, writer);
    talk.say(writer, From::Client, &request(1));
    talk.say(writer, From::Server, &answer(1));
    talk.say(writer, From::Client, &request(3));
    talk.say(writer, From::Server, &wire::goaway(1, 0, b""));
    talk.send(writer, From::Server, ACK | captures::FIN, &[]);
    talk.send(writer, From::Client, ACK | captures::FIN, &[]);
}

#[test]
fn connections_of_one_server() {
    assert_grows("connections", 200, |writer, size| {
        for number in 0..size {
            short_connection(&mut Talk::number(number), writer);
        }
    });
}

#[test]
fn servers_with_findings_each() {
    assert_grows("servers", 150, |writer, size| {
        for number in 0..size {
            let [_, high, middle, low] = number.to_be_bytes();
            let mut talk = Talk::number(number).with_server([11, high, middle, low], 50_051);
            short_connection(&mut talk, writer);
        }
    });
}

#[test]
fn victims_of_one_goaway() {
    assert_grows("victims", 400, |writer, size| {
        let mut talk = Talk::number(1);
        hello(&mut talk, writer);
        for call in 0..size {
            talk.say(writer, From::Client, &request(1 + 2 * call));
        }
        talk.say(writer, From::Server, &wire::goaway(1, 0, b""));
        talk.send(writer, From::Server, ACK | captures::FIN, &[]);
    });
}

#[test]
fn streams_that_are_answered() {
    assert_grows("streams", 500, |writer, size| {
        let mut talk = Talk::number(1);
        hello(&mut talk, writer);
        for call in 0..size {
            talk.say(writer, From::Client, &request(1 + 2 * call));
            talk.say(writer, From::Server, &answer(1 + 2 * call));
        }
    });
}

/// Connections cut all at the same moment: each is compared with its neighbours, not with all.
#[test]
fn connections_cut_at_once() {
    assert_grows("cut", 200, |writer, size| {
        let mut talks: Vec<_> = (0..size).map(Talk::number).collect();
        for talk in &mut talks {
            hello(talk, writer);
            talk.say(writer, From::Client, &request(1));
        }
        for talk in &mut talks {
            talk.send(writer, From::Server, ACK | captures::RST, &[]);
        }
    });
}

/// A body in many frames: packets alone make work.
#[test]
fn messages_of_one_stream() {
    assert_grows("messages", 1_000, |writer, size| {
        let mut talk = Talk::number(1);
        hello(&mut talk, writer);
        talk.say(writer, From::Client, &bounds::request(0, 1));
        let message = wire::frame(wire::DATA, 0, 1, &[0, 0, 0, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8]);
        for _ in 0..size {
            talk.say(writer, From::Client, &message);
        }
        talk.say(writer, From::Server, &wire::goaway(0, 0, b""));
        talk.send(writer, From::Server, ACK | captures::RST, &[]);
    });
}

/// Every call is lost, and sent again on the next connection: attempts are compared with those that they repeat, and
/// with no others.
#[test]
fn calls_that_are_repeated() {
    assert_grows("repeated", 20, |writer, size| {
        for number in 0..size {
            let mut talk = Talk::number(number);
            hello(&mut talk, writer);
            for call in 0..10 {
                let id = format!("{:08}", number / 2 * 10 + call);
                let fields = [
                    (":method", "POST"),
                    (":scheme", "http"),
                    (":path", "/shop.Cart/Add"),
                    ("content-type", "application/grpc"),
                    ("x-request-id", id.as_str()),
                ];
                let stream = 1 + 2 * call;
                let open = wire::headers(wire::END_STREAM, stream, &fields);
                talk.say(writer, From::Client, &open);
            }
            talk.say(writer, From::Server, &wire::goaway(0, 0, b""));
            talk.send(writer, From::Server, ACK | captures::FIN, &[]);
            talk.send(writer, From::Client, ACK | captures::FIN, &[]);
        }
    });
}
