//! Types of the same name: whoever reads one must ask which is meant.

use std::collections::BTreeMap;

use syn::Item;

use crate::source::{Source, attributes, is_for_tests};

/// The names that several modules define, each with those modules.
pub(crate) fn homonyms(sources: &[Source]) -> BTreeMap<String, Vec<String>> {
    let mut defined: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        types(&source.syntax.items, &mut |name| {
            let places = defined.entry(name).or_default();
            if !places.contains(&source.name) {
                places.push(source.name.clone());
            }
        });
    }
    defined.retain(|_, places| places.len() > 1);
    defined
}

fn types(items: &[Item], found: &mut impl FnMut(String)) {
    for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
        let name = match item {
            Item::Enum(item) => &item.ident,
            Item::Struct(item) => &item.ident,
            Item::Trait(item) => &item.ident,
            Item::Type(item) => &item.ident,
            Item::Union(item) => &item.ident,
            Item::Mod(item) => {
                if let Some((_, items)) = &item.content {
                    types(items, found);
                }
                continue;
            }
            _ => continue,
        };
        found(name.to_string());
    }
}
