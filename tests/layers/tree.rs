//! The tree of modules: which file each `mod` means, and which files no `mod` means.

use std::collections::BTreeMap;

use syn::Item;

use crate::check::Breach;
use crate::source::{Source, path_attributes};

/// Gives each file the module that a `mod` makes of it, and says which files none makes a module of.
pub(crate) fn grow(sources: &mut [Source]) -> Vec<Breach> {
    let mut places = BTreeMap::new();
    for source in &*sources {
        if source.name == "lib.rs" || source.name == "main.rs" {
            places.insert(source.name.clone(), Vec::new());
            descend(sources, source, &mut places);
        }
    }
    let mut lost = Vec::new();
    for source in sources {
        match places.remove(&source.name) {
            Some(module) => source.module = module,
            None => lost.push(Breach {
                file: source.name.clone(),
                line: 1,
                what: "no `mod` of lib.rs or main.rs leads here".to_owned(),
            }),
        }
    }
    lost
}

/// Finds the files below `source`, whose own place is known.
fn descend(sources: &[Source], source: &Source, places: &mut BTreeMap<String, Vec<String>>) {
    let module = places.get(&source.name).cloned().unwrap_or_default();
    let folder = source
        .name
        .rsplit_once('/')
        .map_or("", |(folder, _)| folder);
    let below = if source.is_folder() {
        folder.to_owned()
    } else {
        source.name.trim_end_matches(".rs").to_owned()
    };
    let mut found = Vec::new();
    declared(&source.syntax.items, folder, &below, &module, &mut found);
    for (names, module) in found {
        for child in sources.iter().filter(|child| names.contains(&child.name)) {
            if !places.contains_key(&child.name) {
                places.insert(child.name.clone(), module.clone());
                descend(sources, child, places);
            }
        }
    }
}

/// A module that is declared: the files that it may be, and its path.
type Declared = (Vec<String>, Vec<String>);

/// `folder` is where the file lies, `below` where the files of its modules do.
fn declared(
    items: &[Item],
    folder: &str,
    below: &str,
    module: &[String],
    found: &mut Vec<Declared>,
) {
    for item in items {
        let Item::Mod(item) = item else { continue };
        let name = item.ident.to_string();
        let path = [module, std::slice::from_ref(&name)].concat();
        let inner = joined(below, &name);
        if let Some((_, items)) = &item.content {
            declared(items, &inner, &inner, &path, found);
            continue;
        }
        let named = path_attributes(&item.attrs);
        let named = named.iter().map(|file| joined(folder, file));
        let own = [format!("{inner}.rs"), format!("{inner}/mod.rs")];
        found.push((named.chain(own).collect(), path));
    }
}

/// A path below `src`, without `..`.
fn joined(folder: &str, rest: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in rest.split('/') {
        match part {
            ".." => {
                parts.pop();
            }
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
