//! Ten thousand handshakes: none is missed.

use std::collections::BTreeSet;

use super::*;

const HANDSHAKES: usize = 10_000;

/// New connections each tenth of a second: all of them in less than a minute.
const RATE: usize = 25;

/// Opens so many connections with a call each.
fn open(network: &Network) {
    let mut client = network.on_client("h2load");
    client.args(["-n", &HANDSHAKES.to_string(), "-c", &HANDSHAKES.to_string()]);
    client.args(["-r", &RATE.to_string(), "--rate-period=100ms"]);
    client.arg("https://localhost:9447/");
    let done = client.output().unwrap();
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    // There is no such page, which is an answer like any other.
    let told = format!("{HANDSHAKES} done, ");
    assert!(
        text.contains(&told) && text.contains(" 0 errored, 0 timeout"),
        "{text}"
    );
}

#[test]
fn ten_thousand_handshakes_within_a_minute_are_all_taken() {
    let Some(network) = place() else { return };
    let directory = directory();
    if !has("h2load", "--version") {
        return;
    }
    let Some(server) = nghttpd(&network, directory.path(), 9447) else {
        return;
    };
    let server = Beside::start(server);
    listening(&network, 9447);
    let secrets = directory.path().join("secrets");
    let keys = take_keys(server.id(), &secrets);
    let begun = Instant::now();
    open(&network);
    let took = begun.elapsed();
    thread::sleep(Duration::from_millis(500));
    let (words, _) = keys.end();
    assert!(took < Duration::from_secs(60), "{took:?}");
    let text = fs::read_to_string(&secrets).unwrap();
    let server_secrets = text
        .lines()
        .filter(|line| line.starts_with("SERVER_TRAFFIC_SECRET_0 "));
    let randoms: BTreeSet<_> = server_secrets
        .filter_map(|line| line.split(' ').nth(1))
        .collect();
    assert_eq!(randoms.len(), HANDSHAKES, "{:?}", words.last());
    assert!(loaded().is_none_or(|count| count == 0));
    eprintln!("{HANDSHAKES} handshakes in {took:.1?}, all taken");
}
