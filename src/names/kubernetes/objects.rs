//! What counts of Kubernetes' objects: who they are, which addresses they have, and from when until when.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use serde_json::Value;

use crate::capture::Timestamp;
use crate::names::lifetime::Lifetime;
use crate::names::name::printable;

/// How many labels of a pod, and pairs of a selector, are kept; more are passed over.
const MAX_LABELS: usize = 32;

/// How many addresses, ports and endpoints of one object are kept: an endpoint slice has 1,000 at most.
const MAX_PARTS: usize = 1_000;

/// The kinds of object that name addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A pod: `v1`, `pods`.
    Pod,
    /// A service: `v1`, `services`.
    Service,
    /// Addresses behind a service: `discovery.k8s.io/v1`, `endpointslices`.
    EndpointSlice,
    /// A node: `v1`, `nodes`.
    Node,
}

impl ObjectKind {
    /// The kind of an object, by its name, or by its fields where a list has said its kind once; `None` for others.
    pub(super) fn of(object: &Value) -> Option<Self> {
        let has = |pointer| object.pointer(pointer).is_some();
        match object.get("kind").and_then(Value::as_str) {
            Some("Pod") => Some(Self::Pod),
            Some("Service") => Some(Self::Service),
            Some("EndpointSlice") => Some(Self::EndpointSlice),
            Some("Node") => Some(Self::Node),
            Some(_) => None,
            None if has("/addressType") => Some(Self::EndpointSlice),
            None if has("/spec/containers") => Some(Self::Pod),
            None if has("/status/nodeInfo") => Some(Self::Node),
            None if has("/spec/clusterIP") || has("/spec/externalName") => Some(Self::Service),
            None => None,
        }
    }
}

/// An object that names addresses, without all else that it says.
#[derive(Clone, Debug)]
pub struct NamedObject(pub(super) ParsedObject);

/// What it is.
#[derive(Clone, Debug)]
pub(super) enum ParsedObject {
    Pod(Pod),
    Service(Service),
    Slice(Slice),
    Node(ObjectHead, Vec<IpAddr>),
}

impl NamedObject {
    /// Reads an object; `None` where it names no addresses.
    #[must_use]
    pub fn of(object: &Value) -> Option<Self> {
        Some(Self(match ObjectKind::of(object)? {
            ObjectKind::Pod => ParsedObject::Pod(Pod::of(object)?),
            ObjectKind::Service => ParsedObject::Service(Service::of(object)?),
            ObjectKind::EndpointSlice => ParsedObject::Slice(Slice::of(object)?),
            ObjectKind::Node => {
                let addresses = addresses(object, "", "/status/addresses", "address");
                ParsedObject::Node(ObjectHead::of(object)?, addresses)
            }
        }))
    }

    /// Which kind it is of.
    #[must_use]
    pub const fn kind(&self) -> ObjectKind {
        match self.0 {
            ParsedObject::Pod(_) => ObjectKind::Pod,
            ParsedObject::Service(_) => ObjectKind::Service,
            ParsedObject::Slice(_) => ObjectKind::EndpointSlice,
            ParsedObject::Node(..) => ObjectKind::Node,
        }
    }

    pub(super) const fn head(&self) -> &ObjectHead {
        match &self.0 {
            ParsedObject::Pod(pod) => &pod.head,
            ParsedObject::Service(service) => &service.head,
            ParsedObject::Slice(slice) => &slice.head,
            ParsedObject::Node(head, _) => head,
        }
    }
}

/// What names an object for as long as it exists, and tells it from a later one of the same name.
pub(super) type ObjectKey = (Arc<str>, Arc<str>, Arc<str>);

/// What objects of all kinds have.
#[derive(Clone, Debug)]
pub(super) struct ObjectHead {
    pub(super) key: ObjectKey,
    pub(super) namespace: Option<Arc<str>>,
    pub(super) name: Arc<str>,
    pub(super) life: Lifetime,
    /// When the last of its containers ended, if all have.
    pub(super) finished: Option<Timestamp>,
    /// When it is deleted, or is to be at the latest.
    pub(super) deleted: Option<Timestamp>,
    /// Whether it exists no more.
    pub(super) is_gone: bool,
}

impl ObjectHead {
    pub(super) fn of(object: &Value) -> Option<Self> {
        let name = text(object, "/metadata/name")?;
        let namespace = text(object, "/metadata/namespace");
        let uid = text(object, "/metadata/uid").unwrap_or_default();
        Some(Self {
            key: (namespace.clone().unwrap_or_default(), name.clone(), uid),
            namespace,
            name,
            life: Lifetime {
                from: moment(object, "/metadata/creationTimestamp"),
                from_is_exact: false,
                until: None,
            },
            finished: finished(object),
            deleted: moment(object, "/metadata/deletionTimestamp"),
            is_gone: false,
        })
    }
}

