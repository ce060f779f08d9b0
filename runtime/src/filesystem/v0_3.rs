//! WASI 0.3: what changes a directory is guarded, the rest is the library's.

use wasmtime::AsContextMut;
use wasmtime::component::{Access, Accessor, FutureReader, Resource, StreamReader};
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystem, WasiFilesystemCtxView, WasiFilesystemView};
use wasmtime_wasi::p3::bindings::filesystem::preopens;
use wasmtime_wasi::p3::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, ErrorCode, Filesize, Host,
    HostDescriptor, HostDescriptorWithStore, MetadataHashValue, NewTimestamp, OpenFlags, PathFlags,
};
use wasmtime_wasi::p3::filesystem::{FilesystemError, FilesystemResult};

use super::at_once::{Waited, at_once};
use super::component::Filesystem;
use super::component_listing::EntryProducer;
use super::guard::{Guard, Opening, Refusal, Start};
use super::inode::Inode;
use super::listing::{self, Listing};
use super::v0_3_stream::FileConsumer;
use super::volume::Volume;
use crate::sandbox::GuestState;

type Fd = Resource<Descriptor>;
type Guest = Accessor<GuestState, Filesystem>;
/// How an operation of a stream ended.
type Ended = FutureReader<Result<(), ErrorCode>>;

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::Quota,
            Refusal::ReadOnly => Self::NotPermitted,
            Refusal::Special => Self::Unsupported,
            // There is no code of its own for it.
            Refusal::TooManyOpen => Self::InsufficientMemory,
        }
    }
}

impl From<Refusal> for FilesystemError {
    fn from(refusal: Refusal) -> Self {
        ErrorCode::from(refusal).into()
    }
}

impl From<Waited> for FilesystemError {
    fn from(waited: Waited) -> Self {
        Self::trap(waited)
    }
}

fn view(state: &mut GuestState) -> WasiFilesystemCtxView<'_> {
    state.wasi.filesystem()
}

/// The guest, as the library reaches it.
fn library(store: &Guest) -> Accessor<GuestState, WasiFilesystem> {
    store.with_getter::<WasiFilesystem>(view)
}

/// The same, while the store is at hand.
fn library_now<'a>(
    store: &'a mut Access<'_, GuestState, Filesystem>,
) -> Access<'a, GuestState, WasiFilesystem> {
    Access::<GuestState, WasiFilesystem>::new(store.as_context_mut(), view)
}

/// The volume, before an operation that may change it.
fn changing(store: &Guest, places: &[u32]) -> Result<Option<Volume>, Refusal> {
    store.with(|mut store| {
        let state = store.get();
        state.changing(places)?;
        Ok(state.files.volume().cloned())
    })
}

/// Takes a name out of a directory, by what the library does for it.
fn remove(
    store: &Guest,
    place: u32,
    path: &str,
    removal: impl Future<Output = FilesystemResult<()>>,
) -> FilesystemResult<()> {
    let volume = changing(store, &[place])?;
    let mut guard = Guard::lock(volume.as_ref());
    store.with(|mut store| guard.removing(&mut view(store.get()), place, path));
    let removed = at_once(removal)?;
    guard.end(removed.is_ok());
    removed
}

/// A file's identity as guests are shown it, from the library's.
fn shown(store: &Guest, hash: &MetadataHashValue) -> MetadataHashValue {
    let inode = Inode::from_metadata_hash(hash.lower);
    let (lower, upper) = store.with(|mut store| store.get().files.key().numbers(inode));
    MetadataHashValue { lower, upper }
}

macro_rules! delegate {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        async fn $name(store: &Guest, $($arg: $type),*) -> $result {
            WasiFilesystem::$name(&library(store), $($arg),*).await
        }
    )*};
}

impl preopens::Host for GuestState {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Fd, String)>> {
        let shown = preopens::Host::get_directories(&mut self.wasi.filesystem())?;
        self.granted_again(&shown);
        Ok(shown)
    }
}

impl Host for GuestState {
    fn convert_error_code(&mut self, error: FilesystemError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }
}

impl HostDescriptor for GuestState {
    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        let mut fs = self.wasi.filesystem();
        let closing = self.files.closing(fs.table, fd.rep());
        HostDescriptor::drop(&mut fs, fd)?;
        drop(closing);
        self.files.settle_streams();
        Ok(())
    }
}

impl HostDescriptorWithStore<GuestState> for Filesystem {
    delegate! {
        advise(fd: Fd, offset: Filesize, length: Filesize, advice: Advice) -> FilesystemResult<()>;
        sync_data(fd: Fd) -> FilesystemResult<()>;
        sync(fd: Fd) -> FilesystemResult<()>;
        get_flags(fd: Fd) -> FilesystemResult<DescriptorFlags>;
        get_type(fd: Fd) -> FilesystemResult<DescriptorType>;
        stat(fd: Fd) -> FilesystemResult<DescriptorStat>;
        stat_at(fd: Fd, flags: PathFlags, path: String) -> FilesystemResult<DescriptorStat>;
        readlink_at(fd: Fd, path: String) -> FilesystemResult<String>;
        is_same_object(fd: Fd, other: Fd) -> wasmtime::Result<bool>;
    }

