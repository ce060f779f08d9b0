//! The data directory: one owner, one format, and where its folders are.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use cloister_runtime::{Volume, VolumeLimits, VolumeUsage, WalkEnded, remove_tree, walk};

use super::StoreError;
use crate::auth::TenantScope;
use crate::ids::{ModuleDigest, TenantId};

/// The format this version writes.
pub const FORMAT_VERSION: u32 = 1;

/// Changes a data directory in place, from one format to the next.
type Migration = fn(&Path) -> Result<(), StoreError>;

/// Step `n` takes a directory from format `n + 1` to `n + 2`.
const MIGRATIONS: [Migration; FORMAT_VERSION as usize - 1] = [];

/// Longest lock and format file that is read, in bytes.
const MAX_SMALL_FILE_BYTES: u64 = 64;

/// A data directory that this process owns until the value is dropped.
pub struct DataDir {
    path: PathBuf,
    // The lock goes with the open file, so a killed owner leaves none behind.
    _lock: File,
}

impl DataDir {
    /// Makes the directory when it is missing, locks it, and brings it to the current format. Blocks.
    pub(super) fn claim(path: &Path) -> Result<Self, StoreError> {
        make_private_dir(path)?;
        let path = path.canonicalize().map_err(StoreError::io("find the data directory"))?;
        let lock = lock(&path.join("LOCK"))?;
        let dir = Self { path, _lock: lock };
        dir.settle_format()?;
        super::compact::settle(&dir.path)?;
        for folder in [dir.store(), dir.modules(), dir.uploads(), dir.tenants(), dir.keys(), dir.cache()] {
            make_private_dir(&folder)?;
        }
        dir.sweep_uploads()?;
        Ok(dir)
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Uploaded modules, in folders by the first two characters of the digest.
    #[must_use]
    pub fn modules(&self) -> PathBuf {
        self.path.join("modules")
    }

    /// Where a module's bytes are.
    #[must_use]
    pub fn module(&self, digest: &ModuleDigest) -> PathBuf {
        self.modules().join(&digest.as_str()[..2]).join(format!("{digest}.wasm"))
    }

    /// Uploads that are not complete; emptied at start.
    #[must_use]
    pub fn uploads(&self) -> PathBuf {
        self.path.join("uploads")
    }

    /// Signing keys.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.path.join("keys")
    }

    /// A secret key of 256 bits, made when it is missing. Blocks.
    ///
    /// # Errors
    /// When it cannot be made, or its file is damaged.
    pub fn private_key(&self, name: &str) -> Result<[u8; 32], StoreError> {
        let path = self.keys().join(name);
        match fs::read(&path) {
            Ok(key) => key.try_into().map_err(|_| StoreError::Damaged { what: "a key", source: None }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let mut key = [0_u8; 32];
                getrandom::fill(&mut key)
                    .map_err(|error| StoreError::io("draw a key")(std::io::Error::other(error)))?;
                write_private(&path, &key)?;
                Ok(key)
            }
            Err(source) => Err(StoreError::Io { attempt: "read a key", source }),
        }
    }

    /// What can be made again: compiled code.
    #[must_use]
    pub fn cache(&self) -> PathBuf {
        self.path.join("cache")
    }

    /// The directory that a tenant's commands and the files API see.
    #[must_use]
    pub fn tenant_files(&self, scope: &TenantScope) -> PathBuf {
        self.files_of(scope.tenant())
    }