/// The pairs of labels, or of a selector.
pub(super) type Labels = Box<[(Arc<str>, Arc<str>)]>;

/// A pod.
#[derive(Clone, Debug)]
pub(super) struct Pod {
    pub(super) head: ObjectHead,
    pub(super) node: Option<Arc<str>>,
    pub(super) host_addresses: Vec<IpAddr>,
    pub(super) workload: Option<Arc<str>>,
    pub(super) labels: Labels,
    /// Its own; none where it uses those of its node.
    pub(super) addresses: Vec<IpAddr>,
    /// Where it is reached at its node's addresses.
    pub(super) host_sockets: Vec<SocketAddr>,
}

impl Pod {
    /// A pod; until when it has its addresses is known of one that has come to its end.
    pub(super) fn of(object: &Value) -> Option<Self> {
        let mut head = ObjectHead::of(object)?;
        let on_host = object.pointer("/spec/hostNetwork").and_then(Value::as_bool) == Some(true);
        let mut host_addresses = addresses(object, "/status/hostIP", "/status/hostIPs", "ip");
        let mut own = addresses(object, "/status/podIP", "/status/podIPs", "ip");
        if on_host {
            host_addresses.append(&mut own);
            host_addresses.sort_unstable();
            host_addresses.dedup();
        }
        let containers = list(object, "/spec/containers");
        let ports = containers.flat_map(|container| list(container, "/ports"));
        let ports = ports.filter_map(|port| {
            let on_container = on_host.then(|| port.get("containerPort")).flatten();
            let port = port.get("hostPort").or(on_container)?;
            u16::try_from(port.as_u64()?).ok()
        });
        let ports: Vec<_> = ports.take(MAX_PARTS).collect();
        let sockets = host_addresses.iter().flat_map(|address| {
            let sockets = ports.iter();
            sockets.map(move |port| SocketAddr::new(*address, *port))
        });
        let host_sockets = sockets.take(MAX_PARTS).collect();
        if let Some(ready) = ready_since(object) {
            head.life.from = Some(ready);
            head.life.from_is_exact = true;
        }
        let phase = text(object, "/status/phase");
        if matches!(phase.as_deref(), Some("Succeeded" | "Failed")) {
            // Its addresses are free again, which it goes on to show for as long as it exists.
            let ended = head.finished.or(head.deleted);
            head.life.until = Some(ended.or(head.life.from)?);
        }
        Some(Self {
            head,
            node: text(object, "/spec/nodeName"),
            host_addresses,
            workload: workload(object),
            labels: labels(object, "/metadata/labels"),
            addresses: own,
            host_sockets,
        })
    }
}

/// From when on a pod had its network.
fn ready_since(object: &Value) -> Option<Timestamp> {
    let mut conditions = list(object, "/status/conditions");
    let ready = conditions.find(|condition| {
        let is = |field, expected| condition.get(field).and_then(Value::as_str) == Some(expected);
        is("type", "PodReadyToStartContainers") && is("status", "True")
    });
    moment(ready?, "/lastTransitionTime")
}

/// When the last of a pod's containers ended, if all have.
fn finished(object: &Value) -> Option<Timestamp> {
    let ends = list(object, "/status/containerStatuses");
    let ends = ends.map(|status| moment(status, "/state/terminated/finishedAt"));
    let ends: Option<Vec<_>> = ends.collect();
    ends?.into_iter().max()
}

/// What owns a pod. A deployment owns it by a replica set, which has its name before the hash of the pod's template.
fn workload(object: &Value) -> Option<Arc<str>> {
    let mut owners = list(object, "/metadata/ownerReferences");
    let is_controller =
        |owner: &&Value| owner.get("controller").and_then(Value::as_bool) != Some(false);
    let owner = owners.find(is_controller)?;
    let name = text(owner, "/name")?;
    let hash = text(object, "/metadata/labels/pod-template-hash");
    let of_set = owner.get("kind").and_then(Value::as_str) == Some("ReplicaSet");
    let deployment = hash.filter(|_| of_set).and_then(|hash| {
        let before = name.strip_suffix(&*hash)?;
        before.strip_suffix('-').filter(|name| !name.is_empty())
    });
    Some(deployment.map_or_else(|| name.clone(), Arc::from))
}

