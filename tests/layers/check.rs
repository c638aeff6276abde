//! The checker: files in, what they break out.

use std::collections::BTreeSet;
use std::fmt;

use crate::homonyms::homonyms;
use crate::names::Names;
use crate::rules::{broken_by, is_library};
use crate::source::Source;
use crate::tree::grow;
use crate::uses::{Text, Uses};

/// No file is longer: at this length there are two ideas in it.
pub(crate) const MAX_LINES: usize = 500;

/// A rule that is broken, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Breach {
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) what: String,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, what } = self;
        write!(f, "src/{file}:{line}: {what}")
    }
}

/// What the files of `src` break, given by their names below it and their texts.
pub(crate) fn check<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Vec<Breach> {
    let mut sources: Vec<_> = files
        .into_iter()
        .map(|(name, text)| Source::new(name, text))
        .collect();
    let mut breaches = grow(&mut sources);
    breaches.extend(sources.iter().flat_map(shape));
    breaches.extend(same_names(&sources));
    let code = sources.iter().filter(|source| !source.is_test());
    let files: Vec<_> = code.map(|source| (source, Uses::of(source))).collect();
    let names = Names::of(&files);
    for (source, uses) in &files {
        breaches.extend(dependencies(source, uses, &names));
        if is_library(&source.module) {
            breaches.extend(flags(source, &uses.texts));
        }
    }
    breaches.sort();
    breaches.dedup();
    breaches
}

/// How long a file is, and how it begins.
fn shape(source: &Source) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut add = |line, what: String| {
        breaches.push(Breach {
            file: source.name.clone(),
            line,
            what,
        });
    };
    let lines = source.text.lines().count();
    if lines > MAX_LINES {
        add(lines, format!("longer than {MAX_LINES} lines"));
    }
    if !source.text.starts_with("//! ") {
        add(1, "no header that says what it is for".to_owned());
    }
    breaches
}

fn dependencies(source: &Source, uses: &Uses, names: &Names) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let mut told = BTreeSet::new();
    for named in &uses.paths {
        // An import that breaks a rule is told once, where it stands.
        let import = names.import(named);
        if import.is_some_and(|import| broken_by(&named.module, &import).is_some()) {
            continue;
        }
        let target = names.meaning(named);
        if let Some(rule) = broken_by(&named.module, &target)
            && told.insert((named.line, rule.clone(), target.clone()))
        {
            breaches.push(Breach {
                file: source.name.clone(),
                line: named.line,
                what: format!("{} {rule}", target.join("::")),
            });
        }
    }
    breaches
}

/// Flags in words: whoever embeds the library has no command line.
fn flags(source: &Source, texts: &[Text]) -> Vec<Breach> {
    let with_flag = texts
        .iter()
        .filter_map(|text| Some((text, flag(&text.value)?)));
    with_flag
        .map(|(text, flag)| Breach {
            file: source.name.clone(),
            line: text.line,
            what: format!("{flag} is a flag of the command line"),
        })
        .collect()
}

/// The first word that looks like `--keylog`.
fn flag(text: &str) -> Option<&str> {
    text.match_indices("--").find_map(|(at, _)| {
        let word = &text[at + 2..];
        let begins =
            !text[..at].ends_with('-') && word.starts_with(|c: char| c.is_ascii_lowercase());
        let end = word.find(|c: char| !(c.is_ascii_lowercase() || c == '-'));
        begins.then(|| &text[at..at + 2 + end.unwrap_or(word.len())])
    })
}

fn same_names(sources: &[Source]) -> Vec<Breach> {
    let several = homonyms(sources).into_iter();
    several
        .filter_map(|(name, places)| {
            Some(Breach {
                file: places.last()?.clone(),
                line: 1,
                what: format!(
                    "{name} is defined {} times: {}",
                    places.len(),
                    places.join(", ")
                ),
            })
        })
        .collect()
}
