//! One operation of a guest on its volume: look, reserve the growth, let it happen, settle the difference.

use wasmtime::component::Resource;
use wasmtime_wasi::filesystem::{Descriptor, WasiFilesystemCtxView};
use wasmtime_wasi::p2::FsError;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, ErrorCode, HostDescriptor, PathFlags,
};

use super::at_once::at_once;
use super::inode::Inode;
use super::open_file::OpenFile;
use super::volume::{Change, Look, LookKind, Volume, VolumeFull, VolumeUsage};

/// Why an operation was refused before anything happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// It goes over a limit of the volume.
    #[error("the volume is full")]
    Full,
    /// The directory was granted for reading only.
    #[error("the directory is read-only")]
    ReadOnly,
    /// It would open a pipe, socket or device.
    #[error("it is neither a file nor a directory")]
    Special,
}

impl From<VolumeFull> for Refusal {
    fn from(_: VolumeFull) -> Self {
        Self::Full
    }
}

impl From<Refusal> for ErrorCode {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Full => Self::Quota,
            Refusal::ReadOnly => Self::NotPermitted,
            Refusal::Special => Self::Unsupported,
        }
    }
}

/// One name more.
const ENTRY: VolumeUsage = VolumeUsage { bytes: 0, entries: 1 };

/// What is about to be opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening<'a> {
    /// The directory, by its place in the table of resources.
    pub(super) directory: u32,
    pub(super) path: &'a str,
    /// Whether a symbolic link at the end of the path is followed.
    pub(super) follow: bool,
    pub(super) create: bool,
    pub(super) truncate: bool,
}

/// Where a write begins.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// So many bytes into the file.
    At(u64),
    /// At the file's end.
    End,
}

/// What was at a path.
#[derive(Debug, Clone, Copy)]
enum Seen {
    Nothing,
    Here(DescriptorStat),
    /// It could not be looked at; nor, then, should the operation succeed.
    Unclear,
}

/// The volume's lock, and what to settle when the operation succeeds. Without a volume it does nothing.
pub(super) struct Guard<'v> {
    change: Option<Change<'v>>,
    effect: Effect,
}

enum Effect {
    Nothing,
    Added(VolumeUsage),
    NameGone(Look),
    Doubt,
}

impl<'v> Guard<'v> {
    /// Takes the volume's lock.
    pub(super) fn lock(volume: Option<&'v Volume>) -> Self {
        Self { change: volume.map(Volume::change), effect: Effect::Nothing }
    }

    /// For a directory, a hard link, or a symbolic link with a target of so many bytes.
    pub(super) fn adding(&mut self, bytes: u64) -> Result<(), Refusal> {
        if let Some(change) = &self.change {
            let growth = VolumeUsage { bytes, ..ENTRY };
            change.reserve(growth)?;
            self.effect = Effect::Added(growth);
        }
        Ok(())
    }

    /// For a file or a directory.
    pub(super) fn removing(&mut self, fs: &mut WasiFilesystemCtxView<'_>, directory: u32, path: &str) {
        if self.change.is_some() {
            self.effect = match look(fs, directory, path) {
                Ok(Some(look)) => Effect::NameGone(look),
                // Nothing can be removed that is not there.
                Ok(None) | Err(Unclear) => Effect::Doubt,
            };
        }
    }

    /// Only what is replaced is given back: the rest moves.
    pub(super) fn renaming(
        &mut self,
        fs: &mut WasiFilesystemCtxView<'_>,
        from: (u32, &str),
        to: (u32, &str),
    ) {
        if self.change.is_none() {
            return;
        }
        self.effect = match look(fs, to.0, to.1) {
            Ok(None) => Effect::Nothing,
            Ok(Some(replaced)) => match look(fs, from.0, from.1) {
                // Two names of one file, or twice the same name: the system does nothing (rename(2)).
                Ok(Some(moved)) if moved.inode == replaced.inode => Effect::Nothing,
                Ok(Some(_)) => Effect::NameGone(replaced),
                Ok(None) | Err(Unclear) => Effect::Doubt,
            },
            Err(Unclear) => Effect::Doubt,
        };
    }

    /// The operation is over.
    pub(super) fn end(self, succeeded: bool) {
        let Some(mut change) = self.change else { return };
        match self.effect {
            Effect::Added(growth) if succeeded => change.added(growth),
            Effect::NameGone(look) if succeeded => change.name_gone(&look),
            Effect::Doubt if succeeded => change.doubt(),
            _ => {}
        }
    }

