//! Giving up rights once they are no longer needed.

use std::ffi::CString;
use std::io;

use nix::unistd::{User, initgroups, setgid, setuid};

use super::LiveError;

/// Becomes a user, with all of their groups and none of ours, for good.
pub(super) fn become_user(name: &str) -> Result<(), LiveError> {
    let failed = |error: nix::Error| LiveError::User {
        user: name.to_owned(),
        source: error.into(),
    };
    let missing = || LiveError::NoSuchUser(name.to_owned());
    let user = User::from_name(name).map_err(failed)?.ok_or_else(missing)?;
    let c_name = CString::new(name).map_err(|error| LiveError::User {
        user: name.to_owned(),
        source: io::Error::other(error),
    })?;
    // Groups first: once we are the user, we may no longer change them.
    initgroups(&c_name, user.gid).map_err(failed)?;
    setgid(user.gid).map_err(failed)?;
    setuid(user.uid).map_err(failed)
}
