//! The calls of preview 1 that take paths, without the checks of std, and safe to call: they take slices and numbers only.
#![expect(
    unsafe_code,
    reason = "the calls are declared unsafe because a descriptor may belong to somebody else"
)]

use wasi::{Errno, Fd, Filestat, Lookupflags, Oflags, Size};

/// All rights.
const ALL: u64 = u64::MAX >> 34;

/// Opens a path.
pub fn open(at: Fd, path: &str, follow: Lookupflags, flags: Oflags) -> Result<Fd, Errno> {
    // SAFETY: the descriptor is a number to the host, which checks it.
    unsafe { wasi::path_open(at, follow, path, flags, rights(flags), ALL, 0) }
}

/// Opens a path for reading only.
pub fn open_to_read(at: Fd, path: &str, follow: Lookupflags) -> Result<Fd, Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_open(at, follow, path, 0, wasi::RIGHTS_FD_READ | wasi::RIGHTS_FD_READDIR, ALL, 0) }
}

/// Makes a file that is only appended to.
pub fn open_to_append(at: Fd, path: &str) -> Result<Fd, Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_open(at, 0, path, wasi::OFLAGS_CREAT, rights(0), ALL, wasi::FDFLAGS_APPEND) }
}

/// A directory cannot be opened for writing.
fn rights(flags: Oflags) -> u64 {
    if flags & wasi::OFLAGS_DIRECTORY != 0 { ALL & !wasi::RIGHTS_FD_WRITE } else { ALL }
}

/// Closes a descriptor.
pub fn close(fd: Fd) -> Result<(), Errno> {
    // SAFETY: nobody else uses the descriptors of a probe.
    unsafe { wasi::fd_close(fd) }
}

/// Looks at a path.
pub fn stat(at: Fd, path: &str, follow: Lookupflags) -> Result<Filestat, Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_filestat_get(at, follow, path) }
}

/// Sets the times of a path to the epoch.
pub fn set_times(at: Fd, path: &str, follow: Lookupflags) -> Result<(), Errno> {
    let both = wasi::FSTFLAGS_ATIM | wasi::FSTFLAGS_MTIM;
    // SAFETY: as above.
    unsafe { wasi::path_filestat_set_times(at, follow, path, 0, 0, both) }
}

/// Makes a directory.
pub fn make_directory(at: Fd, path: &str) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_create_directory(at, path) }
}

/// Removes a directory.
pub fn remove_directory(at: Fd, path: &str) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_remove_directory(at, path) }
}

/// Removes a file.
pub fn remove_file(at: Fd, path: &str) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_unlink_file(at, path) }
}

/// Renames.
pub fn rename(from_at: Fd, from: &str, to_at: Fd, to: &str) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_rename(from_at, from, to_at, to) }
}

/// Makes a hard link.
pub fn link(from_at: Fd, follow: Lookupflags, from: &str, to_at: Fd, to: &str) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_link(from_at, follow, from, to_at, to) }
}

/// Makes a symbolic link at a path.
pub fn symlink(target: &str, at: Fd, path: &str) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::path_symlink(target, at, path) }
}

/// Reads where a symbolic link leads.
pub fn read_link(at: Fd, path: &str) -> Result<Size, Errno> {
    let mut buffer = [0; 4096];
    // SAFETY: the buffer is as long as is said.
    unsafe { wasi::path_readlink(at, path, buffer.as_mut_ptr(), buffer.len()) }
}

/// Writes bytes with one call.
pub fn write(fd: Fd, bytes: &[u8]) -> Result<Size, Errno> {
    // SAFETY: the vector names the slice.
    unsafe { wasi::fd_write(fd, &[wasi::Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() }]) }
}

/// Writes bytes at a place with one call.
pub fn write_at(fd: Fd, bytes: &[u8], offset: u64) -> Result<Size, Errno> {
    // SAFETY: the vector names the slice.
    unsafe { wasi::fd_pwrite(fd, &[wasi::Ciovec { buf: bytes.as_ptr(), buf_len: bytes.len() }], offset) }
}

/// Reads bytes at a place with one call.
pub fn read_at(fd: Fd, bytes: &mut [u8], offset: u64) -> Result<Size, Errno> {
    // SAFETY: the vector names the slice.
    unsafe { wasi::fd_pread(fd, &[wasi::Iovec { buf: bytes.as_mut_ptr(), buf_len: bytes.len() }], offset) }
}

/// Lists a directory from its start with one call.
pub fn read_directory(fd: Fd, bytes: &mut [u8]) -> Result<Size, Errno> {
    // SAFETY: the buffer is as long as is said.
    unsafe { wasi::fd_readdir(fd, bytes.as_mut_ptr(), bytes.len(), 0) }
}

/// Sets the size of a file.
pub fn set_size(fd: Fd, size_bytes: u64) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::fd_filestat_set_size(fd, size_bytes) }
}

/// Sets room aside in a file.
pub fn allocate(fd: Fd, offset: u64, length_bytes: u64) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::fd_allocate(fd, offset, length_bytes) }
}

/// Brings a file to the disk.
pub fn sync(fd: Fd) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { wasi::fd_sync(fd) }
}
