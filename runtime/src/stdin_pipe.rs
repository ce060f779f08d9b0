//! A bounded pipe for standard input: the host writes and waits for room, the guest reads.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

/// Bytes a pipe holds before its writer waits.
pub const STDIN_PIPE_BYTES: usize = 256 << 10;

type Starter = Box<dyn FnOnce(StdinPipe) + Send>;

/// Both ends of a guest's standard input.
#[derive(Clone)]
pub struct StdinPipe(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    held_bytes: usize,
    read_bytes: u64,
    written_bytes: u64,
    closed: bool,
    reader_gone: bool,
    starter: Option<Starter>,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

/// The guest has ended and reads no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run no longer reads its standard input")]
pub struct ReaderGone;

impl StdinPipe {
    /// An empty, open pipe.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::default())
    }

    /// A pipe that calls `start`, once, when the guest first asks for input.
    #[must_use]
    pub fn on_demand(start: impl FnOnce(Self) + Send + 'static) -> Self {
        let pipe = Self::new();
        pipe.0.lock().starter = Some(Box::new(start));
        pipe
    }

    pub(crate) fn from_bytes(bytes: Bytes) -> Self {
        let state = State {
            held_bytes: bytes.len(),
            written_bytes: bytes.len() as u64,
            chunks: if bytes.is_empty() { VecDeque::new() } else { VecDeque::from([bytes]) },
            closed: true,
            ..State::default()
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Hands bytes to the guest, waiting while the pipe is full.
    ///
    /// # Errors
    /// [`ReaderGone`] when the guest has ended.
    pub async fn write(&self, bytes: Bytes) -> Result<(), ReaderGone> {
        if bytes.is_empty() {
            return Ok(());
        }
        poll_fn(|context| self.poll_write_room(context)).await?;
        let mut state = self.0.lock();
        state.held_bytes += bytes.len();
        state.written_bytes += bytes.len() as u64;
        state.chunks.push_back(bytes);
        wake(state.reader.take());
        Ok(())
    }

    /// Ends the input: the guest reads what is left, and then the end.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.closed = true;
        wake(state.reader.take());
    }

    /// True after [`StdinPipe::close`].
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// Bytes written so far.
    #[must_use]
    pub fn written_bytes(&self) -> u64 {
        self.0.lock().written_bytes
    }

    /// Bytes the guest has read so far.
    #[must_use]
    pub fn read_bytes(&self) -> u64 {
        self.0.lock().read_bytes
    }

    /// Tells writers that no one reads any more.
    pub(crate) fn reader_gone(&self) {
        let mut state = self.0.lock();
        state.reader_gone = true;
        state.starter = None;
        state.chunks.clear();
        wake(state.writer.take());
    }

    fn poll_write_room(&self, context: &mut Context<'_>) -> Poll<Result<(), ReaderGone>> {
        let mut state = self.0.lock();
        if state.reader_gone {
            return Poll::Ready(Err(ReaderGone));
        }
        if state.held_bytes < STDIN_PIPE_BYTES {
            return Poll::Ready(Ok(()));
        }
        state.writer = Some(context.waker().clone());
        Poll::Pending
    }

    /// Ready when there is something to read, or the end.
    pub(crate) fn poll_ready(&self, context: &mut Context<'_>) -> Poll<()> {
        let starter = {
            let mut state = self.0.lock();
            if state.held_bytes > 0 || state.closed {
                return Poll::Ready(());
            }
            state.reader = Some(context.waker().clone());
            state.starter.take()
        };
        if let Some(start) = starter {
            start(self.clone());
        }
        Poll::Pending
    }

    /// Up to `limit_bytes` that are there now, possibly none; `None` at the end.
    pub(crate) fn try_read(&self, limit_bytes: usize) -> Option<Bytes> {
        let mut state = self.0.lock();
        let Some(front) = state.chunks.front_mut() else {
            return if state.closed { None } else { Some(Bytes::new()) };
        };
        let taken = front.split_to(limit_bytes.min(front.len()));
        if front.is_empty() {
            state.chunks.pop_front();
        }
        state.held_bytes -= taken.len();
        state.read_bytes += taken.len() as u64;
        wake(state.writer.take());
        Some(taken)
    }
}

impl Default for StdinPipe {
    fn default() -> Self {
        Self::new()
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noop() -> Context<'static> {
        Context::from_waker(Waker::noop())
    }

    #[tokio::test]
    async fn bytes_come_out_in_order_and_then_the_end() {
        let pipe = StdinPipe::new();
        pipe.write(Bytes::from_static(b"abc")).await.unwrap();
        pipe.write(Bytes::from_static(b"de")).await.unwrap();
        pipe.close();
        assert_eq!(pipe.try_read(2).unwrap(), "ab");
        assert_eq!(pipe.try_read(9).unwrap(), "c");
        assert_eq!(pipe.try_read(9).unwrap(), "de");
        assert_eq!(pipe.try_read(9), None);
        assert_eq!(pipe.read_bytes(), 5);
    }

    #[tokio::test]
    async fn a_full_pipe_makes_its_writer_wait_until_the_guest_reads() {
        let pipe = StdinPipe::new();
        pipe.write(Bytes::from(vec![0; STDIN_PIPE_BYTES])).await.unwrap();
        let mut second = Box::pin(pipe.write(Bytes::from_static(b"x")));
        assert!(second.as_mut().poll(&mut noop()).is_pending());
        let _ = pipe.try_read(STDIN_PIPE_BYTES);
        assert!(second.as_mut().poll(&mut noop()).is_ready());
    }

    #[tokio::test]
    async fn a_writer_learns_that_the_guest_is_gone() {
        let pipe = StdinPipe::new();
        pipe.reader_gone();
        assert_eq!(pipe.write(Bytes::from_static(b"x")).await, Err(ReaderGone));
    }

    #[test]
    fn the_source_starts_only_when_the_guest_first_reads() {
        let pipe = StdinPipe::on_demand(|pipe| pipe.close());
        assert!(!pipe.is_closed());
        assert!(pipe.poll_ready(&mut noop()).is_pending());
        assert!(pipe.is_closed());
    }
}
