//! Our source files as syntax: which files a crate is made of, and which paths its code names.

mod names;
mod tokens;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;
use syn::{Attribute, Item, ItemMod, Meta};

pub(super) use names::{Mention, mentions};

/// A file of a crate.
pub(super) struct SourceFile {
    /// Where it is
    pub(super) path: PathBuf,
    /// Its syntax
    pub(super) syntax: syn::File,
    /// It is compiled for tests only
    pub(super) test: bool,
}

/// The files of a crate from one root file on, following `mod` as the compiler does.
pub(super) fn files(root: &Path) -> anyhow::Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let folder = root.parent().unwrap_or(Path::new("")).to_owned();
    read(root, &folder, false, &mut files)?;
    Ok(files)
}

/// Names of the modules that files declare.
pub(super) fn module_names(files: &[SourceFile]) -> BTreeSet<String> {
    fn collect(items: &[Item], names: &mut BTreeSet<String>) {
        for item in items {
            if let Item::Mod(module) = item {
                names.insert(module.ident.to_string());
                collect(module.content.as_ref().map_or(&[], |(_, items)| items), names);
            }
        }
    }
    let mut names = BTreeSet::new();
    for file in files {
        collect(&file.syntax.items, &mut names);
    }
    names
}

fn read(path: &Path, modules: &Path, test: bool, files: &mut Vec<SourceFile>) -> anyhow::Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let syntax = syn::parse_file(&text).with_context(|| format!("parsing {}", path.display()))?;
    let test = test || is_test_only(&syntax.attrs);
    follow(&syntax.items, path, modules, test, files)?;
    files.push(SourceFile { path: path.to_owned(), syntax, test });
    Ok(())
}

/// Reads the files of the modules that `items` declare.
fn follow(
    items: &[Item],
    file: &Path,
    modules: &Path,
    test: bool,
    files: &mut Vec<SourceFile>,
) -> anyhow::Result<()> {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let test = test || is_test_only(&module.attrs);
        let below = modules.join(module.ident.to_string());
        match &module.content {
            Some((_, items)) => follow(items, file, &below, test, files)?,
            None => {
                let (path, below) = locate(module, file, modules);
                read(&path, &below, test, files)?;
            }
        }
    }
    Ok(())
}

/// The file of a module, and the folder of the modules below it.
fn locate(module: &ItemMod, file: &Path, modules: &Path) -> (PathBuf, PathBuf) {
    if let Some(named) = path_attribute(&module.attrs) {
        let path = file.parent().unwrap_or(Path::new("")).join(named);
        let below = path.parent().unwrap_or(Path::new("")).to_owned();
        return (path, below);
    }
    let name = module.ident.to_string();
    let name = name.trim_start_matches("r#");
    let below = modules.join(name);
    let flat = modules.join(format!("{name}.rs"));
    let path = if flat.is_file() { flat } else { below.join("mod.rs") };
    (path, below)
}

fn path_attribute(attributes: &[Attribute]) -> Option<String> {
    attributes.iter().find_map(|attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

/// `#[cfg(test)]`, `#[cfg(all(test, …))]`, `#[test]`, `#[tokio::test]`: not part of what is shipped.
pub(super) fn is_test_only(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let last = attribute.path().segments.last().map(|segment| segment.ident.to_string());
        match (&attribute.meta, last.as_deref()) {
            (Meta::List(list), Some("cfg")) => {
                let words = tokens::words(&list.tokens);
                let has = |wanted: &str| words.iter().any(|word| word == wanted);
                has("test") && !has("not") && !has("any")
            }
            (_, Some("test")) => true,
            _ => false,
        }
    })
}
