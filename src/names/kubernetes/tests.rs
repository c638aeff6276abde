//! Stories of pods that come and go.

use std::net::SocketAddr;

use serde_json::{Value, json};

use super::{Cluster, ClusterChange, NamedObject, ObjectKind, ObjectStream, StreamedPart};
use crate::capture::Timestamp;

const fn at(second: i64) -> Timestamp {
    Timestamp::from_nanos(second * 1_000_000_000)
}

/// A pod of the deployment `orders` or the like, created so many seconds after the epoch.
fn pod(name: &str, address: &str, created: i64) -> Value {
    let workload = name.rsplit_once('-').map_or(name, |(before, _)| before);
    json!({
        "kind": "Pod",
        "metadata": {
            "name": name, "namespace": "shop", "uid": name,
            "creationTimestamp": at(created).to_string(),
            "labels": {"app": workload, "pod-template-hash": "7d9f8"},
            "ownerReferences": [{
                "kind": "ReplicaSet", "name": format!("{workload}-7d9f8"), "controller": true
            }],
        },
        "spec": {"nodeName": "node-1", "containers": [{"ports": [{"containerPort": 50_051}]}]},
        "status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}], "hostIP": "192.168.0.1"},
    })
}

fn set(object: &mut Value, pointer: &str, value: Value) {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    object.pointer_mut(parent).unwrap()[field] = value;
}

fn exists(cluster: &mut Cluster, object: &Value) {
    cluster.apply(ClusterChange::Exists(NamedObject::of(object).unwrap()));
}

fn gone(cluster: &mut Cluster, object: &Value, second: i64) {
    let object = NamedObject::of(object).unwrap();
    cluster.apply(ClusterChange::Gone(object, Some(at(second))));
}

fn label(cluster: &Cluster, address: &str, second: i64) -> Option<String> {
    let address: SocketAddr = address.parse().unwrap();
    cluster
        .name_of(address, at(second))
        .map(|name| name.label())
}

#[test]
fn an_address_is_named_by_the_pod_that_had_it_then() {
    let mut cluster = Cluster::default();
    let first = pod("orders-a", "10.77.0.2", 100);
    exists(&mut cluster, &first);
    gone(&mut cluster, &first, 200);
    exists(&mut cluster, &pod("payments-b", "10.77.0.2", 210));
    for (second, expected) in [
        (99, None),
        (100, Some("shop/orders-a")),
        (199, Some("shop/orders-a")),
        (205, None),
        (210, Some("shop/payments-b")),
        (999, Some("shop/payments-b")),
    ] {
        assert_eq!(
            label(&cluster, "10.77.0.2:50051", second).as_deref(),
            expected,
            "{second}"
        );
    }
}

#[test]
fn a_pod_that_waits_for_its_address_is_not_named_by_it() {
    let mut cluster = Cluster::default();
    exists(&mut cluster, &pod("payments-b", "10.77.0.2", 150));
    let first = pod("orders-a", "10.77.0.2", 100);
    gone(&mut cluster, &first, 200);
    assert_eq!(
        label(&cluster, "10.77.0.2:1", 180).as_deref(),
        Some("shop/orders-a")
    );
    // Unless it says itself that its network was there.
    let mut second = pod("payments-b", "10.77.0.2", 150);
    let ready = json!([{
        "type": "PodReadyToStartContainers", "status": "True", "lastTransitionTime": at(170).to_string()
    }]);
    set(&mut second, "/status/conditions", ready);
    exists(&mut cluster, &second);
    assert_eq!(
        label(&cluster, "10.77.0.2:1", 180).as_deref(),
        Some("shop/payments-b")
    );
    assert_eq!(
        label(&cluster, "10.77.0.2:1", 160).as_deref(),
        Some("shop/orders-a")
    );
}

#[test]
fn a_pod_that_has_come_to_its_end_gives_its_address_back() {
    let mut cluster = Cluster::default();
    let mut done = pod("job-a", "10.77.0.3", 100);
    set(&mut done, "/status/phase", json!("Succeeded"));
    exists(&mut cluster, &done);
    assert_eq!(
        label(&cluster, "10.77.0.3:1", 100),
        None,
        "nobody knows for how long it had it"
    );
    let ends = json!([{"state": {"terminated": {"finishedAt": at(160).to_string()}}}]);
    set(&mut done, "/status/containerStatuses", ends);
    exists(&mut cluster, &done);
    assert_eq!(
        label(&cluster, "10.77.0.3:1", 159).as_deref(),
        Some("shop/job-a")
    );
    assert_eq!(label(&cluster, "10.77.0.3:1", 160), None);
}

#[test]
fn a_pod_on_its_nodes_network_is_named_at_its_ports_alone() {
    let mut cluster = Cluster::default();
    let mut proxy = pod("proxy-a", "192.168.0.1", 100);
    set(&mut proxy, "/spec/hostNetwork", json!(true));
    exists(&mut cluster, &proxy);
    assert_eq!(
        label(&cluster, "192.168.0.1:50051", 101).as_deref(),
        Some("shop/proxy-a")
    );
    assert_eq!(
        label(&cluster, "192.168.0.1:40000", 101).as_deref(),
        Some("node-1")
    );
}

