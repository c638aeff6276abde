//! The one place that knows names: it is asked for an address at a moment.

use std::io::{self, BufRead, Read as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::comment::CommentedSocket;
use super::hosts;
use super::kubernetes::{Cluster, ClusterChange, NamedObject, ObjectStream, StreamedPart};
use super::name::{Name, NameSource};
use crate::capture::{TimeDelta, Timestamp};

/// How long before the first packet with a comment its connection may have begun: the program that writes comments knows
/// a process only some packets later.
const COMMENTED_LATE: TimeDelta = TimeDelta::from_secs(5);

/// How many addresses of hosts files, and of captures, have a name.
const MAX_HOSTS: usize = 1 << 16;

/// How many sockets have a name by packets' comments.
const MAX_SOCKETS: usize = 1 << 16;

/// How many have had the same socket, one after the other.
const MAX_HOLDERS: usize = 64;

/// The longest line of a hosts file that is read.
const MAX_LINE: u64 = 64 << 10;

/// Who has which address, from when until when.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    hosts: FxHashMap<IpAddr, Name>,
    /// The objects of Kubernetes.
    pub cluster: Cluster,
    sockets: FxHashMap<SocketAddr, Vec<SocketHolder>>,
    resolved: FxHashMap<IpAddr, Name>,
}

/// What a file of names had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamesRead {
    /// How many entries or objects.
    pub entries: u64,
    /// Whether it ends in the middle of an object, as a watch that was stopped does.
    pub is_cut: bool,
}

/// Why a file of names cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NamesFileError {
    /// It cannot be read, or its JSON is none.
    #[error("{0}")]
    Unreadable(#[from] io::Error),
    /// Nothing in it names an address.
    #[error("it names no address")]
    Empty,
    /// It is what kubectl writes with `-o yaml`.
    #[error("it is YAML")]
    Yaml,
}

impl Directory {
    /// Whether it knows nobody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hosts.is_empty()
            && self.sockets.is_empty()
            && self.resolved.is_empty()
            && self.cluster.is_empty()
    }

    /// Reads a hosts file, or what kubectl writes with `-o json`: lists, objects, and watches with `--output-watch-events`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or names nobody. What was read before is known all the same.
    pub fn read(&mut self, mut file: impl BufRead) -> Result<NamesRead, NamesFileError> {
        let begins = file.fill_buf()?;
        let begins = begins.trim_ascii_start();
        let read = if begins.starts_with(b"{") {
            self.read_objects(file)?
        } else if begins.starts_with(b"apiVersion:") || begins.starts_with(b"---") {
            return Err(NamesFileError::Yaml);
        } else {
            self.read_hosts(file)?
        };
        match read.entries {
            0 => Err(NamesFileError::Empty),
            _ => Ok(read),
        }
    }

    fn read_objects(&mut self, file: impl BufRead) -> io::Result<NamesRead> {
        let mut read = NamesRead::default();
        let mut stream = ObjectStream::new(file);
        let cluster = &mut self.cluster;
        loop {
            let next = stream.next(&mut |part| {
                let (is_gone, object) = match part {
                    StreamedPart::Object(object) => (false, object),
                    StreamedPart::Event(kind, object) => (kind == "DELETED", object),
                    StreamedPart::ListEnd { .. } => return,
                };
                if let Some(object) = NamedObject::of(&object) {
                    read.entries += 1;
                    cluster.apply(match is_gone {
                        true => ClusterChange::Gone(object, None),
                        false => ClusterChange::Exists(object),
                    });
                }
            });
            match next {
                Ok(true) => {}
                Ok(false) => return Ok(read),
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && read.entries > 0 => {
                    read.is_cut = true;
                    return Ok(read);
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn read_hosts(&mut self, mut file: impl BufRead) -> io::Result<NamesRead> {
        let mut read = NamesRead::default();
        let mut line = Vec::new();
        loop {
            line.clear();
            if file.by_ref().take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
                return Ok(read);
            }
            let line = String::from_utf8_lossy(&line);
            let Some((address, name)) = hosts::entry(&line) else {
                continue;
            };
            let Some(name) = Name::of_host(NameSource::Hosts, name) else {
                continue;
            };
            read.entries += 1;
            if self.hosts.len() < MAX_HOSTS {
                self.hosts.entry(address).or_insert(name);
            }
        }
    }

    /// A name resolution block of a capture names an address, for as long as the capture goes on.
    pub fn resolve(&mut self, address: IpAddr, name: &str) {
        let name = Name::of_host(NameSource::NameResolution, name);
        if let Some(name) = name.filter(|_| self.resolved.len() < MAX_HOSTS) {
            self.resolved.entry(address).or_insert(name);
        }
    }

    /// A packet of this moment has comments about one of its ends.
    pub fn hear(&mut self, socket: CommentedSocket, at: Timestamp) {
        let has_room = self.sockets.len() < MAX_SOCKETS;
        let holders = match self.sockets.get_mut(&socket.address) {
            Some(holders) => holders,
            None if has_room => self.sockets.entry(socket.address).or_default(),
            None => return,
        };
        let mut from = at - COMMENTED_LATE;
        if let Some(last) = holders.last_mut() {
            if last.name == socket.name {
                last.heard_last = last.heard_last.max(at);
                return;
            }
            from = from.max(last.heard_last);
        }
        if holders.len() < MAX_HOLDERS {
            holders.push(SocketHolder {
                from,
                heard_last: at,
                name: socket.name,
            });
        }
    }

    /// Who had an address at a moment: by the most believed source that says it, with what the others know beside it.
    #[must_use]
    pub fn name_of(&self, address: SocketAddr, at: Timestamp) -> Option<Arc<Name>> {
        let mut known: Option<Name> = None;
        for source in NameSource::ALL {
            let name = match source {
                NameSource::Hosts => self.hosts.get(&address.ip()).cloned(),
                NameSource::Kubernetes => self.cluster.name_of(address, at),
                NameSource::PacketComment => {
                    let holders = self.sockets.get(&address).map_or(&[][..], Vec::as_slice);
                    let holder = holders.iter().rev().find(|holder| holder.from <= at);
                    holder.map(|holder| holder.name.clone())
                }
                NameSource::NameResolution => self.resolved.get(&address.ip()).cloned(),
            };
            match (&mut known, name) {
                (Some(known), Some(name)) => known.complete(&name),
                (None, name) => known = name,
                (Some(_), None) => {}
            }
        }
        known.map(Arc::new)
    }
}

/// Who had a socket, as far as packets' comments tell.
#[derive(Clone, Debug)]
struct SocketHolder {
    from: Timestamp,
    heard_last: Timestamp,
    name: Name,
}
