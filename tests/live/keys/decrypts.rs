//! A capture taken beside `keys` decrypts to the calls that were made, all of them, whatever library the server has.

use super::*;
use crate::race::tcpdump;
use crate::watcher::analyze_with;

/// Where clients call.
pub(super) const PORT: u16 = 9443;

/// A server, and who calls it.
pub(super) struct Served {
    pub(super) server: Command,
    pub(super) client: Command,
    pub(super) calls: u64,
}

/// Records what a client and a server say while the server's secrets are taken; all calls must be there.
pub(super) fn all_calls_decrypt(network: &Network, directory: &Path, served: Served) {
    let Served {
        server,
        mut client,
        calls,
    } = served;
    let server = Beside::start(server);
    listening(network, PORT);
    let (packets, secrets) = (directory.join("packets"), directory.join("secrets"));
    let mut capture = tcpdump(network, "lo", &packets);
    let keys = take_keys(server.id(), &secrets);
    let done = client.output().unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    // tcpdump has its packets handed over once a second.
    thread::sleep(Duration::from_millis(1_500));
    let (words, status) = keys.end();
    assert_eq!(status, None, "it is ended by a signal: {words:?}");
    let capturing = i32::try_from(capture.id()).unwrap();
    kill(Pid::from_raw(capturing), Signal::SIGINT).unwrap();
    wait(&mut capture);
    let mode =
        std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&secrets).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);

    let report = analyze_with(&packets, &["--keylog", secrets.to_str().unwrap()]);
    let connections = report["connections"].as_array().unwrap();
    let transports: Vec<_> = connections
        .iter()
        .map(|of| of["transport"].to_string())
        .collect();
    assert!(
        transports.iter().all(|transport| transport == "\"h2\""),
        "{transports:?}"
    );
    let seen = connections
        .iter()
        .map(|of| of["streams"]["opened"].as_u64().unwrap());
    assert_eq!(seen.sum::<u64>(), calls);
    eprintln!(
        "{calls} calls of {} connections, all decrypted",
        connections.len()
    );
}

/// The lab's grpc-go peers, built as servers are shipped; the server listens on a port of its own where something
/// stands between them.
pub(super) fn go(
    network: &Network,
    directory: &Path,
    building: &[&str],
    port: u16,
) -> Option<Served> {
    if !has("go", "version") {
        return None;
    }
    let build = |name: &str, options: &[&str]| {
        let program = directory.join(name);
        let built = Command::new("go")
            .args(["build", "-C", &format!("{PEERS}/go")])
            .args(options)
            .arg("-o")
            .arg(&program)
            .arg(format!("./{name}"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&built.stderr).into_owned();
        assert!(built.status.success(), "{said}");
        program.to_str().unwrap().to_owned()
    };
    let (certificate, key) = certificate(directory);
    let mut server = network.on_client(&build("server", building));
    server.args(["-listen", &format!("127.0.0.1:{port}"), "-log"]);
    server.arg(directory.join("server.log"));
    server.arg("-cert").arg(&certificate).arg("-key").arg(key);
    let mut client = network.on_client(&build("client", &[]));
    client.args([
        "-addr",
        &format!("localhost:{PORT}"),
        "-n",
        "40",
        "-c",
        "4",
        "-log",
    ]);
    client
        .arg(directory.join("client.log"))
        .arg("-ca")
        .arg(certificate);
    Some(Served {
        server,
        client,
        calls: 40,
    })
}

/// 60 calls on three connections by h2load.
fn called_by_h2load(network: &Network, server: Command) -> Option<Served> {
    if !has("h2load", "--version") {
        return None;
    }
    let mut client = network.on_client("h2load");
    client.args(["-n", "60", "-c", "3", "-m", "5"]);
    client.arg(format!("https://localhost:{PORT}/"));
    Some(Served {
        server,
        client,
        calls: 60,
    })
}

#[test]
fn of_grpc_go_stripped() {
    let Some(network) = place() else { return };
    let directory = directory();
    let stripped = ["-trimpath", "-ldflags", "-s -w"];
    if let Some(served) = go(&network, directory.path(), &stripped, PORT) {
        all_calls_decrypt(&network, directory.path(), served);
    }
}

#[test]
fn of_grpc_go_stripped_and_position_independent() {
    let Some(network) = place() else { return };
    let directory = directory();
    let pie = ["-trimpath", "-buildmode=pie", "-ldflags", "-s -w"];
    if let Some(served) = go(&network, directory.path(), &pie, PORT) {
        all_calls_decrypt(&network, directory.path(), served);
    }
}

#[test]
fn of_nghttpd_with_openssl() {
    let Some(network) = place() else { return };
    let directory = directory();
    let Some(server) = nghttpd(&network, directory.path(), PORT) else {
        return;
    };
    if let Some(served) = called_by_h2load(&network, server) {
        all_calls_decrypt(&network, directory.path(), served);
    }
}

#[test]
fn of_node() {
    let Some(network) = place() else { return };
    let directory = directory();
    if !has("node", "--version") {
        return;
    }
    let (certificate, key) = certificate(directory.path());
    let program = format!(
        "const fs = require('fs'), h2 = require('http2');
         const own = {{ key: fs.readFileSync({key:?}), cert: fs.readFileSync({certificate:?}) }};
         h2.createSecureServer(own, (_, answer) => answer.end('word')).listen({PORT}, '127.0.0.1');"
    );
    let mut server = network.on_client("node");
    server.args(["-e", &program]);
    if let Some(served) = called_by_h2load(&network, server) {
        all_calls_decrypt(&network, directory.path(), served);
    }
}

#[test]
fn of_grpcio() {
    let Some(network) = place() else { return };
    let directory = directory();
    let python = std::env::var("H2SNIFF_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    if !has(
        &python,
        "-c import(grpc)"
            .replace("import(grpc)", "__import__('grpc')")
            .as_str(),
    ) {
        return;
    }
    let Some(Served { client, calls, .. }) = go(&network, directory.path(), &[], PORT) else {
        return;
    };
    let (certificate, key) = (
        directory.path().join("certificate"),
        directory.path().join("key"),
    );
    let mut server = network.on_client(&python);
    server.arg(format!("{PEERS}/python/server.py")).arg("-log");
    server.arg(directory.path().join("python.log"));
    server.args(["-listen", &format!("127.0.0.1:{PORT}")]);
    server.arg("-cert").arg(certificate).arg("-key").arg(key);
    let served = Served {
        server,
        client,
        calls,
    };
    all_calls_decrypt(&network, directory.path(), served);
}
