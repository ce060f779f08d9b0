//! Listing a directory in WASI 0.2, an entry a call, and in 0.3, as a stream.

use std::pin::Pin;
use std::task::{Context, Poll};

use rustix::fs::FileType;
use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Destination, StreamProducer, StreamResult, VecBuffer};
use wasmtime_wasi::p2::FsResult;
use wasmtime_wasi::p2::bindings::filesystem::types as p2;
use wasmtime_wasi::p3::bindings::filesystem::types as p3;

use super::listing::{Entry, Listing};

/// The next entry of a listing of 0.2; none at its end.
pub(super) fn next(listing: &mut Listing) -> FsResult<Option<p2::DirectoryEntry>> {
    while listing.read().is_empty() && !listing.is_over() {
        listing.read_batch()?;
    }
    let Some(Entry { name, kind, .. }) = listing.read().pop_front() else { return Ok(None) };
    let name = name.ok_or(p2::ErrorCode::IllegalByteSequence)?;
    let type_ = match kind {
        FileType::RegularFile => p2::DescriptorType::RegularFile,
        FileType::Directory => p2::DescriptorType::Directory,
        FileType::Symlink => p2::DescriptorType::SymbolicLink,
        FileType::BlockDevice => p2::DescriptorType::BlockDevice,
        FileType::CharacterDevice => p2::DescriptorType::CharacterDevice,
        FileType::Fifo => p2::DescriptorType::Fifo,
        FileType::Socket => p2::DescriptorType::Socket,
        FileType::Unknown => p2::DescriptorType::Unknown,
    };
    Ok(Some(p2::DirectoryEntry { type_, name }))
}

fn entry_of_0_3(Entry { name, kind, .. }: Entry) -> Result<p3::DirectoryEntry, p3::ErrorCode> {
    let type_ = match kind {
        FileType::RegularFile => p3::DescriptorType::RegularFile,
        FileType::Directory => p3::DescriptorType::Directory,
        FileType::Symlink => p3::DescriptorType::SymbolicLink,
        FileType::BlockDevice => p3::DescriptorType::BlockDevice,
        FileType::CharacterDevice => p3::DescriptorType::CharacterDevice,
        FileType::Fifo => p3::DescriptorType::Fifo,
        FileType::Socket => p3::DescriptorType::Socket,
        FileType::Unknown => p3::DescriptorType::Other(None),
    };
    Ok(p3::DirectoryEntry { type_, name: name.ok_or(p3::ErrorCode::IllegalByteSequence)? })
}

/// Gives a listing to a stream of 0.3, at most a batch at a time.
pub(super) struct EntryProducer {
    listing: Listing,
    ended: Option<oneshot::Sender<Result<(), p3::ErrorCode>>>,
}

impl EntryProducer {
    pub(super) fn new(listing: Listing) -> (Self, oneshot::Receiver<Result<(), p3::ErrorCode>>) {
        let (sender, receiver) = oneshot::channel();
        (Self { listing, ended: Some(sender) }, receiver)
    }

    fn end(&mut self, result: Result<(), p3::ErrorCode>) {
        if let Some(ended) = self.ended.take() {
            // A guest may have dropped the future.
            let _ = ended.send(result);
        }
    }

    /// At most `most` entries, and whether there may be more.
    fn take(&mut self, most: usize) -> Result<(Vec<p3::DirectoryEntry>, StreamResult), p3::ErrorCode> {
        while self.listing.read().is_empty() && !self.listing.is_over() {
            self.listing.read_batch()?;
        }
        let read = self.listing.read();
        let entries = read.drain(..most.min(read.len())).map(entry_of_0_3).collect::<Result<_, _>>()?;
        let result = if self.listing.is_over() { StreamResult::Dropped } else { StreamResult::Completed };
        Ok((entries, result))
    }
}

impl Drop for EntryProducer {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

impl<D> StreamProducer<D> for EntryProducer {
    type Item = p3::DirectoryEntry;
    type Buffer = VecBuffer<p3::DirectoryEntry>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        mut store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, Self::Item, Self::Buffer>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let most = destination.remaining(&mut store).unwrap_or(usize::MAX);
        if most == 0 {
            // It asks whether there is something to read, which there always is.
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        Poll::Ready(Ok(match self.take(most) {
            Ok((entries, result)) => {
                destination.set_buffer(entries.into());
                result
            }
            Err(error) => {
                self.end(Err(error));
                StreamResult::Dropped
            }
        }))
    }
}
