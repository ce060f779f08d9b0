//! Preview 1: what changes a directory is guarded, listings and files' numbers are our own, the rest is the library's.

use wasmtime::component::Resource;
use wasmtime::error::Context as _;
use wasmtime_wasi::I32Exit;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p1::types::{self, Errno, Error, Fd};
use wasmtime_wasi::p1::wasi_snapshot_preview1::{self, WasiSnapshotPreview1};
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wiggle::{GuestMemory, GuestPtr};

use super::at_once::{Waited, at_once};
use super::guard::{Guard, Opening, Refusal, Start};
use super::preview1_listing::Cursor;
use super::{listing, run_files};
use crate::sandbox::GuestState;

/// The descriptor of the first granted directory; those of the standard streams are before it.
const FIRST_DIRECTORY: u32 = 3;
/// Resources the library may have made before the granted directories.
const RESOURCES_BEFORE: u32 = 64;

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::TooManyOpen => Errno::Mfile,
            refusal => ErrorCode::from(refusal).into(),
        }
        .into()
    }
}

impl From<Waited> for Error {
    fn from(waited: Waited) -> Self {
        Self::trap(waited.into())
    }
}

/// Adds preview 1. The linker must allow shadowing.
pub(super) fn add_to_linker(linker: &mut wasmtime::Linker<GuestState>) -> wasmtime::Result<()> {
    wasi_snapshot_preview1::add_to_linker(linker, |state: &mut GuestState| state)
}

/// Makes the library open the standard streams and granted directories, and notes where it put them.
pub(crate) fn begin(state: &mut GuestState) -> wasmtime::Result<()> {
    let granted = state.files.granted();
    if granted == 0 {
        return Ok(());
    }
    // Whatever the answer, afterwards they are open.
    let _ = state.wasi.fd_prestat_get(&mut GuestMemory::Unshared(&mut []), Fd::from(0));
    let table = state.wasi.filesystem().table;
    let last = RESOURCES_BEFORE + u32::try_from(granted)?;
    let places: Vec<u32> =
        (0..last).filter(|place| matches!(table.get(&descriptor(*place)), Ok(Descriptor::Dir(_)))).collect();
    wasmtime::ensure!(places.len() == granted, "the granted directories were not opened as expected");
    for (fd, place) in (FIRST_DIRECTORY..).zip(&places) {
        state.files.fds.insert(fd, run_files::Fd { place: *place, append: false });
    }
    state.files.preopened(places);
    Ok(())
}

fn descriptor(place: u32) -> Resource<Descriptor> {
    Resource::new_borrow(place)
}

/// Where the library will put the next resource.
fn next_place(wasi: &mut WasiP1Ctx) -> wasmtime::Result<u32> {
    let table = wasi.filesystem().table;
    let probe = table.push(())?;
    let place = probe.rep();
    table.delete(probe)?;
    Ok(place)
}

impl GuestState {
    fn place(&self, fd: Fd) -> Option<u32> {
        Some(self.files.fds.get(&u32::from(fd))?.place)
    }

    /// What takes a name out of a directory begins so: the guard, and the library that then does it.
    fn removing(
        &mut self,
        memory: &GuestMemory<'_>,
        directory: Fd,
        path: GuestPtr<str>,
    ) -> Result<(Guard<'_>, &mut WasiP1Ctx), Error> {
        let place = self.place(directory);
        let mut guard = Guard::lock(self.files.volume());
        if let Some(place) = place {
            self.files.writable(place)?;
            guard.removing(&mut self.wasi.filesystem(), place, &path_of(memory, path)?);
        }
        Ok((guard, &mut self.wasi))
    }

