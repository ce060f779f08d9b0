//! What a tenant's directory takes on the disk, and may take.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, MutexGuard};

use super::inode::Inode;
use super::open_file::{OpenFile, OpenFiles, Opened};

/// What is used of a volume, or what an operation adds to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VolumeUsage {
    /// Lengths of the regular files and of the symlinks' targets, each file counted once.
    pub bytes: u64,
    /// Names in the tree; a hard link is one more.
    pub entries: u64,
}

/// What may be used of a volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VolumeLimits {
    /// Most bytes.
    pub bytes: u64,
    /// Most names.
    pub entries: u64,
}

impl VolumeLimits {
    /// No bounds.
    pub const UNLIMITED: Self = Self { bytes: u64::MAX, entries: u64::MAX };
}

/// The operation would go over a limit of the volume. Nothing was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the volume is full")]
pub struct VolumeFull;

/// What kind of thing a name leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A pipe, socket or device.
    Special,
}

/// What a name led to while the volume's lock was held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Which file.
    pub inode: Inode,
    /// What it is.
    pub kind: LookKind,
    /// Length of a file or of a symlink's target, in bytes; 0 for anything else.
    pub bytes: u64,
    /// Names it has.
    pub links: u64,
}

/// A tenant's directory with its quota. Clones are the same volume.
///
/// Every operation that can change its usage runs under one lock, from the look before it to the settling after it, so
/// that usage is exact whatever the tenant's runs do at the same time. No lock is shared between volumes.
#[derive(Clone)]
pub struct Volume(Arc<Shared>);

struct Shared {
    limit_bytes: AtomicU64,
    limit_entries: AtomicU64,
    // Written under the lock, read without it.
    used_bytes: AtomicU64,
    used_entries: AtomicU64,
    changed: AtomicU64,
    doubtful: AtomicBool,
    state: Mutex<State>,
}

/// What only a change may touch.
struct State {
    used: VolumeUsage,
    open: OpenFiles,
}

impl Volume {
    /// A volume of which `used` is used, as a walk or a record of its last use says.
    #[must_use]
    pub fn new(limits: VolumeLimits, used: VolumeUsage) -> Self {
        let shared = Shared {
            limit_bytes: AtomicU64::new(limits.bytes),
            limit_entries: AtomicU64::new(limits.entries),
            used_bytes: AtomicU64::new(used.bytes),
            used_entries: AtomicU64::new(used.entries),
            changed: AtomicU64::new(0),
            doubtful: AtomicBool::new(false),
            state: Mutex::new(State { used, open: OpenFiles::default() }),
        };
        Self(Arc::new(shared))
    }

    /// What is used now. Never waits.
    #[must_use]
    pub fn used(&self) -> VolumeUsage {
        VolumeUsage {
            bytes: self.0.used_bytes.load(Ordering::Relaxed),
            entries: self.0.used_entries.load(Ordering::Relaxed),
        }
    }

    /// What may be used.
    #[must_use]
    pub fn limits(&self) -> VolumeLimits {
        VolumeLimits {
            bytes: self.0.limit_bytes.load(Ordering::Relaxed),
            entries: self.0.limit_entries.load(Ordering::Relaxed),
        }
    }

    /// Changes the limits at once. What is used above a lower one stays, and may only shrink.
    pub fn set_limits(&self, limits: VolumeLimits) {
        self.0.limit_bytes.store(limits.bytes, Ordering::Relaxed);
        self.0.limit_entries.store(limits.entries, Ordering::Relaxed);
    }

    /// True when something outside the volume's own operations changed the directory, so that usage may be wrong.
    #[must_use]
    pub fn doubtful(&self) -> bool {
        self.0.doubtful.load(Ordering::Relaxed)
    }

    /// Grows with every change: what was counted between two equal numbers is exact.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.0.changed.load(Ordering::Acquire)
    }

    /// Takes over what a walk counted, unless something changed since [`Volume::changes`] said `since`.
    pub fn reconcile(&self, counted: VolumeUsage, since: u64) -> bool {
        let mut change = self.change();
        let unchanged = self.0.changed.load(Ordering::Acquire) == since && change.state.open.is_empty();
        if unchanged {
            change.state.used = counted;
            self.0.doubtful.store(false, Ordering::Relaxed);
        }
        unchanged
    }

    /// Takes the lock for one operation, from before the look to after the settling.
    #[must_use]
    pub fn change(&self) -> Change<'_> {
        Change { volume: self, state: self.0.state.lock() }
    }

    /// Holds room for what arrives slowly, such as an upload, until it is given back or settled as a change.
    #[must_use]
    pub fn hold(&self) -> Held {
        Held { volume: self.clone(), held: VolumeUsage::default() }
    }
}

/// One operation on a volume, under its lock.
pub struct Change<'v> {
    volume: &'v Volume,
    state: MutexGuard<'v, State>,
}

