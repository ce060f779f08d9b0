//! A guest without code: its imports, called from here, for each version of WASI.

use std::path::Path;

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p1::types as p1;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wasmtime_wasi::p2::bindings::filesystem::types::{self as p2, HostDescriptor as _};
use wasmtime_wasi::p2::{FsError, StreamError};
use wasmtime_wasi::p3::bindings::filesystem::types::{self as p3, HostDescriptorWithStore as _};
use wasmtime_wasi::p3::filesystem::FilesystemError;
use wiggle::{GuestMemory, GuestPtr};

use crate::Bytes;
use crate::budget::{Budget, BudgetLimits};
use crate::filesystem::Volume;
use crate::filesystem::at_once::at_once;
use crate::filesystem::component::Filesystem;
use crate::grant::{Access, DirectoryGrant, Grant, HostDirectory, NetworkGrant};
use crate::sandbox::tests::{grant, sandbox};
use crate::sandbox::{GuestState, Sandbox};

/// Which version of WASI a call goes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layer {
    Preview1,
    V0_2,
    V0_3,
}

/// Why a call failed, in one vocabulary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failed {
    Quota,
    NotPermitted,
    Unsupported,
    TooManyOpen,
    Other,
}

/// What to open a path for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) write: bool,
    pub(super) create: bool,
    pub(super) truncate: bool,
    pub(super) exclusive: bool,
    pub(super) directory: bool,
    pub(super) follow: bool,
}

/// Something open. Preview 1 has numbers of its own.
#[derive(Debug)]
pub(super) enum Open {
    Number(u32),
    Place(u32),
}

pub(super) struct Guest {
    sandbox: Sandbox,
    directory: u32,
}

impl From<p1::Error> for Failed {
    fn from(error: p1::Error) -> Self {
        match error.downcast().unwrap() {
            p1::Errno::Dquot => Self::Quota,
            p1::Errno::Perm => Self::NotPermitted,
            p1::Errno::Notsup => Self::Unsupported,
            p1::Errno::Mfile => Self::TooManyOpen,
            _ => Self::Other,
        }
    }
}

impl From<FsError> for Failed {
    fn from(error: FsError) -> Self {
        match error.downcast().unwrap() {
            p2::ErrorCode::Quota => Self::Quota,
            p2::ErrorCode::NotPermitted => Self::NotPermitted,
            p2::ErrorCode::Unsupported => Self::Unsupported,
            p2::ErrorCode::InsufficientMemory => Self::TooManyOpen,
            _ => Self::Other,
        }
    }
}

impl From<FilesystemError> for Failed {
    fn from(error: FilesystemError) -> Self {
        error.downcast().unwrap().into()
    }
}

impl From<p3::ErrorCode> for Failed {
    fn from(code: p3::ErrorCode) -> Self {
        match code {
            p3::ErrorCode::Quota => Self::Quota,
            p3::ErrorCode::NotPermitted => Self::NotPermitted,
            p3::ErrorCode::Unsupported => Self::Unsupported,
            p3::ErrorCode::InsufficientMemory => Self::TooManyOpen,
            _ => Self::Other,
        }
    }
}

/// A guest's memory with some texts in it, one after another.
struct Memory {
    bytes: Vec<u8>,
}

impl Memory {
    fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    fn text(&mut self, text: &str) -> GuestPtr<str> {
        let place = (u32::try_from(self.bytes.len()).unwrap(), u32::try_from(text.len()).unwrap());
        self.bytes.extend_from_slice(text.as_bytes());
        GuestPtr::new(place)
    }

    /// A list of one buffer.
    fn buffer(&mut self, bytes: &[u8]) -> p1::CiovecArray {
        assert!(self.bytes.is_empty());
        self.bytes.extend_from_slice(&8_u32.to_le_bytes());
        self.bytes.extend_from_slice(&u32::try_from(bytes.len()).unwrap().to_le_bytes());
        self.bytes.extend_from_slice(bytes);
        GuestPtr::new((0, 1))
    }

    fn get(&mut self) -> GuestMemory<'_> {
        GuestMemory::Unshared(&mut self.bytes)
    }
}

fn fd(place: u32) -> Resource<Descriptor> {
    Resource::new_borrow(place)
}

