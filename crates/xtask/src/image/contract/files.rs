//! Files: programs, folders to mount on, what must not be there; owners, modes, capabilities of every file.

use super::data::{Files, Paths};
use super::listing::{Entry, Kind};
use super::pattern;
use super::root::Root;
use super::{Report, Violation};

const RULE: &str = "files";
/// Where programs stand.
const PROGRAM_FOLDERS: &[&str] =
    &["/bin/", "/sbin/", "/usr/bin/", "/usr/sbin/", "/usr/local/bin/", "/usr/local/sbin/", "/usr/libexec/"];
const EXECUTABLE: u32 = 0o111;
const SETUID_SETGID: u32 = 0o6000;
const STICKY: u32 = 0o1000;
const WRITABLE_FOR_ALL: u32 = 0o002;

pub(super) fn check(files: &Files, root: &Root, report: &mut Report) {
    present(&files.program, root, report, "an executable program", |entry| {
        entry.kind == Kind::File && entry.mode & EXECUTABLE == EXECUTABLE
    });
    present(&files.folder, root, report, "a folder", |entry| entry.kind == Kind::Folder);
    present(&files.file, root, report, "a file", |entry| entry.kind == Kind::File);
    forbidden(files, root, report);
    report.hold(!root.has_attributes(), || {
        violation(
            "/",
            "something has extended attributes, which file capabilities are",
            "pack with `mksquashfs … -no-xattrs`",
        )
    });
    for (path, entry) in root.entries() {
        modes(path, entry, report);
    }
}

fn present(rules: &[Paths], root: &Root, report: &mut Report, noun: &str, fits: impl Fn(&Entry) -> bool) {
    for rule in rules {
        for path in &rule.paths {
            let found = root.resolve(path);
            report.hold(found.as_ref().is_some_and(|(_, entry)| fits(entry)), || {
                let what = match found {
                    None => format!("is missing ({})", rule.reason),
                    Some((_, entry)) => {
                        format!("is not {noun} but {} ({})", describe(entry), rule.reason)
                    }
                };
                violation(path, what, format!("put {noun} there"))
            });
        }
    }
}

fn forbidden(files: &Files, root: &Root, report: &mut Report) {
    for rule in &files.forbidden {
        for wanted in &rule.paths {
            let found: Vec<&str> =
                root.entries().map(|(path, _)| path).filter(|path| pattern::fits(wanted, path)).collect();
            report.hold(found.is_empty(), || {
                violation(&found.join(", "), format!("must not be there: {}", rule.reason), "leave it out")
            });
        }
    }
    for rule in &files.forbidden_program {
        for wanted in &rule.names {
            let found: Vec<&str> = root
                .entries()
                .map(|(path, _)| path)
                .filter(|path| program_name(path).is_some_and(|name| pattern::fits(wanted, name)))
                .collect();
            report.hold(found.is_empty(), || {
                let what = format!("no program {wanted} may be there: {}", rule.reason);
                violation(&found.join(", "), what, "leave its package out, or remove the program")
            });
        }
    }
}

fn program_name(path: &str) -> Option<&str> {
    let name = PROGRAM_FOLDERS.iter().find_map(|folder| path.strip_prefix(folder))?;
    (!name.contains('/')).then_some(name)
}

fn modes(path: &str, entry: &Entry, report: &mut Report) {
    let is_file = entry.kind == Kind::File;
    report.hold(!is_file || entry.mode & SETUID_SETGID == 0, || {
        let what = format!("has the setuid or setgid bit ({:o})", entry.mode);
        violation(path, what, format!("chmod ug-s {path}, or leave it out"))
    });
    let shared = matches!(entry.kind, Kind::Link(_) | Kind::Device)
        || (entry.kind == Kind::Folder && entry.mode & STICKY != 0);
    report.hold(shared || entry.mode & WRITABLE_FOR_ALL == 0, || {
        let what = format!("everybody may write it ({:o})", entry.mode);
        violation(path, what, format!("chmod o-w {path}"))
    });
    report.hold(entry.user == 0 && entry.group == 0, || {
        let what = format!("belongs to user {}, group {}", entry.user, entry.group);
        violation(
            path,
            what,
            "pack with `mksquashfs … -all-root`; at run time tmpfiles.d and `prepare` give owners",
        )
    });
    report.hold(entry.kind != Kind::Device || path.starts_with("/dev/"), || {
        violation(path, "a device outside /dev", "leave it out")
    });
}

fn describe(entry: &Entry) -> String {
    let noun = match entry.kind {
        Kind::Folder => "a folder",
        Kind::File => "a file",
        Kind::Link(_) => "a link",
        Kind::Device => "a device",
        Kind::Special => "a pipe or socket",
    };
    format!("{noun} with mode {:o}", entry.mode)
}

fn violation(place: &str, what: impl Into<String>, to_do: impl Into<String>) -> Violation {
    Violation { rule: RULE, place: place.to_owned(), what: what.into(), to_do: to_do.into() }
}
