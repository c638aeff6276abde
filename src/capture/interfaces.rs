//! What can be captured on this machine, as libpcap says.

use std::io;
use std::net::IpAddr;

/// A network interface that libpcap can capture on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// The name by which it is opened, such as `eth0`.
    pub name: String,
    /// What the system calls it; empty where it does not.
    pub description: String,
    /// Whether the system has it up (`IFF_UP`).
    pub is_up: bool,
    /// Its IPv4 and IPv6 addresses.
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
