//! `--metrics`: all numbers over HTTP, for Prometheus.
//!
//! As much of HTTP/1.1 as a scraper needs: a request's first line, an answer, the end (RFC 9112).

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use h2sniff::inspect::report::LiveStatus;
use h2sniff::report::live::prometheus;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, yield_now};
use tokio::time::{sleep, timeout};

/// How many may ask at a time. When one more comes, whoever came first has had its time: whoever connects and says
/// nothing must not keep others waiting.
const MAX_ASKING: usize = 64;

/// How long one may take to ask and to read the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a request's head may be, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// Answers whoever asks, for ever.
pub(super) async fn serve(listener: TcpListener, status: Arc<Mutex<LiveStatus>>) {
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
        let status = Arc::clone(&status);
        let answered = tokio::spawn(async move {
            // Whoever asked is gone, or too slow: there is nobody to answer.
            let _ = timeout(PATIENCE, answer(stream, &status)).await;
        });
        asking.push_back(answered.abort_handle());
        // The answer is on its way before the next connection is taken, however many wait.
        yield_now().await;
    }
}

async fn answer(mut stream: TcpStream, status: &Mutex<LiveStatus>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        if head.len() > MAX_HEAD || stream.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let method = words.next().unwrap_or_default();
    let target = words.next().unwrap_or_default();
    let path = target
        .split(|byte| *byte == b'?')
        .next()
        .unwrap_or_default();
    let plain = "text/plain; charset=utf-8";
    let (code, kind, body) = match (method, path) {
        (b"GET" | b"HEAD", b"/metrics") => {
            let status = status
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone();
            (
                "200 OK",
                prometheus::CONTENT_TYPE,
                prometheus::render(&status),
            )
        }
        (b"GET" | b"HEAD", b"/healthz") => ("200 OK", plain, "ok\n".to_owned()),
        (b"GET" | b"HEAD", _) => (
            "404 Not Found",
            plain,
            "try /metrics or /healthz\n".to_owned(),
        ),
        _ => ("405 Method Not Allowed", plain, "try GET\n".to_owned()),
    };
    let length = body.len();
    let mut text = format!(
        "HTTP/1.1 {code}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    if method != b"HEAD" {
        text.push_str(&body);
    }
    stream.write_all(text.as_bytes()).await?;
    stream.shutdown().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_says_nothing_keeps_nobody_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(serve(listener, Arc::default()));
        let mut idle = Vec::new();
        // So many that all turns would be taken for five times as long as one is waited for.
        for _ in 0..5 * MAX_ASKING {
            idle.push(TcpStream::connect(address).await.unwrap());
        }
        let ask = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream
                .write_all(b"GET /healthz HTTP/1.1\r\n\r\n")
                .await
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let answer = timeout(PATIENCE / 2, ask).await.expect("kept waiting");
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("ok\n"),
            "{answer}"
        );
    }
}
