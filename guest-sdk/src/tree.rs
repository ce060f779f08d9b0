//! Files and directories as trees: walked, copied, removed. Links are never followed below the top.

use std::fs::{self, File, FileType, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::exit::Failure;

/// How many directories deep a tree may be.
const MAX_DEPTH: usize = 256;

/// One name in a tree.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The way to it: the path of the top, and on from there.
    pub path: PathBuf,
    /// What it is. A link is a link, wherever it leads.
    pub kind: FileType,
    depth: usize,
}

/// Everything below a directory, not the directory itself: a directory before what is in it, names sorted by bytes. After a
/// failure, which names the path, it goes on with the rest. More than 256 directories below each other are a failure.
///
/// ```
/// # fn main() -> Result<(), cloister_guest::Failure> {
/// use cloister_guest::tree;
///
/// for entry in tree::walk("src".as_ref()) {
///     let entry = entry?;
///     assert!(entry.path.starts_with("src"));
/// }
/// # Ok(())
/// # }
/// ```
pub fn walk(directory: &Path) -> impl Iterator<Item = Result<Entry, Failure>> {
    let (first, mut left) = match names(directory, 0) {
        Ok(entries) => (None, entries),
        Err(failure) => (Some(failure), Vec::new()),
    };
    let below = std::iter::from_fn(move || {
        let entry = left.pop()?;
        if !entry.kind.is_dir() {
            return Some((entry, None));
        }
        let failure = match names(&entry.path, entry.depth + 1) {
            Ok(entries) => {
                left.extend(entries);
                None
            }
            Err(failure) => Some(failure),
        };
        Some((entry, failure))
    });
    let below = below.flat_map(|(entry, failure)| std::iter::once(Ok(entry)).chain(failure.map(Err)));
    first.map(Err).into_iter().chain(below)
}

/// What is in a directory, the last one first.
fn names(directory: &Path, depth: usize) -> Result<Vec<Entry>, Failure> {
    if depth > MAX_DEPTH {
        let failure = Failure::from(format!("is more than {MAX_DEPTH} directories deep"));
        return Err(failure.about(directory.display()));
    }
    let entries = fs::read_dir(directory).and_then(|entries| {
        entries
            .map(|entry| {
                let entry = entry?;
                Ok(Entry { path: directory.join(entry.file_name()), kind: entry.file_type()?, depth })
            })
            .collect::<io::Result<Vec<_>>>()
    });
    let mut entries = entries.map_err(about(directory))?;
    entries.sort_by(|a, b| b.path.as_os_str().cmp(a.path.as_os_str()));
    Ok(entries)
}

/// Copies a file, a link as a link, or a directory with all below it. What is there already is kept, but files are
/// overwritten. The first failure ends it.
///
/// # Errors
/// When something cannot be read or written; the failure names it.
pub fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    let kind = fs::symlink_metadata(from).map_err(about(from))?.file_type();
    // Looked at as a whole before anything is written: a directory may be copied into itself.
    let below = match kind.is_dir() {
        true => walk(from).collect::<Result<Vec<_>, _>>()?,
        false => Vec::new(),
    };
    copy_one(from, kind, to)?;
    for entry in below {
        let way = entry.path.strip_prefix(from).unwrap_or(&entry.path);
        copy_one(&entry.path, entry.kind, &to.join(way))?;
    }
    Ok(())
}

fn copy_one(from: &Path, kind: FileType, to: &Path) -> Result<(), Failure> {
    if kind.is_symlink() {
        let target = fs::read_link(from).map_err(about(from))?;
        #[expect(deprecated, reason = "the stable call that makes a symbolic link on WASI as well")]
        return fs::soft_link(target, to).map_err(about(to));
    }
    if !kind.is_dir() {
        return copy_file(from, to);
    }
    match fs::create_dir(to) {
        Err(error) if !to.is_dir() => Err(about(to)(error)),
        _ => Ok(()),
    }
}

/// Copies a file's bytes. A link is followed.
///
/// # Errors
/// When one of both cannot be opened, read or written, or is a directory; the failure names it.
pub fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    let mut source = File::open(from).map_err(about(from))?;
    if source.metadata().map_err(about(from))?.is_dir() {
        return Err(Failure::from("is a directory").about(from.display()));
    }
    // Shortened afterwards, not before: both may be names of the same file, which then stays as it is.
    let mut target =
        OpenOptions::new().write(true).create(true).truncate(false).open(to).map_err(about(to))?;
    let copied = io::copy(&mut source, &mut target).and_then(|bytes| target.set_len(bytes));
    copied.map_err(about(to))
}

