//! Standard streams of a guest: bounded, counted, and never blocking a sandbox thread.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdinStream, StdoutStream};
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use crate::budget::{Budget, Reservation, Resource};
use crate::control::{RunControl, Stop};
use crate::stdin_pipe::StdinPipe;

/// One of a guest's two output streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputStreamKind {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// Takes a guest's output. Called on a sandbox thread, so nothing here may block.
pub trait OutputSink: Send + Sync + 'static {
    /// Takes bytes; called only while [`OutputSink::poll_room`] is ready, with at most [`MAX_WRITE_BYTES`]. `held` is
    /// their part of the tenant's budget, to be dropped when they have been passed on.
    fn write(&self, stream: OutputStreamKind, bytes: Bytes, held: Reservation);

    /// Ready when a write would be taken now. A sink that is full makes its guest, and no one else, wait.
    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()>;

    /// The guest gives its thread back for now: the moment to wake whoever takes the output, once for all writes of the
    /// slice. Not called after the last slice, whose end the run's report tells.
    fn slice_ended(&self) {}
}

/// Most bytes of one write to a sink.
pub const MAX_WRITE_BYTES: usize = 64 << 10;

/// Where standard input comes from.
pub enum StdinSource {
    /// At its end from the start.
    Empty,
    /// These bytes, then the end.
    Bytes(Bytes),
    /// A pipe that someone else fills.
    Pipe(StdinPipe),
}

impl StdinSource {
    pub(crate) fn into_pipe(self) -> StdinPipe {
        match self {
            Self::Empty => StdinPipe::from_bytes(Bytes::new()),
            Self::Bytes(bytes) => StdinPipe::from_bytes(bytes),
            Self::Pipe(pipe) => pipe,
        }
    }
}

/// The guest's end of standard input.
#[derive(Clone)]
pub(crate) struct GuestStdin {
    pub(crate) pipe: StdinPipe,
    pub(crate) terminal: bool,
}

impl IsTerminal for GuestStdin {
    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl StdinStream for GuestStdin {
    fn async_stream(&self) -> Box<dyn AsyncRead + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn InputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for GuestStdin {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| self.pipe.poll_ready(context)).await;
    }
}

#[async_trait]
impl InputStream for GuestStdin {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        self.pipe.try_read(size.min(MAX_WRITE_BYTES)).ok_or(StreamError::Closed)
    }
}

impl AsyncRead for GuestStdin {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        std::task::ready!(self.pipe.poll_ready(context));
        if let Some(bytes) = self.pipe.try_read(buffer.remaining()) {
            buffer.put_slice(&bytes);
        }
        Poll::Ready(Ok(()))
    }
}

/// What both output streams of one run share.
pub(crate) struct OutputMeter {
    sink: Arc<dyn OutputSink>,
    control: Arc<RunControl>,
    limit_bytes: u64,
    budget: Budget,
    /// Room in the budget for the next write, from when the guest was told that it may write.
    permit: Mutex<Option<Reservation>>,
    stdout_bytes: AtomicU64,
    stderr_bytes: AtomicU64,
}

impl OutputMeter {
    pub(crate) fn new(
        sink: Arc<dyn OutputSink>,
        control: Arc<RunControl>,
        limit_bytes: u64,
        budget: Budget,
    ) -> Arc<Self> {
        Arc::new(Self {
            sink,
            control,
            limit_bytes,
            budget,
            permit: Mutex::default(),
            stdout_bytes: AtomicU64::new(0),
            stderr_bytes: AtomicU64::new(0),
        })
    }

    /// Bytes taken from standard output and standard error.
    pub(crate) fn written(&self) -> (u64, u64) {
        (self.stdout_bytes.load(Ordering::Relaxed), self.stderr_bytes.load(Ordering::Relaxed))
    }

    /// Ready when the sink takes a write, and the tenant's budget has room for it.
    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        std::task::ready!(self.sink.poll_room(context));
        let mut permit = self.permit.lock();
        if permit.is_none() {
            let room = self.budget.poll_reserve(Resource::Output, MAX_WRITE_BYTES as u64, context);
            *permit = Some(std::task::ready!(room));
        }
        Poll::Ready(())
    }

    /// The part of the budget for a write; the rest of the permit goes back.
    fn hold(&self, bytes: u64) -> Result<Reservation, Refused> {
        let permit = self.permit.lock().take();
        let mut held = permit.unwrap_or_else(|| self.budget.nothing(Resource::Output));
        let missing = bytes.saturating_sub(held.amount());
        held.grow(missing).map_err(|_| Refused::NoPermit)?;
        Ok(held.split(bytes))
    }

    /// Takes all of `bytes`, or what the limit leaves of them and then ends the run.
    fn write(&self, stream: OutputStreamKind, mut bytes: Bytes) -> Result<(), Refused> {
        let (stdout, stderr) = self.written();
        let left = self.limit_bytes.saturating_sub(stdout + stderr);
        let over = bytes.len() as u64 > left;
        if over {
            bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        }
        let counter = match stream {
            OutputStreamKind::Stdout => &self.stdout_bytes,
            OutputStreamKind::Stderr => &self.stderr_bytes,
        };
        if !bytes.is_empty() {
            let held = self.hold(bytes.len() as u64)?;
            counter.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            self.sink.write(stream, bytes, held);
        }
        if over {
            self.control.stop(Stop::OutputLimit);
            return Err(Refused::OverLimit);
        }
        Ok(())
    }
}

/// Why a write was not taken.
enum Refused {
    /// The run's output limit is reached.
    OverLimit,
    /// It was not asked before whether there is room, and there is none.
    NoPermit,
}

impl Refused {
    fn reason(&self) -> &'static str {
        match self {
            Self::OverLimit => "the output limit was reached",
            Self::NoPermit => "output was written without room for it",
        }
    }
}

/// The guest's end of one output stream.
#[derive(Clone)]
pub(crate) struct GuestOutput {
    pub(crate) meter: Arc<OutputMeter>,
    pub(crate) stream: OutputStreamKind,
    pub(crate) terminal: bool,
}

impl IsTerminal for GuestOutput {
    fn is_terminal(&self) -> bool {
        self.terminal
    }
}

impl StdoutStream for GuestOutput {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for GuestOutput {
    async fn ready(&mut self) {
        std::future::poll_fn(|context| self.meter.poll_room(context)).await;
    }
}

#[async_trait]
impl OutputStream for GuestOutput {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.meter.write(self.stream, bytes).map_err(|refused| StreamError::trap(refused.reason()))
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        let mut context = Context::from_waker(std::task::Waker::noop());
        Ok(if self.meter.poll_room(&mut context).is_ready() { MAX_WRITE_BYTES } else { 0 })
    }
}

impl AsyncWrite for GuestOutput {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        std::task::ready!(self.meter.poll_room(context));
        let taken = buffer.len().min(MAX_WRITE_BYTES);
        match self.meter.write(self.stream, Bytes::copy_from_slice(&buffer[..taken])) {
            Ok(()) => Poll::Ready(Ok(taken)),
            Err(_) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
