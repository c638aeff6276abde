//! What to keep of calls: set once by the caller, and never changed on the way, but for what takes too much.

pub(in crate::inspect) mod filter;
pub(in crate::inspect) mod limits;
pub(in crate::inspect) mod passed_over;

use std::sync::Arc;

use filter::Filter;
use limits::ListLimits;

/// Whether findings repeat what answers say beside their status (`grpc-message`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum StatusMessages {
    /// As it was sent.
    #[default]
    Told,
    /// Only how long it is.
    Hidden,
}

/// What becomes of calls that a report does not list: those that simply succeeded, and those above the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnlistedCalls {
    /// They are counted.
    #[default]
    Counted,
    /// They are told one by one as they end, for whoever writes them down.
    Told,
}

/// What to keep of calls.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Request headers to report, names in lower case.
    pub headers: Vec<Arc<[u8]>>,
    /// Whether calls that simply succeeded are reported one by one.
    pub all: bool,
    /// Whether of calls nothing is kept but what they are compared by with another capture of their connections.
    pub only_compared: bool,
    /// What becomes of calls that are not reported.
    pub unlisted: UnlistedCalls,
    /// Request headers, names in lower case, that say nothing about which attempts belong to one
    /// call, whatever they look like.
    pub not_identifying: Vec<Box<[u8]>>,
    /// Whether a watch tells of calls that simply succeeded too.
    pub tell_all: bool,
    /// Whether all calls are counted by their method.
    pub methods: bool,
    /// Which calls are counted and reported; all unless set.
    pub filter: Filter,
    /// Whether findings repeat what answers say.
    pub messages: StatusMessages,
    /// How much of it to keep.
    pub limits: ListLimits,
    /// Whether texts of calls are kept short from here on, since those of all together take what the limits allow.
    pub short_texts: bool,
}
