//! The files of a volume that somebody has open.

use std::collections::HashMap;

use super::inode::Inode;
use super::volume::{Look, Volume};

/// Open files by their identity.
#[derive(Default)]
pub(super) struct OpenFiles {
    files: HashMap<Inode, Entry>,
    generations: u64,
}

/// One open file.
struct Entry {
    /// Tells a file from an earlier one of the same number, whose guards are about to be dropped.
    generation: u64,
    guards: u64,
    /// True when its last name is gone.
    unlinked: bool,
    bytes: u64,
}

/// A file was opened: usage moves from what was counted for it to what it has.
pub(super) struct Opened {
    pub(super) generation: u64,
    pub(super) counted_bytes: u64,
}

impl OpenFiles {
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    pub(super) fn opened(&mut self, look: &Look, mut counted_bytes: u64) -> Opened {
        if let Some(entry) = self.files.get_mut(&look.inode) {
            if !entry.unlinked || look.links == 0 {
                entry.guards += 1;
                let counted_bytes = std::mem::replace(&mut entry.bytes, look.bytes);
                return Opened { generation: entry.generation, counted_bytes };
            }
            // Its file was closed, its number given to a new one, and its guards come late.
            counted_bytes += entry.bytes;
        }
        self.generations += 1;
        let (generation, unlinked) = (self.generations, look.links == 0);
        self.files.insert(look.inode, Entry { generation, guards: 1, unlinked, bytes: look.bytes });
        Opened { generation, counted_bytes }
    }

    /// Notes that the last name is gone. False when nobody has the file open.
    pub(super) fn unlinked(&mut self, inode: Inode) -> bool {
        self.files.get_mut(&inode).is_some_and(|entry| !std::mem::replace(&mut entry.unlinked, true))
    }

    pub(super) fn bytes(&self, file: &OpenFile) -> u64 {
        self.files
            .get(&file.inode)
            .filter(|entry| entry.generation == file.generation)
            .map_or(0, |entry| entry.bytes)
    }

    /// What it had before; none for a file that is not open.
    pub(super) fn resize(&mut self, file: &OpenFile, bytes: u64) -> Option<u64> {
        let entry = self.files.get_mut(&file.inode).filter(|entry| entry.generation == file.generation)?;
        Some(std::mem::replace(&mut entry.bytes, bytes))
    }

    /// Bytes that nobody can reach any more.
    pub(super) fn closed(&mut self, file: &OpenFile) -> u64 {
        let Some(entry) = self.files.get_mut(&file.inode).filter(|entry| entry.generation == file.generation)
        else {
            return 0;
        };
        entry.guards -= 1;
        if entry.guards > 0 {
            return 0;
        }
        let released_bytes = if entry.unlinked { entry.bytes } else { 0 };
        self.files.remove(&file.inode);
        released_bytes
    }
}

/// Says that a file of a volume is open. Dropped after the file is closed.
pub struct OpenFile {
    volume: Volume,
    inode: Inode,
    generation: u64,
}

impl OpenFile {
    pub(super) fn new(volume: Volume, inode: Inode, generation: u64) -> Self {
        Self { volume, inode, generation }
    }

    /// The volume it is in.
    pub(super) fn volume(&self) -> &Volume {
        &self.volume
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        self.volume.change().closed(self);
    }
}
