//! A collector of a few lines, and what is sent to it. In: answers, one a request. Out: the requests it got.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use flate2::read::GzDecoder;
use h2sniff::report::otlp::{OtlpRequest, OtlpSignal};

use super::client::OtlpClient;
use super::target::OtlpTarget;
use crate::backoff::Backoff;
use crate::cli::{OtlpArgs, OtlpHeader};

/// A request as it came: its first line and headers in lower case, and its body unpacked.
#[derive(Debug)]
struct Got {
    #[cfg_attr(
        not(feature = "export"),
        expect(
            dead_code,
            reason = "what only sends on as it goes is asked for bodies"
        )
    )]
    head: String,
    body: String,
}

/// Answers requests by these lines, one connection each, then goes away.
fn collector(answers: &'static [&'static str]) -> (SocketAddr, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (address, serve(listener, answers))
}

fn serve(listener: TcpListener, answers: &'static [&'static str]) -> Receiver<Got> {
    let (sender, got) = channel();
    thread::spawn(move || {
        for answer in answers {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream);
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
            }
            let head = head.to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let mut packed = vec![0; length.unwrap().parse().unwrap()];
            reader.read_exact(&mut packed).unwrap();
            let mut body = String::new();
            GzDecoder::new(&*packed).read_to_string(&mut body).unwrap();
            let (status, said) = answer.split_once('|').unwrap_or((answer, ""));
            let text = format!(
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{said}",
                said.len()
            );
            reader.get_mut().write_all(text.as_bytes()).unwrap();
            sender.send(Got { head, body }).unwrap();
        }
    });
    got
}

fn client(address: SocketAddr) -> OtlpClient {
    let args = OtlpArgs {
        url: Some(format!("http://{address}")),
        otlp_headers: vec![OtlpHeader {
            name: "x-api-key".into(),
            value: "hunter2".into(),
        }],
        otlp_ca: None,
    };
    OtlpClient::new(OtlpTarget::of(&args, |_| None).unwrap().unwrap())
}

fn request(number: u32) -> OtlpRequest {
    OtlpRequest {
        signal: OtlpSignal::Traces,
        records: 10,
        json: format!("{{\"number\":{number}}}"),
    }
}

/// An address at which nobody listens.
fn nowhere() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

fn quick() -> Backoff {
    Backoff::between(Duration::from_millis(2), Duration::from_millis(8))
}

#[cfg(feature = "export")]
mod one_after_the_other {
    use super::super::client::deliver;
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[test]
    fn what_a_busy_collector_did_not_take_is_sent_again() {
        let (address, got) =
            collector(&["503 Unavailable", "429 Too Many", "502 Bad", "200 OK|{}"]);
        let taken = deliver(&client(address), &request(1), quick(), PATIENCE).unwrap();
        assert_eq!(taken.rejected, 0);
        let got: Vec<_> = got.iter().collect();
        assert_eq!(got.len(), 4);
        for one in &got {
            assert!(one.head.starts_with("post /v1/traces http/1.1"), "{one:?}");
            assert!(one.head.contains("\r\nx-api-key: hunter2\r\n"), "{one:?}");
            assert!(one.head.contains("\r\ncontent-type: application/json\r\n"));
            assert_eq!(one.body, "{\"number\":1}");
        }
    }

    #[test]
    fn what_it_refuses_is_not_sent_again_and_no_secret_is_repeated() {
        let (address, got) = collector(&["400 Bad Request|no such thing"]);
        let error = deliver(&client(address), &request(1), quick(), PATIENCE).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("HTTP 400 Bad Request: no such thing"),
            "{text}"
        );
        assert!(!text.contains("hunter2"));
        assert_eq!(got.iter().count(), 1);
    }

    #[test]
    fn headers_do_not_follow_to_another_place() {
        let (address, got) = collector(&["307 Elsewhere\r\nlocation: http://192.0.2.1/"]);
        let error = deliver(&client(address), &request(1), quick(), PATIENCE).unwrap_err();
        assert!(error.to_string().contains("HTTP 307"), "{error}");
        assert_eq!(got.iter().count(), 1);
    }

    #[test]
    fn of_what_is_taken_in_part_the_rest_is_known() {
        const ANSWER: &str =
            "200 OK|{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"why\"}}";
        let (address, _got) = collector(&[ANSWER]);
        let taken = deliver(&client(address), &request(1), quick(), PATIENCE).unwrap();
        assert_eq!((taken.rejected, taken.message.as_str()), (3, "why"));
    }

    #[test]
    fn nobody_waits_for_ever_for_a_collector_that_is_away() {
        let patience = Duration::from_millis(20);
        let error = deliver(&client(nowhere()), &request(1), quick(), patience).unwrap_err();
        assert!(error.to_string().contains("refused"), "{error}");
    }
}

