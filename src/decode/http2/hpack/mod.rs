//! Header compression (RFC 7541): header blocks in, header fields out.
//!
//! Each direction of a connection has one [`Decoder`], which holds the dynamic table that its
//! encoder keeps. A capture may begin after the connection did, or miss some of its bytes; then
//! the table holds entries that nobody saw, and a field that refers to one is reported as unknown.
//! It is never guessed: every name and value given out is exactly what the peer decoded. Beside it
//! a recovery finds what a server's blocks can only mean after a gap; that is no proof, and is
//! kept apart.
//!
//! A block is a run of representations (section 6), told apart by their first bits:
//!
//! ```text
//!   1 i i i i i i i   indexed field                             section 6.1
//!   0 1 i i i i i i   literal, added to the dynamic table       section 6.2.1
//!   0 0 0 0 i i i i   literal, not added                        section 6.2.2
//!   0 0 0 1 i i i i   literal, never to be added (sensitive)    section 6.2.3
//!   0 0 1 s s s s s   new size of the dynamic table             section 6.3
//!
//!   i  index of a field, or in a literal of its name; 0 in a literal: the name follows
//!   s  size in bytes
//! ```
//!
//! Nothing here reads frames, knows streams or judges what a field means, and nothing panics:
//! what a block gets wrong comes back as a [`Fault`].

mod block;
mod decoder;
mod dynamic_table;
mod entry;
mod fault;
mod field_name;
mod habits;
mod huffman;
mod huffman_code;
mod input;
mod recovery;
mod representation;
mod static_table;
#[cfg(test)]
mod tests;

pub use block::{Field, HeaderBlock, MAX_BYTES, MAX_FIELDS, UnreadField, Value};
pub use decoder::Decoder;
pub use dynamic_table::{ASSUMED_SIZE, DEFAULT_SIZE, MAX_SIZE};
pub use fault::{Fault, FaultKind};
pub use field_name::FieldName;
pub(in crate::decode::http2) use recovery::Recovery;