    fn read_via_stream(
        mut store: Access<'_, GuestState, Self>,
        fd: Fd,
        offset: Filesize,
    ) -> wasmtime::Result<(StreamReader<u8>, Ended)> {
        store.get().files.streamed(fd.rep());
        WasiFilesystem::read_via_stream(library_now(&mut store), fd, offset)
    }

    async fn metadata_hash(store: &Guest, fd: Fd) -> FilesystemResult<MetadataHashValue> {
        let hash = WasiFilesystem::metadata_hash(&library(store), fd).await?;
        Ok(shown(store, &hash))
    }

    async fn metadata_hash_at(
        store: &Guest,
        fd: Fd,
        flags: PathFlags,
        path: String,
    ) -> FilesystemResult<MetadataHashValue> {
        let hash = WasiFilesystem::metadata_hash_at(&library(store), fd, flags, path).await?;
        Ok(shown(store, &hash))
    }

    /// The library's fills as large a buffer as the guest gives in one go, with a look at each file.
    fn read_directory(
        mut store: Access<'_, GuestState, Self>,
        fd: Fd,
    ) -> wasmtime::Result<(StreamReader<DirectoryEntry>, Ended)> {
        let table = store.get().wasi.filesystem().table;
        let Some(directory) = listing::directory(table.get(&fd)?) else {
            let stream = StreamReader::new(&mut store, Vec::new())?;
            let ended = async { wasmtime::error::Ok(Err(ErrorCode::NotDirectory)) };
            return Ok((stream, FutureReader::new(&mut store, ended)?));
        };
        let (producer, ended) = EntryProducer::new(Listing::new(directory));
        let stream = StreamReader::new(&mut store, producer)?;
        Ok((stream, FutureReader::new(&mut store, ended)?))
    }

    fn write_via_stream(
        mut store: Access<'_, GuestState, Self>,
        fd: Fd,
        mut bytes: StreamReader<u8>,
        offset: Filesize,
    ) -> wasmtime::Result<Ended> {
        match consumer(&mut store, &fd, Start::At(offset)) {
            Ok(Some((consumer, ended))) => {
                bytes.pipe(&mut store, consumer)?;
                FutureReader::new(&mut store, ended)
            }
            Ok(None) => WasiFilesystem::write_via_stream(library_now(&mut store), fd, bytes, offset),
            Err(refusal) => refuse(store, &mut bytes, refusal),
        }
    }

    fn append_via_stream(
        mut store: Access<'_, GuestState, Self>,
        fd: Fd,
        mut bytes: StreamReader<u8>,
    ) -> wasmtime::Result<Ended> {
        match consumer(&mut store, &fd, Start::End) {
            Ok(Some((consumer, ended))) => {
                bytes.pipe(&mut store, consumer)?;
                FutureReader::new(&mut store, ended)
            }
            Ok(None) => WasiFilesystem::append_via_stream(library_now(&mut store), fd, bytes),
            Err(refusal) => refuse(store, &mut bytes, refusal),
        }
    }

    async fn set_size(store: &Guest, fd: Fd, size: Filesize) -> FilesystemResult<()> {
        let volume = changing(store, &[fd.rep()])?;
        let open = store.with(|mut store| store.get().files.open_file(fd.rep()).cloned());
        let mut guard = Guard::lock(volume.as_ref());
        if let Some(file) = &open {
            guard.resizing(file, size)?;
        }
        at_once(WasiFilesystem::set_size(&library(store), fd, size))??;
        if let Some(file) = &open {
            guard.resized(file, size);
        }
        Ok(())
    }

