//! What the environment says of whoever reads: whether there are colours, and which letters.
//!
//! In: environment variables, and whether a terminal reads. Out: yes or no. The conventions are those of
//! no-color.org and bixense.com/clicolors; the locale's are those of POSIX (Base Definitions, section 8.2).

use std::env;

/// Whether text is coloured, where a terminal reads it or not.
pub(crate) fn has_colours(terminal: bool) -> bool {
    colours(variable, terminal)
}

/// Whether letters beyond ASCII are printed as they are.
pub(crate) fn has_unicode() -> bool {
    unicode(variable)
}

fn variable(name: &str) -> Option<String> {
    let value = env::var_os(name)?.to_string_lossy().into_owned();
    (!value.is_empty()).then_some(value)
}

fn colours(variable: impl Fn(&str) -> Option<String>, terminal: bool) -> bool {
    let is_zero = |name| variable(name).is_some_and(|value| value == "0");
    if variable("NO_COLOR").is_some() {
        return false;
    }
    if variable("CLICOLOR_FORCE").is_some() && !is_zero("CLICOLOR_FORCE") {
        return true;
    }
    let dumb = variable("TERM").is_some_and(|term| term == "dumb");
    terminal && !dumb && !is_zero("CLICOLOR")
}

/// A locale that is not set says nothing: so are those of containers, whose terminals read UTF-8.
fn unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .find_map(variable);
    locale.is_none_or(|locale| {
        let letters = locale.to_ascii_lowercase().replace('-', "");
        letters.contains("utf8")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set<'a>(variables: &'a [(&str, &str)]) -> impl Fn(&str) -> Option<String> + 'a {
        |name| {
            let known = variables.iter().find(|(known, _)| *known == name);
            known.map(|(_, value)| (*value).to_owned())
        }
    }

    #[test]
    fn colours_follow_the_conventions() {
        for (variables, on_terminal, in_pipe) in [
            (&[][..], true, false),
            (&[("NO_COLOR", "1")], false, false),
            (&[("CLICOLOR_FORCE", "1")], true, true),
            (&[("CLICOLOR_FORCE", "0")], true, false),
            (&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")], false, false),
            (&[("CLICOLOR", "0")], false, false),
            (&[("TERM", "dumb")], false, false),
            (&[("TERM", "dumb"), ("CLICOLOR_FORCE", "1")], true, true),
            (
                &[("TERM", "xterm-256color"), ("CLICOLOR", "1")],
                true,
                false,
            ),
        ] {
            assert_eq!(colours(set(variables), true), on_terminal, "{variables:?}");
            assert_eq!(colours(set(variables), false), in_pipe, "{variables:?}");
        }
    }

    #[test]
    fn the_first_locale_that_is_set_decides() {
        for (variables, expected) in [
            (&[][..], true),
            (&[("LANG", "C.UTF-8")], true),
            (&[("LANG", "en_US.utf8")], true),
            (&[("LANG", "C")], false),
            (&[("LANG", "de_DE.ISO-8859-1")], false),
            (&[("LC_ALL", "C"), ("LANG", "C.UTF-8")], false),
            (&[("LC_CTYPE", "C.UTF-8"), ("LANG", "C")], true),
            (&[("LC_ALL", "POSIX"), ("LC_CTYPE", "C.UTF-8")], false),
        ] {
            assert_eq!(unicode(set(variables)), expected, "{variables:?}");
        }
    }
}
