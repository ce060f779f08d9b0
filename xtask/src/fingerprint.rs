//! Whether something has to be made again: fingerprints of what it is made from, and stamps of what was made.

use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

/// Collects everything a result depends on. Files count by path, size and modification time: reading them all would
/// cost more than a start may take.
#[derive(Default)]
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    /// A named value, such as a version.
    pub(crate) fn value(mut self, name: &str, value: &str) -> Self {
        self.field(name.as_bytes());
        self.field(value.as_bytes());
        self
    }

    /// A file, or all files below a directory except in directories with one of the `skipped` names. Something that
    /// is not there counts as absent.
    pub(crate) fn path(mut self, path: &Path, skipped: &[&str]) -> Result<Self> {
        self.walk(path, skipped)?;
        Ok(self)
    }

    /// The fingerprint as text.
    pub(crate) fn finish(self) -> String {
        hex::encode(self.0.finalize())
    }

    fn walk(&mut self, path: &Path, skipped: &[&str]) -> Result<()> {
        self.field(path.as_os_str().as_encoded_bytes());
        let Ok(metadata) = std::fs::metadata(path) else {
            self.field(b"absent");
            return Ok(());
        };
        if !metadata.is_dir() {
            let modified = metadata.modified().context("read a modification time")?;
            let modified_ns = modified.duration_since(UNIX_EPOCH).map_or(0, |age| age.as_nanos());
            self.field(&metadata.len().to_le_bytes());
            self.field(&modified_ns.to_le_bytes());
            return Ok(());
        }
        for child in children(path)? {
            let name = child.file_name().unwrap_or_default();
            if !skipped.iter().any(|skip| name == *skip) {
                self.walk(&child, skipped)?;
            }
        }
        self.field(b"end");
        Ok(())
    }

    /// Lengths keep neighbouring fields apart.
    fn field(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// The entries of a directory, sorted; dangling links and files that vanish meanwhile included.
pub(crate) fn children(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(directory).with_context(|| format!("list {}", directory.display()))?;
    let mut paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(|| format!("list {}", directory.display()))?;
    paths.sort();
    Ok(paths)
}

/// Remembers the fingerprint a result was made from, and the files it consists of.
pub(crate) struct Stamp(PathBuf);

impl Stamp {
    /// The stamp called `name`.
    pub(crate) fn new(directory: &Path, name: &str) -> Self {
        Self(directory.join(format!("{name}.stamp")))
    }

    /// True when the result was made from this fingerprint, and all its files exist.
    pub(crate) fn holds(&self, fingerprint: &str) -> bool {
        let Ok(text) = std::fs::read_to_string(&self.0) else { return false };
        let mut lines = text.lines();
        lines.next() == Some(fingerprint) && lines.all(|output| Path::new(output).exists())
    }

    /// The files were made from this fingerprint, which was taken before they were.
    pub(crate) fn set(&self, fingerprint: &str, outputs: &[PathBuf]) -> Result<()> {
        let mut text = format!("{fingerprint}\n");
        for output in outputs {
            text.push_str(&format!("{}\n", output.display()));
        }
        write_atomically(&self.0, text.as_bytes())
    }

    /// Forgets: the next look finds nothing.
    pub(crate) fn clear(&self) -> Result<()> {
        match std::fs::remove_file(&self.0) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("remove {}", self.0.display()))
            }
            _ => Ok(()),
        }
    }
}

/// Writes a file so that it is there whole or not at all, even when two processes write it.
pub(crate) fn write_atomically(file: &Path, bytes: &[u8]) -> Result<()> {
    let directory = file.parent().context("a file has a directory")?;
    std::fs::create_dir_all(directory).with_context(|| format!("make {}", directory.display()))?;
    let mut temporary = file.as_os_str().to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    std::fs::write(&temporary, bytes).with_context(|| format!("write {}", file.display()))?;
    std::fs::rename(&temporary, file).with_context(|| format!("write {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &Path) -> String {
        Fingerprint::default().path(path, &["node_modules"]).unwrap().finish()
    }

    #[test]
    fn a_tree_that_is_not_touched_keeps_its_fingerprint() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/b"), "1").unwrap();
        assert_eq!(of(dir.path()), of(dir.path()));
    }

    #[test]
    fn a_changed_new_moved_or_removed_file_changes_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("b");
        let mut seen = vec![of(dir.path())];
        std::fs::write(&file, "1").unwrap();
        seen.push(of(dir.path()));
        std::fs::write(&file, "12").unwrap();
        seen.push(of(dir.path()));
        std::fs::create_dir(dir.path().join("c")).unwrap();
        std::fs::rename(&file, dir.path().join("c/b")).unwrap();
        seen.push(of(dir.path()));
        let all = seen.len();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), all, "each state differs");
        std::fs::remove_dir_all(dir.path().join("c")).unwrap();
        assert!(seen.contains(&of(dir.path())), "back at the start");
    }

    #[test]
    fn an_edit_that_keeps_the_size_is_seen_by_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("b");
        std::fs::write(&file, "1").unwrap();
        let before = of(dir.path());
        std::fs::write(&file, "2").unwrap();
        let open = std::fs::File::options().write(true).open(&file).unwrap();
        open.set_modified(UNIX_EPOCH + std::time::Duration::from_secs(5)).unwrap();
        assert_ne!(of(dir.path()), before);
    }

    #[test]
    fn skipped_directories_do_not_count() {
        let dir = tempfile::tempdir().unwrap();
        let before = of(dir.path());
        std::fs::create_dir(dir.path().join("node_modules")).unwrap();
        std::fs::write(dir.path().join("node_modules/x"), "1").unwrap();
        assert_eq!(of(dir.path()), before);
    }

    #[test]
    fn neighbouring_values_do_not_run_together() {
        let one = Fingerprint::default().value("ab", "c").finish();
        let two = Fingerprint::default().value("a", "bc").finish();
        assert_ne!(one, two);
    }

    #[test]
    fn a_stamp_holds_for_its_fingerprint_while_the_outputs_exist() {
        let dir = tempfile::tempdir().unwrap();
        let made = dir.path().join("made");
        let stamp = Stamp::new(dir.path(), "thing");
        assert!(!stamp.holds("one"));
        stamp.set("one", std::slice::from_ref(&made)).unwrap();
        assert!(!stamp.holds("one"), "the output is missing");
        std::fs::write(&made, "").unwrap();
        assert!(stamp.holds("one"));
        assert!(!stamp.holds("two"));
        stamp.clear().unwrap();
        assert!(!stamp.holds("one"));
        stamp.clear().unwrap();
    }
}
