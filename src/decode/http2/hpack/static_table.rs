//! The static table (RFC 7541, appendix A): an index in, the entry that it always means out.

use super::entry::{Entry, TextLength};
use super::field_name::FieldName;

/// How many entries the static table has. The dynamic table's indexes follow on (section 2.3.3).
pub(super) const LENGTH: usize = ENTRIES.len();

/// The entry at `index`, which counts from 1.
pub(super) fn look_up(index: usize) -> Option<Entry<'static>> {
    ENTRIES.get(index.checked_sub(1)?).copied()
}

macro_rules! entry {
    ($name:literal, $value:literal) => {
        Entry {
            text: concat!($name, $value).as_bytes(),
            name_length: TextLength::of($name.len()),
            known_name: FieldName::of($name.as_bytes()),
            value_length: TextLength::of($value.len()),
            number: None,
        }
    };
}

static ENTRIES: [Entry<'static>; 61] = [
    entry!(":authority", ""),
    entry!(":method", "GET"),
    entry!(":method", "POST"),
    entry!(":path", "/"),
    entry!(":path", "/index.html"),
    entry!(":scheme", "http"),
    entry!(":scheme", "https"),
    entry!(":status", "200"),
    entry!(":status", "204"),
    entry!(":status", "206"),
    entry!(":status", "304"),
    entry!(":status", "400"),
    entry!(":status", "404"),
    entry!(":status", "500"),
    entry!("accept-charset", ""),
    entry!("accept-encoding", "gzip, deflate"),
    entry!("accept-language", ""),
    entry!("accept-ranges", ""),
    entry!("accept", ""),
    entry!("access-control-allow-origin", ""),
    entry!("age", ""),
    entry!("allow", ""),
    entry!("authorization", ""),
    entry!("cache-control", ""),
    entry!("content-disposition", ""),
    entry!("content-encoding", ""),
    entry!("content-language", ""),
    entry!("content-length", ""),
    entry!("content-location", ""),
    entry!("content-range", ""),
    entry!("content-type", ""),
    entry!("cookie", ""),
    entry!("date", ""),
    entry!("etag", ""),
    entry!("expect", ""),
    entry!("expires", ""),
    entry!("from", ""),
    entry!("host", ""),
    entry!("if-match", ""),
    entry!("if-modified-since", ""),
    entry!("if-none-match", ""),
    entry!("if-range", ""),
    entry!("if-unmodified-since", ""),
    entry!("last-modified", ""),
    entry!("link", ""),
    entry!("location", ""),
    entry!("max-forwards", ""),
    entry!("proxy-authenticate", ""),
    entry!("proxy-authorization", ""),
    entry!("range", ""),
    entry!("referer", ""),
    entry!("refresh", ""),
    entry!("retry-after", ""),
    entry!("server", ""),
    entry!("set-cookie", ""),
    entry!("strict-transport-security", ""),
    entry!("transfer-encoding", ""),
    entry!("user-agent", ""),
    entry!("vary", ""),
    entry!("via", ""),
    entry!("www-authenticate", ""),
];
