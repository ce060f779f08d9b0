//! `fd_readdir`: a directory listed over several calls, each of which goes on where the last one ended.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::Arc;

use rustix::fs::FileType;
use wasmtime_wasi::p1::types::{Error, Filetype, Size};
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wiggle::{GuestMemory, GuestPtr};

use super::file_key::FileKey;
use super::listing::{Entry, Listing};

/// Bytes of a `dirent` without its name.
const DIRENT_BYTES: usize = 24;

/// Where a guest is in a directory that it lists. Entries are numbered: 0 is `.`, 1 is `..`.
pub(super) struct Cursor {
    directory: Arc<File>,
    listing: Listing,
    /// Entries that the guest may ask for again, since the last one may not have fitted into its buffer.
    held: VecDeque<Entry>,
    /// The number of the first of them.
    first: u64,
}

impl Cursor {
    /// At the beginning.
    ///
    /// # Errors
    /// When the directory cannot be looked at.
    pub(super) fn new(directory: &Arc<File>) -> Result<Self, FsError> {
        // The parent of a granted directory is nobody's business, so `..` is numbered as `.` is.
        let held = [Entry::itself(directory, ".")?, Entry::itself(directory, "..")?].into();
        Ok(Self { directory: Arc::clone(directory), listing: Listing::new(directory), held, first: 0 })
    }

    /// Fills the guest's buffer with entries from a number on. Between two batches a guest can be ended.
    pub(super) async fn read(
        &mut self,
        memory: &mut GuestMemory<'_>,
        buffer: GuestPtr<u8>,
        length: Size,
        from: u64,
        key: &FileKey,
    ) -> Result<Size, Error> {
        self.go_to(from).await?;
        let mut window = Window { buffer, left: length };
        let mut number = from;
        loop {
            let at = usize::try_from(number - self.first).ok();
            match at.and_then(|at| self.held.get(at)) {
                Some(entry) => {
                    number += 1;
                    window.put(memory, &dirent(entry, number, key)?)?;
                    window.put(memory, entry.name.as_deref().unwrap_or_default().as_bytes())?;
                    if window.left == 0 {
                        return Ok(length);
                    }
                }
                None if self.listing.is_over() => return Ok(length - window.left),
                None => self.next_batch().await?,
            }
        }
    }

    /// Makes the entry of this number the first that is held, if there is one.
    async fn go_to(&mut self, number: u64) -> Result<(), Error> {
        // From the beginning, what was added meanwhile is to be seen.
        if number < self.first || number == 0 {
            *self = Self::new(&self.directory)?;
        }
        while number > self.first + self.held.len() as u64 && !self.listing.is_over() {
            self.next_batch().await?;
        }
        let passed = usize::try_from(number - self.first).unwrap_or(usize::MAX).min(self.held.len());
        self.held.drain(..passed);
        self.first = number;
        Ok(())
    }

    /// Holds the next batch instead of what is held.
    async fn next_batch(&mut self) -> Result<(), Error> {
        self.listing.read_batch().map_err(FsError::from)?;
        self.first += self.held.len() as u64;
        self.held = std::mem::take(self.listing.read());
        tokio::task::yield_now().await;
        Ok(())
    }
}

/// The rest of a guest's buffer.
struct Window {
    buffer: GuestPtr<u8>,
    left: Size,
}

impl Window {
    /// Writes as much as fits.
    fn put(&mut self, memory: &mut GuestMemory<'_>, bytes: &[u8]) -> Result<(), Error> {
        let length = Size::try_from(bytes.len()).unwrap_or(Size::MAX).min(self.left);
        memory.copy_from_slice(&bytes[..length as usize], self.buffer.as_array(length))?;
        self.buffer = self.buffer.add(length)?;
        self.left -= length;
        Ok(())
    }
}

/// An entry, in the layout of preview 1 and of what was before it.
fn dirent(entry: &Entry, next: u64, key: &FileKey) -> Result<[u8; DIRENT_BYTES], Error> {
    let name = entry.name.as_ref().ok_or(FsError::from(ErrorCode::IllegalByteSequence))?;
    let name_bytes = u32::try_from(name.len()).unwrap_or(u32::MAX);
    let mut bytes = [0; DIRENT_BYTES];
    bytes[..8].copy_from_slice(&next.to_le_bytes());
    bytes[8..16].copy_from_slice(&key.number(entry.inode).to_le_bytes());
    bytes[16..20].copy_from_slice(&name_bytes.to_le_bytes());
    bytes[20] = filetype(entry.kind) as u8;
    Ok(bytes)
}

fn filetype(kind: FileType) -> Filetype {
    match kind {
        FileType::RegularFile => Filetype::RegularFile,
        FileType::Directory => Filetype::Directory,
        FileType::Symlink => Filetype::SymbolicLink,
        FileType::BlockDevice => Filetype::BlockDevice,
        FileType::CharacterDevice => Filetype::CharacterDevice,
        FileType::Socket => Filetype::SocketStream,
        _ => Filetype::Unknown,
    }
}