    /// Makes a tenant's directory. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn provision(&self, tenant: &TenantId) -> Result<(), StoreError> {
        make_private_dir(&self.files_of(tenant))
    }

    /// Removes all of a tenant's files, and how many files and directories there were. Follows no link. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn erase_tenant(&self, tenant: &TenantId) -> Result<u64, StoreError> {
        let count = match File::open(self.files_of(tenant)) {
            Ok(files) => match walk(&files, u64::MAX).map_err(StoreError::io("count a tenant's files"))? {
                WalkEnded::Complete(found) | WalkEnded::TooMany(found) => found.entries,
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            Err(source) => return Err(StoreError::Io { attempt: "open a tenant's files", source }),
        };
        let tenants = File::open(self.tenants()).map_err(StoreError::io("open the tenants' directory"))?;
        // Guests make directories deeper than any stack: the runtime's own removal, whose count nobody needs any more.
        let volume = Volume::new(VolumeLimits::UNLIMITED, VolumeUsage { bytes: u64::MAX, entries: u64::MAX });
        match remove_tree(&volume, &tenants, OsStr::new(tenant.as_str())) {
            Ok(()) => Ok(count),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(count),
            Err(source) => Err(StoreError::Io { attempt: "remove a tenant's files", source }),
        }
    }

    fn files_of(&self, tenant: &TenantId) -> PathBuf {
        self.tenants().join(tenant.as_str()).join("files")
    }

    fn tenants(&self) -> PathBuf {
        self.path.join("tenants")
    }

    pub(super) fn store(&self) -> PathBuf {
        self.path.join("store")
    }

    fn settle_format(&self) -> Result<(), StoreError> {
        let file = self.path.join("FORMAT");
        let found = match read_small(&file) {
            Ok(text) => text
                .trim()
                .parse::<u32>()
                .ok()
                .filter(|&format| format >= 1)
                .ok_or(StoreError::Damaged { what: "its format", source: None })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if self.store().join("db").exists() {
                    return Err(StoreError::Damaged { what: "its format", source: Some(error.into()) });
                }
                return write_private(&file, format!("{FORMAT_VERSION}\n").as_bytes());
            }
            Err(source) => {
                return Err(StoreError::Io { attempt: "read the data directory's format", source });
            }
        };
        if found > FORMAT_VERSION {
            return Err(StoreError::Newer { found, known: FORMAT_VERSION });
        }
        for (step, migrate) in MIGRATIONS.iter().enumerate().skip(found as usize - 1) {
            migrate(&self.path)?;
            write_private(&file, format!("{}\n", step + 2).as_bytes())?;
        }
        Ok(())
    }

    /// True once the store has held records.
    pub(super) fn is_established(&self) -> bool {
        self.path.join("ESTABLISHED").exists()
    }

    pub(super) fn set_established(&self) -> Result<(), StoreError> {
        write_private(&self.path.join("ESTABLISHED"), b"the store in this directory has held records\n")
    }

    /// Removes what a killed process left of uploads.
    fn sweep_uploads(&self) -> Result<(), StoreError> {
        let entries = fs::read_dir(self.uploads()).map_err(StoreError::io("list unfinished uploads"))?;
        for entry in entries {
            let entry = entry.map_err(StoreError::io("list unfinished uploads"))?;
            fs::remove_file(entry.path()).map_err(StoreError::io("remove an unfinished upload"))?;
        }
        Ok(())
    }
}

/// Removes snapshots that a crash left half-written: recovery would choose them over the complete one.
pub(super) fn remove_torn_snapshots(store: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(store).map_err(StoreError::io("list the store"))? {
        let entry = entry.map_err(StoreError::io("list the store"))?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(StoreError::io("remove a torn snapshot"))?;
        }
    }
    Ok(())
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut file = options.open(path).map_err(StoreError::io("open the lock of the data directory"))?;
    match fs4::FileExt::try_lock(&file) {
        Ok(()) => {}
        Err(fs4::TryLockError::WouldBlock) => {
            let owner = read_small(path).ok().and_then(|text| text.trim().parse().ok());
            return Err(StoreError::InUse { owner });
        }
        Err(fs4::TryLockError::Error(source)) => {
            return Err(StoreError::Io { attempt: "lock the data directory", source });
        }
    }
    let attempt = "write the lock of the data directory";
    file.set_len(0).map_err(StoreError::io(attempt))?;
    file.rewind().map_err(StoreError::io(attempt))?;
    writeln!(file, "{}", std::process::id()).map_err(StoreError::io(attempt))?;
    Ok(file)
}

pub(super) fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(StoreError::io("make a folder of the data directory"))
}

fn read_small(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_SMALL_FILE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> Result<(), StoreError> {
    let attempt = "write a file of the data directory";
    let temporary = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&temporary)
        .map_err(StoreError::io(attempt))?;
    file.write_all(bytes).map_err(StoreError::io(attempt))?;
    file.sync_all().map_err(StoreError::io(attempt))?;
    fs::rename(&temporary, path).map_err(StoreError::io(attempt))
}
