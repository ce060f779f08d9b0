//! Listing directories in the three versions of WASI, and the numbers of files that guests are shown.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use wasmtime::component::{Access, Resource, Source, StreamConsumer, StreamResult};
use wasmtime::{AsContextMut, StoreContextMut};
use wasmtime_wasi::p1::types as p1;
use wasmtime_wasi::p1::wasi_snapshot_preview1::WasiSnapshotPreview1;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorType, HostDescriptor as _, HostDirectoryEntryStream as _, PathFlags,
};
use wasmtime_wasi::p3::bindings::filesystem::types::{self as p3, HostDescriptorWithStore as _};
use wiggle::{GuestMemory, GuestPtr};

use super::Tenant;
use super::guest::{Guest, Layer};
use crate::filesystem::Inode;
use crate::filesystem::at_once::at_once;
use crate::filesystem::component::Filesystem;
use crate::sandbox::GuestState;

/// One entry as preview 1 writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Dirent {
    next: u64,
    number: u64,
    kind: u8,
    name: String,
}

/// Drives a call to its end, and counts how often it gave its thread back.
fn drive<T>(call: impl Future<Output = T>) -> (T, usize) {
    let mut call = pin!(call);
    let mut waits = 0;
    loop {
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(ended) => return (ended, waits),
            Poll::Pending => waits += 1,
        }
    }
}

/// Calls `fd_readdir`, and answers with what it wrote and how often it gave its thread back.
fn read(guest: &mut Guest, directory: u32, buffer_bytes: u32, cookie: u64) -> (Vec<u8>, usize) {
    let mut bytes = vec![0; buffer_bytes as usize];
    let (read, waits) = {
        let mut memory = GuestMemory::Unshared(&mut bytes);
        let (buffer, fd) = (GuestPtr::new(0), p1::Fd::from(directory));
        drive(guest.state().fd_readdir(&mut memory, fd, buffer, buffer_bytes, cookie))
    };
    bytes.truncate(read.unwrap() as usize);
    (bytes, waits)
}

/// The whole entries among those bytes.
fn entries(mut bytes: &[u8]) -> Vec<Dirent> {
    let number = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    let mut entries = Vec::new();
    while bytes.len() >= 24 {
        let name_bytes = u32::from_le_bytes(bytes[16..20].try_into().unwrap()) as usize;
        let Some(name) = bytes.get(24..24 + name_bytes) else { break };
        let name = String::from_utf8(name.to_vec()).unwrap();
        entries.push(Dirent { next: number(bytes, 0), number: number(bytes, 8), kind: bytes[20], name });
        bytes = &bytes[24 + name_bytes..];
    }
    entries
}

/// Lists as C libraries do: a call goes on behind the last entry that fitted.
fn list(guest: &mut Guest, directory: u32, buffer_bytes: u32) -> Vec<Dirent> {
    let mut all: Vec<Dirent> = Vec::new();
    loop {
        let cookie = all.last().map_or(0, |last| last.next);
        let (bytes, _) = read(guest, directory, buffer_bytes, cookie);
        let more = entries(&bytes);
        let fitted = more.len();
        all.extend(more);
        if bytes.len() < buffer_bytes as usize {
            return all;
        }
        assert!(fitted > 0, "the buffer is too small for an entry");
    }
}

fn many(tenant: &Tenant, count: usize) -> BTreeSet<String> {
    let names: BTreeSet<String> = (0..count).map(|number| format!("file-{number:05}")).collect();
    for name in &names {
        std::fs::write(tenant.root().join(name), "").unwrap();
    }
    names
}

fn names(entries: &[Dirent]) -> BTreeSet<String> {
    entries.iter().map(|entry| entry.name.clone()).filter(|name| name != "." && name != "..").collect()
}

