//! What a file names: every path and every string in its code, tests and documentation left out.
//!
//! Paths stand in `use`, in expressions, types and attributes, and among the tokens of macros. A group
//! in braces is one path a member.

use proc_macro2::{Delimiter, Ident, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{
    Attribute, Field, ImplItem, Item, ItemMod, ItemUse, Lit, Local, Macro, Path, UseTree, Variant,
    VisRestricted, Visibility,
};

use crate::source::{Source, attributes, is_for_tests};

/// A path as it is written, and where.
pub(crate) struct Named {
    pub(crate) line: usize,
    /// The module that it stands in.
    pub(crate) module: Vec<String>,
    /// Its parts; the last one is `*` if all is meant.
    pub(crate) parts: Vec<String>,
    /// For a path of `use`: what it is called from there on.
    pub(crate) alias: Option<String>,
    /// Whether others may name it by that: a re-export.
    pub(crate) public: bool,
}

/// A string as it is written, and where.
pub(crate) struct Text {
    pub(crate) line: usize,
    pub(crate) value: String,
}

/// What a file names.
#[derive(Default)]
pub(crate) struct Uses {
    pub(crate) paths: Vec<Named>,
    pub(crate) texts: Vec<Text>,
    module: Vec<String>,
    /// Whether the `use` that is read is a re-export.
    public: bool,
}

impl Uses {
    pub(crate) fn of(source: &Source) -> Self {
        let mut uses = Self {
            module: source.module.clone(),
            ..Self::default()
        };
        uses.visit_file(&source.syntax);
        uses
    }

    fn path(&mut self, line: usize, parts: Vec<String>, alias: Option<String>) {
        self.paths.push(Named {
            line,
            module: self.module.clone(),
            parts,
            alias,
            public: self.public,
        });
    }

    fn text(&mut self, line: usize, value: String) {
        self.texts.push(Text { line, value });
    }

    fn tree(&mut self, before: &[String], tree: &UseTree) {
        let with = |part: String| [before, &[part]].concat();
        let named = |ident: &Ident| match ident.to_string() {
            part if part == "self" => before.to_vec(),
            part => with(part),
        };
        match tree {
            UseTree::Path(path) => self.tree(&with(path.ident.to_string()), &path.tree),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.tree(before, tree)),
            UseTree::Glob(glob) => {
                let line = glob.star_token.spans[0].start().line;
                self.path(line, with("*".to_owned()), None);
            }
            UseTree::Name(name) => {
                let parts = named(&name.ident);
                let alias = parts.last().cloned();
                self.path(name.ident.span().start().line, parts, alias);
            }
            UseTree::Rename(renamed) => {
                let alias = Some(renamed.rename.to_string());
                let line = renamed.ident.span().start().line;
                self.path(line, named(&renamed.ident), alias);
            }
        }
    }

    /// Paths and strings among tokens that nobody but a macro can read.
    fn tokens(&mut self, tokens: TokenStream, strings: bool) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Ident(_) => at += self.path_among(&tokens[at..], &[]),
                TokenTree::Group(group) => {
                    self.tokens(group.stream(), strings);
                    at += 1;
                }
                TokenTree::Literal(literal) => {
                    if strings && let Lit::Str(text) = Lit::new(literal.clone()) {
                        self.text(literal.span().start().line, text.value());
                    }
                    at += 1;
                }
                TokenTree::Punct(_) => at += 1,
            }
        }
    }

    /// Reads the path that `tokens` begin with, its groups too; gives its length in tokens.
    fn path_among(&mut self, tokens: &[TokenTree], before: &[String]) -> usize {
        let mut parts = before.to_vec();
        let mut at = 0;
        while let Some(TokenTree::Ident(ident)) = tokens.get(at) {
            parts.push(ident.to_string());
            at += 1;
            if !is_separator(&tokens[at..]) {
                break;
            }
            at += 2;
            if let Some(TokenTree::Group(group)) = tokens.get(at)
                && group.delimiter() == Delimiter::Brace
            {
                let members: Vec<_> = group.stream().into_iter().collect();
                for member in members.split(is_comma).filter(|member| !member.is_empty()) {
                    self.path_among(member, &parts);
                }
                return at + 1;
            }
        }
        let line = tokens[0].span().start().line;
        if let Some(TokenTree::Punct(star)) = tokens.get(at)
            && star.as_char() == '*'
            && at > 0
            && is_separator(&tokens[at.saturating_sub(2)..])
        {
            parts.push("*".to_owned());
        }
        if parts.len() >= 2 {
            self.path(line, parts, None);
        }
        at.max(1)
    }
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ':');
    matches!(tokens, [first, second, ..] if colon(first) && colon(second))
}

fn is_comma(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == ',')
}

impl<'ast> Visit<'ast> for Uses {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            ImplItem::Macro(item) => &item.attrs,
            _ => return,
        };
        if !is_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_field(&mut self, field: &'ast Field) {
        if !is_for_tests(&field.attrs) {
            visit::visit_field(self, field);
        }
    }

    fn visit_variant(&mut self, variant: &'ast Variant) {
        if !is_for_tests(&variant.attrs) {
            visit::visit_variant(self, variant);
        }
    }

    fn visit_local(&mut self, local: &'ast Local) {
        if !is_for_tests(&local.attrs) {
            visit::visit_local(self, local);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.public = !matches!(item.vis, Visibility::Inherited);
        self.tree(&[], &item.tree);
        self.public = false;
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let parts: Vec<_> = path
            .segments
            .iter()
            .map(|part| part.ident.to_string())
            .collect();
        if parts.len() >= 2 {
            let line = path.segments[0].ident.span().start().line;
            self.path(line, parts, None);
        }
        visit::visit_path(self, path);
    }

    /// Who may see something is no use of it.
    fn visit_vis_restricted(&mut self, _: &'ast VisRestricted) {}

    fn visit_macro(&mut self, call: &'ast Macro) {
        visit::visit_macro(self, call);
        self.tokens(call.tokens.clone(), true);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        self.visit_path(attribute.path());
        if let syn::Meta::List(list) = &attribute.meta {
            self.tokens(list.tokens.clone(), false);
        }
    }

    fn visit_lit(&mut self, literal: &'ast Lit) {
        if let Lit::Str(text) = literal {
            self.text(text.span().start().line, text.value());
        }
    }
}
