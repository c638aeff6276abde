//! Types that share a name on purpose, and why.

/// So few that each can be argued.
pub(crate) const MAX_HOMONYMS: usize = 9;

/// The names, each with its argument.
pub(crate) const HOMONYMS: [(&str, &str); 3] = [
    (
        "Decoder",
        "link, hpack (RFC 7541's own word) and the whole stage: each is used by its module's name",
    ),
    (
        "Key",
        "crypto and crypto_absent: of the two one is compiled, in the other's place",
    ),
    (
        "Options",
        "decode, inspect and pipeline: the third holds the other two, by those names",
    ),
];
