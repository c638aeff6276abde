//! Calls by what an application logged of them: an error's message, or an identifier.
//!
//! In: a report with all calls, and a line or a part of one. Out: the calls whose client library is known to have said
//! that to its application, or whose request carried that identifier; grouped by what was found of them.
//!
//! An identifier says more than a message, and a whole message more than a part of one: only what says most is
//! given. A message is looked for in the line, or the line in a message; what quotes, escapes, line ends and capitals
//! are around or in them does not matter.

mod pasted;

use std::collections::BTreeMap;

use pasted::{Plain, message, names_code};

use crate::inspect::CallId;
use crate::inspect::report::{CallList, Report};

/// Request headers that identify a call, a chain of calls or a trace.
pub const ID_HEADERS: [&str; 20] = [
    "x-request-id",
    "request-id",
    "x-rpc-id",
    "x-call-id",
    "x-correlation-id",
    "correlation-id",
    "x-transaction-id",
    "x-trace-id",
    "trace-id",
    "traceparent",
    "b3",
    "x-b3-traceid",
    "x-b3-spanid",
    "uber-trace-id",
    "x-cloud-trace-context",
    "x-amzn-trace-id",
    "x-datadog-trace-id",
    "sentry-trace",
    "idempotency-key",
    "x-idempotency-key",
];

/// A message, or a part of one, that is shorter is found in too much.
const LEAST_MESSAGE: usize = 8;

/// An identifier that is shorter is only found where nothing else was pasted.
const LEAST_ID: usize = 6;

/// A part of an identifier that names a trace or a span (64 bits in hexadecimal) by itself.
const LEAST_PART: usize = 16;

/// What grpc-go adds to a message that is another one without it.
const CONTINUATIONS: [&str; 2] = [", received prior goaway", ", debug data:"];

/// By what calls were found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FoundBy {
    /// A request header with this name and value.
    Header {
        /// In lower case.
        name: String,
        /// As it was sent.
        value: Vec<u8>,
    },
    /// The error that their client library has told the application: [`Rpc::app_error`](crate::inspect::Rpc::app_error).
    AppError(String),
}

/// Calls that have the same of what was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundCalls {
    /// By what they were found.
    pub by: FoundBy,
    /// The calls, by connection and stream.
    pub calls: Vec<CallId>,
}

/// The calls that a pasted line is about; none where no call is known to be.
#[must_use]
pub fn find(report: &Report, line: &str) -> Vec<FoundCalls> {
    let by_id = by_id(&report.analysis.rpcs, line.trim());
    if by_id.is_empty() {
        by_error(&report.analysis.rpcs, line)
    } else {
        by_id
    }
}

/// What client libraries are known to have said, with how many calls each, most first.
#[must_use]
pub fn app_errors(report: &Report) -> Vec<(&str, u64)> {
    let mut errors: BTreeMap<&str, u64> = BTreeMap::new();
    for error in report
        .analysis
        .rpcs
        .iter()
        .filter_map(|rpc| rpc.app_error.as_deref())
    {
        *errors.entry(error).or_default() += 1;
    }
    let mut errors: Vec<_> = errors.into_iter().collect();
    errors.sort_by_key(|(_, calls)| std::cmp::Reverse(*calls));
    errors
}

fn grouped(found: impl Iterator<Item = (FoundBy, CallId)>) -> Vec<FoundCalls> {
    let mut groups: BTreeMap<FoundBy, Vec<CallId>> = BTreeMap::new();
    for (by, call) in found {
        groups.entry(by).or_default().push(call);
    }
    let groups = groups.into_iter();
    let mut groups: Vec<_> = groups.map(|(by, calls)| FoundCalls { by, calls }).collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.calls.len()));
    groups
}

fn by_id(rpcs: &CallList, line: &str) -> Vec<FoundCalls> {
    let found = rpcs.iter().flat_map(|rpc| {
        let headers = rpc.headers.iter();
        let values = headers.flat_map(|header| {
            let values = header.values.iter().flatten();
            values.map(move |value| (&header.name, value))
        });
        let fitting = values.filter(|(_, value)| is_named(line, value));
        fitting.map(|(name, value)| {
            let by = FoundBy::Header {
                name: String::from_utf8_lossy(name).into_owned(),
                value: value.to_vec(),
            };
            (by, rpc.id)
        })
    });
    let mut groups = grouped(found);
    for group in &mut groups {
        group.calls.dedup();
    }
    groups
}

/// Whether a line names an identifier: all of it, its trace, or as all that the line has, a trace in it.
fn is_named(line: &str, value: &[u8]) -> bool {
    let Ok(value) = std::str::from_utf8(value) else {
        return false;
    };
    let value = value.trim();
    let separate = |letter: char| !letter.is_ascii_alphanumeric();
    let parts = || {
        value
            .split(separate)
            .filter(|part| part.len() >= LEAST_PART)
    };
    let all = value.len() >= LEAST_ID && stands_in(line, value);
    let part = || parts().any(|part| stands_in(line, part));
    !value.is_empty() && (line == value || all || part())
}

