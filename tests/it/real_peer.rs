//! A real client and a real server as the counterpart that speaks what we decode: the `h2` crate.
//!
//! Both run here over a pipe in memory; what each writes is recorded, wrapped into packets and
//! decoded. Our reading must be what the peers meant.

#[cfg(test)]
use std::io::{self, Cursor};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::wire::{End, Peers, Talk};
use h2::server::SendResponse;
use h2::{Ping, Reason};
use h2sniff::capture::{LinkType, Packet, Stamp, Timestamp};
use h2sniff::decode::http2::hpack::HeaderBlock;
use h2sniff::decode::http2::{FrameType, Payload};
use h2sniff::decode::{Decoder, Direction, EachEvent, Event, Options};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};

/// Calls in one talk.
const CALLS: usize = 20;

/// How long the last call takes: far longer than a round trip through memory.
const DRAIN: Duration = Duration::from_millis(200);

type Written = Arc<Mutex<Vec<(End, Vec<u8>)>>>;

/// One end of the pipe, which notes what is written into it.
struct Tee {
    end: End,
    pipe: DuplexStream,
    written: Written,
}

impl AsyncRead for Tee {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_read(context, buffer)
    }
}

impl AsyncWrite for Tee {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.pipe).poll_write(context, bytes);
        if let Poll::Ready(Ok(length)) = &result {
            let part = (self.end, bytes[..*length].to_vec());
            self.written.lock().expect("no one panicked").push(part);
        }
        result
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.pipe).poll_shutdown(context)
    }
}

type Fields = Vec<(String, String)>;

/// The request of a call: fields that repeat (the dynamic table), that differ, that need every way of
/// Huffman coding, and, on one call, more than a frame holds.
fn request_fields(call: usize) -> Fields {
    let mut fields = vec![
        ("content-type".to_owned(), "application/grpc".to_owned()),
        ("te".to_owned(), "trailers".to_owned()),
        ("x-same".to_owned(), "the same on every call".to_owned()),
        (
            "x-request-id".to_owned(),
            format!("{call:08x}-{}", call * 7_919),
        ),
    ];
    for number in 0..call {
        fields.push((
            format!("x-field-{number}"),
            format!("~{{|}} \"{}\"", "é%".repeat(number)),
        ));
    }
    if call == 7 {
        fields.push(("x-huge".to_owned(), "0123456789abcdef#$".repeat(3_000)));
    }
    fields
}

fn response_fields(call: usize) -> Fields {
    vec![
        ("content-type".to_owned(), "application/grpc".to_owned()),
        ("x-served-by".to_owned(), format!("server-{}", call % 3)),
    ]
}

fn trailer_fields(call: usize) -> Fields {
    vec![
        ("grpc-status".to_owned(), (call % 5).to_string()),
        ("grpc-message".to_owned(), "all is well, or not".to_owned()),
    ]
}

fn body(call: usize) -> Vec<u8> {
    vec![b'a'; call * 3_000]
}

fn map(fields: &Fields) -> HeaderMap {
    let pairs = fields.iter().map(|(name, value)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a legal value");
        (name.parse::<HeaderName>().expect("a legal name"), value)
    });
    pairs.collect()
}

async fn serve(io: Tee) -> Result<(), h2::Error> {
    let mut connection = h2::server::Builder::new()
        .max_concurrent_streams(77)
        .handshake::<_, Cursor<Vec<u8>>>(io)
        .await?;
    let mut call = 0;
    while let Some(accepted) = connection.accept().await {
        let (_, respond) = accepted?;
        if call + 1 == CALLS {
            // The last call is still open while the connection drains, so that the client stays to
            // acknowledge the PING between the two GOAWAYs.
            connection.graceful_shutdown();
            tokio::spawn(async move {
                tokio::time::sleep(DRAIN).await;
                answer(respond, call)
            });
        } else {
            answer(respond, call)?;
        }
        call += 1;
    }
    Ok(())
}

fn answer(mut respond: SendResponse<Cursor<Vec<u8>>>, call: usize) -> Result<(), h2::Error> {
    let mut response = Response::new(());
    *response.headers_mut() = map(&response_fields(call));
    let mut stream = respond.send_response(response, false)?;
    if call % 4 == 3 {
        stream.send_reset(Reason::INTERNAL_ERROR);
        return Ok(());
    }
    stream.send_data(Cursor::new(body(call)), false)?;
    stream.send_trailers(map(&trailer_fields(call)))
}

