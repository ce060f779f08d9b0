//! A stream of WASI 0.2 that writes to a file of a volume.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use wasmtime_wasi::async_trait;
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError, StreamResult};

use super::guard::{Guard, Start};
use super::open_file::OpenFile;
use crate::Bytes;

/// Most bytes of one write, as of the library's stream.
const WRITE_BYTES: usize = 64 << 10;

/// Writes to a file, within the volume's limits.
pub(super) struct FileWriter {
    // Closed before it is given back.
    file: Arc<File>,
    open: Arc<OpenFile>,
    start: Start,
    state: State,
}

enum State {
    Ready,
    /// What the last write ended with, to be told at the next call.
    Failed(wasmtime::Error),
    Closed,
}

impl FileWriter {
    pub(super) fn new(file: &Arc<File>, open: &Arc<OpenFile>, start: Start) -> Self {
        Self { file: Arc::clone(file), open: Arc::clone(open), start, state: State::Ready }
    }

    /// What stands in the way of a write.
    fn obstacle(&mut self) -> StreamResult<()> {
        match std::mem::replace(&mut self.state, State::Closed) {
            State::Ready => {
                self.state = State::Ready;
                Ok(())
            }
            State::Failed(error) => Err(StreamError::LastOperationFailed(error)),
            State::Closed => Err(StreamError::Closed),
        }
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> wasmtime::Result<()> {
        // All or nothing: there is room for the whole before the first byte is written.
        let volume = self.open.volume().clone();
        let mut guard = Guard::lock(Some(&volume));
        guard.writing(&self.open, self.start, bytes.len() as u64)?;
        while !bytes.is_empty() {
            let written = write(&self.file, bytes, self.start)?;
            guard.wrote(&self.open, self.start, written as u64);
            if let Start::At(offset) = &mut self.start {
                *offset += written as u64;
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// Writes some bytes at an offset or at the end, wherever the file's cursor is.
pub(super) fn write(file: &File, bytes: &[u8], start: Start) -> io::Result<usize> {
    let written = match start {
        Start::At(offset) => file.write_at(bytes, offset)?,
        Start::End => {
            use rustix::io::{IoSlice, ReadWriteFlags, pwritev2};
            pwritev2(file, &[IoSlice::new(bytes)], 0, ReadWriteFlags::APPEND)?
        }
    };
    if written == 0 && !bytes.is_empty() { Err(io::ErrorKind::WriteZero.into()) } else { Ok(written) }
}

#[async_trait]
impl OutputStream for FileWriter {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        if !matches!(self.state, State::Ready) {
            return Err(StreamError::trap("write not permitted: check_write not called first"));
        }
        if let Err(error) = self.write_all(&bytes) {
            self.state = State::Failed(error);
        }
        Ok(())
    }

    async fn blocking_write_and_flush(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.obstacle()?;
        self.write_all(&bytes).map_err(|error| {
            self.state = State::Closed;
            StreamError::LastOperationFailed(error)
        })
    }

    fn flush(&mut self) -> StreamResult<()> {
        self.obstacle()
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        self.obstacle().map(|()| WRITE_BYTES)
    }
}

#[async_trait]
impl Pollable for FileWriter {
    async fn ready(&mut self) {}
}
