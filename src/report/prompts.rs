//! What a report proposes to do next, in the words of the program that prints it.
//!
//! In: where a closer look is worth most, as data. Out: what the reader types or clicks. A report itself
//! knows no command and no flag.

use crate::inspect::CallId;

/// The words that a program which prints reports adds to them. By default there are none: no advice on
/// what to do next, and where something was left out only how much it was.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prompts {
    /// What makes a report show more of a kind, such as a flag; stands beside the number of those that
    /// were left out.
    pub show_more: Option<&'static str>,
    /// A command for a closer look.
    pub next: Option<fn(&Suggestion<'_>) -> NextCommand>,
}

/// Where a closer look is worth most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suggestion<'a> {
    /// The paths of the captures as they were given; none where one of them is no file or its name is not
    /// fit to print.
    pub captures: Vec<&'a str>,
    /// What to look at.
    pub subject: SuggestedSubject,
}

/// What to look at next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SuggestedSubject {
    /// The frames of a call.
    Call(CallId),
    /// The frames of a connection, by its number.
    Connection(u32),
    /// The calls inside TLS, with its secrets.
    Secrets,
    /// All calls, as nothing went wrong.
    AllCalls,
}

/// A command line in two parts, between which a long one is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextCommand {
    /// The command and the captures.
    pub command: String,
    /// The options, which choose what is shown.
    pub options: String,
}
