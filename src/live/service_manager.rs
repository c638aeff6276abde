//! What systemd is told where it started the program: that it is ready, that it still works, that it stops.
//!
//! In: the variables that it sets, and moments. Out: datagrams to its socket (sd_notify(3), sd_watchdog_enabled(3)).
//! Started by anything else it says nothing.

use std::env;
use std::ffi::OsString;
use std::os::unix::net::UnixDatagram;
use std::process;
use std::time::{Duration, Instant};

/// The service manager, if there is one.
#[derive(Debug, Default)]
pub(super) struct ServiceManager {
    socket: Option<(UnixDatagram, OsString)>,
    /// How often it wants to hear that the program works.
    watchdog: Option<Duration>,
    told: Option<Instant>,
}

impl ServiceManager {
    /// The one that the environment names.
    pub(super) fn of_environment() -> Self {
        let socket = env::var_os("NOTIFY_SOCKET").and_then(|path| {
            let socket = UnixDatagram::unbound().ok()?;
            // Nobody waits for it.
            socket.set_nonblocking(true).ok()?;
            Some((socket, path))
        });
        let number = |name: &str| env::var(name).ok()?.parse::<u64>().ok();
        let ours = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(process::id()));
        let period = number("WATCHDOG_USEC").filter(|_| ours && socket.is_some());
        Self {
            socket,
            // Half of it, as sd_watchdog_enabled(3) asks for.
            watchdog: period.map(|period| Duration::from_micros(period / 2)),
            told: None,
        }
    }

    pub(super) fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    pub(super) fn stopping(&self, within: Duration) {
        let microseconds = within.as_micros();
        self.tell(&format!(
            "STOPPING=1\nEXTEND_TIMEOUT_USEC={microseconds}\nSTATUS=writing the report"
        ));
    }

    /// The program works as of `now`.
    pub(super) fn works(&mut self, now: Instant) {
        let Some(every) = self.watchdog else { return };
        if self.told.is_none_or(|told| now >= told + every) {
            self.told = Some(now);
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, text: &str) {
        let Some((socket, path)) = &self.socket else {
            return;
        };
        // It may be gone; there is nobody else to tell.
        let _ = send(socket, path, text);
    }
}

#[cfg(target_os = "linux")]
fn send(socket: &UnixDatagram, path: &OsString, text: &str) -> std::io::Result<usize> {
    use std::os::linux::net::SocketAddrExt as _;
    use std::os::unix::ffi::OsStrExt as _;
    use std::os::unix::net::SocketAddr;

    match path.as_bytes().split_first() {
        Some((b'@', name)) => {
            let address = SocketAddr::from_abstract_name(name)?;
            socket.send_to_addr(text.as_bytes(), &address)
        }
        _ => socket.send_to(text.as_bytes(), path),
    }
}

#[cfg(not(target_os = "linux"))]
fn send(socket: &UnixDatagram, path: &OsString, text: &str) -> std::io::Result<usize> {
    socket.send_to(text.as_bytes(), path)
}

#[cfg(test)]
mod tests {
    use super::super::clock::clock;
    use super::*;

    #[test]
    fn it_is_told_at_half_the_period() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        manager.set_nonblocking(true).unwrap();
        let mut told = ServiceManager {
            socket: Some((UnixDatagram::unbound().unwrap(), path.into_os_string())),
            watchdog: Some(Duration::from_secs(5)),
            told: None,
        };
        let heard = || {
            let mut text = [0; 200];
            let length = manager.recv(&mut text).ok()?;
            String::from_utf8(text[..length].to_vec()).ok()
        };
        told.ready("listening on eth0");
        assert_eq!(
            heard().as_deref(),
            Some("READY=1\nSTATUS=listening on eth0")
        );
        let now = clock();
        for second in 0..12 {
            told.works(now + Duration::from_secs(second));
        }
        let watchdog = (0..).map_while(|_| heard()).collect::<Vec<_>>();
        assert_eq!(watchdog, ["WATCHDOG=1"; 3]);
    }
}
