//! Calls of which all is known but the status, while that may still be inferred.
//!
//! In: calls that are over, as they were judged. Out: each once its status is inferred, or once it will not be.

use std::collections::BTreeMap;

use crate::inspect::stream::Stream;
use crate::inspect::stream::verdict::VerdictDetails;

/// How many calls of a connection wait; of more, those opened first stay unknown.
const MAX_WAITING: usize = 16_384;

/// A call that is over, and what became of it.
pub(super) type WaitingCall = (Box<Stream>, VerdictDetails);

/// Calls whose status may still be inferred.
#[derive(Clone, Debug, Default)]
pub(super) struct AwaitingStatus {
    /// Whether statuses are being inferred.
    pub(super) open: bool,
    calls: BTreeMap<u32, WaitingCall>,
}

impl AwaitingStatus {
    /// A call waits; gives the one that has to make room for it.
    pub(super) fn push(&mut self, id: u32, call: WaitingCall) -> Option<(u32, WaitingCall)> {
        self.calls.insert(id, call);
        let full = self.calls.len() > MAX_WAITING;
        full.then(|| self.pop()).flatten()
    }

    /// The call that was opened first.
    pub(super) fn pop(&mut self) -> Option<(u32, WaitingCall)> {
        self.calls.pop_first()
    }

    /// A call whose status was inferred, if it waits.
    pub(super) fn take(&mut self, id: u32) -> Option<WaitingCall> {
        self.calls.remove(&id)
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.calls.len()
    }
}
