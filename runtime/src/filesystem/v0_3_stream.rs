//! What takes the bytes of a stream of WASI 0.3 to a file of a volume.

use std::fs::File;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;
use wasmtime::StoreContextMut;
use wasmtime::component::{Source, StreamConsumer, StreamResult};
use wasmtime_wasi::p3::bindings::filesystem::types::ErrorCode;

use super::guard::{Guard, Start};
use super::open_file::OpenFile;
use super::v0_2_stream::write;

/// Most bytes of one write: a larger one would hold the thread.
const WRITE_BYTES: usize = 1 << 20;

/// Writes what it is given to a file, within the volume's limits.
pub(super) struct FileConsumer {
    // Closed before it is given back.
    file: Arc<File>,
    open: Arc<OpenFile>,
    start: Start,
    ended: Option<oneshot::Sender<Result<(), ErrorCode>>>,
}

impl FileConsumer {
    pub(super) fn new(
        file: &Arc<File>,
        open: &Arc<OpenFile>,
        start: Start,
    ) -> (Self, oneshot::Receiver<Result<(), ErrorCode>>) {
        let (sender, receiver) = oneshot::channel();
        let (file, open) = (Arc::clone(file), Arc::clone(open));
        (Self { file, open, start, ended: Some(sender) }, receiver)
    }

    fn end(&mut self, result: Result<(), ErrorCode>) {
        if let Some(ended) = self.ended.take() {
            // A guest may have dropped the future.
            let _ = ended.send(result);
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorCode> {
        let bytes = &bytes[..bytes.len().min(WRITE_BYTES)];
        let volume = self.open.volume().clone();
        let mut guard = Guard::lock(Some(&volume));
        guard.writing(&self.open, self.start, bytes.len() as u64)?;
        let written = write(&self.file, bytes, self.start)?;
        guard.wrote(&self.open, self.start, written as u64);
        if let Start::At(offset) = &mut self.start {
            *offset = offset.checked_add(written as u64).ok_or(ErrorCode::Overflow)?;
        }
        Ok(written)
    }
}

impl Drop for FileConsumer {
    fn drop(&mut self) {
        self.end(Ok(()));
    }
}

impl<D> StreamConsumer<D> for FileConsumer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, D>,
        source: Source<'_, u8>,
        _: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        let mut source = source.as_direct(store);
        Poll::Ready(Ok(match self.write(source.remaining()) {
            Ok(written) => {
                source.mark_read(written);
                StreamResult::Completed
            }
            Err(error) => {
                self.end(Err(error));
                StreamResult::Dropped
            }
        }))
    }
}