#[test]
fn a_service_has_its_address_and_its_pods() {
    let mut cluster = Cluster::default();
    exists(&mut cluster, &pod("orders-a", "10.77.0.2", 100));
    let service = |name: &str, port: u16| {
        json!({
            "kind": "Service",
            "metadata": {"name": name, "namespace": "shop", "uid": name, "creationTimestamp": at(50).to_string()},
            "spec": {
                "clusterIP": "10.0.0.7", "clusterIPs": ["10.0.0.7", "None"], "selector": {"app": "orders"},
                "ports": [{"port": 80, "targetPort": port}],
            },
        })
    };
    exists(&mut cluster, &service("orders-grpc", 50_051));
    exists(&mut cluster, &service("metrics", 9_464));
    let name = |address: &str| {
        let address: SocketAddr = address.parse().unwrap();
        cluster.name_of(address, at(120)).unwrap()
    };
    assert_eq!(
        name("10.77.0.2:50051").service.as_deref(),
        Some("orders-grpc")
    );
    assert_eq!(name("10.77.0.2:9464").service.as_deref(), Some("metrics"));
    assert_eq!(name("10.77.0.2:50051").workload.as_deref(), Some("orders"));
    assert_eq!(
        label(&cluster, "10.0.0.7:80", 120).as_deref(),
        Some("shop/metrics")
    );
}

#[test]
fn a_slice_says_who_is_behind_a_service() {
    let mut cluster = Cluster::default();
    let slice = json!({
        "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": "db-1", "namespace": "shop", "uid": "s",
            "labels": {"kubernetes.io/service-name": "db"},
        },
        "ports": [{"port": 50_051}],
        "endpoints": [
            {"addresses": ["10.77.0.2"], "targetRef": {"kind": "Pod", "name": "orders-a"}},
            {"addresses": ["172.16.0.9"]},
        ],
    });
    exists(&mut cluster, &slice);
    assert_eq!(
        label(&cluster, "172.16.0.9:1", 1).as_deref(),
        Some("shop/db")
    );
    assert_eq!(
        label(&cluster, "10.77.0.2:1", 1),
        None,
        "nobody knows since when"
    );
    exists(&mut cluster, &pod("orders-a", "10.77.0.2", 100));
    let name = cluster
        .name_of("10.77.0.2:50051".parse().unwrap(), at(101))
        .unwrap();
    assert_eq!(name.service.as_deref(), Some("db"));
    gone(&mut cluster, &slice, 300);
    assert_eq!(label(&cluster, "172.16.0.9:1", 1), None);
}

#[test]
fn what_a_new_list_lacks_is_gone() {
    let mut cluster = Cluster::default();
    cluster.apply(ClusterChange::ListBegin(ObjectKind::Pod));
    exists(&mut cluster, &pod("orders-a", "10.77.0.2", 100));
    exists(&mut cluster, &pod("orders-b", "10.77.0.3", 100));
    cluster.apply(ClusterChange::ListEnd(ObjectKind::Pod, at(110)));
    cluster.apply(ClusterChange::ListBegin(ObjectKind::Pod));
    exists(&mut cluster, &pod("orders-b", "10.77.0.3", 100));
    cluster.apply(ClusterChange::ListEnd(ObjectKind::Pod, at(200)));
    assert_eq!(
        label(&cluster, "10.77.0.2:1", 199).as_deref(),
        Some("shop/orders-a")
    );
    assert_eq!(label(&cluster, "10.77.0.2:1", 200), None);
    assert_eq!(
        label(&cluster, "10.77.0.3:1", 999).as_deref(),
        Some("shop/orders-b")
    );
}

#[test]
fn memory_does_not_follow_the_pods_that_were() {
    let mut cluster = Cluster::default();
    for number in 0..20_000 {
        let address = format!("10.77.{}.{}", number >> 8, number & 255);
        let pod = pod(&format!("orders-{number}"), &address, number);
        gone(&mut cluster, &pod, number + 1);
    }
    assert_eq!(cluster.len(), 1 << 14);
    assert_eq!(label(&cluster, "10.77.0.1:1", 1), None);
    assert_eq!(
        label(&cluster, "10.77.78.31:1", 19_999).as_deref(),
        Some("shop/orders-19999")
    );
}

#[test]
fn objects_are_read_one_by_one() {
    let text = br#"{"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}],"kind":"List","metadata":{"resourceVersion":"7","continue":""}}
        {"type":"DELETED","object":{"metadata":{"name":"c"}}}
        {"kind":"PodList","metadata":{"resourceVersion":"8"},"items":null}{"metadata":{"name":"d"}}
    "#;
    let mut stream = ObjectStream::new(text.as_slice());
    let mut parts = Vec::new();
    while stream.next(&mut |part| parts.push(part)).unwrap() {}
    let object = |name: &str| json!({"metadata": {"name": name}});
    let end = |version: &str| StreamedPart::ListEnd {
        resource_version: Some(version.to_owned()),
        next_page: None,
    };
    assert_eq!(
        parts,
        [
            StreamedPart::Object(object("a")),
            StreamedPart::Object(object("b")),
            end("7"),
            StreamedPart::Event("DELETED".to_owned(), object("c")),
            end("8"),
            StreamedPart::Object(object("d")),
        ]
    );
    for broken in [&b"{"[..], b"{}", b"[1]", b"{\"items\":3}", b"nothing"] {
        let mut stream = ObjectStream::new(broken);
        assert!(stream.next(&mut drop).is_err());
    }
}
