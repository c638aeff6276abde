//! HTTP/2: preface and framing, frames, settings, header compression (RFC 9113, RFC 7541).

pub mod hpack;
