//! What changes in a cluster, for as long as somebody takes it.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use h2sniff::names::{ClusterChange, ObjectKind};

use super::KubernetesError;
use super::api::{ApiServer, KINDS, Told, called};
use crate::backoff::Backoff;

/// How many changes wait to be taken; beyond that the server waits.
const MAX_WAITING: usize = 1_024;

/// How long it waits before it asks again: first, and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// What a watch tells.
#[derive(Debug)]
pub(crate) enum WatchedChange {
    /// Names changed.
    Change(Box<ClusterChange>),
    /// The server could not be asked; it is asked again.
    Lost(String),
    /// The server can be asked again.
    Back(&'static str),
}

/// A watch that goes on.
#[derive(Debug)]
pub(crate) struct ClusterWatch {
    changes: Receiver<WatchedChange>,
}

impl ClusterWatch {
    /// Begins to watch. The threads end when nobody takes what they tell any more.
    pub(crate) fn begin(server: &str) -> Result<Self, KubernetesError> {
        let (sender, changes) = sync_channel(MAX_WAITING);
        for kind in KINDS {
            let server = ApiServer::open(server)?;
            let sender = sender.clone();
            let thread = thread::Builder::new().name("names".to_owned());
            let begun = thread.spawn(move || follow(&server, kind, &sender));
            begun.map_err(|source| KubernetesError::Answer {
                resource: called(kind),
                source,
            })?;
        }
        Ok(Self { changes })
    }

    /// What was told since the last time, so much of it at most; it never waits.
    pub(crate) fn take(&self, most: usize) -> impl Iterator<Item = WatchedChange> {
        self.changes.try_iter().take(most)
    }
}

/// Lists and watches a kind.
fn follow(server: &ApiServer, kind: ObjectKind, sender: &SyncSender<WatchedChange>) {
    let mut version: Option<String> = None;
    let afresh = Backoff::between(FIRST_WAIT, LONGEST_WAIT);
    let mut backoff = afresh.clone();
    let mut is_lost = false;
    let mut sink = |change| sender.send(WatchedChange::Change(Box::new(change))).is_ok();
    loop {
        let listed = version.is_some();
        let told = match &mut version {
            None => server.list(kind, &mut sink),
            Some(version) => server.watch(kind, version, &mut sink),
        };
        match told {
            Ok(Told::Enough) => return,
            Ok(Told::UntilEnd(last)) => {
                version = Some(last);
                backoff = afresh.clone();
                if std::mem::take(&mut is_lost)
                    && sender.send(WatchedChange::Back(called(kind))).is_err()
                {
                    return;
                }
                if !listed {
                    continue;
                }
            }
            Err(error) if error.is_gone() => version = None,
            Err(error) => {
                let first = !std::mem::replace(&mut is_lost, true);
                if first && sender.send(WatchedChange::Lost(words(&error))).is_err() {
                    return;
                }
                thread::sleep(backoff.wait(None));
                continue;
            }
        }
        thread::sleep(FIRST_WAIT);
    }
}

/// An error with its causes.
fn words(error: &KubernetesError) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push_str(&format!(": {error}"));
        cause = error.source();
    }
    if let Some(hint) = error.hint() {
        words.push_str(&format!(" ({hint})"));
    }
    words
}
