//! Reads what is intact in the files of a damaged sled database.
//!
//! sled 0.34 repairs a log by cutting it: what comes after damage is gone, and it writes that to the file at once. A page
//! that cannot be read it meets with an error, a panic or a search without end. So this reads the files by itself, without
//! sled and without writing: every message of the log whose checksum is right counts, in the log's order; from them the
//! pages are put together, and from pages the trees.
//!
//! ```text
//! file      segments of 512 KiB: a header with a checksum and the segment's number, then messages        (log.rs)
//! message   checksum, kind, length, segment number, page number, body; large bodies are files of their own
//! page      a node as it once was written in full, and what was changed since                           (node.rs)
//! tree      leaves below index nodes below a root that the page of names points to; leaves are chained  (tree.rs)
//! ```
//!
//! What was damaged may have been the newest state of a page: then an older one is found, as far as it is still there. So
//! what is read may hold what had been changed or deleted. It never holds what was not written, nor a record of one tree in
//! another: changes of a page that may have been written in full meanwhile are left out, and so are pages whose tree cannot
//! be told. One loss cannot be seen: a file that was cut off where one segment ends looks like a shorter log. Then a change may be
//! put to an older state of its page than its own, and only keys beyond that page's range are known to be wrong. The names of the trees stand in one page; without any copy of it there is nothing to be read.

mod log;
mod node;
mod tree;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use log::Log;

/// What was found in the files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages of the log that are intact.
    pub messages: u64,
    /// Places of the log, and files beside it, that are damaged.
    pub damaged: u64,
    /// Bytes of the log that could not be read, about.
    pub damaged_bytes: u64,
    /// Pages that a tree leads to and that are not there.
    pub pages_missing: u64,
    /// Pages with records that belong to no tree any more.
    pub pages_unplaced: u64,
}

/// One tree: its name, and the pages that hold its records.
#[derive(Debug)]
pub struct Tree {
    /// Its name.
    pub name: Vec<u8>,
    leaves: Vec<log::PageId>,
}

/// The files of a database, opened to be read. Nobody else may write them meanwhile.
#[derive(Debug)]
pub struct Damaged {
    log: Log,
}

impl Damaged {
    /// Reads all of the log in a database's directory. Blocks; takes some 50 bytes of memory for each page and change.
    ///
    /// # Errors
    /// When the file is not there, or the disk refuses.
    pub fn open(dir: &Path) -> io::Result<Self> {
        Ok(Self { log: Log::read(dir)? })
    }

    /// The trees, and what was found on the way. Blocks.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn trees(&self) -> io::Result<(Vec<Tree>, Found)> {
        tree::trees(&self.log)
    }

    /// Has all records of a tree taken, each key once, in no order. Blocks.
    ///
    /// # Errors
    /// When the disk refuses, and those of `take`.
    pub fn records<E: From<io::Error>>(
        &self,
        tree: &Tree,
        take: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        tree::records(&self.log, tree, take)
    }
}
