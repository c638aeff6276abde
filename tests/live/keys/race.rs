//! The race over TLS: `live --tls-keys` names the same victims as on plaintext, as promptly.

use std::collections::BTreeSet;

use super::*;
use crate::network::SERVER;
use crate::race::judge;

/// Connections that the peers of `race.py` open, and how many requests are lost on each.
const CONNECTIONS: usize = 4;
const LOST: usize = 10;

/// Lets them race, and judges what is told of it.
fn raced(network: &Network, directory: &Path, files: &[PathBuf]) -> BTreeSet<String> {
    let peer = |mut command: Command, role: &str| {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/keys/race.py");
        command.arg(script).arg(role);
        command.args([SERVER.ip().to_string(), SERVER.port().to_string()]);
        command
    };
    let log = directory.join("client-secrets");
    let mut server = peer(network.on_server("python3"), "server");
    server.args(files);
    let mut server = Beside::start(server);
    server.wait_for("ready");
    let id = server.id().to_string();
    let (watching, analyzing) = match files.is_empty() {
        true => (Vec::new(), Vec::new()),
        false => (
            vec!["--tls-keys", &*id],
            vec!["--keylog", log.to_str().unwrap()],
        ),
    };
    let mut client = peer(network.on_client("python3"), "client");
    client.args(files.first()).env("SSLKEYLOGFILE", &log);
    judge(network, &watching, &analyzing, CONNECTIONS, || {
        let done = client.output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr).into_owned();
        assert!(done.status.success(), "{said}");
    })
}

#[test]
fn over_tls_the_victims_are_those_of_plaintext_and_told_as_promptly() {
    let Some(network) = place() else { return };
    let directory = directory();
    let (certificate, key) = certificate(directory.path());
    let plain = raced(&network, directory.path(), &[]);
    let tls = raced(&network, directory.path(), &[certificate, key]);
    assert_eq!(plain.len(), CONNECTIONS * LOST, "{plain:#?}");
    // But for the ports of the clients.
    let victims = |told: &BTreeSet<String>| {
        let without_port = told
            .iter()
            .map(|victim| victim.split_once(" > ").unwrap().1.to_owned());
        let mut victims: Vec<_> = without_port.collect();
        victims.sort();
        victims
    };
    assert_eq!(victims(&plain), victims(&tls));
}
