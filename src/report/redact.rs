//! What is secret by its name or its form, and how it is printed all the same.
//!
//! In: a header's name and value, a path, a status message. Out: the same, or its length in its place. Reports
//! travel: into tickets, chats and postmortems. Unless `--show-secrets` is given, values of credentials and the
//! queries of paths and URLs are replaced by their length, and status messages too if that is asked for.

use std::borrow::Cow;

use super::escape;
use crate::inspect::{Rpc, Verdict};

/// What the names of credentials hold.
const SECRET_PARTS: [&[u8]; 12] = [
    b"cookie",
    b"auth",
    b"token",
    b"secret",
    b"passw",
    b"apikey",
    b"api-key",
    b"jwt",
    b"session",
    b"csrf",
    b"signature",
    b"credential",
];

/// What they end with where they hold none of these.
const SECRET_ENDING: &[u8] = b"key";

/// Names that would be secret by these, and are not.
const OPEN_NAMES: [&[u8]; 2] = [b":authority", b"idempotency-key"];

/// How values begin that are credentials whatever they are called (RFC 9110, section 11.1: in any case).
const SECRET_SCHEMES: [&[u8]; 2] = [b"bearer ", b"basic "];

/// Headers that hold a URL, or only the path of one.
const URL_NAMES: [&[u8]; 4] = [b":path", b"referer", b"location", b"content-location"];

/// Headers that hold what a status says beside its number.
const MESSAGE_NAMES: [&[u8]; 2] = [b"grpc-message", b"grpc-status-details-bin"];

/// How secrets are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretDisplay {
    /// Replaced by their length.
    #[default]
    Redacted,
    /// The same, and what answers say beside their status too: people put names and numbers into it.
    MessagesRedacted,
    /// As they are.
    Shown,
}

impl SecretDisplay {
    /// A header's value as it may be printed.
    pub(super) fn value<'a>(self, name: &[u8], value: &'a [u8]) -> Cow<'a, [u8]> {
        if self == Self::Shown {
            return Cow::Borrowed(value);
        }
        let hidden = self == Self::MessagesRedacted && is_any_of(name, &MESSAGE_NAMES);
        if hidden || is_secret(name) || is_credential(value) {
            return Cow::Owned(placeholder(value.len()).into_bytes());
        }
        let is_url = is_any_of(name, &URL_NAMES) || contains(value, b"://");
        if is_url {
            self.path(value)
        } else {
            Cow::Borrowed(value)
        }
    }

    /// A value whose name cannot be known: it may be a credential.
    pub(super) fn unnamed(self, value: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Shown => Cow::Borrowed(value),
            Self::Redacted | Self::MessagesRedacted => {
                Cow::Owned(placeholder(value.len()).into_bytes())
            }
        }
    }

    /// A call's method as it may be printed, with a word where it was not read.
    pub(super) fn method(self, rpc: &Rpc) -> Option<Cow<'_, [u8]>> {
        Some(self.named_method(rpc.method.as_deref()?, rpc.method_inferred))
    }

    /// The same by its parts.
    pub(super) fn named_method(self, path: &[u8], inferred: bool) -> Cow<'_, [u8]> {
        let mut method = self.path(path);
        if inferred {
            method.to_mut().extend_from_slice(b" (inferred)");
        }
        method
    }

    /// A path or URL as it may be printed: without what its query and its fragment say.
    pub(super) fn path(self, path: &[u8]) -> Cow<'_, [u8]> {
        let query = path
            .iter()
            .position(|byte| matches!(byte, b'?' | b'#'))
            .map(|mark| mark + 1);
        let Some(query) = query.filter(|_| self != Self::Shown) else {
            return Cow::Borrowed(path);
        };
        let (before, after) = path.split_at_checked(query).unwrap_or((path, &[]));
        let mut redacted = before.to_vec();
        redacted.extend_from_slice(placeholder(after.len()).as_bytes());
        Cow::Owned(redacted)
    }

    /// A path for a line of text, with nothing in it that a terminal would obey.
    #[must_use]
    pub fn printable_path(self, path: &[u8]) -> String {
        escape::terminal(&self.path(path))
    }

    /// What an answer says beside its status, as it may be printed.
    pub(super) fn message(self, message: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::MessagesRedacted if !message.is_empty() => {
                Cow::Owned(placeholder(message.len()).into_bytes())
            }
            _ => Cow::Borrowed(message),
        }
    }

    /// The error that the application got of a call, as it may be printed: it repeats what the answer said, or the
    /// answer to the call's last attempt.
    pub(super) fn app_error(self, rpc: &Rpc) -> Option<Cow<'_, str>> {
        let text = rpc.app_error.as_deref()?;
        let repeats = rpc.verdict == Verdict::Status || rpc.retried_as.is_some();
        Some(match self {
            Self::MessagesRedacted if repeats => Cow::Owned(placeholder(text.len())),
            _ => Cow::Borrowed(text),
        })
    }
}

fn placeholder(length: usize) -> String {
    format!("<redacted {length} bytes>")
}

fn is_any_of(name: &[u8], names: &[&[u8]]) -> bool {
    names.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    // Most windows differ in their first byte.
    text.windows(part.len())
        .any(|window| window.first() == part.first() && window == part)
}

fn is_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    let by_name = SECRET_PARTS.iter().any(|part| contains(&name, part));
    (by_name || name.ends_with(SECRET_ENDING)) && !OPEN_NAMES.contains(&name.as_slice())
}

/// Whether a value is a credential by its form: one of a scheme, or a JWT.
fn is_credential(value: &[u8]) -> bool {
    let value = value.trim_ascii_start();
    let of_scheme = SECRET_SCHEMES.iter().any(|scheme| {
        let beginning = value.get(..scheme.len());
        beginning.is_some_and(|beginning| beginning.eq_ignore_ascii_case(scheme))
    });
    of_scheme || is_jwt(value)
}

/// Three parts in base64url, the first of which is an object (RFC 7519, section 3; `eyJ` is `{"`), or five where it is
/// encrypted.
fn is_jwt(value: &[u8]) -> bool {
    let letter = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'=');
    let value = value.trim_ascii();
    let mut parts = value.split(|byte| *byte == b'.');
    value.starts_with(b"eyJ")
        && matches!(parts.clone().count(), 3 | 5)
        && parts.all(|part| part.iter().all(letter))
}

#[cfg(test)]
mod tests;