    /// Writes to a file of the volume.
    fn write_guarded(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffers: types::CiovecArray,
        offset: Option<u64>,
    ) -> Option<Result<types::Size, Error>> {
        let run_files::Fd { place, append } = *self.files.fds.get(&u32::from(fd))?;
        let file = self.files.open_file(place)?;
        let length = first_length(memory, buffers)?;
        let start = match offset {
            _ if append => Start::End,
            Some(offset) => Start::At(offset),
            None => Start::At(self.wasi.fd_tell(memory, fd).ok()?),
        };
        if let Err(refusal) = self.files.writable(place) {
            return Some(Err(refusal.into()));
        }
        let mut guard = Guard::lock(self.files.volume());
        if let Err(refusal) = guard.writing(file, start, length) {
            return Some(Err(refusal.into()));
        }
        let written = match offset {
            Some(offset) => at_once(self.wasi.fd_pwrite(memory, fd, buffers, offset)),
            None => at_once(self.wasi.fd_write(memory, fd, buffers)),
        };
        Some(match written {
            Ok(Ok(written)) => {
                guard.wrote(file, start, written.into());
                Ok(written)
            }
            Ok(Err(error)) => Err(error),
            Err(waited) => Err(waited.into()),
        })
    }
}

/// Bytes of the buffer that the library will write: the first that is not empty.
fn first_length(memory: &GuestMemory<'_>, buffers: types::CiovecArray) -> Option<u64> {
    for buffer in buffers.iter() {
        let buffer = memory.read(buffer.ok()?).ok()?;
        if buffer.buf_len > 0 {
            return Some(buffer.buf_len.into());
        }
    }
    Some(0)
}

fn path_of(memory: &GuestMemory<'_>, path: GuestPtr<str>) -> Result<String, Error> {
    // Nothing that exists has a longer path; the library says so in its own words.
    if path.len() > MAX_PATH_BYTES {
        return Err(Errno::Nametoolong.into());
    }
    Ok(memory.as_cow_str(path)?.into_owned())
}

/// Longest path of the system, in bytes.
const MAX_PATH_BYTES: u32 = 4096;

macro_rules! delegate {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        fn $name(&mut self, memory: &mut GuestMemory<'_> $(, $arg: $type)*) -> $result {
            self.wasi.$name(memory $(, $arg)*)
        }
    )*};
}

macro_rules! delegate_async {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        async fn $name(&mut self, memory: &mut GuestMemory<'_> $(, $arg: $type)*) -> $result {
            self.wasi.$name(memory $(, $arg)*).await
        }
    )*};
}

type Done<T = ()> = Result<T, Error>;

impl WasiSnapshotPreview1 for GuestState {
    fn set_hostcall_fuel(&mut self, fuel: usize) {
        WasiSnapshotPreview1::set_hostcall_fuel(&mut self.wasi, fuel);
    }

    delegate! {
        args_get(argv: GuestPtr<GuestPtr<u8>>, buffer: GuestPtr<u8>) -> Done;
        args_sizes_get() -> Done<(types::Size, types::Size)>;
        environ_get(environ: GuestPtr<GuestPtr<u8>>, buffer: GuestPtr<u8>) -> Done;
        environ_sizes_get() -> Done<(types::Size, types::Size)>;
        clock_res_get(id: types::Clockid) -> Done<types::Timestamp>;
        clock_time_get(id: types::Clockid, precision: types::Timestamp) -> Done<types::Timestamp>;
        // The library supports it for no file, so nothing grows.
        fd_allocate(fd: Fd, offset: types::Filesize, length: types::Filesize) -> Done;
        fd_fdstat_set_rights(fd: Fd, base: types::Rights, inheriting: types::Rights) -> Done;
        fd_prestat_get(fd: Fd) -> Done<types::Prestat>;
        fd_prestat_dir_name(fd: Fd, path: GuestPtr<u8>, length: types::Size) -> Done;
        fd_tell(fd: Fd) -> Done<types::Filesize>;
        proc_raise(signal: types::Signal) -> Done;
        sched_yield() -> Done;
        random_get(buffer: GuestPtr<u8>, length: types::Size) -> Done;
        sock_accept(fd: Fd, flags: types::Fdflags) -> Done<Fd>;
        sock_recv(fd: Fd, data: types::IovecArray, flags: types::Riflags) -> Done<(types::Size, types::Roflags)>;
        sock_send(fd: Fd, data: types::CiovecArray, flags: types::Siflags) -> Done<types::Size>;
        sock_shutdown(fd: Fd, how: types::Sdflags) -> Done;
    }

