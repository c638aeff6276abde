//! The probed process is unharmed: how long its handshakes and its answers take before it is probed, while probes come
//! and go, while one is there, and after.
//!
//! Microseconds mean nothing on a machine that does other things too, so it runs by hand: `cargo test --features keys
//! --test live -- keys::latency --ignored --nocapture`.

use super::*;

const PORT: u16 = 9454;
const ROUNDS: usize = 3;
const HANDSHAKES: usize = 2_000;
const CALLS: usize = 20_000;

/// Opens one connection after the other, and says of each how many microseconds its TCP and TLS handshakes took.
const CLIENT: &str = "
import socket, ssl, sys, time
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.set_alpn_protocols(['h2'])
for _ in range(int(sys.argv[2])):
    begun = time.perf_counter()
    with socket.create_connection(('127.0.0.1', int(sys.argv[1]))) as tcp:
        with context.wrap_socket(tcp, server_hostname='localhost'):
            print(round((time.perf_counter() - begun) * 1e6))
";

/// Times in microseconds, sorted.
struct Times(Vec<u64>);

impl Times {
    fn of(text: &str, number: impl Fn(&str) -> Option<u64>) -> Self {
        let mut times: Vec<_> = text.lines().filter_map(number).collect();
        times.sort_unstable();
        Self(times)
    }

    fn share(&self, thousandths: usize) -> u64 {
        self.0[(self.0.len() - 1) * thousandths / 1000]
    }

    fn told(&self) -> String {
        let [half, most, worst] = [500, 990, 1000].map(|share| self.share(share));
        format!("p50 {half:>5} µs, p99 {most:>5} µs, max {worst:>6} µs")
    }
}

fn handshakes(network: &Network) -> Times {
    let done = network
        .on_client("python3")
        .args(["-c", CLIENT, &PORT.to_string(), &HANDSHAKES.to_string()])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{said}");
    let times = Times::of(&String::from_utf8(done.stdout).unwrap(), |line| {
        line.parse().ok()
    });
    assert_eq!(times.0.len(), HANDSHAKES);
    times
}

/// Four connections with a call each at a time.
fn calls(network: &Network, log: &Path) -> Times {
    let _ = fs::remove_file(log);
    let done = network
        .on_client("h2load")
        .args(["-n", &CALLS.to_string(), "-c", "4", "-m", "1"])
        .arg(format!("--log-file={}", log.display()))
        .arg(format!("https://localhost:{PORT}/"))
        .output()
        .unwrap();
    assert!(done.status.success());
    // When it began, its status, how long it took.
    let times = Times::of(&fs::read_to_string(log).unwrap(), |line| {
        line.split('\t').nth(2)?.parse().ok()
    });
    assert_eq!(times.0.len(), CALLS);
    times
}

#[test]
#[ignore = "takes a machine that does nothing else"]
fn the_probed_process_answers_as_before() {
    let network = place().expect("BPF is allowed");
    let directory = directory();
    let server = nghttpd(&network, directory.path(), PORT).expect("there is nghttpd");
    let server = Beside::start(server);
    listening(&network, PORT);
    let (log, secrets) = (
        directory.path().join("calls"),
        directory.path().join("secrets"),
    );
    let measure = |phase: &str| {
        let (handshakes, calls) = (handshakes(&network), calls(&network, &log));
        eprintln!(
            "{phase:<9} handshakes: {}; calls: {}",
            handshakes.told(),
            calls.told()
        );
        [handshakes.share(500), calls.share(500)]
    };
    measure("first");
    for round in 1..=ROUNDS {
        eprintln!("round {round}");
        let before = measure("before");
        thread::scope(|scope| {
            let measuring = scope.spawn(|| measure("attaching"));
            let mut times = 0;
            while !measuring.is_finished() {
                take_keys(server.id(), &secrets).end();
                times += 1;
            }
            eprintln!("{times} times attached and detached");
        });
        let keys = take_keys(server.id(), &secrets);
        let during = measure("during");
        keys.end();
        let after = measure("after");
        for ((before, during), after) in before.into_iter().zip(during).zip(after) {
            let more = during.saturating_sub(before.max(after));
            assert!(
                more <= before / 10 + 100,
                "{more} µs more while it is watched"
            );
        }
    }
    assert!(loaded().is_none_or(|count| count == 0));
}
