//! A pipe between two commands: chunks of bytes, bounded, with one reader and writers that can be cloned.
//!
//! A writer waits while [`PIPE_BYTES`](crate::limits::PIPE_BYTES) are in flight. The reader sees the end when the last writer is dropped; a writer
//! sees [`Closed`] when the reader is.

use std::{
    collections::VecDeque,
    fmt, future,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use parking_lot::Mutex;

use crate::world::Refusal;

/// Chunks shorter than this are gathered into one, so that a command writing single bytes costs no memory beyond them.
const GATHER_BYTES: usize = 4 * 1024;

/// Nobody reads from the pipe any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody reads any more")]
pub struct Closed;

/// Makes a pipe that holds at most `capacity_bytes`, 1 at least.
#[must_use]
pub fn pipe(capacity_bytes: usize) -> (PipeWriter, PipeReader) {
    let shared = Arc::new(Shared {
        capacity_bytes: capacity_bytes.max(1),
        state: Mutex::new(State { writers: 1, ..State::default() }),
    });
    (PipeWriter { shared: Arc::clone(&shared) }, PipeReader { shared })
}

/// The end of a pipe that is written to. The pipe ends when all clones are dropped.
pub struct PipeWriter {
    shared: Arc<Shared>,
}

/// The end of a pipe that is read from.
pub struct PipeReader {
    shared: Arc<Shared>,
}

struct Shared {
    capacity_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Short writes, behind the chunks.
    tail: BytesMut,
    /// Bytes in `chunks` and `tail`.
    bytes: usize,
    writers: usize,
    reader_gone: bool,
    failed: Option<Refusal>,
    reader: Option<Waker>,
    /// Writers that wait for room, or for the reader to go. At most one a clone, since each waits with its own borrow.
    waiting: Vec<Waker>,
}

impl State {
    fn wake_reader(&mut self) -> Option<Waker> {
        self.reader.take()
    }

    fn take(&mut self) -> Option<Bytes> {
        let chunk = match self.chunks.pop_front() {
            Some(chunk) => chunk,
            None if self.tail.is_empty() => return None,
            None => self.tail.split().freeze(),
        };
        self.bytes -= chunk.len();
        Some(chunk)
    }

    fn put(&mut self, chunk: Bytes) {
        self.bytes += chunk.len();
        if chunk.len() < GATHER_BYTES {
            self.tail.extend_from_slice(&chunk);
            return;
        }
        if !self.tail.is_empty() {
            let gathered = self.tail.split().freeze();
            self.chunks.push_back(gathered);
        }
        self.chunks.push_back(chunk);
    }

    fn wait(&mut self, waker: &Waker) {
        if !self.waiting.iter().any(|waiting| waiting.will_wake(waker)) {
            self.waiting.push(waker.clone());
        }
    }
}

impl PipeWriter {
    /// Writes all bytes, waiting for room.
    ///
    /// # Errors
    /// When the reader is gone; part of the bytes may have been written.
    pub async fn write(&self, mut bytes: Bytes) -> Result<(), Closed> {
        future::poll_fn(|context| self.poll_write(context, &mut bytes)).await
    }

    /// Takes from the front of `bytes` what there is room for; ready when all is taken.
    ///
    /// # Errors
    /// As [`PipeWriter::write`].
    pub fn poll_write(&self, context: &mut Context<'_>, bytes: &mut Bytes) -> Poll<Result<(), Closed>> {
        let mut state = self.shared.state.lock();
        if state.reader_gone {
            return Poll::Ready(Err(Closed));
        }
        let room = self.shared.capacity_bytes - state.bytes;
        let part = bytes.split_to(room.min(bytes.len()));
        let woken = if part.is_empty() { None } else { state.wake_reader() };
        if !part.is_empty() {
            state.put(part);
        }
        let done = bytes.is_empty();
        if !done {
            state.wait(context.waker());
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        if done { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Waits until the reader is gone.
    pub async fn closed(&self) {
        future::poll_fn(|context| {
            let mut state = self.shared.state.lock();
            if state.reader_gone {
                return Poll::Ready(());
            }
            state.wait(context.waker());
            Poll::Pending
        })
        .await;
    }

    /// Whether the reader is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().reader_gone
    }

    /// Ends the pipe with an error, which the reader sees behind what was written before.
    pub fn fail(self, refusal: Refusal) {
        self.shared.state.lock().failed = Some(refusal);
    }
}

impl PipeReader {
    /// The next bytes, or `None` at the end.
    ///
    /// # Errors
    /// When what is written to the pipe came from a file that could not be read on.
    pub async fn read(&mut self) -> Result<Option<Bytes>, Refusal> {
        future::poll_fn(|context| self.poll_read(context)).await
    }

    /// As [`PipeReader::read`], polled.
    ///
    /// # Errors
    /// As [`PipeReader::read`].
    pub fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Refusal>> {
        let mut state = self.shared.state.lock();
        if let Some(chunk) = state.take() {
            let woken = std::mem::take(&mut state.waiting);
            drop(state);
            woken.into_iter().for_each(Waker::wake);
            return Poll::Ready(Ok(Some(chunk)));
        }
        if state.writers == 0 {
            return Poll::Ready(state.failed.take().map_or(Ok(None), Err));
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Bytes that were written and not yet read.
    #[must_use]
    pub fn in_flight_bytes(&self) -> usize {
        self.shared.state.lock().bytes
    }
}

impl Clone for PipeWriter {
    fn clone(&self) -> Self {
        self.shared.state.lock().writers += 1;
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        let woken = {
            let mut state = self.shared.state.lock();
            state.writers -= 1;
            if state.writers == 0 { state.wake_reader() } else { None }
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        let (woken, unread) = {
            let mut state = self.shared.state.lock();
            state.reader_gone = true;
            state.bytes = 0;
            let unread = (std::mem::take(&mut state.chunks), std::mem::take(&mut state.tail));
            (std::mem::take(&mut state.waiting), unread)
        };
        drop(unread);
        woken.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for PipeWriter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PipeWriter").finish_non_exhaustive()
    }
}

impl fmt::Debug for PipeReader {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("PipeReader").finish_non_exhaustive()
    }
}
