//! What is known of a cluster: which of its objects had which address, from when until when.
//!
//! A pod on its node's network has no address of its own: it is named at the ports that it declares, and the node at all
//! others.

use std::collections::VecDeque;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::objects::{
    NamedObject, ObjectHead, ObjectKey, ObjectKind, ParsedObject, Pod, Service, Slice,
};
use crate::capture::Timestamp;
use crate::names::lifetime::{Lifetime, holder};
use crate::names::name::{Name, NameSource};

/// How many objects are kept: the largest cluster that Kubernetes supports has 150,000 pods.
const MAX_OBJECTS: usize = 1 << 18;

/// How many of them are kept that are gone: of a watch that goes on for long the latest.
const MAX_GONE: usize = 1 << 14;

/// How many names one node's address is known by.
const MAX_NODE_NAMES: usize = 16;

/// What changed in a cluster.
#[derive(Clone, Debug)]
pub enum ClusterChange {
    /// All objects of a kind come next, as they are now.
    ListBegin(ObjectKind),
    /// An object exists, as it is now.
    Exists(NamedObject),
    /// An object is gone, by its last state and as of a moment; without one it is the state that says when it ended.
    Gone(NamedObject, Option<Timestamp>),
    /// All objects of a kind have come as of a moment: others are gone.
    ListEnd(ObjectKind, Timestamp),
}

/// The objects of a cluster by their addresses.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    pods: FxHashMap<ObjectKey, Pod>,
    services: FxHashMap<ObjectKey, Service>,
    slices: FxHashMap<ObjectKey, Slice>,
    pods_by_address: ObjectIndex<IpAddr>,
    pods_by_host_socket: ObjectIndex<SocketAddr>,
    services_by_address: ObjectIndex<IpAddr>,
    services_by_namespace: ObjectIndex<Option<Arc<str>>>,
    slices_by_address: ObjectIndex<IpAddr>,
    slices_by_pod: ObjectIndex<(Option<Arc<str>>, Arc<str>)>,
    nodes: FxHashMap<IpAddr, Vec<(Lifetime, Arc<str>)>>,
    /// Of lists that are not complete yet, what they have so far.
    listed: FxHashMap<ObjectKind, FxHashSet<ObjectKey>>,
    gone: VecDeque<(ObjectKind, ObjectKey)>,
    left_out: u64,
}

