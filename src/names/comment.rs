//! Packet comments as ptcpdump writes them: the process, container and pod of the local end.
//!
//! ```text
//! PID: 4711
//! Cmd: /usr/bin/orders
//! Args: orders --port 50051
//! ```
//! ```text
//! ContainerName: orders
//! ContainerId: …
//! ```
//! ```text
//! PodName: orders-7d9f8-x2x
//! PodNamespace: shop
//! PodUID: …
//! ```

use std::net::SocketAddr;

use super::name::{Name, NameSource, printable};
use crate::capture::{PacketOptions, PacketWay};

/// The longest comment that is read, in bytes: what counts stands in its first lines.
const MAX_COMMENT: usize = 8 << 10;

/// A socket that a packet's comments are about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CommentedSocket {
    /// The local end: the sender of what went out, the receiver of what came in.
    pub address: SocketAddr,
    /// Whose it is.
    pub name: Name,
}

impl CommentedSocket {
    /// What a packet's comments say of its sender or its receiver; `None` where they name nobody, or the packet does not say
    /// which way it went.
    #[must_use]
    pub fn of(
        options: PacketOptions<'_>,
        source: SocketAddr,
        destination: SocketAddr,
    ) -> Option<Self> {
        let address = match options.way()? {
            PacketWay::Inbound => destination,
            PacketWay::Outbound => source,
        };
        let mut name = Name::of(NameSource::PacketComment);
        for comment in options.comments() {
            let comment = comment.get(..MAX_COMMENT).unwrap_or(comment);
            read(&String::from_utf8_lossy(comment), &mut name);
        }
        let known = name != Name::of(NameSource::PacketComment);
        known.then_some(Self { address, name })
    }
}

fn read(comment: &str, name: &mut Name) {
    for line in comment.lines() {
        let Some((key, value)) = line.split_once(": ") else {
            continue;
        };
        match key {
            "PodName" => name.pod = printable(value),
            "PodNamespace" => name.namespace = printable(value),
            "ContainerName" => name.container = printable(value),
            "Cmd" => name.process = printable(value.rsplit('/').next().unwrap_or(value)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_the_process_the_container_and_the_pod() {
        let mut name = Name::of(NameSource::PacketComment);
        read(
            "PID: 4711\nCmd: /usr/bin/orders\nArgs: orders --port 1",
            &mut name,
        );
        read(
            "ContainerName: main\nContainerId: 0a\nContainerLabels: {}",
            &mut name,
        );
        read(
            "PodName: orders-1\nPodNamespace: shop\nPodUID: x\nPodLabels: {\"a\":\"PodName: b\"}",
            &mut name,
        );
        assert_eq!(name.process.as_deref(), Some("orders"));
        assert_eq!(name.container.as_deref(), Some("main"));
        assert_eq!(name.label(), "shop/orders-1");
    }

    #[test]
    fn other_comments_name_nobody() {
        let mut name = Name::of(NameSource::PacketComment);
        read(
            "opens 0:5: refused\nParentCmd: /bin/sh\nPodName:x",
            &mut name,
        );
        assert_eq!(name, Name::of(NameSource::PacketComment));
    }
}