#[cfg(feature = "live")]
mod by_the_outbox {
    use super::super::{Outbox, OutboxLimits};
    use super::*;

    const LONG: Duration = Duration::from_secs(30);

    fn outbox(address: SocketAddr, bytes: usize) -> Outbox {
        let backoff = quick();
        Outbox::new(client(address), OutboxLimits { bytes, backoff }).unwrap()
    }

    #[test]
    fn requests_arrive_in_order_though_the_collector_was_away_first() {
        let address = nowhere();
        let outbox = outbox(address, 1 << 20);
        for number in 0..3 {
            outbox.offer(request(number));
        }
        let mut said = Vec::new();
        while said.is_empty() {
            said = outbox.take_notes();
            thread::yield_now();
        }
        assert!(said[0].contains("is away"), "{said:?}");
        assert_eq!(outbox.counts().waiting, 30);
        let answers = &["503 Busy", "200 OK", "200 OK", "200 OK"];
        let got = serve(TcpListener::bind(address).unwrap(), answers);
        let bodies: Vec<_> = got.iter().map(|got| got.body).collect();
        let numbers = [0, 0, 1, 2].map(|number| format!("{{\"number\":{number}}}"));
        assert_eq!(bodies, numbers);
        let (counts, notes) = outbox.close(LONG, || false);
        assert_eq!((counts.spans.sent, counts.spans.lost), (30, 0));
        assert!(notes[0].contains("answers again"), "{notes:?}");
    }

    #[test]
    fn what_is_above_the_bound_is_left_out_and_counted_and_so_is_what_never_went() {
        let outbox = outbox(nowhere(), 5 * request(0).json.len());
        for number in 0..9 {
            outbox.offer(request(number));
        }
        let counts = outbox.counts();
        // The one that is on its way makes room for another.
        assert!((30..=40).contains(&counts.spans.lost), "{counts:?}");
        assert_eq!(counts.spans.lost + counts.waiting, 90);
        let (counts, _) = outbox.close(Duration::from_millis(50), || false);
        assert_eq!((counts.spans.sent, counts.spans.lost), (0, 90));
    }

    #[test]
    fn what_the_collector_refuses_holds_up_nothing() {
        let (address, got) = collector(&["400 Bad|why", "200 OK"]);
        let outbox = outbox(address, 1 << 20);
        outbox.offer(request(0));
        outbox.offer(request(1));
        assert_eq!(got.iter().count(), 2);
        let (counts, notes) = outbox.close(LONG, || false);
        assert_eq!((counts.spans.sent, counts.spans.lost), (10, 10));
        assert!(
            notes[0].contains("HTTP 400 Bad: why") || notes[0].contains("400"),
            "{notes:?}"
        );
    }

    #[test]
    fn a_collector_that_never_answers_keeps_no_one() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let outbox = outbox(listener.local_addr().unwrap(), 1 << 20);
        outbox.offer(request(0));
        let (counts, _) = outbox.close(Duration::from_millis(50), || false);
        assert_eq!(counts.spans.lost, 10);
    }

    #[test]
    fn whoever_is_in_a_hurry_does_not_wait() {
        let outbox = outbox(nowhere(), 1 << 20);
        outbox.offer(request(0));
        let (counts, _) = outbox.close(LONG, || true);
        assert_eq!(counts.spans.lost, 10);
    }
}