impl Cluster {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0 && self.nodes.is_empty()
    }

    /// How many objects are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pods.len() + self.services.len() + self.slices.len()
    }

    /// How many objects there was no room for.
    #[must_use]
    pub const fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Takes what changed.
    pub fn apply(&mut self, change: ClusterChange) {
        match change {
            ClusterChange::ListBegin(kind) => self.begin_list(kind),
            ClusterChange::Exists(object) => self.add(object),
            ClusterChange::Gone(object, at) => self.remove(object, at),
            ClusterChange::ListEnd(kind, at) => self.end_list(kind, at),
        }
    }

    fn add(&mut self, object: NamedObject) {
        let kind = object.kind();
        let key = &object.head().key;
        if let Some(listed) = self.listed.get_mut(&kind) {
            listed.insert(key.clone());
        }
        let is_known = match kind {
            ObjectKind::Pod => self.pods.contains_key(key),
            ObjectKind::Service => self.services.contains_key(key),
            ObjectKind::EndpointSlice => self.slices.contains_key(key),
            ObjectKind::Node => true,
        };
        if !is_known && self.len() >= MAX_OBJECTS {
            self.left_out += 1;
            return;
        }
        match object.0 {
            ParsedObject::Pod(pod) => self.add_pod(pod),
            ParsedObject::Service(service) => self.add_service(service),
            ParsedObject::Slice(slice) => self.add_slice(slice),
            ParsedObject::Node(head, addresses) => {
                let life = Lifetime {
                    from_is_exact: true,
                    ..head.life
                };
                for address in addresses {
                    self.add_node(address, &head.name, life);
                }
            }
        }
    }

    fn remove(&mut self, object: NamedObject, at: Option<Timestamp>) {
        let kind = object.kind();
        let ObjectHead {
            key,
            name,
            life,
            finished,
            deleted,
            ..
        } = object.head().clone();
        self.add(object);
        let at = match at {
            Some(at) => Some(finished.map_or(at, |finished| finished.min(at))),
            None => finished.max(deleted).or(life.from),
        };
        if let Some(at) = at {
            self.end(kind, &key, at);
        }
        if kind == ObjectKind::Node {
            let names = self.nodes.values_mut().flatten();
            for (life, _) in names.filter(|(life, known)| *known == name && life.until.is_none()) {
                life.until = at;
            }
        }
    }

    fn begin_list(&mut self, kind: ObjectKind) {
        self.listed.insert(kind, FxHashSet::default());
    }

    fn end_list(&mut self, kind: ObjectKind, at: Timestamp) {
        let Some(listed) = self.listed.remove(&kind) else {
            return;
        };
        let known: Vec<_> = match kind {
            ObjectKind::Pod => self.pods.keys().cloned().collect(),
            ObjectKind::Service => self.services.keys().cloned().collect(),
            ObjectKind::EndpointSlice => self.slices.keys().cloned().collect(),
            ObjectKind::Node => Vec::new(),
        };
        for key in known.iter().filter(|key| !listed.contains(*key)) {
            self.end(kind, key, at);
        }
    }

    fn end(&mut self, kind: ObjectKind, key: &ObjectKey, at: Timestamp) {
        let head = match kind {
            ObjectKind::Pod => self.pods.get_mut(key).map(|pod| &mut pod.head),
            ObjectKind::Service => self.services.get_mut(key).map(|one| &mut one.head),
            ObjectKind::EndpointSlice => return self.forget_slice(key),
            ObjectKind::Node => None,
        };
        let Some(head) = head.filter(|head| !head.is_gone) else {
            return;
        };
        head.is_gone = true;
        head.life.until = Some(head.life.until.map_or(at, |until| until.min(at)));
        self.gone.push_back((kind, key.clone()));
        while self.gone.len() > MAX_GONE {
            match self.gone.pop_front() {
                Some((ObjectKind::Pod, key)) => self.forget_pod(&key),
                Some((ObjectKind::Service, key)) => self.forget_service(&key),
                _ => {}
            }
        }
    }

    fn add_pod(&mut self, mut pod: Pod) {
        let key = pod.head.key.clone();
        if let Some(before) = self.pods.get(&key) {
            if pod.addresses.is_empty() {
                // What it had it had until now.
                pod.addresses.clone_from(&before.addresses);
            }
            self.forget_pod(&key);
        }
        for address in &pod.addresses {
            self.pods_by_address.add(*address, &key);
        }
        for socket in &pod.host_sockets {
            self.pods_by_host_socket.add(*socket, &key);
        }
        if let Some(node) = pod.node.clone() {
            for address in pod.host_addresses.clone() {
                let life = Lifetime {
                    until: None,
                    ..pod.head.life
                };
                self.add_node(address, &node, life);
            }
        }
        self.pods.insert(key, pod);
    }

    fn forget_pod(&mut self, key: &ObjectKey) {
        let Some(pod) = self.pods.remove(key) else {
            return;
        };
        for address in &pod.addresses {
            self.pods_by_address.remove(address, key);
        }
        for socket in &pod.host_sockets {
            self.pods_by_host_socket.remove(socket, key);
        }
    }

    fn add_service(&mut self, service: Service) {
        let key = service.head.key.clone();
        self.forget_service(&key);
        for address in &service.addresses {
            self.services_by_address.add(*address, &key);
        }
        self.services_by_namespace
            .add(service.head.namespace.clone(), &key);
        self.services.insert(key, service);
    }

    fn forget_service(&mut self, key: &ObjectKey) {
        let Some(service) = self.services.remove(key) else {
            return;
        };
        for address in &service.addresses {
            self.services_by_address.remove(address, key);
        }
        self.services_by_namespace
            .remove(&service.head.namespace, key);
    }

    fn add_slice(&mut self, slice: Slice) {
        let key = slice.head.key.clone();
        self.forget_slice(&key);
        for endpoint in &slice.endpoints {
            self.slices_by_address.add(endpoint.address, &key);
            if let Some(pod) = &endpoint.pod {
                let pod = (slice.head.namespace.clone(), pod.clone());
                self.slices_by_pod.add(pod, &key);
            }
        }
        self.slices.insert(key, slice);
    }

    fn forget_slice(&mut self, key: &ObjectKey) {
        let Some(slice) = self.slices.remove(key) else {
            return;
        };
        for endpoint in slice.endpoints {
            self.slices_by_address.remove(&endpoint.address, key);
            if let Some(pod) = endpoint.pod {
                let pod = (slice.head.namespace.clone(), pod);
                self.slices_by_pod.remove(&pod, key);
            }
        }
    }

    fn add_node(&mut self, address: IpAddr, name: &Arc<str>, life: Lifetime) {
        let names = self.nodes.entry(address).or_default();
        if let Some((known, _)) = names.iter_mut().find(|(_, known)| known == name) {
            known.from = known.from.min(life.from);
            known.from_is_exact |= life.from_is_exact;
        } else if names.len() < MAX_NODE_NAMES {
            names.push((life, name.clone()));
        }
    }

    /// Who had an address at a moment.
    #[must_use]
    pub fn name_of(&self, address: SocketAddr, at: Timestamp) -> Option<Name> {
        let pods = |keys: &'_ [ObjectKey]| {
            let pods = keys.iter().filter_map(|key| self.pods.get(key));
            holder(pods.map(|pod| (pod.head.life, pod)), at)
        };
        let pod = pods(self.pods_by_address.of(&address.ip()))
            .or_else(|| pods(self.pods_by_host_socket.of(&address)));
        if let Some(pod) = pod {
            return Some(self.name_of_pod(pod, address.port(), at));
        }
        let services = self.services_by_address.of(&address.ip()).iter();
        let services = services.filter_map(|key| self.services.get(key));
        if let Some(service) = holder(services.map(|one| (one.head.life, one)), at) {
            return Some(Name {
                namespace: service.head.namespace.clone(),
                service: Some(service.head.name.clone()),
                ..Name::of(NameSource::Kubernetes)
            });
        }
        let nodes = self.nodes.get(&address.ip()).into_iter().flatten();
        if let Some(node) = holder(nodes.map(|(life, name)| (*life, name)), at) {
            return Some(Name {
                node: Some(node.clone()),
                ..Name::of(NameSource::Kubernetes)
            });
        }
        self.name_of_endpoint(address, at)
    }

    fn name_of_pod(&self, pod: &Pod, port: u16, at: Timestamp) -> Name {
        Name {
            namespace: pod.head.namespace.clone(),
            pod: Some(pod.head.name.clone()),
            service: self.service_of(pod, port, at),
            node: pod.node.clone(),
            workload: pod.workload.clone(),
            ..Name::of(NameSource::Kubernetes)
        }
    }

    /// The service that a pod is behind: of several the one that has the port, or else the first by name.
    fn service_of(&self, pod: &Pod, port: u16, at: Timestamp) -> Option<Arc<str>> {
        let of = (pod.head.namespace.clone(), pod.head.name.clone());
        let slices = self.slices_by_pod.of(&of).iter();
        let slices = slices.filter_map(|key| self.slices.get(key));
        let by_slice = slices.map(|slice| (!slice.ports.contains(&port), &slice.service));
        if let Some((_, service)) = by_slice.min() {
            return Some(service.clone());
        }
        let services = self.services_by_namespace.of(&pod.head.namespace).iter();
        let services = services.filter_map(|key| self.services.get(key));
        let exists = |service: &&Service| {
            let life = (service.head.life, *service);
            holder([life].into_iter(), at).is_some() && service.selects(pod)
        };
        let by_selector = services.filter(exists).map(|service| {
            let has_port = service.target_ports.contains(&port);
            (!has_port, &service.head.name)
        });
        by_selector.min().map(|(_, name)| name.clone())
    }

    /// Who is at an address by a slice alone: outside of the cluster as a rule. Of a pod that is not known otherwise nobody
    /// knows since when it has the address.
    fn name_of_endpoint(&self, address: SocketAddr, at: Timestamp) -> Option<Name> {
        let slices = self.slices_by_address.of(&address.ip()).iter();
        let slices = slices.filter_map(|key| self.slices.get(key));
        let slice = holder(slices.map(|slice| (slice.head.life, slice)), at)?;
        let mut endpoints = slice.endpoints.iter();
        let endpoint = endpoints
            .find(|endpoint| endpoint.address == address.ip() && endpoint.pod.is_none())?;
        Some(Name {
            namespace: slice.head.namespace.clone(),
            service: Some(slice.service.clone()),
            node: endpoint.node.clone(),
            ..Name::of(NameSource::Kubernetes)
        })
    }
}

/// Objects by something of theirs.
#[derive(Clone, Debug)]
struct ObjectIndex<K>(FxHashMap<K, Vec<ObjectKey>>);

impl<K> Default for ObjectIndex<K> {
    fn default() -> Self {
        Self(FxHashMap::default())
    }
}

impl<K: Eq + Hash> ObjectIndex<K> {
    fn add(&mut self, by: K, key: &ObjectKey) {
        let keys = self.0.entry(by).or_default();
        if !keys.contains(key) {
            keys.push(key.clone());
        }
    }

    fn remove(&mut self, by: &K, key: &ObjectKey) {
        if let Some(keys) = self.0.get_mut(by) {
            keys.retain(|known| known != key);
            if keys.is_empty() {
                self.0.remove(by);
            }
        }
    }

    fn of(&self, by: &K) -> &[ObjectKey] {
        self.0.get(by).map_or(&[], Vec::as_slice)
    }
}
