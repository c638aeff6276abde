//! Says which HTTP/2 and gRPC calls died on the wire, of what, and whether a retry is safe.
//!
//! Packets go in; events come out on the way, and a report at the end. Only [`capture`] does I/O, and only
//! the packets know the time: everything above it can be fed by hand, and gives the same for the same
//! packets. The program `h2sniff` is a thin user of this crate.
//!
//! # An example
//!
//! ```
//! use h2sniff::capture::Capture;
//! use h2sniff::inspect::{Processed, Verdict};
//! use h2sniff::pipeline::{self, Options};
//!
//! let mut capture = Capture::open(&["fixtures/grace-cut.pcap".into()])?;
//! let report = pipeline::analyze(&mut capture, Options::default())?;
//!
//! // 116 calls were accepted, and cut when the grace after a graceful GOAWAY ran out.
//! let calls = &report.analysis.rpcs;
//! assert_eq!(calls.len(), 116);
//! assert!(calls.iter().all(|call| call.verdict == Verdict::CutByClose));
//! assert!(calls.iter().all(|call| call.processed == Processed::Maybe));
//!
//! let finding = &report.analysis.findings[0];
//! assert_eq!(finding.rule, "grace-expired");
//! assert_eq!(finding.rpcs.len(), 116);
//! # Ok::<(), h2sniff::capture::CaptureError>(())
//! ```
//!
//! # The stages
//!
//! They stand in the order in which data flows, and each uses only those before it; inside `decode`,
//! `inspect` and `report` the modules have an order of their own. `tests/layers` holds all of it.
//!
//! | stage | takes | gives |
//! |---|---|---|
//! | [`capture`] | files, standard input, interfaces | [`Packet`]s in capture order, each with its [`Stamp`] |
//! | [`names`] | hosts files, Kubernetes' objects, what captures say of addresses | a [`Directory`]: who had which address when |
//! | [`decode`] | packets | [`Event`]s of each connection, to a [`Listener`] |
//! | [`inspect`] | events | [`Rpc`]s with their verdicts, [`ConnectionRecord`]s, [`Finding`]s: a [`Report`] |
//! | [`report`] | the report, frames, news | text, Markdown, JSON, timelines |
//!
//! [`pipeline`] joins them, and is what a program that embeds this crate begins with. Durations and counts are
//! worded in `units`, below findings and reports alike; verdicts in `report::words`.
//!
//! Inside [`decode`] a packet's bytes pass, mostly where they lie:
//!
//! ```text
//! Packet -link-> Segment -tcp-> Chunk -.           .-> StreamPart -http2-> Frame -> Event
//!                                      '---[tls]---'
//! ```
//!
//! # A connection is one value
//!
//! When the decoder recognises a connection it asks its [`Listener`] for a value, keeps that beside the
//! connection's reading state, and hands it back with each event. [`Follower`] is such a listener and
//! [`Connection`](inspect::Connection) its value: decoding and understanding of a connection stand
//! together, and no number or look-up joins them on the way. What spans connections has a home of its own:
//! which servers speak HTTP/2 and the limits (`decode::decoder`), one connection seen in several places
//! (`decode::tcp`'s aliases), attempts that may be retries, and what became certain (`inspect`).
//!
//! # What always holds
//!
//! - **The first event that the client's end saw decides** a call: a delivered answer, a reset, a close, the
//!   final GOAWAY, the deadline. `inspect::stream::verdict` is the only place that judges.
//! - **Acknowledgement numbers order the two sides, clocks do not.** [`Carrier`] says what a segment's sender
//!   had received; a request whose segment does not acknowledge the whole GOAWAY crossed it in flight.
//! - **`None` says that the capture cannot tell**, never that nothing happened. No verdict is safer than a
//!   wrong one.
//! - **An error is a job that could not be done; an [`Anomaly`] is a capture that is odd.** Decoders never
//!   fail: they give what they have, note what was odd, and say where they went on. Every claim carries the
//!   [`Stamp`]s of the packets that prove it.
//! - **A capture is untrusted.** Nothing in it makes the crate panic or grow without bound, and what peers
//!   sent is escaped, and secrets are left out, before a format prints it.
//!
//! # Limits
//!
//! Memory follows what is open, not what has passed: calls that were answered well are folded into counts.
//! Every buffer has a bound that is a named constant with its reason; the ones to set are
//! [`decode::Limits`] (connections, bytes held behind holes and in header tables),
//! [`ListLimits`](inspect::ListLimits) (calls listed) and [`Capture::limit_unpacked`]. What was given up
//! to stay within them is counted and reported, for each connection with what it costs its verdicts.
//!
//! # Threads
//!
//! The connections of a capture are divided by their addresses into a fixed number of parts
//! ([`DividedDecoder`](decode::DividedDecoder)), each with a [`Follower`] of its own; a part knows of no other.
//! What needs all packets in one order comes before them (fragments, tunnels, times), and what spans connections
//! after them (servers, limits, numbers, retries, rules): the parts hear of each other after every batch of packets,
//! wherever it was decoded. So the report is the same for any number of threads, and for the first packets of a
//! capture, for `frames` and for an analysis that goes on, the parts are followed in lockstep by the caller's thread
//! alone.
//!
//! After the last packet as many threads link calls, tell what applications saw and run the rules: the work is cut into
//! pieces that know nothing of each other, and what comes of them is joined in their order
//! ([`Threads`](inspect::Threads)).
//!
//! # To add …
//!
//! **A rule**: a file in `inspect/diagnosis` with a constant `RULE`; its `mod` line and its place in
//! [`RULES`](inspect::diagnosis::RULES). A fact that no record holds yet takes two more: a field of
//! [`ConnectionRecord`], and the line that fills it in `inspect/connection`, where the frame is matched.
//! `UPDATE_README=1 cargo test readme` puts it into the README's table. Its tests are scenarios, an event a
//! line (`testing::scenario`): one in which it fires, one in which it must stay silent.
//!
//! **A format**: a file in `report` that implements [`ReportFormat`] (frames: [`FrameFormat`], live:
//! [`EventFormat`]); its `mod` line; its name among the options in `cli`; an arm where `commands` makes it.
//!
//! **A source of names**: a variant of [`NameSource`] at the place of how much it is believed, and where the
//! [`Directory`] keeps and asks it. Names are put into an analysis once, at its end (`inspect::naming`); formats print
//! what the records have.
//!
//! **A link type**: its number in `capture/link_type.rs`, a variant and an arm in `decode/link/protocol.rs`,
//! and a function that takes the header off. The compiler asks for each.
//!
//! [`Directory`]: names::Directory
//! [`NameSource`]: names::NameSource
//! [`Packet`]: capture::Packet
//! [`Stamp`]: capture::Stamp
//! [`Capture::limit_unpacked`]: capture::Capture::limit_unpacked
//! [`Event`]: decode::Event
//! [`Listener`]: decode::Listener
//! [`Carrier`]: decode::Carrier
//! [`Anomaly`]: decode::anomaly::Anomaly
//! [`Follower`]: inspect::Follower
//! [`ConnectionRecord`]: inspect::ConnectionRecord
//! [`Rpc`]: inspect::Rpc
//! [`Finding`]: inspect::diagnosis::Finding
//! [`Report`]: inspect::report::Report
//! [`ReportFormat`]: report::ReportFormat
//! [`FrameFormat`]: report::frames::FrameFormat
//! [`EventFormat`]: report::live::EventFormat

pub mod capture;
pub mod decode;
pub mod inspect;
pub mod names;
pub mod report;

pub mod pipeline;

pub(crate) mod units;

#[cfg(test)]
pub(crate) mod testing;
