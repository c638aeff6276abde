//! Giving up rights once they are no longer needed.

use std::ffi::CString;
use std::io;

use nix::unistd::{User, initgroups, setgid, setuid};

use super::LiveError;

/// Becomes a user, with all of their groups and none of ours, for good: no program that is run from here on gets a
/// right back, whatever its file says.
pub(super) fn become_user(name: &str) -> Result<(), LiveError> {
    let failed = |source: io::Error| LiveError::User {
        user: name.to_owned(),
        source,
    };
    let refused = |error: nix::Error| failed(error.into());
    let missing = || LiveError::NoSuchUser(name.to_owned());
    let user = User::from_name(name)
        .map_err(refused)?
        .ok_or_else(missing)?;
    let c_name = CString::new(name).map_err(|error| failed(io::Error::other(error)))?;
    // Groups first: once we are the user, we may no longer change them.
    initgroups(&c_name, user.gid).map_err(refused)?;
    setgid(user.gid).map_err(refused)?;
    give_up_capabilities().map_err(failed)?;
    setuid(user.uid).map_err(refused)
}

/// Empties the sets from which capabilities come back, and rules out the others (capabilities(7), prctl(2)). Both are of
/// this thread, and of those that it starts.
#[cfg(target_os = "linux")]
fn give_up_capabilities() -> io::Result<()> {
    use rustix::io::Errno;
    use rustix::thread::{
        CapabilitySet, clear_ambient_capability_set, remove_capability_from_bounding_set,
        set_no_new_privs,
    };

    /// How many the kernel can have.
    const CAPABILITIES: u64 = 64;

    for number in 0..CAPABILITIES {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match remove_capability_from_bounding_set(capability) {
            // In a container that may not, the set is small already, and what follows rules all of it out.
            Ok(()) | Err(Errno::PERM) => {}
            // This kernel has no more.
            Err(Errno::INVAL) => break,
            Err(error) => return Err(error.into()),
        }
    }
    match clear_ambient_capability_set() {
        // Kernels before 4.3 have none.
        Ok(()) | Err(Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(set_no_new_privs(true)?)
}

#[cfg(not(target_os = "linux"))]
fn give_up_capabilities() -> io::Result<()> {
    Ok(())
}
