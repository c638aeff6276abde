//! What is secret by its name, and how it is printed all the same.
//!
//! Reports travel: into tickets, chats and postmortems. Unless `--show-secrets` is given, values of
//! credentials and the query of a path are replaced by their length.

use std::borrow::Cow;

use crate::inspect::Rpc;

/// Headers whose value is a credential.
const SECRET_NAMES: [&[u8]; 4] = [
    b"authorization",
    b"cookie",
    b"set-cookie",
    b"proxy-authorization",
];

/// What a credential's name ends with where it has another one.
const SECRET_ENDINGS: [&[u8]; 3] = [b"-token", b"-secret", b"-key"];

/// How secrets are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretDisplay {
    /// Replaced by their length.
    #[default]
    Redacted,
    /// As they are.
    Shown,
}

impl SecretDisplay {
    /// A header's value as it may be printed.
    pub(super) fn value<'a>(self, name: &[u8], value: &'a [u8]) -> Cow<'a, [u8]> {
        if self == Self::Shown {
            return Cow::Borrowed(value);
        }
        if is_secret(name) {
            return Cow::Owned(placeholder(value.len()).into_bytes());
        }
        if name == b":path" {
            self.path(value)
        } else {
            Cow::Borrowed(value)
        }
    }

    /// A value whose name cannot be known: it may be a credential.
    pub(super) fn unnamed(self, value: &[u8]) -> Cow<'_, [u8]> {
        match self {
            Self::Shown => Cow::Borrowed(value),
            Self::Redacted => Cow::Owned(placeholder(value.len()).into_bytes()),
        }
    }

    /// A call's method as it may be printed, with a word where it was not read.
    pub(super) fn method(self, rpc: &Rpc) -> Option<Cow<'_, [u8]>> {
        let mut method = self.path(rpc.method.as_deref()?);
        if rpc.method_inferred {
            method.to_mut().extend_from_slice(b" (inferred)");
        }
        Some(method)
    }

    /// A path as it may be printed: without what its query says.
    pub(super) fn path(self, path: &[u8]) -> Cow<'_, [u8]> {
        let query = path
            .iter()
            .position(|byte| *byte == b'?')
            .map(|mark| mark + 1);
        let Some(query) = query.filter(|_| self == Self::Redacted) else {
            return Cow::Borrowed(path);
        };
        let (before, after) = path.split_at_checked(query).unwrap_or((path, &[]));
        let mut redacted = before.to_vec();
        redacted.extend_from_slice(placeholder(after.len()).as_bytes());
        Cow::Owned(redacted)
    }
}

fn placeholder(length: usize) -> String {
    format!("<redacted {length} bytes>")
}

fn is_secret(name: &[u8]) -> bool {
    let name = name.to_ascii_lowercase();
    SECRET_NAMES.contains(&name.as_slice())
        || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_and_queries_are_replaced_by_their_length() {
        let redacted = |name: &str, value: &str| {
            let value = SecretDisplay::Redacted
                .value(name.as_bytes(), value.as_bytes())
                .into_owned();
            String::from_utf8(value).unwrap()
        };
        assert_eq!(
            redacted("authorization", "Bearer abc"),
            "<redacted 10 bytes>"
        );
        assert_eq!(
            redacted("x-goog-iam-authorization-token", "abc"),
            "<redacted 3 bytes>"
        );
        assert_eq!(redacted("X-Api-Key", "abc"), "<redacted 3 bytes>");
        assert_eq!(
            redacted(":path", "/find?name=x"),
            "/find?<redacted 6 bytes>"
        );
        assert_eq!(redacted("x-rpc-id", "go-000001"), "go-000001");
        assert_eq!(
            SecretDisplay::Shown.value(b"cookie", b"abc").as_ref(),
            b"abc"
        );
    }
}
