//! What a name means: paths as they are written, made to begin at the root of the crate.
//!
//! `use … as` and re-exports are followed to where a thing is defined, so that `crate::decode::Event`
//! is `crate::decode::event::Event`.

use std::collections::BTreeMap;

use crate::source::Source;
use crate::uses::{Named, Uses};

/// More re-exports of one thing than anybody writes: two that lead to each other end here.
const MAX_STEPS: usize = 16;

/// What the names in each module mean.
pub(crate) struct Names {
    /// By module and name.
    known: BTreeMap<(Vec<String>, String), Known>,
}

/// What a name in a module stands for.
struct Known {
    target: Vec<String>,
    /// Whether it can be named from outside of the module and what is below it.
    public: bool,
}

impl Names {
    /// Those of all files at once, for one leads to the others.
    pub(crate) fn of(files: &[(&Source, Uses)]) -> Self {
        let mut names = Self {
            known: BTreeMap::new(),
        };
        for (source, uses) in files {
            let inner = uses.paths.iter().map(|path| &path.module);
            for module in inner.chain([&source.module]) {
                names.declare(module);
            }
        }
        let imports = files.iter().flat_map(|(_, uses)| &uses.paths);
        for import in imports.filter(|path| path.alias.is_some()) {
            let Some(alias) = import.alias.clone() else {
                continue;
            };
            let target = absolute(import).unwrap_or_else(|| names.local(import));
            let key = (import.module.clone(), alias);
            let public = import.public;
            names.known.entry(key).or_insert(Known { target, public });
        }
        names
    }

    /// A module and those that it lies in.
    fn declare(&mut self, module: &[String]) {
        let mut module = module;
        while let Some((name, parent)) = module.split_last() {
            let known = Known {
                target: rooted(module),
                public: true,
            };
            let key = (parent.to_vec(), name.clone());
            self.known.entry(key).or_insert(known);
            module = parent;
        }
    }

    /// Where a path leads: it begins with `crate`, or with another crate's name.
    pub(crate) fn meaning(&self, named: &Named) -> Vec<String> {
        let target = absolute(named).unwrap_or_else(|| {
            let key = (named.module.clone(), named.parts[0].clone());
            match self.known.get(&key) {
                Some(known) => [&known.target, &named.parts[1..]].concat(),
                None => named.parts.clone(),
            }
        });
        self.followed(target, &named.module)
    }

    /// Where the import leads that a path begins with, if it begins with one.
    pub(crate) fn import(&self, named: &Named) -> Option<Vec<String>> {
        let first = named.parts.first().filter(|_| named.alias.is_none())?;
        let known = self.known.get(&(named.module.clone(), first.clone()))?;
        Some(self.followed(known.target.clone(), &named.module))
    }

    /// A path that begins with a module of the same file's, or with another crate.
    fn local(&self, named: &Named) -> Vec<String> {
        let own = [&rooted(&named.module)[..], &named.parts[..1]].concat();
        let key = (named.module.clone(), named.parts[0].clone());
        match self.known.get(&key) {
            Some(known) if known.target == own => [&own, &named.parts[1..]].concat(),
            _ => named.parts.clone(),
        }
    }

    /// The path with every re-export on it replaced by what it stands for, as `from` may see it.
    fn followed(&self, mut target: Vec<String>, from: &[String]) -> Vec<String> {
        for _ in 0..MAX_STEPS {
            let Some(next) = self.step(&target, from) else {
                break;
            };
            target = next;
        }
        target
    }

    fn step(&self, target: &[String], from: &[String]) -> Option<Vec<String>> {
        let (_, parts) = target.split_first().filter(|(root, _)| *root == "crate")?;
        (0..parts.len()).find_map(|at| {
            let (module, rest) = parts.split_at(at);
            let (name, rest) = rest.split_first()?;
            let known = self.known.get(&(module.to_vec(), name.clone()))?;
            let next = [&known.target, rest].concat();
            let seen = known.public || from.starts_with(module);
            (seen && next != target).then_some(next)
        })
    }
}

fn rooted(module: &[String]) -> Vec<String> {
    [&["crate".to_owned()], module].concat()
}

/// A path that says itself where it begins: with `crate`, this crate's name, `self` or `super`.
fn absolute(named: &Named) -> Option<Vec<String>> {
    let mut own = named.module.clone();
    let mut rest = &named.parts[..];
    match rest.first()?.as_str() {
        "crate" | "h2sniff" => return Some([&["crate".to_owned()], &rest[1..]].concat()),
        "self" | "super" => {}
        _ => return None,
    }
    while let Some((first, after)) = rest.split_first() {
        match first.as_str() {
            "self" => {}
            "super" => {
                own.pop();
            }
            _ => break,
        }
        rest = after;
    }
    Some([&rooted(&own), rest].concat())
}
