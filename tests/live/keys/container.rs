//! A server in a container is probed from its host, and from another container of the same node.
//!
//! The containers are runc's, as those of containerd and Docker are: with PIDs, mounts and a root of their own, so that no
//! path of the server means anything outside.

use serde_json::json;

use super::*;

const PORT: u16 = 9455;
const CONNECTIONS: usize = 3;

/// A container, deleted with the test.
struct Container {
    name: String,
    root: PathBuf,
}

impl Container {
    /// Runs a program in a root that has nothing but it, its libraries and some files.
    fn start(
        network: &Network,
        folder: &Path,
        name: &str,
        (program, arguments): (&Path, &[&str]),
        namespaces: &[&str],
        rights: &[&str],
    ) -> Self {
        let root = folder.join("rootfs");
        for directory in ["proc", "sys", "tmp", "data"] {
            fs::create_dir_all(root.join(directory)).unwrap();
        }
        let libraries = Command::new("ldd").arg(program).output().unwrap().stdout;
        let libraries = String::from_utf8(libraries).unwrap();
        let paths = libraries
            .split_whitespace()
            .filter(|word| word.starts_with('/'));
        // Not where it is outside, which may be below what is mounted.
        let started = Path::new("/bin").join(program.file_name().unwrap());
        let copies = paths.map(|path| (Path::new(path), Path::new(path)));
        for (path, inside) in copies.chain([(program, &*started)]) {
            let inside = root.join(inside.strip_prefix("/").unwrap());
            fs::create_dir_all(inside.parent().unwrap()).unwrap();
            fs::copy(path, inside).unwrap();
        }
        let mut namespaces: Vec<_> = namespaces
            .iter()
            .map(|kind| json!({"type": kind}))
            .collect();
        namespaces.push(json!({"type": "network", "path": network.client_path()}));
        let mut words = vec![started.to_str().unwrap()];
        words.extend(arguments);
        let configuration = json!({
            "ociVersion": "1.0.2",
            "root": {"path": "rootfs"},
            "process": {
                "user": {"uid": 0, "gid": 0},
                "cwd": "/",
                "args": words,
                "env": [],
                "capabilities": {"bounding": rights, "effective": rights, "permitted": rights},
                "noNewPrivileges": true,
            },
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/sys", "type": "none", "source": "/sys", "options": ["rbind", "ro"]},
                {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs"},
            ],
            "linux": {"namespaces": namespaces},
        });
        fs::write(folder.join("config.json"), configuration.to_string()).unwrap();
        let name = format!("{name}-{}", std::process::id());
        let said = fs::File::create(folder.join("said")).unwrap();
        let started = Command::new("runc")
            .args(["run", "--detach", "--bundle"])
            .arg(folder)
            .arg(&name)
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said)
            .status();
        let said = fs::read_to_string(folder.join("said")).unwrap();
        assert!(started.unwrap().success(), "{said}");
        Self { name, root }
    }

    /// The number that its process has on the host.
    fn process(&self) -> u32 {
        let state = Command::new("runc").args(["state", &self.name]).output();
        let state: serde_json::Value = serde_json::from_slice(&state.unwrap().stdout).unwrap();
        u32::try_from(state["pid"].as_u64().unwrap()).unwrap()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = Command::new("runc")
            .args(["delete", "--force", &self.name])
            .status();
    }
}

/// A server in a container, and the number of its process on the host.
fn server(network: &Network, folder: &Path) -> (Container, u32) {
    let data = folder.join("rootfs/data");
    fs::create_dir_all(&data).unwrap();
    certificate(&data);
    let found = Command::new("sh")
        .args(["-c", "command -v nghttpd"])
        .output();
    let program = String::from_utf8(found.unwrap().stdout).unwrap();
    let port = PORT.to_string();
    let arguments = [&port, "/data/key", "/data/certificate"];
    let container = Container::start(
        network,
        folder,
        "h2sniff-server",
        (Path::new(program.trim()), &arguments),
        &["pid", "mount", "ipc", "uts"],
        &[],
    );
    let process = container.process();
    listening(network, PORT);
    let own = fs::read_link(format!("/proc/{process}/ns/pid")).unwrap();
    assert_ne!(own, fs::read_link("/proc/self/ns/pid").unwrap());
    (container, process)
}

