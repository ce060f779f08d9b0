//! WASI 0.2: what changes a directory is guarded, the rest is the library's.

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemView};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    Advice, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream, ErrorCode,
    Filesize, Host, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::at_once::{Waited, at_once};
use super::component_listing;
use super::guard::{Guard, Opening, Refusal, Start};
use super::inode::Inode;
use super::listing::{self, Listing};
use super::v0_2_stream::FileWriter;
use crate::budget::Reservation;
use crate::sandbox::GuestState;

type Fd = Resource<Descriptor>;

impl From<Refusal> for FsError {
    fn from(refusal: Refusal) -> Self {
        ErrorCode::from(refusal).into()
    }
}

impl From<Waited> for FsError {
    fn from(waited: Waited) -> Self {
        Self::trap(waited)
    }
}

impl GuestState {
    /// The library has shown the granted directories once more.
    pub(super) fn granted_again(&mut self, shown: &[(Fd, String)]) {
        self.files.preopened(shown.iter().map(|(fd, _)| fd.rep()));
    }

    /// Before an operation that may change the volume.
    pub(super) fn changing(&mut self, places: &[u32]) -> Result<(), Refusal> {
        self.files.settle_streams();
        places.iter().try_for_each(|place| self.files.writable(*place))
    }

    /// Leave to open one more file, directory or socket.
    pub(crate) fn open_slot(&mut self) -> Result<Reservation, Refusal> {
        // The library ends a guest whose table of resources is full; to a guest it is one file too many.
        let table = self.wasi.filesystem().table;
        let probe = table.push(()).map_err(|_| Refusal::TooManyOpen)?;
        let _ = table.delete(probe);
        self.budget.reserve(crate::budget::Resource::OpenFiles, 1).map_err(|_| Refusal::TooManyOpen)
    }

    /// A file's identity as guests are shown it, from the library's.
    fn shown(&self, hash: &MetadataHashValue) -> MetadataHashValue {
        let (lower, upper) = self.files.key().numbers(Inode::from_metadata_hash(hash.lower));
        MetadataHashValue { lower, upper }
    }

    /// A stream that writes to a file: a volume's through our own, others through the library's.
    fn writer(&mut self, fd: &Fd, start: Start) -> FsResult<Option<Resource<DynOutputStream>>> {
        self.changing(&[fd.rep()])?;
        self.files.streamed(fd.rep());
        let Some(open) = self.files.open_file(fd.rep()) else { return Ok(None) };
        let table = self.wasi.filesystem().table;
        let Descriptor::File(file) = table.get(fd)? else { return Ok(None) };
        let writer: DynOutputStream = Box::new(FileWriter::new(&file.file, open, start));
        Ok(Some(table.push(writer)?))
    }
}