#[test]
fn every_name_is_listed_once_with_buffers_of_any_size() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    let expected = many(&tenant, 3000);
    let mut guest = tenant.guest();
    for buffer_bytes in [40, 100, 4096, 4097, 1 << 20] {
        let listed = list(&mut guest, 3, buffer_bytes);
        assert_eq!(listed.len(), 3002, "{buffer_bytes}");
        assert_eq!((listed[0].name.as_str(), listed[1].name.as_str()), (".", ".."));
        assert_eq!(names(&listed), expected, "{buffer_bytes}");
        let places: Vec<u64> = listed.iter().map(|entry| entry.next).collect();
        assert_eq!(places, (1..=3002).collect::<Vec<_>>());
    }
}

#[test]
fn a_guest_can_go_to_any_place_and_back() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    many(&tenant, 2000);
    let mut guest = tenant.guest();
    let all = list(&mut guest, 3, 1 << 20);
    for from in [1500, 3, 1999, 0, 2001, 1, 1000] {
        let (bytes, _) = read(&mut guest, 3, 256, from);
        let listed = entries(&bytes);
        let from = usize::try_from(from).unwrap();
        assert_eq!(listed, all[from..(from + listed.len())], "{from}");
        assert!(!listed.is_empty());
    }
    for behind in [2002, 5000, u64::MAX] {
        assert_eq!(read(&mut guest, 3, 256, behind).0, b"");
    }
}

#[test]
fn from_the_beginning_what_is_new_is_seen() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    let mut guest = tenant.guest();
    assert_eq!(list(&mut guest, 3, 4096).len(), 2);
    std::fs::write(tenant.root().join("new"), "").unwrap();
    assert_eq!(list(&mut guest, 3, 4096).len(), 3);
}

#[test]
fn removing_what_was_listed_skips_nothing() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    let mut left = many(&tenant, 1500);
    let mut guest = tenant.guest();
    let mut cookie = 0;
    loop {
        let (bytes, _) = read(&mut guest, 3, 512, cookie);
        let listed = entries(&bytes);
        let Some(last) = listed.last() else { break };
        cookie = last.next;
        for name in names(&listed) {
            guest.unlink(Layer::Preview1, &name).unwrap();
            left.remove(&name);
        }
    }
    assert_eq!(left, BTreeSet::new());
}

#[test]
fn a_long_listing_gives_its_thread_back_again_and_again() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    many(&tenant, 5000);
    let mut guest = tenant.guest();
    let (bytes, waits) = read(&mut guest, 3, 1 << 20, 0);
    assert_eq!(entries(&bytes).len(), 5002);
    // A batch is a few hundred names.
    assert!(waits >= 10, "{waits}");
    // Also on the way to a place that there is not.
    let (_, waits) = read(&mut tenant.guest(), 3, 1 << 20, u64::MAX);
    assert!(waits >= 10, "{waits}");
}

#[test]
fn components_list_the_same_names() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    let expected = many(&tenant, 2000);
    std::fs::create_dir(tenant.root().join("directory")).unwrap();
    std::os::unix::fs::symlink("file-00000", tenant.root().join("link")).unwrap();
    let mut guest = tenant.guest();
    let directory = guest.directory();
    let state = guest.state();
    let stream = at_once(state.read_directory(Resource::new_borrow(directory))).unwrap().unwrap();
    let (mut files, mut others) = (BTreeSet::new(), Vec::new());
    while let Some(entry) =
        at_once(state.read_directory_entry(Resource::new_borrow(stream.rep()))).unwrap().unwrap()
    {
        match entry.type_ {
            DescriptorType::RegularFile => assert!(files.insert(entry.name)),
            kind => others.push((entry.name, kind)),
        }
    }
    wasmtime_wasi::p2::bindings::filesystem::types::HostDirectoryEntryStream::drop(state, stream).unwrap();
    assert_eq!(files, expected);
    others.sort_by(|one, other| one.0.cmp(&other.0));
    let kinds: Vec<_> = others.iter().map(|(name, kind)| (name.as_str(), *kind)).collect();
    assert_eq!(kinds, [("directory", DescriptorType::Directory), ("link", DescriptorType::SymbolicLink)]);
}

/// Takes what comes out of a stream, 16 entries at a time.
struct Collect(Arc<Mutex<Vec<String>>>);