fn call(network: &Network) {
    let connections = CONNECTIONS.to_string();
    let done = network
        .on_client("h2load")
        .args(["-n", &connections, "-c", &connections])
        .arg(format!("https://localhost:{PORT}/"))
        .output();
    assert!(done.unwrap().status.success());
    thread::sleep(Duration::from_millis(500));
}

fn handshakes_in(secrets: &Path) -> usize {
    let text = fs::read_to_string(secrets).unwrap();
    let of_server = text
        .lines()
        .filter(|line| line.starts_with("SERVER_TRAFFIC_SECRET_0 "));
    of_server.count()
}

#[test]
fn a_server_in_a_container_is_probed_from_the_host() {
    let Some(network) = place() else { return };
    if !has("runc", "--version") || !has("nghttpd", "--version") || !has("h2load", "--version") {
        return;
    }
    let directory = directory();
    let (_container, process) = server(&network, directory.path());
    let listed = Command::new(H2SNIFF).args(["keys", "--list"]).output();
    let listed = String::from_utf8(listed.unwrap().stdout).unwrap();
    let line = listed
        .lines()
        .find(|line| line.starts_with(&format!("{process} ")));
    let line = line.unwrap();
    assert!(line.contains("nghttpd: yes: OpenSSL in /"), "{line}");
    let secrets = directory.path().join("secrets");
    let keys = take_keys(process, &secrets);
    call(&network);
    keys.end();
    assert_eq!(handshakes_in(&secrets), CONNECTIONS);
}

/// Waits until a file holds some words so many times.
fn wait_for(file: &Path, words: &str, times: usize) {
    let end = Instant::now() + PATIENCE;
    loop {
        let text = fs::read_to_string(file).unwrap_or_default();
        if text.matches(words).count() >= times {
            return;
        }
        assert!(Instant::now() < end, "{words}: {text}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_server_in_a_container_is_probed_from_another_on_its_node() {
    let Some(network) = place() else { return };
    if !has("runc", "--version") || !has("nghttpd", "--version") || !has("h2load", "--version") {
        return;
    }
    let directory = directory();
    let (_container, process) = server(&network, directory.path());
    let number = process.to_string();
    // No PIDs of its own: a pod with hostPID, and with hostNetwork as the server has it.
    let agent = |name: &str, arguments: &[&str], rights: &[&str]| {
        let folder = crate::watcher::directory();
        let agent = Container::start(
            &network,
            folder.path(),
            name,
            (Path::new(H2SNIFF), arguments),
            &["mount", "ipc", "uts"],
            rights,
        );
        wait_for(&folder.path().join("said"), "takes secrets of", 1);
        (folder, agent)
    };
    let (_folder, keys) = agent(
        "h2sniff-keys",
        &["keys", &number, "-o", "/data/secrets"],
        &["CAP_SYS_ADMIN", "CAP_SYS_PTRACE"],
    );
    let options = ["live", "-i", "lo", "--events", "all", "--format", "json"];
    let output = ["-o", "/data/events", "--tls-keys", &number];
    let (_folder, live) = agent(
        "h2sniff-live",
        &[&options[..], &output].concat(),
        &["CAP_SYS_ADMIN", "CAP_SYS_PTRACE", "CAP_NET_RAW"],
    );
    call(&network);
    assert_eq!(handshakes_in(&keys.root.join("data/secrets")), CONNECTIONS);
    let events = live.root.join("data/events");
    wait_for(&events, "\"transport\":\"h2\"", CONNECTIONS);
}