async fn ask(io: Tee) -> Result<(), h2::Error> {
    let (mut client, mut connection) = h2::client::Builder::new()
        .initial_window_size(1 << 20)
        .initial_connection_window_size(1 << 20)
        .handshake::<_, Cursor<Vec<u8>>>(io)
        .await?;
    let mut pings = connection.ping_pong().expect("asked for once");
    let driven = tokio::spawn(connection);
    pings.ping(Ping::opaque()).await?;
    for call in 0..CALLS {
        let mut request = Request::post(format!("http://shop.example/shop.Cart/Add?n={call}"))
            .body(())
            .expect("a legal request");
        *request.headers_mut() = map(&request_fields(call));
        client = client.ready().await?;
        let (response, mut stream) = client.send_request(request, false)?;
        stream.send_data(Cursor::new(body(call)), true)?;
        let Ok(response) = response.await else {
            continue;
        };
        let mut answer = response.into_body();
        while let Some(Ok(bytes)) = answer.data().await {
            answer.flow_control().release_capacity(bytes.len())?;
        }
        answer.trailers().await.ok();
    }
    drop(client);
    driven.await.expect("no panic")
}

/// What both ends of one talk wrote, in order.
fn talk() -> Vec<(End, Vec<u8>)> {
    let written = Written::default();
    let (client, server) = tokio::io::duplex(1 << 16);
    let tee = |end, pipe| Tee {
        end,
        pipe,
        written: Arc::clone(&written),
    };
    let (client, server) = (tee(End::Client, client), tee(End::Server, server));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let served = tokio::spawn(serve(server));
        ask(client).await.expect("the client is content");
        // The client leaves first; the server may find that nobody reads any more.
        let served = served.await.expect("no panic");
        assert!(
            served.as_ref().map_or_else(h2::Error::is_io, |()| true),
            "{served:?}"
        );
    });
    std::mem::take(&mut *written.lock().expect("no one panicked"))
}

/// A frame as we decode it.
#[derive(Debug)]
struct Seen {
    direction: Direction,
    kind: FrameType,
    stream: u32,
    fields: Option<Fields>,
    what: String,
}

fn decode(written: &[(End, Vec<u8>)]) -> (Vec<Seen>, usize) {
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    for (end, bytes) in written {
        talk.say(*end, bytes);
    }
    let mut decoder = Decoder::new(Options::default());
    let mut seen = Vec::new();
    let mut take = EachEvent::new(|_, event: &Event<'_>| {
        let Event::Frame(frame) = event else { return };
        let fields = match frame.payload {
            Payload::Headers { block, .. } => block.map(fields),
            Payload::Continuation { block } => block.map(|ended| fields(ended.block)),
            _ => None,
        };
        seen.push(Seen {
            direction: frame.direction,
            kind: frame.header.kind,
            stream: frame.header.stream.0,
            fields,
            what: match frame.payload {
                Payload::GoAway {
                    last_stream_id,
                    error,
                    ..
                } => format!("{last_stream_id} {error}"),
                Payload::ResetStream { error } => error.to_string(),
                Payload::Data { length, .. } => length.to_string(),
                Payload::Settings(settings) => settings
                    .iter()
                    .map(|(id, value)| format!("{id}={value} "))
                    .collect(),
                Payload::Malformed(why) => panic!("malformed: {why:?}"),
                _ => String::new(),
            },
        });
    });
    for ((nanos, data), packet) in talk.packets.iter().zip(1..) {
        let stamp = Stamp {
            time: Timestamp::from_nanos(*nanos),
            packet,
            file: 0,
        };
        let original_length = u32::try_from(data.len()).expect("a packet");
        let packet = Packet {
            stamp,
            link_type: LinkType::RAW,
            original_length,
            data,
            options: h2sniff::capture::PacketOptions::default(),
        };
        decoder.push(&packet, &mut take);
    }
    decoder.finish(&mut take);
    (seen, decoder.take_anomalies().len())
}

fn fields(block: &HeaderBlock) -> Fields {
    let text = |bytes: Option<&[u8]>| {
        String::from_utf8(bytes.expect("nothing is unknown").to_vec()).expect("UTF-8")
    };
    block
        .fields()
        .map(|field| (text(field.name), text(field.value)))
        .collect()
}

/// Fields in an order that does not depend on how a map keeps them.
fn sorted(mut fields: Fields) -> Fields {
    fields.sort();
    fields
}

fn expected_request(call: usize) -> Fields {
    let mut fields = request_fields(call);
    let pseudo = [
        (":method", "POST".to_owned()),
        (":scheme", "http".to_owned()),
        (":authority", "shop.example".to_owned()),
        (":path", format!("/shop.Cart/Add?n={call}")),
    ];
    fields.extend(pseudo.map(|(name, value)| (name.to_owned(), value)));
    sorted(fields)
}

