//! A source file, parsed, with its place in the tree of modules.

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Item, Lit, Meta, Token};

/// One file of `src`.
pub(crate) struct Source {
    /// Its path below `src`: `decode/tcp/flow.rs`.
    pub(crate) name: String,
    pub(crate) text: String,
    /// `decode::tcp::flow`; empty for `lib.rs` and `main.rs`.
    pub(crate) module: Vec<String>,
    pub(crate) syntax: syn::File,
}

impl Source {
    /// # Panics
    /// If it is not Rust.
    pub(crate) fn new(name: &str, text: &str) -> Self {
        let syntax = syn::parse_file(text).unwrap_or_else(|error| panic!("src/{name}: {error}"));
        Self {
            name: name.to_owned(),
            text: text.to_owned(),
            module: module(name),
            syntax,
        }
    }

    /// Whether it is compiled for tests alone: `tests.rs`, what lies in a folder `tests`, and what
    /// tests are written with.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.name.split('/');
        self.name.starts_with("testing/") || parts.any(|part| matches!(part, "tests" | "tests.rs"))
    }

    /// Whether other files' modules lie beside it: `lib.rs`, `main.rs`, `mod.rs`.
    pub(crate) fn is_folder(&self) -> bool {
        let last = self.name.rsplit('/').next();
        matches!(last, Some("lib.rs" | "main.rs" | "mod.rs"))
    }
}

/// `decode/tcp/flow.rs` is `decode::tcp::flow`.
fn module(name: &str) -> Vec<String> {
    let stem = name.strip_suffix(".rs").unwrap_or(name);
    let mut module: Vec<_> = stem.split('/').map(str::to_owned).collect();
    if module.last().is_some_and(|last| last == "mod") {
        module.pop();
    }
    if matches!(stem, "lib" | "main") {
        module.clear();
    }
    module
}

/// The attributes of an item.
pub(crate) fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::ForeignMod(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::TraitAlias(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Whether something is compiled for tests alone: `#[test]`, `#[cfg(test)]`, `#[cfg(all(test, …))]`.
pub(crate) fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => list
            .parse_args::<Meta>()
            .is_ok_and(|meta| needs_test(&meta)),
        _ => false,
    })
}

fn needs_test(condition: &Meta) -> bool {
    match condition {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("all") => list
            .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
            .is_ok_and(|all| all.iter().any(needs_test)),
        _ => false,
    }
}

/// The files that a module without a body may be, besides those of its name: `#[path = "…"]`, and
/// `#[cfg_attr(…, path = "…")]`.
pub(crate) fn path_attributes(attributes: &[Attribute]) -> Vec<String> {
    let metas = attributes
        .iter()
        .flat_map(|attribute| match &attribute.meta {
            Meta::List(list) if list.path.is_ident("cfg_attr") => list
                .parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)
                .map(|metas| metas.into_iter().skip(1).collect())
                .unwrap_or_default(),
            meta => vec![meta.clone()],
        });
    metas.filter_map(|meta| path_value(&meta)).collect()
}

fn path_value(meta: &Meta) -> Option<String> {
    let Meta::NameValue(pair) = meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) if pair.path.is_ident("path") => Some(text.value()),
        _ => None,
    }
}
