//! What a reader meets: files of a readable length, a README in each room, no path of a person's machine, no notes to
//! oneself, no file that belongs to no crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context;

use super::{Finding, metadata, source};
use crate::workspace;

/// Longest source file; 150 to 400 lines are the rule.
const LINES_MAX: usize = 800;
/// Larger files are data, not text for readers.
const TEXT_BYTES_MAX: u64 = 1 << 20;
/// Folders that hold no text of ours.
const SKIPPED: &[&str] = &["target", ".git"];
/// Endings of files that people write.
const TEXT_ENDINGS: &[&str] = &["rs", "toml", "md", "sh", "py", "conf", "xml", "json", "service", "txt"];
/// Starts of paths in a person's home, in two parts: this file is checked too.
const HOMES: &[&str] = &[concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Us", "ers/")];
/// Notes to oneself, in two parts: this file is checked too.
const NOTES: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// Offences of the workspace at `root`.
pub(super) fn findings(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = rooms(root)?;
    let mut files = Vec::new();
    collect(root, &mut files)?;
    for file in files {
        // What is no UTF-8 is data.
        let Ok(text) = fs::read_to_string(&file) else { continue };
        let place = metadata::relative(&file, root);
        let rust = file.extension().is_some_and(|ending| ending == "rs");
        findings.extend(offences(&text, rust).into_iter().map(|(line, what)| {
            let place = if line > 0 { format!("{place}:{line}") } else { place.clone() };
            Finding { place, what }
        }));
    }
    Ok(findings)
}

/// Line (0: the whole file) and offence.
fn offences(text: &str, rust: bool) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let lines = text.lines().count();
    if rust && lines > LINES_MAX {
        found.push((0, format!("{lines} lines, at most {LINES_MAX} are readable: split it by duty")));
    }
    for (index, line) in text.lines().enumerate() {
        if let Some(home) = HOMES.iter().find(|home| names_home(line, home)) {
            found.push((index + 1, format!("a path below {home} is that of one machine")));
        }
        if let Some(note) = NOTES.iter().find(|note| rust && has_word(line, note)) {
            found.push((
                index + 1,
                format!("{note}: do it, or say it under current limitations in the README"),
            ));
        }
    }
    found
}

/// A home followed by a name; the bare folder may be spoken of.
fn names_home(line: &str, home: &str) -> bool {
    line.match_indices(home).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let starts =
            !before.is_some_and(|letter| letter.is_alphanumeric() || ['.', '_', '-'].contains(&letter));
        starts
            && line[at + home.len()..].starts_with(|letter: char| letter.is_alphanumeric() || letter == '.')
    })
}

fn has_word(line: &str, word: &str) -> bool {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_').any(|found| found == word)
}

/// Each crate has a README of its own, a crate doc, and no file that no module names.
fn rooms(root: &Path) -> anyhow::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let members = workspace::members(root)?;
    let folders =
        members.workspace_packages().into_iter().filter_map(|package| package.manifest_path.parent());
    let folders = folders.map(|folder| folder.as_std_path().to_owned()).chain([root.to_owned()]);
    for folder in folders.filter(|folder| !folder.join("README.md").is_file()) {
        let place = metadata::relative(&folder.join("README.md"), root);
        findings.push(Finding { place, what: "missing: one screen on what the room is for".to_owned() });
    }
    for package in members.workspace_packages() {
        let mut reached = BTreeSet::new();
        for start in metadata::roots(package).into_iter().chain(metadata::other_roots(package)) {
            for file in source::files(&start)? {
                if file.path == start
                    && !file.syntax.attrs.iter().any(|attribute| attribute.path().is_ident("doc"))
                {
                    let place = metadata::relative(&start, root);
                    findings.push(Finding { place, what: "no //! says what it is for".to_owned() });
                }
                reached.insert(file.path);
            }
        }
        let mut present = Vec::new();
        let folder = package.manifest_path.parent().map(|folder| folder.as_std_path().join("src"));
        collect(&folder.unwrap_or_default(), &mut present)?;
        let lost = present
            .into_iter()
            .filter(|path| path.extension().is_some_and(|ending| ending == "rs") && !reached.contains(path));
        findings.extend(lost.map(|path| Finding {
            place: metadata::relative(&path, root),
            what: "no module names this file".to_owned(),
        }));
    }
    Ok(findings)
}

/// The text files below `folder`.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("listing {}", folder.display()))? {
        let path = entry.with_context(|| format!("listing {}", folder.display()))?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_symlink() || SKIPPED.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if is_text(&path, &name) {
            files.push(path);
        }
    }
    Ok(())
}

fn is_text(path: &Path, name: &str) -> bool {
    let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
    let written = ending.is_none_or(|ending| TEXT_ENDINGS.contains(&ending.as_str()));
    written && name != "Cargo.lock" && path.metadata().is_ok_and(|metadata| metadata.len() <= TEXT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// DESIGN 10, style: each offence is found with its line, and its lookalike is not.
    #[test]
    fn offences_are_found() {
        let home = format!("{}anna/tandem", HOMES[0]);
        assert_eq!(offences(&format!("a\nsee {home}\n"), false)[0].0, 2);
        assert_eq!(offences("see https://example.com/home/page and /home/ itself", false), []);
        assert_eq!(offences(&format!("// {}: later", NOTES[0]), true)[0].0, 1);
        assert_eq!(offences("// a todo list", true), []);
        assert_eq!(offences(&"\n".repeat(LINES_MAX), true), []);
        assert_eq!(offences(&"\n".repeat(LINES_MAX + 1), true).len(), 1);
    }
}