/// A service.
#[derive(Clone, Debug)]
pub(super) struct Service {
    pub(super) head: ObjectHead,
    pub(super) addresses: Vec<IpAddr>,
    /// Which pods are behind it; none where it does not say so.
    pub(super) selector: Labels,
    /// The ports of its pods, as far as they are numbers.
    pub(super) target_ports: Vec<u16>,
}

impl Service {
    pub(super) fn of(object: &Value) -> Option<Self> {
        let mut all = addresses(object, "/spec/clusterIP", "/spec/clusterIPs", "");
        all.extend(addresses(object, "", "/spec/externalIPs", ""));
        all.extend(addresses(
            object,
            "/spec/loadBalancerIP",
            "/status/loadBalancer/ingress",
            "ip",
        ));
        all.sort_unstable();
        all.dedup();
        let ports = list(object, "/spec/ports");
        let ports = ports.filter_map(|port| {
            let port = port.get("targetPort").or_else(|| port.get("port"))?;
            u16::try_from(port.as_u64()?).ok()
        });
        Some(Self {
            head: ObjectHead::of(object)?,
            addresses: all,
            selector: labels(object, "/spec/selector"),
            target_ports: ports.take(MAX_PARTS).collect(),
        })
    }

    /// Whether its selector takes a pod with these labels, in the same namespace.
    pub(super) fn selects(&self, pod: &Pod) -> bool {
        let pairs = self.selector.iter();
        !self.selector.is_empty()
            && self.head.namespace == pod.head.namespace
            && pairs.into_iter().all(|pair| pod.labels.contains(pair))
    }
}

/// Addresses behind a service.
#[derive(Clone, Debug)]
pub(super) struct Slice {
    pub(super) head: ObjectHead,
    pub(super) service: Arc<str>,
    pub(super) ports: Vec<u16>,
    pub(super) endpoints: Vec<Endpoint>,
}

/// One of those addresses, with whoever is there.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) address: IpAddr,
    pub(super) pod: Option<Arc<str>>,
    pub(super) node: Option<Arc<str>>,
}

impl Slice {
    pub(super) fn of(object: &Value) -> Option<Self> {
        let ports = list(object, "/ports");
        let ports = ports.filter_map(|port| u16::try_from(port.get("port")?.as_u64()?).ok());
        let endpoints = list(object, "/endpoints").flat_map(|endpoint| {
            let is_pod = endpoint.pointer("/targetRef/kind").and_then(Value::as_str) == Some("Pod");
            let pod = is_pod.then(|| text(endpoint, "/targetRef/name")).flatten();
            let node = text(endpoint, "/nodeName");
            let addresses = addresses(endpoint, "", "/addresses", "").into_iter();
            addresses.map(move |address| Endpoint {
                address,
                pod: pod.clone(),
                node: node.clone(),
            })
        });
        Some(Self {
            head: ObjectHead::of(object)?,
            service: text(object, "/metadata/labels/kubernetes.io~1service-name")?,
            ports: ports.take(MAX_PARTS).collect(),
            endpoints: endpoints.take(MAX_PARTS).collect(),
        })
    }
}

fn text(value: &Value, pointer: &str) -> Option<Arc<str>> {
    printable(value.pointer(pointer)?.as_str()?)
}

fn moment(value: &Value, pointer: &str) -> Option<Timestamp> {
    Timestamp::parse(value.pointer(pointer)?.as_str()?)
}

fn list<'a>(value: &'a Value, pointer: &str) -> impl Iterator<Item = &'a Value> + use<'a> {
    let list = value.pointer(pointer).and_then(Value::as_array);
    list.into_iter().flatten()
}

/// The addresses of a field that has one, and of one that lists them, as objects if `field` is not empty. What is no address,
/// such as `None`, is passed over.
fn addresses(value: &Value, one: &str, several: &str, field: &str) -> Vec<IpAddr> {
    let one = value.pointer(one).filter(|_| !one.is_empty());
    let several = list(value, several).filter_map(|entry| match field {
        "" => Some(entry),
        _ => entry.get(field),
    });
    let texts = one.into_iter().chain(several).filter_map(Value::as_str);
    let mut addresses: Vec<IpAddr> = texts
        .filter_map(|text| text.parse().ok())
        .take(MAX_PARTS)
        .collect();
    addresses.sort_unstable();
    addresses.dedup();
    addresses
}

fn labels(value: &Value, pointer: &str) -> Labels {
    let pairs = value.pointer(pointer).and_then(Value::as_object);
    let pairs = pairs.into_iter().flatten();
    let pairs =
        pairs.filter_map(|(key, value)| Some((printable(key)?, printable(value.as_str()?)?)));
    pairs.take(MAX_LABELS).collect()
}