fn run<T>(future: impl Future<Output = T>) -> T {
    at_once(future).unwrap()
}

/// Calls the same function of 0.2 and of 0.3.
macro_rules! components {
    ($guest:expr, $layer:expr, $name:ident($($arg:expr),*)) => {
        match $layer {
            Layer::V0_3 => {
                let called = $guest.concurrent(async |store| Filesystem::$name(store, $($arg),*).await);
                called.map_err(Failed::from)
            }
            _ => run($guest.state().$name($($arg),*)).map_err(Failed::from),
        }
    };
}

impl Guest {
    pub(super) fn new(root: &Path, access: Access, volume: Option<Volume>) -> Self {
        Self::within(root, access, volume, Budget::new(&BudgetLimits::UNLIMITED))
    }

    pub(super) fn within(root: &Path, access: Access, volume: Option<Volume>, budget: Budget) -> Self {
        let directory =
            DirectoryGrant { host: HostDirectory::Path(root.to_owned()), guest: "/".to_owned(), access };
        let grant = Grant { directories: vec![directory], volume, ..grant(NetworkGrant::Denied) };
        let mut sandbox = sandbox(grant, budget);
        crate::filesystem::begin_preview1(sandbox.state()).unwrap();
        sandbox.state().set_hostcall_fuel(usize::MAX);
        let directory = p2_preopen(sandbox.state());
        Self { sandbox, directory }
    }

    pub(super) fn state(&mut self) -> &mut GuestState {
        self.sandbox.state()
    }

    pub(super) fn store(&mut self) -> &mut wasmtime::Store<GuestState> {
        self.sandbox.store()
    }

    /// The granted directory's place among the resources.
    pub(super) fn directory(&self) -> u32 {
        self.directory
    }

    fn concurrent<T>(
        &mut self,
        call: impl AsyncFnOnce(&wasmtime::component::Accessor<GuestState, Filesystem>) -> T,
    ) -> T {
        run(self
            .sandbox
            .store()
            .run_concurrent(async |store| call(&store.with_getter::<Filesystem>(|state| state)).await))
        .unwrap()
    }

    pub(super) fn open(&mut self, layer: Layer, path: &str, flags: Flags) -> Result<Open, Failed> {
        match layer {
            Layer::Preview1 => self.open_preview1(path, flags).map(Open::Number),
            Layer::V0_2 => {
                let directory = self.directory;
                let (follow, open, descriptor) = flags.p2();
                let opened =
                    run(self.state().open_at(fd(directory), follow, path.to_owned(), open, descriptor));
                Ok(Open::Place(opened?.rep()))
            }
            Layer::V0_3 => {
                let directory = self.directory;
                let (follow, open, descriptor) = flags.p3();
                let opened = self.concurrent(async |store| {
                    Filesystem::open_at(store, fd(directory), follow, path.to_owned(), open, descriptor).await
                });
                Ok(Open::Place(opened?.rep()))
            }
        }
    }

    fn open_preview1(&mut self, path: &str, flags: Flags) -> Result<u32, Failed> {
        let mut memory = Memory::new();
        let path = memory.text(path);
        let mut oflags = p1::Oflags::empty();
        oflags.set(p1::Oflags::CREAT, flags.create);
        oflags.set(p1::Oflags::TRUNC, flags.truncate);
        oflags.set(p1::Oflags::EXCL, flags.exclusive);
        oflags.set(p1::Oflags::DIRECTORY, flags.directory);
        let mut rights = p1::Rights::FD_READ;
        rights.set(p1::Rights::FD_WRITE, flags.write);
        let mut lookup = p1::Lookupflags::empty();
        lookup.set(p1::Lookupflags::SYMLINK_FOLLOW, flags.follow);
        let none = p1::Fdflags::empty();
        let opened = run(self.state().path_open(
            &mut memory.get(),
            p1::Fd::from(3),
            lookup,
            path,
            oflags,
            rights,
            rights,
            none,
        ));
        Ok(opened?.into())
    }

    pub(super) fn close(&mut self, open: Open) {
        match open {
            Open::Number(number) => {
                run(self.state().fd_close(&mut Memory::new().get(), p1::Fd::from(number))).unwrap();
            }
            Open::Place(place) => p2::HostDescriptor::drop(self.state(), Resource::new_own(place)).unwrap(),
        }
    }

