//! Names of a cluster while a capture goes on.
//!
//! In: what watches of API servers tell. Out: a [`Directory`] that follows. The analysis takes what has come, and never waits.

use h2sniff::names::Directory;

use super::output::EventWriter;
use crate::cli::NamesArgs;
#[cfg(feature = "names")]
use crate::kubernetes::{ClusterWatch, WatchedChange};

/// How many changes are taken between two batches of packets: some milliseconds of work.
#[cfg(feature = "names")]
const MAX_AT_ONCE: usize = 1_000;

/// The watches.
#[derive(Debug, Default)]
pub(super) struct ClusterNames {
    #[cfg(feature = "names")]
    watches: Vec<ClusterWatch>,
}

impl ClusterNames {
    /// Begins to watch the API servers that were named.
    #[cfg(feature = "names")]
    pub(super) fn watch(names: &NamesArgs) -> anyhow::Result<Self> {
        let watches = names.servers().map(ClusterWatch::begin);
        let watches = watches.collect::<Result<_, _>>()?;
        Ok(Self { watches })
    }

    /// No program without the client watches.
    #[cfg(not(feature = "names"))]
    #[expect(clippy::unnecessary_wraps, reason = "with the client it may fail")]
    pub(super) fn watch(_: &NamesArgs) -> anyhow::Result<Self> {
        Ok(Self::default())
    }

    /// Takes what was told since the last time.
    #[cfg(feature = "names")]
    pub(super) fn take(&self, directory: &mut Directory, events: &mut EventWriter) {
        for change in self
            .watches
            .iter()
            .flat_map(|watch| watch.take(MAX_AT_ONCE))
        {
            match change {
                WatchedChange::Change(change) => directory.cluster.apply(*change),
                WatchedChange::Lost(error) => {
                    events.warn(&format!("{error}; names may be missing until it answers"));
                }
                WatchedChange::Back(resource) => {
                    events.note(&format!("the API server tells of {resource} again"));
                }
            }
        }
    }

    /// There is nothing to take.
    #[cfg(not(feature = "names"))]
    #[expect(clippy::unused_self, reason = "with the client there is something")]
    pub(super) const fn take(&self, _: &mut Directory, _: &mut EventWriter) {}
}
