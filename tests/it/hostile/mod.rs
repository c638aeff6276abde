//! No capture crashes, hangs or bloats the program.
//!
//! In: mutilated recordings, the captures that others made, byte streams from other projects' fuzzers.
//! Out: a failure for each run of the real binary that ends with another status than 0 (done) or 2
//! (could not be done), takes more than two seconds of a processor or more than 64 MiB of memory.
//!
//! `H2SNIFF_MUTATIONS=10000 cargo test --test it hostile -- --nocapture` tries ten thousand mutations of
//! each fixture in place of a hundred, `H2SNIFF_MUTATIONS=5000..10000` the second half of them;
//! `H2SNIFF_MUTATION=NAME.pcap:SEED` tries that one alone.

mod corpus;
mod lot;
mod mutation;
mod mutations;
mod packets;
mod story;
mod streams;
