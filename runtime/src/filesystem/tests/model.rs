//! What a directory holds, and what of it counts, computed without a file system.

use std::collections::BTreeMap;

use crate::filesystem::VolumeUsage;

/// A regular file or a symlink's target, known by its number.
type Number = usize;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Name {
    Directory,
    File(Number),
    Symlink(Number),
}

/// A directory and the files that are open in it.
#[derive(Debug, Default)]
pub(super) struct Model {
    /// By path, without a slash at either end.
    names: BTreeMap<String, Name>,
    /// Bytes of every file that was ever made.
    bytes: Vec<u64>,
    /// By slot.
    open: BTreeMap<usize, Number>,
}

impl Model {
    fn number(&mut self, bytes: u64) -> Number {
        self.bytes.push(bytes);
        self.bytes.len() - 1
    }

    pub(super) fn opened(&mut self, path: &str, truncate: bool, slot: usize) {
        let number = match self.names.get(path) {
            Some(Name::File(number)) => *number,
            Some(other) => panic!("{path} was opened as a file and is {other:?}"),
            None => {
                let number = self.number(0);
                self.names.insert(path.to_owned(), Name::File(number));
                number
            }
        };
        if truncate {
            self.bytes[number] = 0;
        }
        assert!(self.open.insert(slot, number).is_none());
    }

    pub(super) fn closed(&mut self, slot: usize) {
        self.open.remove(&slot).unwrap();
    }

    pub(super) fn length(&self, slot: usize) -> u64 {
        self.bytes[self.open[&slot]]
    }

    pub(super) fn resized(&mut self, slot: usize, bytes: u64) {
        self.bytes[self.open[&slot]] = bytes;
    }

    pub(super) fn made_directory(&mut self, path: &str) {
        assert!(self.names.insert(path.to_owned(), Name::Directory).is_none());
    }

    pub(super) fn linked(&mut self, old: &str, new: &str) {
        let name = self.names[old];
        assert_ne!(name, Name::Directory);
        assert!(self.names.insert(new.to_owned(), name).is_none());
    }

    pub(super) fn symlinked(&mut self, target: &str, path: &str) {
        let number = self.number(target.len() as u64);
        assert!(self.names.insert(path.to_owned(), Name::Symlink(number)).is_none());
    }

    pub(super) fn unlinked(&mut self, path: &str) {
        assert_ne!(self.names.remove(path).unwrap(), Name::Directory);
    }

    pub(super) fn removed_directory(&mut self, path: &str) {
        assert_eq!(self.names.remove(path).unwrap(), Name::Directory);
        assert!(!self.names.keys().any(|name| is_below(name, path)));
    }

    pub(super) fn renamed(&mut self, old: &str, new: &str) {
        let name = self.names[old];
        if old == new || (name != Name::Directory && self.names.get(new) == Some(&name)) {
            return;
        }
        self.names.remove(old);
        self.names.insert(new.to_owned(), name);
        let below: Vec<String> = self.names.keys().filter(|name| is_below(name, old)).cloned().collect();
        for path in below {
            let name = self.names.remove(&path).unwrap();
            self.names.insert(format!("{new}{}", &path[old.len()..]), name);
        }
    }

    pub(super) fn usage(&self) -> VolumeUsage {
        let mut counted: Vec<Number> = self.named().chain(self.open.values().copied()).collect();
        counted.sort_unstable();
        counted.dedup();
        VolumeUsage {
            bytes: counted.iter().map(|number| self.bytes[*number]).sum(),
            entries: self.names.len() as u64,
        }
    }

    /// What a walk finds: without what is open and has no name.
    pub(super) fn on_disk(&self) -> VolumeUsage {
        let mut named: Vec<Number> = self.named().collect();
        named.sort_unstable();
        named.dedup();
        VolumeUsage {
            bytes: named.iter().map(|number| self.bytes[*number]).sum(),
            entries: self.names.len() as u64,
        }
    }

    fn named(&self) -> impl Iterator<Item = Number> {
        self.names.values().filter_map(|name| match name {
            Name::Directory => None,
            Name::File(number) | Name::Symlink(number) => Some(*number),
        })
    }
}

fn is_below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
