//! What one run has open: what it may do there, and what keeps the files counted.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Weak};

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::Descriptor;
use wasmtime_wasi::p1::types::Filestat;

use super::file_key::FileKey;
use super::guard::Refusal;
use super::inode::Inode;
use super::open_file::OpenFile;
use super::preview1_listing::Cursor;
use super::volume::Volume;
use crate::budget::Reservation;
use crate::grant::{Access, Grant};

/// One open file or directory.
pub(super) struct Handle {
    /// As granted with the directory it was reached through.
    access: Access,
    /// For a file of a volume.
    open: Option<Arc<OpenFile>>,
    /// Its part of the tenant's open files; none for a granted directory.
    _slot: Option<Reservation>,
    /// True when a stream may still use the file after the descriptor is gone.
    streamed: bool,
    /// Where preview 1 is in listing it.
    cursor: Option<Box<Cursor>>,
}

impl Handle {
    fn new(access: Access, open: Option<Arc<OpenFile>>, slot: Option<Reservation>) -> Self {
        Self { access, open, _slot: slot, streamed: false, cursor: None }
    }
}

/// What preview 1 adds to a handle.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fd {
    /// Its handle's place in the table of resources.
    pub(super) place: u32,
    /// Every write goes to the end.
    pub(super) append: bool,
}

/// What one run has open. Outlives the run's table of resources, so that files are closed before they are given back.
pub(crate) struct RunFiles {
    volume: Option<Volume>,
    /// How files are numbered for this tenant's guests.
    key: FileKey,
    /// The granted directories, in the order in which the library shows them.
    granted: Vec<Access>,
    /// By place in the table of resources.
    handles: HashMap<u32, Handle>,
    /// Preview 1's numbers.
    pub(super) fds: HashMap<u32, Fd>,
    /// Files whose descriptor is gone and that a stream may still use.
    streaming: Vec<(Weak<File>, Handle)>,
}

impl RunFiles {
    pub(crate) fn new(grant: &Grant, key: FileKey) -> Self {
        Self {
            volume: grant.volume.clone(),
            key,
            granted: grant.directories.iter().map(|directory| directory.access).collect(),
            handles: HashMap::new(),
            fds: HashMap::new(),
            streaming: Vec::new(),
        }
    }

    /// How files are numbered for this tenant's guests.
    pub(super) fn key(&self) -> &FileKey {
        &self.key
    }

    /// What the library says of a file, with the number that guests are shown. A stream that is no file has none.
    pub(super) fn shown(&self, stat: Filestat) -> Filestat {
        let ino = if stat.ino == 0 { 0 } else { self.key.number(Inode::from_metadata_hash(stat.ino)) };
        Filestat { ino, ..stat }
    }

    /// Where preview 1 is in listing a directory, when it has begun to.
    pub(super) fn take_cursor(&mut self, place: u32) -> Option<Box<Cursor>> {
        self.handles.get_mut(&place)?.cursor.take()
    }

    pub(super) fn keep_cursor(&mut self, place: u32, cursor: Box<Cursor>) {
        if let Some(handle) = self.handles.get_mut(&place) {
            handle.cursor = Some(cursor);
        }
    }

    /// The tenant's volume.
    pub(super) fn volume(&self) -> Option<&Volume> {
        self.volume.as_ref()
    }

    /// How many directories were granted.
    pub(super) fn granted(&self) -> usize {
        self.granted.len()
    }

    /// Notes where the library put the granted directories, in their order.
    pub(super) fn preopened(&mut self, places: impl IntoIterator<Item = u32>) {
        for (access, place) in self.granted.iter().zip(places) {
            self.handles.insert(place, Handle::new(*access, None, None));
        }
    }

    /// Notes what was opened through a directory.
    pub(super) fn opened(&mut self, through: u32, place: u32, open: Option<OpenFile>, slot: Reservation) {
        let access = self.access(through);
        self.handles.insert(place, Handle::new(access, open.map(Arc::new), Some(slot)));
    }

    /// What the run may do through a handle. Nothing is known of a place that was never noted, so nothing is changed there.
    fn access(&self, place: u32) -> Access {
        self.handles.get(&place).map_or(Access::ReadOnly, |handle| handle.access)
    }

    /// Asks whether something may be changed through a handle.
    pub(super) fn writable(&self, place: u32) -> Result<(), Refusal> {
        match self.access(place) {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Refusal::ReadOnly),
        }
    }

    /// What keeps an open file of the volume counted.
    pub(super) fn open_file(&self, place: u32) -> Option<&Arc<OpenFile>> {
        self.handles.get(&place)?.open.as_ref()
    }

    /// There is a stream that uses the file by itself.
    pub(super) fn streamed(&mut self, place: u32) {
        if let Some(handle) = self.handles.get_mut(&place) {
            handle.streamed = true;
        }
    }

    /// A descriptor is about to be closed by the library. What is returned is dropped when it has been.
    pub(super) fn closing(&mut self, table: &ResourceTable, place: u32) -> Option<Handle> {
        let handle = self.handles.remove(&place)?;
        if handle.streamed
            && let Ok(Descriptor::File(file)) = table.get(&Resource::<Descriptor>::new_borrow(place))
        {
            self.streaming.push((Arc::downgrade(&file.file), handle));
            return None;
        }
        Some(handle)
    }

    /// Gives back files that the last stream is done with: after a close, and before a volume is found full.
    pub(super) fn settle_streams(&mut self) {
        self.streaming.retain(|(file, _)| file.strong_count() > 0);
    }
}
