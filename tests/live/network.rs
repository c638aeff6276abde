//! Two hosts and a cable: network namespaces, joined by a veth pair.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{self, JoinHandle};

use nix::sched::{CloneFlags, setns};

pub(crate) const SERVER: SocketAddr =
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, 0, 2)), 50051);

/// The client's end of the cable, where is watched.
pub(crate) const INTERFACE: &str = "h2s0";

/// The server's end of it.
pub(crate) const FAR_INTERFACE: &str = "h2s1";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The two hosts; they go with it.
pub(crate) struct Network {
    client: String,
    server: String,
}

impl Network {
    /// `None` where namespaces are not allowed.
    pub(crate) fn new() -> Option<Self> {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = |side| format!("h2s-{}-{number}-{side}", std::process::id());
        let network = Self {
            client: name("c"),
            server: name("s"),
        };
        if !network.lay() {
            let required = std::env::var("H2SNIFF_REQUIRE_NETNS").is_ok_and(|value| value == "1");
            assert!(
                !required,
                "network namespaces are required, and not allowed"
            );
            eprintln!("not run: network namespaces are not allowed here");
            return None;
        }
        Some(network)
    }

    fn lay(&self) -> bool {
        let Self { client, server } = self;
        let hosts = [
            format!("netns add {client}"),
            format!("netns add {server}"),
            format!("-n {client} link set lo up"),
        ];
        hosts.iter().all(|command| ip(command)) && self.lay_cable()
    }

    fn lay_cable(&self) -> bool {
        let Self { client, server } = self;
        let ends = format!(
            "{INTERFACE} netns {client} type veth peer name {FAR_INTERFACE} netns {server}"
        );
        let commands = [
            format!("link add {ends}"),
            format!("-n {client} address add 10.77.0.1/24 dev {INTERFACE}"),
            format!("-n {server} address add 10.77.0.2/24 dev {FAR_INTERFACE}"),
            format!("-n {client} link set {INTERFACE} up"),
            format!("-n {server} link set {FAR_INTERFACE} up"),
        ];
        commands.iter().all(|command| ip(command))
    }

    /// Takes the cable away.
    pub(crate) fn take_cable_away(&self) {
        let Self { client, .. } = self;
        assert!(ip(&format!("-n {client} link delete {INTERFACE}")));
    }

    /// Lays another cable.
    pub(crate) fn lay_another_cable(&self) {
        assert!(self.lay_cable());
    }

    /// Makes room for frames that no wire carries, as they are captured where segments are put together.
    pub(crate) fn widen_cable(&self) {
        for (side, end) in [(&self.client, INTERFACE), (&self.server, FAR_INTERFACE)] {
            assert!(ip(&format!("-n {side} link set {end} mtu 65535")));
        }
    }

    /// A command on the client's host.
    pub(crate) fn on_client(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.client, program]);
        command
    }

    /// A command on the server's host.
    #[cfg(all(feature = "keys", target_os = "linux"))]
    pub(crate) fn on_server(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.server, program]);
        command
    }

    /// Where the client's host may be entered.
    #[cfg(all(feature = "keys", target_os = "linux"))]
    pub(crate) fn client_path(&self) -> String {
        format!("/run/netns/{}", self.client)
    }

    /// Pulls the cable for a moment.
    pub(crate) fn pull_cable(&self) {
        for state in ["down", "up"] {
            let set = format!("-n {} link set {INTERFACE} {state}", self.client);
            assert!(ip(&set));
        }
    }

    /// A thread on the client's host.
    pub(crate) fn client<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        inside(self.client.clone(), work)
    }

    /// A thread on the server's host.
    pub(crate) fn server<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        inside(self.server.clone(), work)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in [&self.client, &self.server] {
            ip(&format!("netns delete {name}"));
        }
    }
}

fn inside<T: Send + 'static>(
    namespace: String,
    work: impl FnOnce() -> T + Send + 'static,
) -> JoinHandle<T> {
    thread::spawn(move || {
        let file = File::open(format!("/run/netns/{namespace}")).unwrap();
        setns(file, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    })
}

fn ip(arguments: &str) -> bool {
    let status = Command::new("ip")
        .args(arguments.split(' '))
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
