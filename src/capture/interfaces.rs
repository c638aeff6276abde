//! What can be captured on this machine, as libpcap says.

use std::io;
use std::net::IpAddr;

/// A network interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// The name that `-i` takes.
    pub name: String,
    /// What the system calls it; empty where it does not.
    pub description: String,
    /// Whether it is up.
    pub is_up: bool,
    /// Its addresses.
    pub addresses: Vec<IpAddr>,
}

/// The interfaces that this process may capture on.
///
/// # Errors
///
/// What libpcap says, where it cannot list them.
pub fn interfaces() -> io::Result<Vec<Device>> {
    let devices = pcap::Device::list().map_err(io::Error::other)?;
    let described = devices.into_iter().map(|device| Device {
        is_up: device.flags.is_up(),
        addresses: device
            .addresses
            .iter()
            .map(|address| address.addr)
            .collect(),
        description: device.desc.unwrap_or_default(),
        name: device.name,
    });
    Ok(described.collect())
}
