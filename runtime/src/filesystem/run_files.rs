//! What one run has open: what it may do there, and what keeps the files counted.

use std::collections::HashMap;
use std::fs::File;
use std::sync::{Arc, Weak};

use wasmtime::component::{Resource, ResourceTable};
use wasmtime_wasi::filesystem::Descriptor;

use super::guard::Refusal;
use super::open_file::OpenFile;
use super::volume::Volume;
use crate::grant::{Access, Grant};

/// One open file or directory.
pub(super) struct Handle {
    /// As granted with the directory it was reached through.
    pub(super) access: Access,
    /// For a file of a volume.
    pub(super) open: Option<Arc<OpenFile>>,
    /// True when a stream of the library's may still read the file after the descriptor is gone.
    pub(super) streamed: bool,
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
#[derive(Default)]
pub(crate) struct RunFiles {
    volume: Option<Volume>,
    /// The granted directories, in the order in which the library shows them.
    granted: Vec<Access>,
    /// By place in the table of resources.
    handles: HashMap<u32, Handle>,
    /// Preview 1's numbers.
    pub(super) fds: HashMap<u32, Fd>,
    /// Files whose descriptor is gone and that a stream may still read.
    streaming: Vec<(Weak<File>, Arc<OpenFile>)>,
}

impl RunFiles {
    pub(crate) fn new(grant: &Grant) -> Self {
        let granted = grant.directories.iter().map(|directory| directory.access).collect();
        Self { volume: grant.volume.clone(), granted, ..Self::default() }
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
            self.handles.insert(place, Handle { access: *access, open: None, streamed: false });
        }
    }

    /// Notes what was opened through a directory.
    pub(super) fn opened(&mut self, through: u32, place: u32, open: Option<OpenFile>) {
        let access = self.access(through);
        self.handles.insert(place, Handle { access, open: open.map(Arc::new), streamed: false });
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

    /// The library made a stream that reads the file by itself.
    pub(super) fn streamed(&mut self, place: u32) {
        if let Some(handle) = self.handles.get_mut(&place) {
            handle.streamed = true;
        }
    }

    /// A descriptor is about to be closed by the library. What is returned is dropped when it has been.
    pub(super) fn closing(&mut self, table: &ResourceTable, place: u32) -> Option<Handle> {
        self.streaming.retain(|(file, _)| file.strong_count() > 0);
        let handle = self.handles.remove(&place)?;
        if handle.streamed
            && let Some(open) = &handle.open
            && let Ok(Descriptor::File(file)) = table.get(&Resource::<Descriptor>::new_borrow(place))
        {
            self.streaming.push((Arc::downgrade(&file.file), Arc::clone(open)));
        }
        Some(handle)
    }

    /// Gives back files that the last stream is done with. Called before a volume is found full.
    pub(super) fn settle_streams(&mut self) {
        self.streaming.retain(|(file, _)| file.strong_count() > 0);
    }
}