/// Removes a file, a link, or a directory with all below it. The first failure ends it.
///
/// # Errors
/// When something cannot be removed; the failure names it.
pub fn remove(path: &Path) -> Result<(), Failure> {
    let kind = fs::symlink_metadata(path).map_err(about(path))?.file_type();
    if !kind.is_dir() {
        return fs::remove_file(path).map_err(about(path));
    }
    let mut below = walk(path).collect::<Result<Vec<_>, _>>()?;
    while let Some(entry) = below.pop() {
        let removed = match entry.kind.is_dir() {
            true => fs::remove_dir(&entry.path),
            false => fs::remove_file(&entry.path),
        };
        removed.map_err(about(&entry.path))?;
    }
    fs::remove_dir(path).map_err(about(path))
}

fn about(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::from(error).about(path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory of its own; removed when dropped.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("cloister-tree-{}-{name}", std::process::id()));
            fs::create_dir(&path).unwrap();
            Self(path)
        }

        fn with(&self, path: &str, text: &str) -> PathBuf {
            let path = self.0.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            path
        }

        fn names(&self) -> Vec<String> {
            let below = |entry: Entry| entry.path.strip_prefix(&self.0).unwrap().display().to_string();
            walk(&self.0).map(|entry| below(entry.unwrap())).collect()
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_directory_comes_before_what_is_in_it() {
        let place = Place::new("order");
        place.with("b/d", "");
        place.with("b/c/e", "");
        place.with("a", "");
        place.with("z", "");
        assert_eq!(place.names(), ["a", "b", "b/c", "b/c/e", "b/d", "z"]);
    }

    #[test]
    fn what_is_not_there_is_named_once() {
        let found: Vec<_> = walk("no/such".as_ref()).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].as_ref().unwrap_err().to_string().starts_with("no/such: "));
        for result in [copy("no/such".as_ref(), "x".as_ref()), remove("no/such".as_ref())] {
            assert!(result.unwrap_err().to_string().starts_with("no/such: "));
        }
    }

    #[test]
    fn a_tree_that_is_too_deep_is_refused_and_left_alone() {
        let place = Place::new("deep");
        let mut path = place.0.clone();
        path.extend(vec!["d"; MAX_DEPTH + 2]);
        fs::create_dir_all(&path).unwrap();
        let failure = remove(&place.0).unwrap_err();
        assert!(failure.to_string().ends_with("is more than 256 directories deep"), "{failure}");
        assert!(path.is_dir());
    }

    #[test]
    fn a_copy_has_all_and_overwrites_files() {
        let place = Place::new("copy");
        place.with("a/f", "short");
        place.with("a/b/g", "");
        place.with("c/f", "longer than before");
        place.with("c/kept", "kept");
        copy(&place.0.join("a"), &place.0.join("c")).unwrap();
        assert_eq!(place.names()[4..], ["c", "c/b", "c/b/g", "c/f", "c/kept"]);
        assert_eq!(fs::read_to_string(place.0.join("c/f")).unwrap(), "short");
    }

    #[test]
    fn a_copy_into_itself_ends_and_a_file_copied_onto_itself_stays() {
        let place = Place::new("self");
        let file = place.with("a/b/f", "text");
        copy(&place.0.join("a"), &place.0.join("a/b/c")).unwrap();
        assert_eq!(place.names(), ["a", "a/b", "a/b/c", "a/b/c/b", "a/b/c/b/f", "a/b/f"]);
        copy_file(&file, &file).unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "text");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_copied_and_removed_as_links() {
        let place = Place::new("links");
        let outside = place.with("outside/f", "text");
        fs::create_dir(place.0.join("a")).unwrap();
        std::os::unix::fs::symlink("../outside", place.0.join("a/link")).unwrap();
        copy(&place.0.join("a"), &place.0.join("b")).unwrap();
        assert_eq!(fs::read_link(place.0.join("b/link")).unwrap(), Path::new("../outside"));
        remove(&place.0.join("a")).unwrap();
        remove(&place.0.join("b/link")).unwrap();
        assert!(outside.is_file());
        assert_eq!(place.names(), ["b", "outside", "outside/f"]);
    }
}