#[test]
fn what_a_real_client_and_server_said_is_what_we_read() {
    let written = talk();
    let (seen, anomalies) = decode(&written);
    assert_eq!(anomalies, 0);
    let of = |direction, kind| {
        let wanted = move |seen: &&Seen| seen.direction == direction && seen.kind == kind;
        seen.iter().filter(wanted).collect::<Vec<_>>()
    };
    let (to_server, to_client) = (Direction::ClientToServer, Direction::ServerToClient);

    let blocks = |direction| {
        let blocks = seen.iter().filter(move |seen| seen.direction == direction);
        blocks
            .filter_map(|seen| Some((seen.stream, sorted(seen.fields.clone()?))))
            .collect::<Vec<_>>()
    };
    let requests: Vec<_> = (0..CALLS)
        .map(|call| {
            (
                u32::try_from(call).expect("small") * 2 + 1,
                expected_request(call),
            )
        })
        .collect();
    assert_eq!(blocks(to_server), requests);
    let mut answers = Vec::new();
    for call in 0..CALLS {
        let stream = u32::try_from(call).expect("small") * 2 + 1;
        if call % 4 == 3 {
            // The reset overtakes the head of the answer, which is never written.
            continue;
        }
        let mut head = response_fields(call);
        head.push((":status".to_owned(), "200".to_owned()));
        answers.push((stream, sorted(head)));
        answers.push((stream, sorted(trailer_fields(call))));
    }
    assert_eq!(blocks(to_client), answers);

    assert!(
        of(to_server, FrameType::CONTINUATION).len() >= 2,
        "the huge field needs them"
    );
    assert!(
        of(to_server, FrameType::CONTINUATION)
            .iter()
            .all(|seen| seen.stream == 15)
    );
    for (direction, calls) in [(to_server, 0..CALLS), (to_client, 0..CALLS)] {
        for call in calls {
            let stream = u32::try_from(call).expect("small") * 2 + 1;
            let data = of(direction, FrameType::DATA);
            let lengths = data.iter().filter(|seen| seen.stream == stream);
            let total: usize = lengths
                .map(|seen| seen.what.parse::<usize>().expect("a length"))
                .sum();
            let reset = direction == to_client && call % 4 == 3;
            assert_eq!(
                total,
                if reset { 0 } else { body(call).len() },
                "{direction:?} {stream}"
            );
        }
    }

    let resets = of(to_client, FrameType::RST_STREAM);
    let resets: Vec<_> = resets
        .iter()
        .map(|seen| (seen.stream, seen.what.as_str()))
        .collect();
    let failed = (0..CALLS).filter(|call| call % 4 == 3);
    let failed = failed.map(|call| {
        (
            u32::try_from(call).expect("small") * 2 + 1,
            "INTERNAL_ERROR",
        )
    });
    assert_eq!(resets, failed.collect::<Vec<_>>());

    let goaways = of(to_client, FrameType::GOAWAY);
    let goaways: Vec<_> = goaways.iter().map(|seen| seen.what.as_str()).collect();
    assert_eq!(goaways, ["2147483647 NO_ERROR", "39 NO_ERROR"]);
    assert!(
        of(to_server, FrameType::PING).len() >= 2,
        "one of its own, one acknowledgement"
    );
    assert!(
        of(to_client, FrameType::PING).len() >= 2,
        "one acknowledgement, one to drain"
    );
    let settings = of(to_client, FrameType::SETTINGS);
    assert!(
        settings[0].what.contains("MAX_CONCURRENT_STREAMS=77"),
        "{}",
        settings[0].what
    );
}

#[test]
fn the_bytes_need_not_come_as_they_were_written() {
    let written = talk();
    let whole = decode(&written);
    // The same bytes in segments of 100.
    let torn: Vec<_> = written
        .iter()
        .flat_map(|(end, bytes)| bytes.chunks(100).map(|part| (*end, part.to_vec())))
        .collect();
    let torn = decode(&torn);
    let lines = |(seen, _): &(Vec<Seen>, usize)| {
        let mut lines: Vec<_> = seen.iter().map(|seen| format!("{seen:?}")).collect();
        // Which way a segment goes first is not part of the question.
        lines.sort_by_key(|line| line.starts_with("Seen { direction: ClientToServer"));
        lines
    };
    assert_eq!(lines(&torn), lines(&whole));
}
