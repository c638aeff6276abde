//! What the crate and the program do, a module a subject, in one binary: what takes long about tests is
//! linking them.
//!
//! Apart are `timeline`, which needs a browser; `live`, which needs network namespaces; and `layers`,
//! which needs nothing of the crate.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "what is not there fails the test, and figures are for whoever runs it"
)]

mod agreement;
mod bombs;
mod bounds;
mod browsers;
mod capture_files;
mod cli;
mod copies;
mod corpus_frames;
mod crossings;
mod cut;
mod diagnosis_causes;
mod diagnosis_wire;
mod find_errors;
mod findings;
mod first_words;
mod godebug;
mod growth;
mod guards;
mod handshakes;
mod holes;
mod hostile;
mod hpack;
mod http2_frame_cases;
mod judge;
mod lab;
mod losses;
mod moments;
mod names;
mod node;
mod properties;
mod real_peer;
mod redaction;
mod retries;
mod surroundings;
mod threads;
mod tls;
mod tls_corpus;
mod tls_suites;
mod two_ends;
mod words;
mod wrapping;

mod launcher;
mod recordings;
mod shared_material;
#[path = "../../src/testing/wire.rs"]
mod wire;
mod witness;