    delegate_async! {
        fd_advise(fd: Fd, offset: types::Filesize, length: types::Filesize, advice: types::Advice) -> Done;
        fd_datasync(fd: Fd) -> Done;
        fd_fdstat_get(fd: Fd) -> Done<types::Fdstat>;
        fd_read(fd: Fd, buffers: types::IovecArray) -> Done<types::Size>;
        fd_pread(fd: Fd, buffers: types::IovecArray, offset: types::Filesize) -> Done<types::Size>;
        fd_seek(fd: Fd, offset: types::Filedelta, whence: types::Whence) -> Done<types::Filesize>;
        fd_sync(fd: Fd) -> Done;
        path_readlink(directory: Fd, path: GuestPtr<str>, buffer: GuestPtr<u8>, length: types::Size) -> Done<types::Size>;
        poll_oneoff(
            subscriptions: GuestPtr<types::Subscription>,
            events: GuestPtr<types::Event>,
            count: types::Size
        ) -> Done<types::Size>;
    }

    /// The library's own turns a code above 125 into an error without the code; a shell would see all of it.
    fn proc_exit(&mut self, _: &mut GuestMemory<'_>, code: types::Exitcode) -> wasmtime::Error {
        I32Exit(code.cast_signed()).into()
    }

    async fn fd_filestat_get(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Done<types::Filestat> {
        let stat = self.wasi.fd_filestat_get(memory, fd).await?;
        Ok(self.files.shown(stat))
    }

    async fn path_filestat_get(
        &mut self,
        memory: &mut GuestMemory<'_>,
        directory: Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
    ) -> Done<types::Filestat> {
        let stat = self.wasi.path_filestat_get(memory, directory, flags, path).await?;
        Ok(self.files.shown(stat))
    }

    async fn fd_readdir(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffer: GuestPtr<u8>,
        length: types::Size,
        cookie: types::Dircookie,
    ) -> Done<types::Size> {
        let Some(place) = self.place(fd) else {
            return self.wasi.fd_readdir(memory, fd, buffer, length, cookie).await;
        };
        let table = self.wasi.filesystem().table;
        let directory = listing::directory(table.get(&descriptor(place))?).ok_or(Errno::Notdir)?;
        let mut cursor = match self.files.take_cursor(place) {
            Some(cursor) => cursor,
            None => Box::new(Cursor::new(directory)?),
        };
        let read = cursor.read(memory, buffer, length, cookie, self.files.key()).await;
        self.files.keep_cursor(place, cursor);
        read
    }

    fn fd_fdstat_set_flags(&mut self, memory: &mut GuestMemory<'_>, fd: Fd, flags: types::Fdflags) -> Done {
        self.wasi.fd_fdstat_set_flags(memory, fd, flags)?;
        if let Some(fd) = self.files.fds.get_mut(&u32::from(fd)) {
            fd.append = flags.contains(types::Fdflags::APPEND);
        }
        Ok(())
    }

    async fn fd_close(&mut self, memory: &mut GuestMemory<'_>, fd: Fd) -> Done {
        let place = self.place(fd);
        let closing = place.and_then(|place| self.files.closing(self.wasi.filesystem().table, place));
        self.wasi.fd_close(memory, fd).await?;
        self.files.fds.remove(&u32::from(fd));
        drop(closing);
        Ok(())
    }

    async fn fd_renumber(&mut self, memory: &mut GuestMemory<'_>, from: Fd, to: Fd) -> Done {
        let (old, new) = (u32::from(from), u32::from(to));
        let moved = self.files.fds.get(&old).copied();
        // What the library would refuse, or leave as it is, closes nothing.
        let closes = moved.is_some() && old != new;
        let place = self.place(to).filter(|_| closes);
        let closing = place.and_then(|place| self.files.closing(self.wasi.filesystem().table, place));
        self.wasi.fd_renumber(memory, from, to).await?;
        if let Some(moved) = moved.filter(|_| closes) {
            self.files.fds.remove(&old);
            self.files.fds.insert(new, moved);
        } else if old != new {
            // A standard stream took its place.
            let replaced = self.files.fds.remove(&new);
            drop(replaced.and_then(|fd| self.files.closing(self.wasi.filesystem().table, fd.place)));
        }
        drop(closing);
        Ok(())
    }

    async fn fd_write(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffers: types::CiovecArray,
    ) -> Done<types::Size> {
        match self.write_guarded(memory, fd, buffers, None) {
            Some(written) => written,
            None => self.wasi.fd_write(memory, fd, buffers).await,
        }
    }

    async fn fd_pwrite(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        buffers: types::CiovecArray,
        offset: types::Filesize,
    ) -> Done<types::Size> {
        match self.write_guarded(memory, fd, buffers, Some(offset)) {
            Some(written) => written,
            None => self.wasi.fd_pwrite(memory, fd, buffers, offset).await,
        }
    }

    async fn fd_filestat_set_size(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        size: types::Filesize,
    ) -> Done {
        let Some(place) = self.place(fd) else {
            return self.wasi.fd_filestat_set_size(memory, fd, size).await;
        };
        self.files.writable(place)?;
        let Some(file) = self.files.open_file(place) else {
            return self.wasi.fd_filestat_set_size(memory, fd, size).await;
        };
        let mut guard = Guard::lock(self.files.volume());
        guard.resizing(file, size)?;
        at_once(self.wasi.fd_filestat_set_size(memory, fd, size))??;
        guard.resized(file, size);
        Ok(())
    }

    async fn fd_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        fd: Fd,
        accessed: types::Timestamp,
        modified: types::Timestamp,
        flags: types::Fstflags,
    ) -> Done {
        if let Some(place) = self.place(fd) {
            self.files.writable(place)?;
        }
        self.wasi.fd_filestat_set_times(memory, fd, accessed, modified, flags).await
    }

