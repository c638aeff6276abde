//! Secrets of processes that run: what `keys` takes decrypts what they said, and what it must not do it does not.
//!
//! It takes root and BPF, and the servers that are probed: Go, nghttpd and h2load, Node, Python with grpcio. What is not
//! there is said, and is an error with `H2SNIFF_REQUIRE_BPF=1`.

mod container;
mod decrypts;
mod envoy;
mod latency;
mod load;
mod race;
mod refusals;
mod secrets;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::network::Network;
use crate::watcher::{H2SNIFF, directory, wait};

const PATIENCE: Duration = Duration::from_secs(60);

/// The lab's peers.
const PEERS: &str = "fixtures/lab/peers";

/// Two hosts, where probes may be attached; `None` where not, with a word.
fn place() -> Option<Network> {
    let network = Network::new()?;
    let tried = Command::new(H2SNIFF)
        .args(["keys", "/bin/true", "--duration", "10ms"])
        .output()
        .unwrap();
    if !tried.status.success() {
        let why = String::from_utf8_lossy(&tried.stderr).into_owned();
        lacks(&format!("BPF is not allowed here: {why}"));
        return None;
    }
    Some(network)
}

/// Says what a test lacks to run.
fn lacks(what: &str) {
    let required = std::env::var("H2SNIFF_REQUIRE_BPF").is_ok_and(|value| value == "1");
    assert!(!required, "required: {what}");
    eprintln!("not run: {what}");
}

/// Whether a program is there to be run.
fn has(program: &str, version: &str) -> bool {
    let mut command = Command::new(program);
    command.args(version.split(' '));
    let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
    let there = status.is_ok_and(|status| status.success());
    if !there {
        lacks(&format!("there is no {program} that knows {version}"));
    }
    there
}

/// A certificate and its key, made for a test.
fn certificate(directory: &Path) -> (PathBuf, PathBuf) {
    let (certificate, key) = (directory.join("certificate"), directory.join("key"));
    let made = Command::new("openssl")
        .args("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 3".split(' '))
        .args(["-subj", "/CN=localhost", "-addext"])
        .arg("subjectAltName=DNS:localhost,IP:127.0.0.1")
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .stderr(Stdio::null())
        .status();
    assert!(made.unwrap().success());
    (certificate, key)
}

/// nghttpd with OpenSSL, to listen on a port of the client's host; `None` where it is not there.
fn nghttpd(network: &Network, directory: &Path, port: u16) -> Option<Command> {
    if !has("nghttpd", "--version") {
        return None;
    }
    let (certificate, key) = certificate(directory);
    let mut server = network.on_client("nghttpd");
    server.arg(port.to_string()).arg(key).arg(certificate);
    Some(server)
}

/// A process that runs beside a test, what it says on a stream, and its end with the test's.
struct Beside {
    child: Child,
    said: Receiver<String>,
    heard: Vec<String>,
}

impl Beside {
    /// Follows what it says on standard error.
    fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (tell, said) = channel();
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            said,
            heard: Vec::new(),
        }
    }

    fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits for a line that holds a text.
    fn wait_for(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.said.recv_timeout(left) else {
                panic!("{text:?} does not come after {:#?}", self.heard);
            };
            self.heard.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).unwrap();
        kill(Pid::from_raw(id), signal).unwrap();
    }

    /// Ends it; gives all that it said, and its exit status.
    fn end(mut self) -> (Vec<String>, Option<i32>) {
        let _ = self.child.try_wait().map(|over| {
            if over.is_none() {
                self.signal(Signal::SIGINT);
            }
        });
        let status = wait(&mut self.child);
        let rest: Vec<_> = self.said.iter().collect();
        let mut heard = std::mem::take(&mut self.heard);
        heard.extend(rest);
        (heard, status.code())
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `h2sniff keys` on a process, once its probe is attached.
fn take_keys(process: u32, file: &Path) -> Beside {
    let mut command = Command::new(H2SNIFF);
    command.args(["keys", &process.to_string(), "-o"]).arg(file);
    let mut keys = Beside::start(command);
    keys.wait_for("takes secrets of");
    keys
}

/// Waits until somebody listens on a port of the client's host.
fn listening(network: &Network, port: u16) {
    let end = Instant::now() + PATIENCE;
    let wanted = format!(":{port:04X} ");
    while Instant::now() < end {
        let mut command = network.on_client("cat");
        command.args(["/proc/net/tcp", "/proc/net/tcp6"]);
        let text = command.output().unwrap().stdout;
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines = text.lines();
        if lines.any(|line| line.contains(&wanted) && line.contains(" 0A ")) {
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
    panic!("nobody listens on port {port}");
}

/// The BPF programs of probes that are loaded now, as bpftool lists them; `None` without it.
fn loaded() -> Option<usize> {
    let listed = Command::new("bpftool").args(["prog", "show"]).output();
    let listed = listed.ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&listed.stdout).into_owned();
    let ours = |line: &&str| line.contains("go_write_key") || line.contains("ssl_log_secret");
    Some(text.lines().filter(ours).count())
}