/// Whether an identifier stands in a line, and is not only a part of a longer one.
fn stands_in(line: &str, id: &str) -> bool {
    let belongs = |letter: char| letter.is_alphanumeric() || matches!(letter, '-' | '_');
    line.match_indices(id).any(|(at, found)| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        let after = line
            .get(at + found.len()..)
            .and_then(|text| text.chars().next());
        // A part of a traceparent stands between hyphens.
        let hyphen = |letter: char| letter == '-' && id.len() >= LEAST_PART;
        let free = |letter: Option<char>| letter.is_none_or(|one| !belongs(one) || hyphen(one));
        free(before) && free(after)
    })
}

/// An error that is known, as it may be looked for.
struct KnownError {
    whole: Plain,
    message: Plain,
    code: Option<String>,
}

impl KnownError {
    fn of(error: &str) -> Self {
        let (message, code) = message(error);
        Self {
            whole: Plain::of(error),
            message: Plain::of(message),
            code,
        }
    }

    /// Whether a line is this error and nothing else.
    fn is(&self, line: &Plain, line_message: &Plain, code: Option<&str>) -> bool {
        let same_code = code.is_none() || code == self.code.as_deref();
        *line == self.whole || *line == self.message || (*line_message == self.message && same_code)
    }

    /// What of it stands in a line: the whole, or its message.
    fn standing_in(&self, line: &Plain) -> Option<&Plain> {
        if line
            .around(self.whole.as_str())
            .any(|place| self.is_complete(place))
        {
            return Some(&self.whole);
        }
        let in_line = || {
            line.around(self.message.as_str())
                .any(|place| self.is_complete(place))
        };
        (self.message.len() >= LEAST_MESSAGE && in_line()).then_some(&self.message)
    }

    /// Whether what was found in a line is no part of a longer message.
    fn is_complete(&self, (before, after): (&str, &str)) -> bool {
        let goes_on = CONTINUATIONS.iter().any(|words| after.starts_with(words));
        let nested = before.ends_with("error: desc = ");
        !goes_on && !nested
    }

    /// Whether a line that names codes names another one.
    fn contradicts(&self, line: &Plain) -> bool {
        let Some(code) = &self.code else { return false };
        let (any, this) = names_code(line, code);
        any && !this
    }
}

fn by_error(rpcs: &CallList, line: &str) -> Vec<FoundCalls> {
    let errors = rpcs.iter().filter_map(|rpc| rpc.app_error.as_deref());
    let known: BTreeMap<&str, KnownError> = errors
        .map(|error| (error, ()))
        .collect::<BTreeMap<_, ()>>()
        .into_keys()
        .map(|error| (error, KnownError::of(error)))
        .collect();
    let wanted = Wanted::of(line);
    let chosen = wanted.choose(&known);
    let found = rpcs.iter().filter_map(|rpc| {
        let error = rpc.app_error.as_deref()?;
        let by = FoundBy::AppError(error.to_owned());
        chosen.contains(&error).then_some((by, rpc.id))
    });
    grouped(found)
}

/// What was pasted, ready to be compared.
struct Wanted {
    line: Plain,
    message: Plain,
    code: Option<String>,
}

impl Wanted {
    fn of(line: &str) -> Self {
        let (message, code) = message(line.trim());
        Self {
            line: Plain::of(line),
            message: Plain::of(message),
            code,
        }
    }

    /// The errors that it is about.
    fn choose<'a>(&self, known: &BTreeMap<&'a str, KnownError>) -> Vec<&'a str> {
        let (line, code) = (&self.line, self.code.as_deref());
        let those = |fits: &dyn Fn(&KnownError) -> bool| {
            let those = known.iter().filter(|(_, error)| fits(error));
            those.map(|(text, _)| *text).collect::<Vec<_>>()
        };
        let exact = those(&|error| error.is(line, &self.message, code));
        if !exact.is_empty() {
            return exact;
        }
        let standing: Vec<_> = known
            .iter()
            .filter(|(_, error)| !error.contradicts(line))
            .filter_map(|(text, error)| Some((*text, error.standing_in(line)?.as_str())))
            .collect();
        let longest = |part: &str| {
            let mut others = standing.iter().map(|(_, other)| *other);
            !others.any(|other| other.len() > part.len() && other.contains(part))
        };
        let whole = standing.iter().filter(|(_, part)| longest(part));
        let whole: Vec<_> = whole.map(|(text, _)| *text).collect();
        if !whole.is_empty() || line.len() < LEAST_MESSAGE {
            return whole;
        }
        those(&|error| error.whole.around(line.as_str()).next().is_some())
    }
}

#[cfg(test)]
mod tests;