    /// Writes at an offset; at the end without one.
    pub(super) fn write(&mut self, open: &Open, bytes: &[u8], offset: Option<u64>) -> Result<(), Failed> {
        let (place, offset) = match (open, offset) {
            (Open::Number(number), offset) => return self.write_preview1(*number, bytes, offset),
            (Open::Place(place), offset) => (*place, offset),
        };
        let stream = match offset {
            Some(offset) => self.state().write_via_stream(fd(place), offset)?,
            None => self.state().append_via_stream(fd(place))?,
        };
        let table = self.state().wasi.filesystem().table;
        let mut stream = table.delete(stream).unwrap();
        run(stream.blocking_write_and_flush(Bytes::copy_from_slice(bytes))).map_err(|error| match error {
            StreamError::LastOperationFailed(error) => stream_error(self.state(), error),
            error => panic!("{error:?}"),
        })
    }

    fn write_preview1(&mut self, number: u32, bytes: &[u8], offset: Option<u64>) -> Result<(), Failed> {
        let number = p1::Fd::from(number);
        let mut memory = Memory::new();
        let buffers = memory.buffer(bytes);
        let mut memory = memory.get();
        let state = self.state();
        match offset {
            Some(offset) => run(state.fd_pwrite(&mut memory, number, buffers, offset))?,
            None => {
                run(state.fd_seek(&mut memory, number, 0, p1::Whence::End))?;
                run(state.fd_write(&mut memory, number, buffers))?
            }
        };
        Ok(())
    }

    pub(super) fn resize(&mut self, layer: Layer, open: &Open, bytes: u64) -> Result<(), Failed> {
        match open {
            Open::Number(number) => {
                let mut memory = Memory::new();
                Ok(run(self.state().fd_filestat_set_size(&mut memory.get(), p1::Fd::from(*number), bytes))?)
            }
            Open::Place(place) => components!(self, layer, set_size(fd(*place), bytes)),
        }
    }

    pub(super) fn make_directory(&mut self, layer: Layer, path: &str) -> Result<(), Failed> {
        if layer == Layer::Preview1 {
            let mut memory = Memory::new();
            let path = memory.text(path);
            return Ok(run(self.state().path_create_directory(&mut memory.get(), p1::Fd::from(3), path))?);
        }
        let directory = self.directory;
        components!(self, layer, create_directory_at(fd(directory), path.to_owned()))
    }

    pub(super) fn remove_directory(&mut self, layer: Layer, path: &str) -> Result<(), Failed> {
        if layer == Layer::Preview1 {
            let mut memory = Memory::new();
            let path = memory.text(path);
            return Ok(run(self.state().path_remove_directory(&mut memory.get(), p1::Fd::from(3), path))?);
        }
        let directory = self.directory;
        components!(self, layer, remove_directory_at(fd(directory), path.to_owned()))
    }

    pub(super) fn unlink(&mut self, layer: Layer, path: &str) -> Result<(), Failed> {
        if layer == Layer::Preview1 {
            let mut memory = Memory::new();
            let path = memory.text(path);
            return Ok(run(self.state().path_unlink_file(&mut memory.get(), p1::Fd::from(3), path))?);
        }
        let directory = self.directory;
        components!(self, layer, unlink_file_at(fd(directory), path.to_owned()))
    }

    pub(super) fn symlink(&mut self, layer: Layer, target: &str, path: &str) -> Result<(), Failed> {
        if layer == Layer::Preview1 {
            let mut memory = Memory::new();
            let (target, path) = (memory.text(target), memory.text(path));
            return Ok(run(self.state().path_symlink(&mut memory.get(), target, p1::Fd::from(3), path))?);
        }
        let directory = self.directory;
        components!(self, layer, symlink_at(fd(directory), target.to_owned(), path.to_owned()))
    }

    pub(super) fn rename(&mut self, layer: Layer, old: &str, new: &str) -> Result<(), Failed> {
        let directory = self.directory;
        match layer {
            Layer::Preview1 => {
                let mut memory = Memory::new();
                let (old, new) = (memory.text(old), memory.text(new));
                let root = || p1::Fd::from(3);
                Ok(run(self.state().path_rename(&mut memory.get(), root(), old, root(), new))?)
            }
            _ => components!(
                self,
                layer,
                rename_at(fd(directory), old.to_owned(), fd(directory), new.to_owned())
            ),
        }
    }

