//! `keys`: what its options mean.

use std::io::{Write as _, stdout};

use super::CommandOutcome;
use crate::cli::KeysArgs;
use crate::keys;

pub(crate) fn take_keys(options: &KeysArgs) -> anyhow::Result<CommandOutcome> {
    if options.list {
        let mut out = stdout().lock();
        keys::list(&mut out)?;
        out.flush()?;
    } else {
        keys::follow(&options.targets, options.file(), options.duration)?;
    }
    Ok(CommandOutcome::Success)
}