    async fn path_filestat_set_times(
        &mut self,
        memory: &mut GuestMemory<'_>,
        directory: Fd,
        flags: types::Lookupflags,
        path: GuestPtr<str>,
        accessed: types::Timestamp,
        modified: types::Timestamp,
        times: types::Fstflags,
    ) -> Done {
        if let Some(place) = self.place(directory) {
            self.files.writable(place)?;
        }
        self.wasi.path_filestat_set_times(memory, directory, flags, path, accessed, modified, times).await
    }

    async fn path_create_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        directory: Fd,
        path: GuestPtr<str>,
    ) -> Done {
        let mut guard = Guard::lock(self.files.volume());
        if let Some(place) = self.place(directory) {
            self.files.writable(place)?;
            guard.adding(0)?;
        }
        let made = at_once(self.wasi.path_create_directory(memory, directory, path))?;
        guard.end(made.is_ok());
        made
    }

    async fn path_symlink(
        &mut self,
        memory: &mut GuestMemory<'_>,
        target: GuestPtr<str>,
        directory: Fd,
        path: GuestPtr<str>,
    ) -> Done {
        let mut guard = Guard::lock(self.files.volume());
        if let Some(place) = self.place(directory) {
            self.files.writable(place)?;
            guard.adding(target.len().into())?;
        }
        let made = at_once(self.wasi.path_symlink(memory, target, directory, path))?;
        guard.end(made.is_ok());
        made
    }

    async fn path_link(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from: Fd,
        flags: types::Lookupflags,
        from_path: GuestPtr<str>,
        to: Fd,
        to_path: GuestPtr<str>,
    ) -> Done {
        let mut guard = Guard::lock(self.files.volume());
        if let (Some(from), Some(to)) = (self.place(from), self.place(to)) {
            self.files.writable(from)?;
            self.files.writable(to)?;
            guard.adding(0)?;
        }
        let made = at_once(self.wasi.path_link(memory, from, flags, from_path, to, to_path))?;
        guard.end(made.is_ok());
        made
    }

    async fn path_rename(
        &mut self,
        memory: &mut GuestMemory<'_>,
        from: Fd,
        from_path: GuestPtr<str>,
        to: Fd,
        to_path: GuestPtr<str>,
    ) -> Done {
        let mut guard = Guard::lock(self.files.volume());
        if let (Some(from), Some(to)) = (self.place(from), self.place(to)) {
            self.files.writable(from)?;
            self.files.writable(to)?;
            let (old, new) = (path_of(memory, from_path)?, path_of(memory, to_path)?);
            guard.renaming(&mut self.wasi.filesystem(), (from, &old), (to, &new));
        }
        let renamed = at_once(self.wasi.path_rename(memory, from, from_path, to, to_path))?;
        guard.end(renamed.is_ok());
        renamed
    }

    async fn path_remove_directory(
        &mut self,
        memory: &mut GuestMemory<'_>,
        directory: Fd,
        path: GuestPtr<str>,
    ) -> Done {
        let (guard, library) = self.removing(memory, directory, path)?;
        let removed = at_once(library.path_remove_directory(memory, directory, path))?;
        guard.end(removed.is_ok());
        removed
    }

    async fn path_unlink_file(
        &mut self,
        memory: &mut GuestMemory<'_>,
        directory: Fd,
        path: GuestPtr<str>,
    ) -> Done {
        let (guard, library) = self.removing(memory, directory, path)?;
        let removed = at_once(library.path_unlink_file(memory, directory, path))?;
        guard.end(removed.is_ok());
        removed
    }

    async fn path_open(
        &mut self,
        memory: &mut GuestMemory<'_>,
        directory: Fd,
        lookup: types::Lookupflags,
        path: GuestPtr<str>,
        flags: types::Oflags,
        rights: types::Rights,
        inheriting: types::Rights,
        fd_flags: types::Fdflags,
    ) -> Done<Fd> {
        let Some(through) = self.place(directory) else {
            return self
                .wasi
                .path_open(memory, directory, lookup, path, flags, rights, inheriting, fd_flags)
                .await;
        };
        let text = path_of(memory, path)?;
        let opening = Opening {
            directory: through,
            path: &text,
            follow: lookup.contains(types::Lookupflags::SYMLINK_FOLLOW),
            create: flags.contains(types::Oflags::CREAT),
            truncate: flags.contains(types::Oflags::TRUNC),
        };
        if opening.create || opening.truncate || rights.contains(types::Rights::FD_WRITE) {
            self.files.writable(through)?;
        }
        let slot = self.open_slot()?;
        let guard = Guard::lock(self.files.volume()).opening(&mut self.wasi.filesystem(), opening)?;
        let place = next_place(&mut self.wasi).map_err(Error::trap)?;
        let opened = at_once(
            self.wasi.path_open(memory, directory, lookup, path, flags, rights, inheriting, fd_flags),
        )?;
        let fd = match opened {
            Ok(fd) => fd,
            Err(error) => {
                guard.failed(&mut self.wasi.filesystem(), opening);
                return Err(error);
            }
        };
        let open = guard.opened(&mut self.wasi.filesystem(), place);
        let open = open.context("a file was not opened as expected").map_err(Error::trap)?;
        self.files.opened(through, place, open, slot);
        let append = fd_flags.contains(types::Fdflags::APPEND);
        self.files.fds.insert(fd.into(), run_files::Fd { place, append });
        Ok(fd)
    }
}
