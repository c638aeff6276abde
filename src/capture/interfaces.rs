//! What can be captured.

use pcap::Device;

use super::CaptureError;

/// A network interface that libpcap can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InterfaceInfo {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Whether it is up.
    pub up: bool,
    /// Its addresses.
    pub addresses: Vec<String>,
    /// What libpcap says of it, such as `Pseudo-device that captures on all interfaces`.
    pub description: Option<String>,
}

/// All interfaces that libpcap knows.
///
/// # Errors
/// If the operating system does not tell.
pub fn interfaces() -> Result<Vec<InterfaceInfo>, CaptureError> {
    let devices = Device::list().map_err(|error| CaptureError::NoInterfaces {
        detail: super::live::words(&error),
    })?;
    let interfaces = devices.into_iter().map(|device| InterfaceInfo {
        up: device.flags.is_up(),
        addresses: device
            .addresses
            .iter()
            .map(|address| address.addr.to_string())
            .collect(),
        name: device.name,
        description: device.desc,
    });
    Ok(interfaces.collect())
}