impl Change<'_> {
    /// Asks whether there is room for a growth. The room stays while the change is held.
    ///
    /// # Errors
    /// [`VolumeFull`] when it goes over a limit.
    pub fn reserve(&self, growth: VolumeUsage) -> Result<(), VolumeFull> {
        let fits = |used: u64, growth: u64, limit: &AtomicU64| {
            growth == 0 || used.saturating_add(growth) <= limit.load(Ordering::Relaxed)
        };
        let used = self.state.used;
        if fits(used.bytes, growth.bytes, &self.volume.0.limit_bytes)
            && fits(used.entries, growth.entries, &self.volume.0.limit_entries)
        {
            Ok(())
        } else {
            Err(VolumeFull)
        }
    }

    /// Something was added.
    pub fn added(&mut self, growth: VolumeUsage) {
        self.state.used.bytes += growth.bytes;
        self.state.used.entries += growth.entries;
    }

    /// One name of what was looked at is gone. Its bytes come back with its last name, and when nobody has it open.
    pub fn name_gone(&mut self, look: &Look) {
        self.take(VolumeUsage { bytes: 0, entries: 1 });
        let counted = matches!(look.kind, LookKind::File | LookKind::Symlink);
        if counted && look.links <= 1 && !self.state.open.unlinked(look.inode) {
            self.take(VolumeUsage { bytes: look.bytes, entries: 0 });
        }
    }

    /// Something happened that was not foreseen: usage must be counted anew.
    pub fn doubt(&self) {
        self.volume.0.doubtful.store(true, Ordering::Relaxed);
    }

    /// A file was opened, for which `counted_bytes` were counted before. While the guard lives, its bytes stay counted
    /// though all its names be gone.
    #[must_use]
    pub fn opened(&mut self, look: &Look, counted_bytes: u64) -> OpenFile {
        let Opened { generation, counted_bytes } = self.state.open.opened(look, counted_bytes);
        self.moved(counted_bytes, look.bytes);
        OpenFile::new(self.volume.clone(), look.inode, generation)
    }

    /// Bytes that an open file has.
    #[must_use]
    pub fn length(&self, file: &OpenFile) -> u64 {
        self.state.open.bytes(file)
    }

    /// An open file has another length now.
    pub fn resized(&mut self, file: &OpenFile, bytes: u64) {
        let Some(before) = self.state.open.resize(file, bytes) else {
            return self.doubt();
        };
        self.moved(before, bytes);
    }

    /// A guard was dropped; gives back what nobody can reach any more.
    pub(super) fn closed(&mut self, file: &OpenFile) {
        let released_bytes = self.state.open.closed(file);
        self.take(VolumeUsage { bytes: released_bytes, entries: 0 });
    }

    fn moved(&mut self, from_bytes: u64, to_bytes: u64) {
        if to_bytes >= from_bytes {
            self.added(VolumeUsage { bytes: to_bytes - from_bytes, entries: 0 });
        } else {
            self.take(VolumeUsage { bytes: from_bytes - to_bytes, entries: 0 });
        }
    }

    fn take(&mut self, shrinking: VolumeUsage) {
        let used = &mut self.state.used;
        if used.bytes < shrinking.bytes || used.entries < shrinking.entries {
            self.volume.0.doubtful.store(true, Ordering::Relaxed);
        }
        used.bytes = used.bytes.saturating_sub(shrinking.bytes);
        used.entries = used.entries.saturating_sub(shrinking.entries);
    }
}

impl Drop for Change<'_> {
    fn drop(&mut self) {
        let used = self.state.used;
        if self.volume.0.used_bytes.load(Ordering::Relaxed) == used.bytes
            && self.volume.0.used_entries.load(Ordering::Relaxed) == used.entries
        {
            return;
        }
        self.volume.0.used_bytes.store(used.bytes, Ordering::Relaxed);
        self.volume.0.used_entries.store(used.entries, Ordering::Relaxed);
        self.volume.0.changed.fetch_add(1, Ordering::Release);
    }
}

/// Room in a volume that is counted as used until it is dropped or settled.
pub struct Held {
    volume: Volume,
    held: VolumeUsage,
}

impl Held {
    /// Holds more.
    ///
    /// # Errors
    /// [`VolumeFull`] when it goes over a limit; what was held before still is.
    pub fn grow(&mut self, growth: VolumeUsage) -> Result<(), VolumeFull> {
        let mut change = self.volume.change();
        change.reserve(growth)?;
        change.added(growth);
        drop(change);
        self.held.bytes += growth.bytes;
        self.held.entries += growth.entries;
        Ok(())
    }

    /// Gives all back within a change, which then adds what really came to be.
    pub fn settle(mut self, change: &mut Change<'_>) {
        change.take(std::mem::take(&mut self.held));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // After `settle` there is nothing to give back, and the lock is held by the change.
        if self.held != VolumeUsage::default() {
            self.volume.change().take(self.held);
        }
    }
}
