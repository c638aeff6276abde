//! The captures that are measured: what real `h2` peers say to each other in memory, as TCP packets.
//!
//! In: how much of what. Out: a pcap file. A client and a server of the `h2` crate talk through a pipe that keeps what
//! each writes; every write becomes segments of at most [`SEGMENT`] bytes, in the order in which they were written.

use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::client::{self, ResponseFuture};
use h2::server::{self, SendResponse};
use http::{HeaderMap, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf, duplex};

use crate::packets::{ACK, FIN, From, Talk, Writer};
use crate::sealed::Secrets;

/// What an Ethernet of 1,500 bytes leaves for data.
const SEGMENT: usize = 1_448;

/// What both sides of a connection wrote.
#[derive(Default)]
struct Said {
    /// In order.
    writes: Vec<(From, Vec<u8>)>,
    /// How many of them came before the server had all calls, where it answers none before.
    asked: usize,
}

type Tape = Arc<Mutex<Said>>;

fn lock(tape: &Tape) -> MutexGuard<'_, Said> {
    tape.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A pipe's end that keeps what is written to it.
struct Recorded {
    pipe: DuplexStream,
    from: From,
    tape: Tape,
}

impl AsyncRead for Recorded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl AsyncWrite for Recorded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let written = Pin::new(&mut self.pipe).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = written {
            let bytes = bytes[..length].to_vec();
            lock(&self.tape).writes.push((self.from, bytes));
        }
        written
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

/// When a server answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answers {
    AtOnce,
    /// Half of the calls at once; it closes under the others when it has them all.
    HalfThenClose,
    /// Once it has all calls, and so has every other connection: all are open at the same time.
    OnceAllAreOpen,
}

/// What a connection carries.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) calls: u32,
    /// How many of them wait for their answers together, where the server answers at once.
    pub(crate) together: usize,
    /// Bytes of each request's message.
    pub(crate) request: usize,
    /// Bytes of each answer's.
    pub(crate) answer: usize,
    pub(crate) answers: Answers,
    /// Whether it is inside TLS 1.3.
    pub(crate) tls: bool,
}

