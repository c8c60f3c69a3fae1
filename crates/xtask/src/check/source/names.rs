//! Which paths the code of a file names, with local names (`use … as …`) replaced by what they stand for.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::Span;
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, ItemExternCrate, ItemUse, Macro, Meta, TraitItem, UseTree, Visibility};

use super::{SourceFile, is_test_only, module_names, tokens};

/// Local names that stand for local names … more than this is no code of ours.
const ALIAS_DEPTH_MAX: usize = 8;

/// A path that the code names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::check) struct Mention {
    /// Its segments, from the crate on
    pub(in crate::check) segments: Vec<String>,
    /// Line, from 1
    pub(in crate::check) line: usize,
    /// In code for tests only
    pub(in crate::check) test: bool,
    /// Everything below it comes in (`use path::*`), or it goes on to others (`pub use path`)
    pub(in crate::check) opens: bool,
}

/// Local name → what it stands for. A name may stand for different things in different scopes: all count.
type Aliases = BTreeMap<String, BTreeSet<Vec<String>>>;

/// Everything that each of the files of a crate names.
pub(in crate::check) fn mentions(files: &[SourceFile]) -> Vec<(&SourceFile, Vec<Mention>)> {
    let modules = module_names(files);
    let collected: Vec<Collector> = files.iter().map(Collector::of).collect();
    // What a file imports, its descendants reach by `super::` and `crate::`.
    let mut shared = Aliases::new();
    for (name, targets) in collected.iter().flat_map(|file| &file.aliases) {
        if !modules.contains(name) {
            shared.entry(name.clone()).or_default().extend(targets.iter().cloned());
        }
    }
    let expand = |collector: Collector| -> Vec<Mention> {
        let scope = Scope { own: &collector.aliases, shared: &shared };
        let expanded = collector.raw.iter().flat_map(|raw| scope.expand(raw));
        expanded.collect::<BTreeSet<_>>().into_iter().collect()
    };
    files.iter().zip(collected.into_iter().map(expand)).collect()
}

/// A path as written.
struct Raw {
    segments: Vec<String>,
    rooted: bool,
    line: usize,
    test: bool,
    opens: bool,
}

struct Scope<'a> {
    own: &'a Aliases,
    shared: &'a Aliases,
}

impl Scope<'_> {
    fn expand(&self, raw: &Raw) -> Vec<Mention> {
        let mut found = BTreeSet::from([raw.segments.clone()]);
        if !raw.rooted {
            self.resolve(&raw.segments, 0, &mut found);
        }
        let mention = |segments| Mention { segments, line: raw.line, test: raw.test, opens: raw.opens };
        found.into_iter().map(mention).collect()
    }

    fn resolve(&self, segments: &[String], depth: usize, found: &mut BTreeSet<Vec<String>>) {
        if depth >= ALIAS_DEPTH_MAX {
            return;
        }
        let local = segments
            .iter()
            .take_while(|segment| ["self", "super", "crate"].contains(&segment.as_str()))
            .count();
        let aliases = if local > 0 { self.shared } else { self.own };
        // `crate::module::time::Instant`: the imported name may stand behind modules.
        let positions = if local > 0 { local..segments.len() } else { 0..segments.len().min(1) };
        for position in positions {
            for target in aliases.get(&segments[position]).into_iter().flatten() {
                let whole: Vec<String> = target.iter().chain(&segments[position + 1..]).cloned().collect();
                if found.insert(whole.clone()) {
                    self.resolve(&whole, depth + 1, found);
                }
            }
        }
    }
}

/// Walks through a file.
#[derive(Default)]
struct Collector {
    raw: Vec<Raw>,
    aliases: Aliases,
    test: bool,
}

impl Collector {
    fn of(file: &SourceFile) -> Collector {
        let mut collector = Collector { test: file.test, ..Collector::default() };
        collector.visit_file(&file.syntax);
        collector
    }

    fn note(&mut self, segments: Vec<String>, rooted: bool, span: Span, opens: bool) {
        let line = span.start().line;
        self.raw.push(Raw { segments, rooted, line, test: self.test, opens });
    }

    fn note_tokens(&mut self, tokens: &proc_macro2::TokenStream) {
        for path in tokens::paths(tokens) {
            let test = self.test;
            let (segments, rooted, line) = (path.segments, path.rooted, path.line);
            self.raw.push(Raw { segments, rooted, line, test, opens: false });
        }
    }

    /// Visits something with its attributes known: code for tests is marked as such.
    fn within(&mut self, attributes: &[Attribute], visit: impl FnOnce(&mut Self)) {
        let outside = self.test;
        self.test |= is_test_only(attributes);
        visit(self);
        self.test = outside;
    }

    fn note_use(&mut self, tree: &UseTree, prefix: &[String], rooted: bool, public: bool) {
        let with = |last: String| prefix.iter().cloned().chain([last]).collect::<Vec<_>>();
        match tree {
            UseTree::Path(path) => self.note_use(&path.tree, &with(path.ident.to_string()), rooted, public),
            UseTree::Name(name) if name.ident == "self" => {
                self.import(prefix.to_vec(), prefix.last().cloned(), rooted, name.ident.span(), public);
            }
            UseTree::Name(name) => {
                let own = name.ident.to_string();
                self.import(with(own.clone()), Some(own), rooted, name.ident.span(), public);
            }
            UseTree::Rename(rename) => {
                let target =
                    if rename.ident == "self" { prefix.to_vec() } else { with(rename.ident.to_string()) };
                self.import(target, Some(rename.rename.to_string()), rooted, rename.rename.span(), public);
            }
            UseTree::Glob(glob) => {
                self.note(prefix.to_vec(), rooted, glob.star_token.spans[0], true);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.note_use(tree, prefix, rooted, public);
                }
            }
        }
    }

    fn import(&mut self, target: Vec<String>, name: Option<String>, rooted: bool, span: Span, public: bool) {
        self.note(target.clone(), rooted, span, public);
        let name = name.filter(|name| Some(name) != target.first() || target.len() > 1);
        if let Some(name) = name {
            self.aliases.entry(name).or_default().insert(target);
        }
    }
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_item(&mut self, item: &'ast Item) {
        self.within(attributes(item), |collector| visit::visit_item(collector, item));
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes: &[Attribute] = match item {
            ImplItem::Fn(function) => &function.attrs,
            ImplItem::Const(constant) => &constant.attrs,
            _ => &[],
        };
        self.within(attributes, |collector| visit::visit_impl_item(collector, item));
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        let attributes: &[Attribute] = if let TraitItem::Fn(function) = item { &function.attrs } else { &[] };
        self.within(attributes, |collector| visit::visit_trait_item(collector, item));
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let public = !matches!(item.vis, Visibility::Inherited);
        self.note_use(&item.tree, &[], item.leading_colon.is_some(), public);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast ItemExternCrate) {
        let name = item.rename.as_ref().map(|(_, name)| name.to_string());
        let public = !matches!(item.vis, Visibility::Inherited);
        self.import(vec![item.ident.to_string()], name, true, item.ident.span(), public);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if let Some(first) = path.segments.first() {
            self.note(segments, path.leading_colon.is_some(), first.ident.span(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast Macro) {
        self.note_tokens(&invocation.tokens);
        visit::visit_macro(self, invocation);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if let Meta::List(list) = &attribute.meta {
            self.note_tokens(&list.tokens);
        }
        visit::visit_attribute(self, attribute);
    }
}

/// The attributes of an item of any kind.
fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
