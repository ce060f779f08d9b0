//! A guest's output on this process's own streams: written by one thread, so that both streams keep their order.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::JoinHandle;

use cloister_runtime::{Bytes, Canceller, OutputSink, OutputStreamKind, Reservation};
use parking_lot::{Condvar, Mutex};

use crate::cli::failure::{Failure, Outcome};

/// Bytes held before the guest waits.
const QUEUE_BYTES: usize = 1 << 20;

/// The writing thread.
pub(super) struct Writer {
    sink: Arc<Sink>,
    thread: JoinHandle<Result<(), io::Error>>,
}

/// Takes what the guest writes.
#[derive(Default)]
pub(super) struct Sink {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    chunks: VecDeque<(OutputStreamKind, Bytes)>,
    held_bytes: usize,
    waiting: Vec<Waker>,
    /// Nothing comes any more.
    closed: bool,
    /// Nothing can be written any more.
    failed: bool,
    canceller: Option<Canceller>,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start() -> Outcome<Self> {
        let sink = Arc::new(Sink::default());
        let of_thread = Arc::clone(&sink);
        let thread =
            std::thread::Builder::new().name("output".to_owned()).spawn(move || of_thread.write_all());
        let thread = thread.map_err(|error| Failure::local("start a thread", &error))?;
        Ok(Self { sink, thread })
    }

    /// Where the guest writes to.
    pub(super) fn sink(&self) -> &Arc<Sink> {
        &self.sink
    }

    /// Ends the guest when nobody takes its output.
    pub(super) fn cancel_on_failure(&self, canceller: Canceller) {
        let mut queue = self.sink.queue.lock();
        if queue.failed {
            canceller.cancel();
        }
        queue.canceller = Some(canceller);
    }

    /// Waits until all is written.
    pub(super) fn finish(self) -> Outcome {
        self.sink.queue.lock().closed = true;
        self.sink.changed.notify_all();
        match self.thread.join() {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Failure::from_write(&error)),
            Err(_) => Err(Failure::new("local", "the thread that writes the output failed")),
        }
    }
}

impl OutputSink for Sink {
    fn write(&self, stream: OutputStreamKind, bytes: Bytes, _: Reservation) {
        let mut queue = self.queue.lock();
        if queue.failed {
            return;
        }
        queue.held_bytes += bytes.len();
        queue.chunks.push_back((stream, bytes));
        drop(queue);
        self.changed.notify_one();
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut queue = self.queue.lock();
        if queue.held_bytes < QUEUE_BYTES || queue.failed {
            return Poll::Ready(());
        }
        if !queue.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
            queue.waiting.push(context.waker().clone());
        }
        Poll::Pending
    }
}

impl Sink {
    fn write_all(&self) -> io::Result<()> {
        let (mut out, mut err) = (raw(io::stdout())?, raw(io::stderr())?);
        while let Some((stream, bytes)) = self.next() {
            let written = match stream {
                OutputStreamKind::Stdout => out.write_all(&bytes),
                OutputStreamKind::Stderr => err.write_all(&bytes),
            };
            if let Err(error) = written {
                self.fail();
                return Err(error);
            }
            self.written(bytes.len());
        }
        Ok(())
    }

    fn next(&self) -> Option<(OutputStreamKind, Bytes)> {
        let mut queue = self.queue.lock();
        loop {
            if let Some(chunk) = queue.chunks.pop_front() {
                return Some(chunk);
            }
            if queue.closed {
                return None;
            }
            self.changed.wait(&mut queue);
        }
    }

    fn written(&self, bytes: usize) {
        let mut queue = self.queue.lock();
        queue.held_bytes -= bytes;
        if queue.held_bytes < QUEUE_BYTES {
            queue.waiting.drain(..).for_each(Waker::wake);
        }
    }

    fn fail(&self) {
        let mut queue = self.queue.lock();
        queue.failed = true;
        queue.chunks.clear();
        queue.held_bytes = 0;
        queue.waiting.drain(..).for_each(Waker::wake);
        if let Some(canceller) = &queue.canceller {
            canceller.cancel();
        }
    }
}

/// The stream without the buffer of the standard library: what a guest writes is seen when it is written.
fn raw(stream: impl std::os::fd::AsFd) -> io::Result<std::fs::File> {
    stream.as_fd().try_clone_to_owned().map(std::fs::File::from)
}