macro_rules! delegate {
    ($($name:ident($($arg:ident: $type:ty),*) -> $result:ty;)*) => {$(
        async fn $name(&mut self, $($arg: $type),*) -> $result {
            HostDescriptor::$name(&mut self.wasi.filesystem(), $($arg),*).await
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
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(
        &mut self,
        error: Resource<wasmtime::Error>,
    ) -> wasmtime::Result<Option<ErrorCode>> {
        let mut fs = self.wasi.filesystem();
        if let Some(refusal) = fs.table.get(&error)?.downcast_ref::<Refusal>() {
            return Ok(Some((*refusal).into()));
        }
        fs.filesystem_error_code(error)
    }
}

impl HostDescriptor for GuestState {
    delegate! {
        advise(fd: Fd, offset: Filesize, length: Filesize, advice: Advice) -> FsResult<()>;
        sync_data(fd: Fd) -> FsResult<()>;
        sync(fd: Fd) -> FsResult<()>;
        get_flags(fd: Fd) -> FsResult<DescriptorFlags>;
        get_type(fd: Fd) -> FsResult<DescriptorType>;
        read(fd: Fd, length: Filesize, offset: Filesize) -> FsResult<(Vec<u8>, bool)>;
        stat(fd: Fd) -> FsResult<DescriptorStat>;
        stat_at(fd: Fd, flags: PathFlags, path: String) -> FsResult<DescriptorStat>;
        readlink_at(fd: Fd, path: String) -> FsResult<String>;
        is_same_object(fd: Fd, other: Fd) -> wasmtime::Result<bool>;
    }

    /// A listing of our own behind the library's type: the library's reads all of a directory at once.
    async fn read_directory(&mut self, fd: Fd) -> FsResult<Resource<DirectoryEntryStream>> {
        let table = self.wasi.filesystem().table;
        let directory = listing::directory(table.get(&fd)?).ok_or(ErrorCode::NotDirectory)?;
        let mut listing = Listing::new(directory);
        listing.read_batch()?;
        Ok(Resource::new_own(table.push(listing)?.rep()))
    }

    async fn metadata_hash(&mut self, fd: Fd) -> FsResult<MetadataHashValue> {
        let hash = HostDescriptor::metadata_hash(&mut self.wasi.filesystem(), fd).await?;
        Ok(self.shown(&hash))
    }

    async fn metadata_hash_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        let mut fs = self.wasi.filesystem();
        let hash = HostDescriptor::metadata_hash_at(&mut fs, fd, flags, path).await?;
        Ok(self.shown(&hash))
    }

    async fn set_size(&mut self, fd: Fd, size: Filesize) -> FsResult<()> {
        self.changing(&[fd.rep()])?;
        let open = self.files.open_file(fd.rep()).cloned();
        let mut guard = Guard::lock(self.files.volume());
        if let Some(file) = &open {
            guard.resizing(file, size)?;
        }
        at_once(HostDescriptor::set_size(&mut self.wasi.filesystem(), fd, size))??;
        if let Some(file) = &open {
            guard.resized(file, size);
        }
        Ok(())
    }

    async fn set_times(&mut self, fd: Fd, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        self.files.writable(fd.rep())?;
        HostDescriptor::set_times(&mut self.wasi.filesystem(), fd, accessed, modified).await
    }

    async fn set_times_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.files.writable(fd.rep())?;
        HostDescriptor::set_times_at(&mut self.wasi.filesystem(), fd, flags, path, accessed, modified).await
    }

    async fn write(&mut self, fd: Fd, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        self.changing(&[fd.rep()])?;
        let open = self.files.open_file(fd.rep()).cloned();
        let mut guard = Guard::lock(self.files.volume());
        if let Some(file) = &open {
            guard.writing(file, Start::At(offset), bytes.len() as u64)?;
        }
        let written = at_once(HostDescriptor::write(&mut self.wasi.filesystem(), fd, bytes, offset))??;
        if let Some(file) = &open {
            guard.wrote(file, Start::At(offset), written);
        }
        Ok(written)
    }

    async fn create_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.changing(&[fd.rep()])?;
        let mut guard = Guard::lock(self.files.volume());
        guard.adding(0)?;
        let made = at_once(HostDescriptor::create_directory_at(&mut self.wasi.filesystem(), fd, path))?;
        guard.end(made.is_ok());
        made
    }

    async fn symlink_at(&mut self, fd: Fd, target: String, path: String) -> FsResult<()> {
        self.changing(&[fd.rep()])?;
        let mut guard = Guard::lock(self.files.volume());
        guard.adding(target.len() as u64)?;
        let made = at_once(HostDescriptor::symlink_at(&mut self.wasi.filesystem(), fd, target, path))?;
        guard.end(made.is_ok());
        made
    }

    async fn link_at(
        &mut self,
        fd: Fd,
        flags: PathFlags,
        old_path: String,
        new_fd: Fd,
        new_path: String,
    ) -> FsResult<()> {
        self.changing(&[fd.rep(), new_fd.rep()])?;
        let mut guard = Guard::lock(self.files.volume());
        guard.adding(0)?;
        let mut fs = self.wasi.filesystem();
        let made = at_once(HostDescriptor::link_at(&mut fs, fd, flags, old_path, new_fd, new_path))?;
        guard.end(made.is_ok());
        made
    }

    async fn rename_at(&mut self, fd: Fd, old_path: String, new_fd: Fd, new_path: String) -> FsResult<()> {
        self.changing(&[fd.rep(), new_fd.rep()])?;
        let mut guard = Guard::lock(self.files.volume());
        let mut fs = self.wasi.filesystem();
        guard.renaming(&mut fs, (fd.rep(), &old_path), (new_fd.rep(), &new_path));
        let renamed = at_once(HostDescriptor::rename_at(&mut fs, fd, old_path, new_fd, new_path))?;
        guard.end(renamed.is_ok());
        renamed
    }

    async fn remove_directory_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.changing(&[fd.rep()])?;
        let mut guard = Guard::lock(self.files.volume());
        let mut fs = self.wasi.filesystem();
        guard.removing(&mut fs, fd.rep(), &path);
        let removed = at_once(HostDescriptor::remove_directory_at(&mut fs, fd, path))?;
        guard.end(removed.is_ok());
        removed
    }

    async fn unlink_file_at(&mut self, fd: Fd, path: String) -> FsResult<()> {
        self.changing(&[fd.rep()])?;
        let mut guard = Guard::lock(self.files.volume());
        let mut fs = self.wasi.filesystem();
        guard.removing(&mut fs, fd.rep(), &path);
        let removed = at_once(HostDescriptor::unlink_file_at(&mut fs, fd, path))?;
        guard.end(removed.is_ok());
        removed
    }

    async fn open_at(
        &mut self,
        fd: Fd,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Fd> {
        let through = fd.rep();
        let opening = Opening {
            directory: through,
            path: &path,
            follow: path_flags.contains(PathFlags::SYMLINK_FOLLOW),
            create: open_flags.contains(OpenFlags::CREATE),
            truncate: open_flags.contains(OpenFlags::TRUNCATE),
        };
        self.files.settle_streams();
        if opening.create || opening.truncate || flags.contains(DescriptorFlags::WRITE) {
            self.files.writable(through)?;
        }
        let slot = self.open_slot()?;
        let mut fs = self.wasi.filesystem();
        let guard = Guard::lock(self.files.volume()).opening(&mut fs, opening)?;
        match at_once(HostDescriptor::open_at(&mut fs, fd, path_flags, path.clone(), open_flags, flags))? {
            Ok(opened) => {
                let open = guard.opened(&mut fs, opened.rep()).map_err(FsError::trap)?;
                self.files.opened(through, opened.rep(), open, slot);
                Ok(opened)
            }
            Err(error) => {
                guard.failed(&mut fs, opening);
                Err(error)
            }
        }
    }

    fn drop(&mut self, fd: Fd) -> wasmtime::Result<()> {
        let mut fs = self.wasi.filesystem();
        let closing = self.files.closing(fs.table, fd.rep());
        HostDescriptor::drop(&mut fs, fd)?;
        drop(closing);
        self.files.settle_streams();
        Ok(())
    }

    fn read_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        self.files.streamed(fd.rep());
        HostDescriptor::read_via_stream(&mut self.wasi.filesystem(), fd, offset)
    }

    fn write_via_stream(&mut self, fd: Fd, offset: Filesize) -> FsResult<Resource<DynOutputStream>> {
        match self.writer(&fd, Start::At(offset))? {
            Some(stream) => Ok(stream),
            None => HostDescriptor::write_via_stream(&mut self.wasi.filesystem(), fd, offset),
        }
    }

    fn append_via_stream(&mut self, fd: Fd) -> FsResult<Resource<DynOutputStream>> {
        match self.writer(&fd, Start::End)? {
            Some(stream) => Ok(stream),
            None => HostDescriptor::append_via_stream(&mut self.wasi.filesystem(), fd),
        }
    }
}

impl HostDirectoryEntryStream for GuestState {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        let stream = Resource::<Listing>::new_borrow(stream.rep());
        component_listing::next(self.wasi.filesystem().table.get_mut(&stream)?)
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.wasi.filesystem().table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