impl<D> StreamConsumer<D> for Collect {
    type Item = p3::DirectoryEntry;

    fn poll_consume(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        mut source: Source<'_, Self::Item>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut entries = Vec::with_capacity(16);
        source.read(store, &mut entries)?;
        self.0.lock().extend(entries.into_iter().map(|entry| entry.name));
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

#[test]
fn streams_of_entries_give_the_same_names() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    let expected = many(&tenant, 2000);
    let mut guest = tenant.guest();
    let directory = guest.directory();
    let collected = Arc::new(Mutex::new(Vec::new()));
    let collect = Collect(Arc::clone(&collected));
    let listing = guest.store().run_concurrent(async |store| {
        let store = store.with_getter::<Filesystem>(|state| state);
        store.with(|mut access| {
            let view = Access::<GuestState, Filesystem>::new(access.as_context_mut(), |state| state);
            let (stream, _) = Filesystem::read_directory(view, Resource::new_borrow(directory)).unwrap();
            stream.pipe(&mut access, collect).unwrap();
        });
        while collected.lock().len() < 2000 {
            tokio::task::yield_now().await;
        }
    });
    drive(listing).0.unwrap();
    let names = std::mem::take(&mut *collected.lock());
    assert_eq!(names.len(), 2000);
    assert_eq!(names.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn a_name_that_is_not_utf_8_is_an_error_and_no_panic() {
    use std::os::unix::ffi::OsStrExt;

    let tenant = Tenant::new(u64::MAX, u64::MAX);
    std::fs::write(tenant.root().join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
    let mut guest = tenant.guest();
    let mut bytes = vec![0; 4096];
    let mut memory = GuestMemory::Unshared(&mut bytes);
    let (read, _) = drive(guest.state().fd_readdir(&mut memory, p1::Fd::from(3), GuestPtr::new(0), 4096, 0));
    assert_eq!(read.unwrap_err().downcast().unwrap(), p1::Errno::Ilseq);
}

/// A file's number as `path_filestat_get` shows it.
fn number(guest: &mut Guest, path: &str) -> u64 {
    let mut bytes = path.as_bytes().to_vec();
    let length = u32::try_from(bytes.len()).unwrap();
    let mut memory = GuestMemory::Unshared(&mut bytes);
    let (fd, flags) = (p1::Fd::from(3), p1::Lookupflags::empty());
    at_once(guest.state().path_filestat_get(&mut memory, fd, flags, GuestPtr::new((0, length))))
        .unwrap()
        .unwrap()
        .ino
}

#[test]
fn numbers_of_files_tell_files_apart_and_nothing_of_the_host() {
    let tenant = Tenant::new(u64::MAX, u64::MAX);
    many(&tenant, 3);
    std::fs::hard_link(tenant.root().join("file-00000"), tenant.root().join("same")).unwrap();
    let mut guest = tenant.guest();
    let first = number(&mut guest, "file-00000");
    assert_eq!(number(&mut guest, "same"), first);
    assert_ne!(number(&mut guest, "file-00001"), first);
    assert_eq!(number(&mut tenant.guest(), "same"), first);
    for entry in list(&mut guest, 3, 4096).into_iter().filter(|entry| entry.name != "..") {
        assert_eq!(entry.number, number(&mut guest, &entry.name), "{}", entry.name);
    }
    let directory = guest.directory();
    let state = guest.state();
    let place = || Resource::new_borrow(directory);
    let hash = at_once(state.metadata_hash_at(place(), PathFlags::empty(), "same".to_owned()));
    let hash = hash.unwrap().unwrap();
    assert_eq!(hash.lower, first);
    // Neither the host's number nor what anyone can compute from it.
    let metadata = std::fs::metadata(tenant.root().join("same")).unwrap();
    let known = Inode::of(&metadata).to_bytes();
    for shown in [hash.lower, hash.upper] {
        assert_ne!(shown, metadata.ino());
        assert_ne!(shown.to_le_bytes(), known);
    }
}