    pub(super) fn link(&mut self, layer: Layer, old: &str, new: &str) -> Result<(), Failed> {
        let directory = self.directory;
        match layer {
            Layer::Preview1 => {
                let mut memory = Memory::new();
                let (old, new) = (memory.text(old), memory.text(new));
                let (root, none) = (|| p1::Fd::from(3), p1::Lookupflags::empty());
                Ok(run(self.state().path_link(&mut memory.get(), root(), none, old, root(), new))?)
            }
            Layer::V0_2 => {
                let none = p2::PathFlags::empty();
                let (old, new) = (old.to_owned(), new.to_owned());
                Ok(run(self.state().link_at(fd(directory), none, old, fd(directory), new))?)
            }
            Layer::V0_3 => {
                let none = p3::PathFlags::empty();
                let (old, new) = (old.to_owned(), new.to_owned());
                Ok(self.concurrent(async |store| {
                    Filesystem::link_at(store, fd(directory), none, old, fd(directory), new).await
                })?)
            }
        }
    }

    /// Reads a file from its beginning, at most 4 KiB.
    pub(super) fn read(&mut self, open: &Open) -> Result<Vec<u8>, Failed> {
        match open {
            Open::Place(place) => Ok(run(self.state().read(fd(*place), 4096, 0))?.0),
            Open::Number(number) => {
                let mut memory = Memory::new();
                let buffers = memory.buffer(&[0; 4096]);
                let buffers = GuestPtr::new((buffers.offset().0, 1));
                let read = run(self.state().fd_pread(&mut memory.get(), p1::Fd::from(*number), buffers, 0))?;
                Ok(memory.bytes[8..8 + read as usize].to_vec())
            }
        }
    }
}

fn p2_preopen(state: &mut GuestState) -> u32 {
    wasmtime_wasi::p2::bindings::filesystem::preopens::Host::get_directories(state).unwrap()[0].0.rep()
}

/// What a guest is told of a stream's error.
fn stream_error(state: &mut GuestState, error: wasmtime::Error) -> Failed {
    let error = state.wasi.filesystem().table.push(error).unwrap();
    match p2::Host::filesystem_error_code(state, error).unwrap() {
        Some(code) => FsError::from(code).into(),
        None => Failed::Other,
    }
}

impl Flags {
    fn p2(self) -> (p2::PathFlags, p2::OpenFlags, p2::DescriptorFlags) {
        let mut path = p2::PathFlags::empty();
        if self.follow {
            path |= p2::PathFlags::SYMLINK_FOLLOW;
        }
        let mut open = p2::OpenFlags::empty();
        for (set, flag) in [
            (self.create, p2::OpenFlags::CREATE),
            (self.truncate, p2::OpenFlags::TRUNCATE),
            (self.exclusive, p2::OpenFlags::EXCLUSIVE),
            (self.directory, p2::OpenFlags::DIRECTORY),
        ] {
            if set {
                open |= flag;
            }
        }
        let write = if self.write { p2::DescriptorFlags::WRITE } else { p2::DescriptorFlags::empty() };
        (path, open, p2::DescriptorFlags::READ | write)
    }

    fn p3(self) -> (p3::PathFlags, p3::OpenFlags, p3::DescriptorFlags) {
        let mut path = p3::PathFlags::empty();
        if self.follow {
            path |= p3::PathFlags::SYMLINK_FOLLOW;
        }
        let mut open = p3::OpenFlags::empty();
        for (set, flag) in [
            (self.create, p3::OpenFlags::CREATE),
            (self.truncate, p3::OpenFlags::TRUNCATE),
            (self.exclusive, p3::OpenFlags::EXCLUSIVE),
            (self.directory, p3::OpenFlags::DIRECTORY),
        ] {
            if set {
                open |= flag;
            }
        }
        let write = if self.write { p3::DescriptorFlags::WRITE } else { p3::DescriptorFlags::empty() };
        (path, open, p3::DescriptorFlags::READ | write)
    }
}
