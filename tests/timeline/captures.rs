//! Captures made for the page: a busy one, and one whose every text is out to do harm.

use crate::wire::{self, END_STREAM, End, Peers, Talk};

/// How many streams of each connection of [`busy`] are beyond the last stream id.
pub(crate) const BEYOND: u32 = 30;

/// What must not be seen unless secrets are asked for.
pub(crate) const SECRET: &str = "hunter2";

/// A value of gRPC's trailers.
const TRAILERS: [(&str, &str); 2] = [("grpc-status", "0"), ("grpc-message", "")];

/// `connections` of `calls` each, some twenty at a time, answered after 5 to 60 ms; then a GOAWAY
/// that leaves the last of them behind, and a close.
pub(crate) fn busy(connections: u16, calls: u32) -> Vec<u8> {
    let mut packets = Vec::new();
    let mut random = Random(7);
    for connection in 0..connections {
        let mut talk = Talk::new(Peers::new(40_000 + connection, 50_051));
        talk.say(End::Client, &[wire::PREFACE, &wire::settings(&[])].concat());
        talk.say(End::Server, &wire::settings(&[(3, 100)]));
        let start = talk.now + i64::from(connection) * 250_000_000;
        let mut events = Vec::new();
        for call in 0..calls {
            let opened = start + i64::from(call) * 1_500_000 + random.below(1_400_000);
            let stream = 2 * call + 1;
            events.push((opened, End::Client, stream));
            if call < calls - BEYOND {
                events.push((
                    opened + 5_000_000 + random.below(55_000_000),
                    End::Server,
                    stream,
                ));
            }
        }
        events.sort_unstable_by_key(|(time, _, stream)| (*time, *stream));
        for (time, from, stream) in events {
            talk.now = time;
            match from {
                End::Client => talk.say(from, &request(connection, stream)),
                End::Server => talk.say(from, &answer(stream)),
            }
        }
        talk.say(
            End::Server,
            &wire::goaway(2 * (calls - BEYOND) - 1, 0, b"max_age"),
        );
        talk.say(End::Client, &wire::frame(wire::PING, 0, 0, &[7; 8]));
        talk.now += 2_000_000_000;
        talk.fin(End::Server);
        talk.fin(End::Client);
        packets.extend(talk.packets);
    }
    packets.sort_by_key(|(time, _)| *time);
    wire::pcap(&packets)
}

fn request(connection: u16, stream: u32) -> Vec<u8> {
    let id = format!("{connection:04x}-{stream:08x}-7f3a-4c51");
    let method = [
        "/shop.Orders/Create",
        "/shop.Orders/Get",
        "/inventory.Stock/Reserve",
    ];
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", method[(stream / 2 % 3) as usize]),
        (":authority", "shop.example:50051"),
        ("content-type", "application/grpc"),
        ("user-agent", "grpc-go/1.60.0"),
        ("x-request-id", &id),
    ];
    wire::headers(END_STREAM, stream, &fields)
}

fn answer(stream: u32) -> Vec<u8> {
    let head = [(":status", "200"), ("content-type", "application/grpc")];
    let data = wire::frame(wire::DATA, 0, stream, &[0, 0, 0, 0, 3, 1, 2, 3]);
    let trailers = wire::headers(END_STREAM, stream, &TRAILERS);
    [wire::headers(0, stream, &head), data, trailers].concat()
}

/// What a capture may try on a page: markup, ends of elements, quotes, characters that move, hide
/// or reorder text, the syntax of diagrams.
const TRICKS: [&str; 8] = [
    "/x/</script><script>globalThis.pwned=1</script>",
    "/x/<!--<script>globalThis.pwned=2//",
    "/x/<img src=x onerror=globalThis.pwned=3>",
    "/x/\"'`${globalThis.pwned=4}`'\"onmouseover=globalThis.pwned=5",
    "/x/\u{202e}gpj.exe\u{2066}\u{200f}\u{61c}",
    "/x/\u{1b}[31m\u{7}\u{85}\n\r\u{0}",
    "/x/\u{2028}\u{2029}{{script}}",
    "/x/a;b#35;%%c\nparticipant X\n-->>end",
];

/// Each trick as a method, a header, a message and debug data of one connection.
pub(crate) fn hostile() -> Vec<u8> {
    let mut talk = Talk::new(Peers::new(40_000, 50_051));
    talk.say(End::Client, &[wire::PREFACE, &wire::settings(&[])].concat());
    talk.say(End::Server, &wire::settings(&[]));
    let query = format!("/x/q?password={SECRET}");
    for (place, trick) in TRICKS.iter().copied().chain([query.as_str()]).enumerate() {
        let stream = 1 + 2 * u32::try_from(place).unwrap();
        let note = format!("note {trick}").replace(SECRET, "-");
        let fields = [
            (":method", "POST"),
            (":scheme", "http"),
            (":path", trick),
            (":authority", "<b>shop</b>"),
            ("content-type", "application/grpc"),
            ("authorization", SECRET),
            ("x-note", &note),
        ];
        talk.say(End::Client, &wire::headers(END_STREAM, stream, &fields));
        if place == 0 {
            let message = "<script>globalThis.pwned=6</script>";
            let fields = [
                (":status", "200"),
                ("content-type", "application/grpc"),
                ("grpc-status", "<i>14"),
                ("grpc-message", message),
            ];
            talk.say(End::Server, &wire::headers(END_STREAM, stream, &fields));
        }
    }
    let debug = "</script><script>globalThis.pwned=7</script>\u{202e}\u{1b}[2J";
    talk.say(End::Server, &wire::goaway(1, 11, debug.as_bytes()));
    talk.say(End::Client, &wire::frame(wire::PING, 0, 0, &[7; 8]));
    talk.now += 1_500_000_000;
    talk.fin(End::Server);
    wire::pcap(&talk.packets)
}

/// What a page must show of it, letter by letter.
pub(crate) fn hostile_texts() -> Vec<&'static str> {
    vec![
        TRICKS[0],
        TRICKS[1],
        TRICKS[2],
        TRICKS[3],
        "/x/\\u{202e}gpj.exe\\u{2066}\\u{200f}\\u{61c}",
        "/x/\\x1b[31m\\x07\\x85\\x0a\\x0d\\x00",
        "/x/\\u{2028}\\u{2029}{{script}}",
        "/x/a;b#35;%%c\\x0aparticipant X\\x0a-->>end",
        "<b>shop</b>",
        "<i>14",
        "<script>globalThis.pwned=6</script>",
        "</script><script>globalThis.pwned=7</script>\\u{202e}\\x1b[2J",
    ]
}

/// A generator of numbers that look random, the same in every run (Knuth's MMIX constants).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: i64) -> i64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        i64::try_from(self.0 >> 33).unwrap() % limit
    }
}
