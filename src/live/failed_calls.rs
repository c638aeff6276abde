//! What is known of the latest calls that did not succeed, for lines and counts about many of them.
//!
//! In: each such call, once. Out: what those of an incident have in common.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use h2sniff::inspect::{CallId, MAX_RECENT, Rpc};
use h2sniff::names::Name;
use h2sniff::report::live::CommonTraits;
use rustc_hash::FxHashMap;

/// How long a message is remembered, in bytes.
const MAX_MESSAGE: usize = 200;

/// What is known of one.
#[derive(Clone, Debug)]
pub(super) struct KnownCall {
    pub(super) client: IpAddr,
    pub(super) client_name: Option<Arc<Name>>,
    pub(super) method: Option<Arc<[u8]>>,
    pub(super) message: Option<Box<[u8]>>,
    pub(super) died: bool,
}

/// The latest of them: as many as findings can name.
#[derive(Debug, Default)]
pub(super) struct FailedCalls {
    calls: FxHashMap<CallId, KnownCall>,
    order: VecDeque<CallId>,
}

impl FailedCalls {
    pub(super) fn add(&mut self, client: (IpAddr, Option<&Arc<Name>>), rpc: &Rpc) {
        let (client, client_name) = client;
        let message = rpc.grpc_message.as_deref();
        let call = KnownCall {
            client,
            client_name: client_name.cloned(),
            method: rpc.method.clone(),
            message: message
                .filter(|message| !message.is_empty())
                .map(|message| message.get(..MAX_MESSAGE).unwrap_or(message).into()),
            died: rpc.died(),
        };
        if self.calls.insert(rpc.id, call).is_some() {
            return;
        }
        self.order.push_back(rpc.id);
        if self.order.len() > MAX_RECENT
            && let Some(oldest) = self.order.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }

    pub(super) fn get(&self, call: &CallId) -> Option<&KnownCall> {
        self.calls.get(call)
    }

    /// What most of these calls have in common.
    pub(super) fn common(&self, calls: &[CallId]) -> CommonTraits {
        let known = || calls.iter().filter_map(|call| self.calls.get(call));
        let path = |call: &'_ KnownCall| call.method.clone();
        let methods = known().filter_map(path);
        let messages = known().filter_map(|call| call.message.as_deref());
        let client = most_frequent(known().map(|call| call.client));
        let of_client = |call: &&KnownCall| Some(call.client) == client.map(|(client, _)| client);
        CommonTraits {
            method: most_frequent(methods).map(|(path, others)| (path.to_vec(), others)),
            client_name: known()
                .find(of_client)
                .and_then(|call| call.client_name.clone()),
            client,
            message: most_frequent(messages).map(|(text, others)| (text.to_vec(), others)),
        }
    }
}

/// The most frequent one, the least of those where several are, and how many different others there are.
fn most_frequent<T: Hash + Ord>(all: impl Iterator<Item = T>) -> Option<(T, u64)> {
    let mut counts: FxHashMap<T, u64> = FxHashMap::default();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    let others = (counts.len() as u64).saturating_sub(1);
    let most = counts
        .into_iter()
        .min_by(|(one, count), (other, more)| more.cmp(count).then_with(|| one.cmp(other)));
    most.map(|(one, _)| (one, others))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_is_named_and_the_others_are_counted() {
        assert_eq!(most_frequent(["b", "a", "b", "c"].iter()), Some((&"b", 2)));
        assert_eq!(most_frequent(["b", "a"].iter()), Some((&"a", 1)));
        assert_eq!(most_frequent(std::iter::empty::<u8>()), None);
    }
}
