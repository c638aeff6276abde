//! Tests of `protocol-violation`.
