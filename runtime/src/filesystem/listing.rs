//! Reading a directory in batches, so that no call takes longer than one of them, however many names there are.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::mem::MaybeUninit;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, RawDirEntry, SeekFrom, openat, seek, statat};
use wasmtime_wasi::filesystem::Descriptor;

use super::inode::Inode;

/// Bytes the kernel fills for one batch: some hundreds of names.
const BATCH_BYTES: usize = 8 << 10;

/// A place in a directory, and what was read behind it.
///
/// No descriptor stays open: the directory is opened for each batch and read on from where the last one ended. So a guest
/// holds none of the host's, however many directories it lists at once.
pub(super) struct Listing {
    directory: Arc<File>,
    /// What the kernel calls the place of the next batch.
    at: u64,
    /// Nothing is behind that place.
    ended: bool,
    read: VecDeque<Entry>,
}

/// One name in a directory. `.` and `..` are left out.
pub(super) struct Entry {
    /// None when it is not UTF-8, which no guest can be told.
    pub(super) name: Option<String>,
    pub(super) kind: FileType,
    pub(super) inode: Inode,
}

impl Listing {
    /// At the beginning.
    pub(super) fn new(directory: &Arc<File>) -> Self {
        Self { directory: Arc::clone(directory), at: 0, ended: false, read: VecDeque::new() }
    }

    /// True when everything was read and taken.
    pub(super) fn is_over(&self) -> bool {
        self.ended && self.read.is_empty()
    }

    /// What was read and nobody has taken.
    pub(super) fn read(&mut self) -> &mut VecDeque<Entry> {
        &mut self.read
    }

    /// Reads one more batch. It may hold no name although there are more.
    ///
    /// # Errors
    /// When the directory cannot be opened or read.
    pub(super) fn read_batch(&mut self) -> io::Result<()> {
        if self.ended {
            return Ok(());
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(&*self.directory, ".", flags, Mode::empty())?;
        let device = rustix::fs::fstat(&directory)?.st_dev;
        if self.at > 0 {
            seek(&directory, SeekFrom::Start(self.at))?;
        }
        let mut buffer = [MaybeUninit::uninit(); BATCH_BYTES];
        let mut batch = RawDir::new(&directory, &mut buffer);
        loop {
            let Some(entry) = batch.next() else {
                self.ended = true;
                return Ok(());
            };
            let entry = entry?;
            self.at = entry.next_entry_cookie();
            if !matches!(entry.file_name().to_bytes(), b"." | b"..")
                && let Some(entry) = Entry::of(&directory, device, &entry)?
            {
                self.read.push_back(entry);
            }
            if batch.is_buffer_empty() {
                return Ok(());
            }
        }
    }
}

impl Entry {
    /// None when it was removed meanwhile.
    fn of(directory: &rustix::fd::OwnedFd, device: u64, entry: &RawDirEntry<'_>) -> io::Result<Option<Self>> {
        let kind = match entry.file_type() {
            // Some filesystems do not say.
            FileType::Unknown => match statat(directory, entry.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                Err(rustix::io::Errno::NOENT) => return Ok(None),
                Err(error) => return Err(error.into()),
            },
            kind => kind,
        };
        let name = entry.file_name().to_str().ok().map(str::to_owned);
        Ok(Some(Self { name, kind, inode: Inode::new(device, entry.ino()) }))
    }

    /// A directory itself, under this name.
    pub(super) fn itself(directory: &File, name: &str) -> io::Result<Self> {
        let metadata = directory.metadata()?;
        Ok(Self {
            name: Some(name.to_owned()),
            kind: FileType::Directory,
            inode: Inode::new(metadata.dev(), metadata.ino()),
        })
    }
}

/// The directory behind an entry of the table of resources; none for a file.
pub(super) fn directory(descriptor: &Descriptor) -> Option<&Arc<File>> {
    match descriptor {
        Descriptor::Dir(directory) => Some(&directory.dir),
        Descriptor::File(_) => None,
    }
}