    /// For a file or a directory.
    pub(super) fn opening(
        mut self,
        fs: &mut WasiFilesystemCtxView<'_>,
        opening: Opening<'_>,
    ) -> Result<OpenGuard<'v>, Refusal> {
        let Some(change) = &mut self.change else {
            return Ok(OpenGuard { change: None, before: Seen::Unclear });
        };
        let before = opening.stat(fs);
        match before {
            Seen::Here(stat) if kind(&stat) == LookKind::Special => return Err(Refusal::Special),
            Seen::Nothing if opening.create => change.reserve(ENTRY)?,
            _ => {}
        }
        Ok(OpenGuard { change: self.change, before })
    }

    /// For bytes written to an open file.
    pub(super) fn writing(&self, file: &OpenFile, start: Start, length: u64) -> Result<(), Refusal> {
        self.resizing(file, self.end_of_write(file, start, length))
    }

    /// So many bytes were written.
    pub(super) fn wrote(&mut self, file: &OpenFile, start: Start, length: u64) {
        let end = self.end_of_write(file, start, length);
        self.resized(file, end);
    }

    /// For another length of an open file.
    pub(super) fn resizing(&self, file: &OpenFile, bytes: u64) -> Result<(), Refusal> {
        let Some(change) = &self.change else { return Ok(()) };
        let bytes = bytes.saturating_sub(change.length(file));
        Ok(change.reserve(VolumeUsage { bytes, entries: 0 })?)
    }

    /// The file has another length now.
    pub(super) fn resized(&mut self, file: &OpenFile, bytes: u64) {
        if let Some(change) = &mut self.change {
            change.resized(file, bytes);
        }
    }

    fn end_of_write(&self, file: &OpenFile, start: Start, length: u64) -> u64 {
        let Some(change) = &self.change else { return 0 };
        let before = change.length(file);
        let start = match start {
            // A write of nothing changes nothing, wherever it is.
            Start::At(_) if length == 0 => 0,
            Start::At(start) => start,
            Start::End => before,
        };
        start.saturating_add(length).max(before)
    }
}

/// The volume's lock while something is opened.
pub(super) struct OpenGuard<'v> {
    change: Option<Change<'v>>,
    before: Seen,
}

impl OpenGuard<'_> {
    /// It is open, at a place in the table of resources. A guard for a file of the volume.
    pub(super) fn opened(
        self,
        fs: &mut WasiFilesystemCtxView<'_>,
        place: u32,
    ) -> wasmtime::Result<Option<OpenFile>> {
        let Some(mut change) = self.change else { return Ok(None) };
        if matches!(self.before, Seen::Nothing) {
            change.added(ENTRY);
        }
        let Descriptor::File(file) = fs.table.get(&Resource::<Descriptor>::new_borrow(place))? else {
            return Ok(None);
        };
        let metadata = file.file.metadata().inspect_err(|_| change.doubt())?;
        let look = Look {
            inode: Inode::of(&metadata),
            kind: LookKind::File,
            bytes: metadata.len(),
            links: std::os::unix::fs::MetadataExt::nlink(&metadata),
        };
        let counted_bytes = match self.before {
            Seen::Here(stat) => stat.size,
            Seen::Nothing => 0,
            Seen::Unclear => {
                change.doubt();
                look.bytes
            }
        };
        Ok(Some(change.opened(&look, counted_bytes)))
    }

    /// It could not be opened. That may have been after it was made or cut.
    pub(super) fn failed(self, fs: &mut WasiFilesystemCtxView<'_>, opening: Opening<'_>) {
        let Some(mut change) = self.change else { return };
        if !opening.create && !opening.truncate {
            return;
        }
        match (self.before, opening.stat(fs)) {
            (Seen::Nothing, Seen::Here(_)) => change.added(ENTRY),
            (Seen::Here(before), Seen::Here(now)) if now.size != before.size => change.doubt(),
            _ => {}
        }
    }
}

impl Opening<'_> {
    fn stat(&self, fs: &mut WasiFilesystemCtxView<'_>) -> Seen {
        let flags = if self.follow { PathFlags::SYMLINK_FOLLOW } else { PathFlags::empty() };
        stat(fs, self.directory, flags, self.path)
    }
}

/// A path could not be looked at.
struct Unclear;

/// What a name leads to, without following it.
fn look(fs: &mut WasiFilesystemCtxView<'_>, directory: u32, path: &str) -> Result<Option<Look>, Unclear> {
    let stat = match stat(fs, directory, PathFlags::empty(), path) {
        Seen::Here(stat) => stat,
        Seen::Nothing => return Ok(None),
        Seen::Unclear => return Err(Unclear),
    };
    let kind = kind(&stat);
    let hash = fs.metadata_hash_at(Resource::new_borrow(directory), PathFlags::empty(), path.to_owned());
    let hash = at_once(hash).map_err(|_| Unclear)?.map_err(|_| Unclear)?;
    let bytes = if matches!(kind, LookKind::File | LookKind::Symlink) { stat.size } else { 0 };
    Ok(Some(Look { inode: Inode::from_metadata_hash(hash.lower), kind, bytes, links: stat.link_count }))
}

fn stat(fs: &mut WasiFilesystemCtxView<'_>, directory: u32, flags: PathFlags, path: &str) -> Seen {
    match at_once(fs.stat_at(Resource::new_borrow(directory), flags, path.to_owned())) {
        Ok(Ok(stat)) => Seen::Here(stat),
        Ok(Err(error)) if is_absent(&error) => Seen::Nothing,
        _ => Seen::Unclear,
    }
}

fn is_absent(error: &FsError) -> bool {
    matches!(error.downcast_ref(), Some(ErrorCode::NoEntry))
}

fn kind(stat: &DescriptorStat) -> LookKind {
    match stat.type_ {
        DescriptorType::RegularFile => LookKind::File,
        DescriptorType::Directory => LookKind::Directory,
        DescriptorType::SymbolicLink => LookKind::Symlink,
        _ => LookKind::Special,
    }
}
