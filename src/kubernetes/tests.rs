//! An API server that forgets, stumbles and is away: what is told of it all the same.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use h2sniff::capture::Timestamp;
use h2sniff::names::Cluster;

use super::{ClusterWatch, WatchedChange, snapshot};

/// Answers each request by its path with what `answer` says: a status, and a body after which it hangs up. Gives its URL, and
/// the requests as they come.
fn serve(
    answer: impl Fn(&str, usize) -> (u16, String) + Send + 'static,
) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = channel();
    thread::spawn(move || {
        let mut of_pods = 0;
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let Some(Ok(first)) = lines.next() else {
                continue;
            };
            let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
            while lines
                .next()
                .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
            {}
            let (status, body) = match path.contains("/pods?") {
                true => {
                    of_pods += 1;
                    let answered = answer(&path, of_pods);
                    let _ = sender.send(path);
                    answered
                }
                false => (
                    200,
                    "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[]}".to_owned(),
                ),
            };
            let head = format!("HTTP/1.1 {status} x\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    (url, requests)
}

fn pod(name: &str, address: &str, version: u32) -> String {
    format!(
        "{{\"kind\":\"Pod\",\"metadata\":{{\"name\":\"{name}\",\"namespace\":\"shop\",\"uid\":\"{name}\",\
         \"creationTimestamp\":\"2026-11-22T06:00:00Z\",\"resourceVersion\":\"{version}\"}},\
         \"spec\":{{\"containers\":[]}},\"status\":{{\"podIP\":\"{address}\"}}}}"
    )
}

fn list(version: u32, next: &str, pods: &[String]) -> String {
    let pods = pods.join(",");
    format!(
        "{{\"kind\":\"PodList\",\"metadata\":{{\"resourceVersion\":\"{version}\",\"continue\":\"{next}\"}},\"items\":[{pods}]}}"
    )
}

fn label(cluster: &Cluster, address: &str) -> Option<String> {
    let far = Timestamp::parse("2200-01-01T00:00:00Z").unwrap();
    let address = format!("{address}:1").parse().unwrap();
    cluster.name_of(address, far).map(|name| name.label())
}

#[test]
fn a_list_comes_in_pages() {
    let (url, requests) = serve(|path, _| match path.contains("continue=a%2Fb") {
        false => (200, list(7, "a/b", &[pod("a", "10.0.0.1", 1)])),
        true => (200, list(7, "", &[pod("b", "10.0.0.2", 2)])),
    });
    let mut cluster = Cluster::default();
    snapshot(&url, &mut cluster).unwrap();
    assert_eq!(label(&cluster, "10.0.0.1").as_deref(), Some("shop/a"));
    assert_eq!(label(&cluster, "10.0.0.2").as_deref(), Some("shop/b"));
    assert_eq!(requests.try_iter().count(), 2);
}

#[test]
fn a_refusal_says_what_is_missing() {
    let (url, _requests) = serve(|_, _| (403, "{}".to_owned()));
    let error = snapshot(&url, &mut Cluster::default()).unwrap_err();
    assert_eq!(error.to_string(), "the API server refuses list pods: 403");
    assert!(
        error
            .hint()
            .is_some_and(|hint| hint.contains("list and watch"))
    );
    for nonsense in ["", "{", "[]", "<html>"] {
        let (url, _requests) = serve(move |_, _| (200, nonsense.to_owned()));
        assert!(
            snapshot(&url, &mut Cluster::default()).is_err(),
            "{nonsense}"
        );
    }
}

#[test]
fn a_watch_goes_on_after_losses_and_lists_again_when_it_is_forgotten() {
    let event =
        |kind: &str, object: String| format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n");
    let (url, requests) = serve(move |_, number| match number {
        1 => (
            200,
            list(10, "", &[pod("a", "10.0.0.1", 1), pod("b", "10.0.0.2", 2)]),
        ),
        // The connection ends in the middle of an event.
        2 => (
            200,
            event("ADDED", pod("c", "10.0.0.3", 11)) + "{\"type\":\"ADDED\",\"obj",
        ),
        3 => (500, String::new()),
        4 => (
            200,
            event(
                "BOOKMARK",
                "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"15\"}}".to_owned(),
            ),
        ),
        5 => (
            200,
            event("ERROR", "{\"kind\":\"Status\",\"code\":410}".to_owned()),
        ),
        6 => (
            200,
            list(20, "", &[pod("b", "10.0.0.2", 2), pod("d", "10.0.0.4", 19)]),
        ),
        _ => (200, event("DELETED", pod("d", "10.0.0.4", 21))),
    });
    let watch = ClusterWatch::begin(&url).unwrap();
    let mut cluster = Cluster::default();
    let (mut lost, mut back) = (0, 0);
    let mut asked = Vec::new();
    for _ in 0..1_000 {
        for change in watch.take(100) {
            match change {
                WatchedChange::Change(change) => cluster.apply(*change),
                WatchedChange::Lost(_) => lost += 1,
                WatchedChange::Back(_) => back += 1,
            }
        }
        asked.extend(requests.try_iter());
        if asked.len() > 7 {
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    let version = |path: &str| {
        let (_, version) = path.split_once("resourceVersion=")?;
        version.parse::<u32>().ok()
    };
    let versions: Vec<_> = asked.iter().map(|path| version(path)).take(8).collect();
    let expected = [
        None,
        Some(10),
        Some(11),
        Some(11),
        Some(15),
        None,
        Some(20),
        Some(21),
    ];
    assert_eq!(versions, expected);
    assert_eq!((lost, back), (1, 1), "told once, and once that it is over");
    assert_eq!(label(&cluster, "10.0.0.2").as_deref(), Some("shop/b"));
    for gone in ["10.0.0.1", "10.0.0.3", "10.0.0.4"] {
        assert_eq!(label(&cluster, gone), None, "{gone}");
    }
}
