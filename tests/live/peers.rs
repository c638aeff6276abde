//! A real client and a real server, and how they race a GOAWAY.
//!
//! A race needs requests on their way when the GOAWAY leaves. The server's socket is not read for a
//! moment before it says GOAWAY, as a busy server's is not: what the client sends then is above the
//! last stream id, and the client cannot know.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use h2::{Reason, client, server};
use http::{Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::time::sleep;

use crate::network::SERVER;

/// How a server ends its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    /// GOAWAY, and the socket stays open for this long.
    GoAwayThenWait(Duration),
    /// GOAWAY and close at once.
    GoAwayAndClose,
    /// Never.
    None,
}

/// Requests answered before the end.
const ANSWERED: usize = 20;

/// How long the server is busy before it says GOAWAY.
const BUSY: Duration = Duration::from_millis(100);

pub(crate) fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Serves one connection for each of `endings`, one after the other.
pub(crate) fn serve(endings: Vec<Ending>, ready: &std::sync::mpsc::Sender<()>) {
    runtime().block_on(async {
        let listener = TcpListener::bind(SERVER).await.unwrap();
        ready.send(()).unwrap();
        for ending in endings {
            let (stream, _) = listener.accept().await.unwrap();
            serve_one(stream, ending).await;
        }
    });
}

async fn serve_one(stream: TcpStream, ending: Ending) {
    // Else the GOAWAY waits for an acknowledgement, and a close with unread requests discards it.
    stream.set_nodelay(true).unwrap();
    let stream = stream.into_std().unwrap();
    let kept_open = stream.try_clone().unwrap();
    let busy = Arc::new(AtomicBool::new(false));
    let gate = Gate {
        stream: TcpStream::from_std(stream).unwrap(),
        busy: Arc::clone(&busy),
    };
    let mut connection = server::handshake(gate).await.unwrap();
    let mut answered = 0;
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let _ = respond.send_response(Response::new(()), true);
        answered += 1;
        if answered == ANSWERED && !matches!(ending, Ending::None) {
            busy.store(true, Ordering::Relaxed);
            let drain = async { while let Some(Ok(_)) = connection.accept().await {} };
            let _ = tokio::time::timeout(BUSY, drain).await;
            connection.abrupt_shutdown(Reason::NO_ERROR);
        }
    }
    drop(connection);
    if let Ending::GoAwayThenWait(time) = ending {
        sleep(time).await;
    }
    drop(kept_open);
}

/// Opens one connection for each of `connections`; each sends a request a millisecond, for as long as
/// the server lets it, but no more than `requests`.
pub(crate) fn ask(connections: usize, requests: usize) {
    runtime().block_on(async {
        for _ in 0..connections {
            let stream = TcpStream::connect(SERVER).await.unwrap();
            let (requester, connection) = client::handshake(stream).await.unwrap();
            let over = tokio::spawn(async move {
                let _ = connection.await;
            });
            for number in 0..requests {
                let request = Request::builder()
                    .uri(format!("http://{SERVER}/lab.Echo/Call?number={number}"))
                    .body(())
                    .unwrap();
                let Ok(mut ready) = requester.clone().ready().await else {
                    break;
                };
                let Ok((answer, _)) = ready.send_request(request, true) else {
                    break;
                };
                tokio::spawn(answer);
                sleep(Duration::from_millis(1)).await;
            }
            drop(requester);
            let _ = over.await;
        }
    });
}

/// A socket that can be left unread.
struct Gate {
    stream: TcpStream,
    busy: Arc<AtomicBool>,
}

impl AsyncRead for Gate {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.busy.load(Ordering::Relaxed) {
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Gate {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    /// Not passed on: the clone decides when the connection ends.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