    async fn set_times(
        store: &Guest,
        fd: Fd,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FilesystemResult<()> {
        changing(store, &[fd.rep()])?;
        WasiFilesystem::set_times(&library(store), fd, accessed, modified).await
    }

    async fn set_times_at(
        store: &Guest,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FilesystemResult<()> {
        changing(store, &[fd.rep()])?;
        WasiFilesystem::set_times_at(&library(store), fd, flags, path, accessed, modified).await
    }

    async fn create_directory_at(store: &Guest, fd: Fd, path: String) -> FilesystemResult<()> {
        let volume = changing(store, &[fd.rep()])?;
        let mut guard = Guard::lock(volume.as_ref());
        guard.adding(0)?;
        let made = at_once(WasiFilesystem::create_directory_at(&library(store), fd, path))?;
        guard.end(made.is_ok());
        made
    }

    async fn symlink_at(store: &Guest, fd: Fd, target: String, path: String) -> FilesystemResult<()> {
        let volume = changing(store, &[fd.rep()])?;
        let mut guard = Guard::lock(volume.as_ref());
        guard.adding(target.len() as u64)?;
        let made = at_once(WasiFilesystem::symlink_at(&library(store), fd, target, path))?;
        guard.end(made.is_ok());
        made
    }

    async fn link_at(
        store: &Guest,
        fd: Fd,
        flags: PathFlags,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FilesystemResult<()> {
        let volume = changing(store, &[fd.rep(), new_fd.rep()])?;
        let mut guard = Guard::lock(volume.as_ref());
        guard.adding(0)?;
        let made = at_once(WasiFilesystem::link_at(&library(store), fd, flags, old_path, new_fd, new_path))?;
        guard.end(made.is_ok());
        made
    }

    async fn rename_at(
        store: &Guest,
        fd: Fd,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FilesystemResult<()> {
        let volume = changing(store, &[fd.rep(), new_fd.rep()])?;
        let mut guard = Guard::lock(volume.as_ref());
        store.with(|mut store| {
            let (old, new) = ((fd.rep(), old_path.as_str()), (new_fd.rep(), new_path.as_str()));
            guard.renaming(&mut view(store.get()), old, new);
        });
        let renamed = at_once(WasiFilesystem::rename_at(&library(store), fd, old_path, new_fd, new_path))?;
        guard.end(renamed.is_ok());
        renamed
    }

    async fn remove_directory_at(store: &Guest, fd: Fd, path: String) -> FilesystemResult<()> {
        let (place, named) = (fd.rep(), path.clone());
        remove(store, place, &named, async {
            WasiFilesystem::remove_directory_at(&library(store), fd, path).await
        })
    }

    async fn unlink_file_at(store: &Guest, fd: Fd, path: String) -> FilesystemResult<()> {
        let (place, named) = (fd.rep(), path.clone());
        remove(store, place, &named, async {
            WasiFilesystem::unlink_file_at(&library(store), fd, path).await
        })
    }

    async fn open_at(
        store: &Guest,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FilesystemResult<Fd> {
        let through = fd.rep();
        let opening = Opening {
            directory: through,
            path: &path,
            follow: path_flags.contains(PathFlags::SYMLINK_FOLLOW),
            create: open_flags.contains(OpenFlags::CREATE),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
        };
        let writes = opening.create || opening.truncate || flags.contains(DescriptorFlags::WRITE);
        let volume = changing(store, if writes { std::slice::from_ref(&through) } else { &[] })?;
        let slot = store.with(|mut store| store.get().open_slot())?;
        let guard = Guard::lock(volume.as_ref());
        let guard = store.with(|mut store| guard.opening(&mut view(store.get()), opening))?;
        let opened = at_once(WasiFilesystem::open_at(
            &library(store),
            fd,
            path_flags,
            path.clone(),
            open_flags,
            flags,
        ))?;
        store.with(|mut store| match opened {
            Ok(opened) => {
                let state = store.get();
                let open = guard.opened(&mut view(state), opened.rep()).map_err(FilesystemError::trap)?;
                state.files.opened(through, opened.rep(), open, slot);
                Ok(opened)
            }
            Err(error) => {
                guard.failed(&mut view(store.get()), opening);
                Err(error)
            }
        })
    }
}

/// What takes a stream's bytes to a file of a volume, and what tells how that ended.
type Consumer = (FileConsumer, tokio::sync::oneshot::Receiver<Result<(), ErrorCode>>);

/// None for a file of no volume.
fn consumer(
    store: &mut Access<'_, GuestState, Filesystem>,
    fd: &Fd,
    start: Start,
) -> Result<Option<Consumer>, Refusal> {
    let state = store.get();
    state.changing(&[fd.rep()])?;
    state.files.streamed(fd.rep());
    let Some(open) = state.files.open_file(fd.rep()) else { return Ok(None) };
    match view_of(&mut state.wasi, fd) {
        Some(file) => Ok(Some(FileConsumer::new(&file, open, start))),
        None => Ok(None),
    }
}

fn view_of(wasi: &mut impl WasiFilesystemView, fd: &Fd) -> Option<std::sync::Arc<std::fs::File>> {
    match wasi.filesystem().table.get(fd) {
        Ok(Descriptor::File(file)) => Some(std::sync::Arc::clone(&file.file)),
        _ => None,
    }
}

fn refuse(
    mut store: Access<'_, GuestState, Filesystem>,
    bytes: &mut StreamReader<u8>,
    refusal: Refusal,
) -> wasmtime::Result<Ended> {
    bytes.close(&mut store)?;
    FutureReader::new(&mut store, async move { wasmtime::error::Ok(Err(refusal.into())) })
}