/// A capture of so many connections. Secrets lie beside it, where there are any, with the ending `keys`.
pub(crate) fn write(name: &str, connections: u32, load: Load) -> PathBuf {
    let (mut writer, path) = Writer::create(&format!("bench-{name}.pcap"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    let mut keys = String::new();
    let mut open = Vec::new();
    for number in 0..connections {
        let Said { mut writes, asked } = runtime.block_on(talk(number, load));
        if load.tls {
            let secrets = Secrets::of(number);
            keys.push_str(&secrets.lines());
            writes = secrets.seal(&writes);
        }
        let mut connection = Talk::number(number);
        connection.open(&mut writer);
        if load.answers == Answers::OnceAllAreOpen {
            let rest = writes.split_off(asked);
            say(&mut writer, &mut connection, &writes);
            open.push((connection, rest));
        } else {
            say(&mut writer, &mut connection, &writes);
            close(&mut writer, &mut connection);
        }
    }
    for (mut connection, rest) in open {
        say(&mut writer, &mut connection, &rest);
        close(&mut writer, &mut connection);
    }
    writer.finish();
    if load.tls {
        std::fs::write(path.with_extension("keys"), keys).expect("a key log");
    }
    path
}

fn say(writer: &mut Writer, connection: &mut Talk, writes: &[(From, Vec<u8>)]) {
    for (from, bytes) in writes {
        for segment in bytes.chunks(SEGMENT) {
            connection.send(writer, *from, ACK, segment);
        }
    }
}

fn close(writer: &mut Writer, connection: &mut Talk) {
    connection.send(writer, From::Server, ACK | FIN, &[]);
    connection.send(writer, From::Client, ACK | FIN, &[]);
}

/// One connection from its preface to its end.
async fn talk(number: u32, load: Load) -> Said {
    let tape = Tape::default();
    let (near, far) = duplex(1 << 20);
    let end = |pipe, from| Recorded {
        pipe,
        from,
        tape: Arc::clone(&tape),
    };
    let (near, far) = (end(near, From::Client), end(far, From::Server));
    let served = tokio::spawn(serve(far, load));
    ask(near, number, load).await;
    let _ = served.await;
    std::mem::take(&mut *lock(&tape))
}

async fn serve(pipe: Recorded, load: Load) {
    let builder = server::Builder::new();
    let tape = Arc::clone(&pipe.tape);
    let Ok(mut connection) = builder.handshake::<_, Bytes>(pipe).await else {
        return;
    };
    let mut served = 0;
    // To drop one would reset its stream.
    let mut unanswered = Vec::new();
    while let Some(Ok((_, respond))) = connection.accept().await {
        served += 1;
        match load.answers {
            Answers::HalfThenClose if served > load.calls / 2 => {
                unanswered.push(respond);
                if served == load.calls {
                    connection.abrupt_shutdown(h2::Reason::NO_ERROR);
                }
            }
            Answers::OnceAllAreOpen => {
                unanswered.push(respond);
                if served == load.calls {
                    let mut said = lock(&tape);
                    said.asked = said.writes.len();
                    for respond in unanswered.drain(..) {
                        answer(respond, load.answer);
                    }
                }
            }
            Answers::AtOnce | Answers::HalfThenClose => answer(respond, load.answer),
        }
    }
}

/// A message of so many bytes with its prefix: not compressed (gRPC over HTTP/2, Length-Prefixed-Message).
fn message(bytes: usize) -> Bytes {
    let length = u32::try_from(bytes).expect("a message");
    let mut message = vec![0];
    message.extend(length.to_be_bytes());
    message.resize(5 + bytes, b'y');
    message.into()
}

/// Answers a call well, with a message of so many bytes.
fn answer(mut respond: SendResponse<Bytes>, bytes: usize) {
    let head = Response::builder()
        .header("content-type", "application/grpc")
        .body(())
        .expect("a head");
    let Ok(mut answer) = respond.send_response(head, false) else {
        return;
    };
    let message = message(bytes);
    answer.reserve_capacity(message.len());
    let _ = answer.send_data(message, false);
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", "0".parse().expect("a value"));
    let _ = answer.send_trailers(trailers);
}

/// Waits for all of an answer.
async fn receive(answer: ResponseFuture) {
    let Ok(answer) = answer.await else { return };
    let mut body = answer.into_body();
    while let Some(Ok(data)) = body.data().await {
        let _ = body.flow_control().release_capacity(data.len());
    }
    let _ = body.trailers().await;
}

async fn ask(pipe: Recorded, number: u32, load: Load) {
    let mut builder = client::Builder::new();
    builder
        .initial_window_size(1 << 30)
        .initial_connection_window_size(1 << 30)
        .initial_max_send_streams(load.calls as usize);
    let Ok((mut send, connection)) = builder.handshake::<_, Bytes>(pipe).await else {
        return;
    };
    let driven = tokio::spawn(connection);
    let message = message(load.request);
    let mut waiting = Vec::new();
    for call in 0..load.calls {
        send = match send.ready().await {
            Ok(ready) => ready,
            Err(_) => return,
        };
        let trace = u128::from(number) << 64
            ^ u128::from(call).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        let request = Request::post("http://cart.shop.svc:50051/shop.Cart/Add")
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("user-agent", "grpc-go/1.80.0")
            .header("grpc-timeout", format!("{}m", 900 + call % 100))
            .header(
                "traceparent",
                format!("00-{trace:032x}-{:016x}-01", trace as u64),
            )
            .body(())
            .expect("a request");
        let Ok((answer, mut body)) = send.send_request(request, false) else {
            break;
        };
        let _ = body.send_data(message.clone(), true);
        waiting.push(answer);
        let answered = match load.answers {
            Answers::AtOnce => waiting.len() == load.together,
            Answers::HalfThenClose => call < load.calls / 2,
            Answers::OnceAllAreOpen => false,
        };
        if answered {
            for answer in waiting.drain(..) {
                receive(answer).await;
            }
        }
    }
    for answer in waiting {
        receive(answer).await;
    }
    drop(send);
    let _ = driven.await;
}
