//! `--metrics`: all numbers over HTTP, for Prometheus, and whether the analysis goes on, for a liveness probe.
//!
//! In: the numbers that the worker publishes. Out: answers, from a thread of their own. Whoever connects and says
//! nothing, or says it slowly, or reads slowly, has little time and a bounded number of places: nobody keeps others
//! from an answer.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use h2sniff::capture::{TimeDelta, Timestamp};
use h2sniff::inspect::report::LiveStatus;
use h2sniff::report::live::prometheus;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::clock::wall;

/// How many may ask at a time: with their descriptors far below what a process may open. When one more comes,
/// whoever came first has had its time.
const MAX_ASKING: usize = 256;

/// How long one may take to ask and to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a request's head may be, in bytes.
const MAX_HEAD: usize = 16 << 10;

/// How old the numbers may be: they are published four times a second while the analysis goes on.
const STALLED: TimeDelta = TimeDelta::from_secs(120);

/// Answers whoever asks, for ever, in a thread of its own.
///
/// # Errors
/// If there can be no thread.
pub(super) fn serve(listener: TcpListener, status: Arc<Mutex<LiveStatus>>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listener = {
        let _inside = runtime.enter();
        tokio::net::TcpListener::from_std(listener)?
    };
    thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || runtime.block_on(accept(listener, Arc::new(Pages::new(status)))))?;
    Ok(())
}

async fn accept(listener: tokio::net::TcpListener, pages: Arc<Pages>) {
    let mut asking: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely; it passes.
            sleep(Duration::from_millis(100)).await;
            continue;
        };
        asking.retain(|one| !one.is_finished());
        if asking.len() >= MAX_ASKING
            && let Some(first) = asking.pop_front()
        {
            first.abort();
        }
        let pages = Arc::clone(&pages);
        let answered = tokio::spawn(async move {
            // Whoever asked is gone, or too slow: there is nobody to answer.
            let _ = timeout(PATIENCE, answer(stream, pages)).await;
        });
        asking.push_back(answered.abort_handle());
        // The answer is on its way before the next connection is taken, however many wait.
        yield_now().await;
    }
}

async fn answer(stream: TcpStream, pages: Arc<Pages>) -> Result<(), hyper::Error> {
    let service = service_fn(|request: Request<Incoming>| {
        let response = pages.respond(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .max_buf_size(MAX_HEAD)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
}

/// What is served.
struct Pages {
    status: Arc<Mutex<LiveStatus>>,
    /// The metrics as of the moment of the numbers: many who ask at once get the same page.
    metrics: Mutex<(Timestamp, Bytes)>,
}

impl Pages {
    fn new(status: Arc<Mutex<LiveStatus>>) -> Self {
        let metrics = Bytes::from(prometheus::render(&LiveStatus::default()));
        Self {
            status,
            metrics: Mutex::new((Timestamp::default(), metrics)),
        }
    }

    fn respond(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let plain = "text/plain; charset=utf-8";
        let asks = matches!(*request.method(), Method::GET | Method::HEAD);
        let (code, kind, body) = match (asks, request.uri().path()) {
            (true, "/metrics") => (StatusCode::OK, prometheus::CONTENT_TYPE, self.metrics()),
            (true, "/healthz") if is_stalled(&self.status) => (
                StatusCode::SERVICE_UNAVAILABLE,
                plain,
                Bytes::from_static(b"the analysis stands still\n"),
            ),
            (true, "/healthz") => (StatusCode::OK, plain, Bytes::from_static(b"ok\n")),
            (true, _) => (
                StatusCode::NOT_FOUND,
                plain,
                Bytes::from_static(b"try /metrics or /healthz\n"),
            ),
            (false, _) => (
                StatusCode::METHOD_NOT_ALLOWED,
                plain,
                Bytes::from_static(b"try GET\n"),
            ),
        };
        let mut response = Response::new(Full::new(body));
        *response.status_mut() = code;
        let kind = HeaderValue::from_static(kind);
        response.headers_mut().insert(CONTENT_TYPE, kind);
        response
    }

    fn metrics(&self) -> Bytes {
        let status = self.published();
        let mut page = self.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        if page.0 == status.time {
            return page.1.clone();
        }
        *page = (status.time, Bytes::from(prometheus::render(&status)));
        page.1.clone()
    }

    /// The numbers, taken out: the worker must not wait for a page.
    fn published(&self) -> LiveStatus {
        let status = self.status.lock();
        status.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Whether the analysis stands still, by the age of the numbers that it publishes.
pub(super) fn is_stalled(status: &Mutex<LiveStatus>) -> bool {
    let status = status.lock().unwrap_or_else(PoisonError::into_inner);
    status.time != Timestamp::default() && wall() - status.time > STALLED
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::time::Instant;

    use super::*;

    /// How soon a probe is to be answered, whatever else is connected.
    const SOON: Duration = Duration::from_millis(100);

    async fn ask(address: std::net::SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn whoever_is_silent_slow_or_long_winded_keeps_nobody_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, Arc::default()).unwrap();
        let mut others = Vec::new();
        for number in 0..4 * MAX_ASKING {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // It may have had its time already.
            let _ = match number % 3 {
                0 => Ok(()),
                1 => stream.write_all(b"GET /metrics HT").await,
                _ => {
                    let head = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(1 << 20));
                    stream.write_all(head.as_bytes()).await
                }
            };
            others.push(stream);
        }
        let begun = Instant::now();
        let answer = ask(address, "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"),
            "{answer}"
        );
    }

    #[tokio::test]
    async fn a_probe_learns_that_the_analysis_stands_still() {
        let status: Arc<Mutex<LiveStatus>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        serve(listener, Arc::clone(&status)).unwrap();
        let probe = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        status.lock().unwrap().time = wall();
        assert!(ask(address, probe).await.starts_with("HTTP/1.1 200"));
        status.lock().unwrap().time = wall() - STALLED - TimeDelta::from_secs(1);
        assert!(ask(address, probe).await.starts_with("HTTP/1.1 503"));
    }
}
