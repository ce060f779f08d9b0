//! The guarded filesystem, called as a guest's imports are.

mod escape;
mod guest;
mod listing;
mod measure;
mod model;
mod property;
mod quota;

use std::os::fd::AsFd;
use std::path::Path;

use self::guest::Guest;
use super::{Volume, VolumeLimits, VolumeUsage, WalkEnded, walk};
use crate::grant::Access;

/// A tenant's directory in a folder that holds something else too.
struct Tenant {
    folder: tempfile::TempDir,
    volume: Volume,
}

impl Tenant {
    fn new(bytes: u64, entries: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("own")).unwrap();
        std::fs::write(folder.path().join("secret"), "secret").unwrap();
        let volume = Volume::new(VolumeLimits { bytes, entries }, VolumeUsage::default());
        Self { folder, volume }
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("own")
    }

    fn guest(&self) -> Guest {
        Guest::new(&self.root(), Access::ReadWrite, Some(self.volume.clone()))
    }

    fn on_disk(&self) -> VolumeUsage {
        on_disk(&self.root())
    }

    /// Usage is what a walk finds, when nothing is open.
    fn check(&self) {
        assert_eq!(self.volume.used(), self.on_disk());
        assert!(!self.volume.doubtful());
    }
}

fn on_disk(path: &Path) -> VolumeUsage {
    let root = std::fs::File::open(path).unwrap();
    match walk(root.as_fd(), u64::MAX).unwrap() {
        WalkEnded::Complete(usage) => usage,
        WalkEnded::TooMany(usage) => panic!("{usage:?}"),
    }
}

fn usage(bytes: u64, entries: u64) -> VolumeUsage {
    VolumeUsage { bytes, entries }
}
