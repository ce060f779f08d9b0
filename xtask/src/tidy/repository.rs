//! The files that git knows of, and those it would add.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::process::output;

/// The repository's files by path, with forward slashes; the text is absent for one that is not UTF-8.
#[derive(Debug, Default)]
pub(super) struct Repository(BTreeMap<String, Option<String>>);

impl Repository {
    /// Reads all tracked and all new files, without those that git ignores.
    pub(super) fn read(root: &Path) -> Result<Self> {
        let mut git = Command::new("git");
        git.current_dir(root).args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let mut files = BTreeMap::new();
        for path in output(&mut git)?.split_terminator('\0') {
            // One that was deleted, but is still tracked, is not there.
            if let Ok(bytes) = std::fs::read(root.join(path)) {
                files.insert(path.to_owned(), String::from_utf8(bytes).ok());
            }
        }
        Ok(Self(files))
    }

    /// All paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All texts with one of these endings.
    pub(super) fn texts<'a>(&'a self, endings: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a str)> {
        let matching = self.0.iter().filter(|(path, _)| endings.iter().any(|ending| path.ends_with(ending)));
        matching.filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// One file's text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_deref()
    }

    /// A repository that exists only in a test.
    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        Self(files.iter().map(|(path, text)| ((*path).to_owned(), Some((*text).to_owned()))).collect())
    }
}

/// True for a line that is only a comment, in the languages used here.
pub(super) fn is_comment(line: &str) -> bool {
    let line = line.trim_start();
    ["//", "#", "*", "/*", "<!--"].iter().any(|start| line.starts_with(start)) && !line.starts_with("#[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_told_from_attributes() {
        assert!(is_comment("  /// text") && is_comment("# text") && is_comment(" * text"));
        assert!(!is_comment("#[allow(x)]") && !is_comment("let x = 1; // text"));
    }
}
