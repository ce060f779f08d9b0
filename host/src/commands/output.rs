//! A run's output while it runs: bounded, kept for followers, and handed on to the log.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use cloister_runtime::{Bytes, OutputSink, OutputStreamKind, Reservation};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::OutputCursor;

/// Bytes that wait for the log before the guest waits.
const PENDING_BYTES: usize = 256 << 10;
/// Bytes of one slice after which the log is woken before the slice ends.
const WAKE_BYTES: usize = 64 << 10;
/// Newest bytes of each stream kept for followers. More than a line, so that whatever is no longer here is in the log.
const KEPT_BYTES: u64 = 512 << 10;
/// First bytes of each stream kept for the answer of a run that is waited for.
pub(super) const HEAD_BYTES: usize = 1 << 20;

/// Takes a guest's output, on its sandbox thread.
#[derive(Default)]
pub(super) struct LiveOutput {
    state: Mutex<State>,
    changed: Notify,
}

/// Output that waits for the log.
pub(super) struct Pending {
    pub(super) stream: OutputStreamKind,
    pub(super) bytes: Bytes,
    /// Its part of the tenant's budget, until it is logged.
    _held: Reservation,
}

#[derive(Default)]
struct State {
    pending: VecDeque<Pending>,
    pending_bytes: usize,
    streams: [Kept; 2],
    /// The first bytes are kept for the answer.
    keeps_heads: bool,
    chunks: u64,
    closed: bool,
    recorded: bool,
    /// Something was written since anyone was woken.
    untold: bool,
    guest: Option<Waker>,
    log: Option<Waker>,
}

#[derive(Default)]
struct Kept {
    head: Vec<u8>,
    /// Number, offset and bytes of the newest chunks.
    chunks: VecDeque<(u64, u64, Bytes)>,
    written: u64,
}

impl Kept {
    fn push(&mut self, number: u64, bytes: Bytes, wants_head: bool) {
        if wants_head {
            let room = HEAD_BYTES.saturating_sub(self.head.len());
            self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
        }
        self.chunks.push_back((number, self.written, bytes.clone()));
        self.written += bytes.len() as u64;
        while let Some((_, offset, first)) = self.chunks.front() {
            if self.written - (offset + first.len() as u64) < KEPT_BYTES {
                break;
            }
            self.chunks.pop_front();
        }
    }

    /// The oldest kept offset.
    fn start(&self) -> u64 {
        self.chunks.front().map_or(self.written, |(_, offset, _)| *offset)
    }

    /// The chunk that holds the byte at `offset`, cut to begin there.
    fn at(&self, offset: u64) -> Option<(u64, Bytes)> {
        let index = self.chunks.partition_point(|(_, start, bytes)| start + bytes.len() as u64 <= offset);
        let (number, start, bytes) = self.chunks.get(index)?;
        let skip = usize::try_from(offset.saturating_sub(*start)).ok()?;
        Some((*number, bytes.slice(skip..)))
    }
}

/// What a follower does next.
pub(super) enum Next {
    /// Tell these bytes.
    Chunk(OutputStreamKind, Bytes),
    /// Read what was written before from the log.
    Behind,
    /// Wait for more.
    Wait,
    /// All was told, and how the run ended is recorded.
    End,
}

impl OutputSink for LiveOutput {
    fn write(&self, stream: OutputStreamKind, bytes: Bytes, held: Reservation) {
        let log = {
            let mut state = self.state.lock();
            let number = state.chunks;
            state.chunks += 1;
            state.pending_bytes += bytes.len();
            let keeps_head = state.keeps_heads;
            state.streams[index(stream)].push(number, bytes.clone(), keeps_head);
            state.pending.push_back(Pending { stream, bytes, _held: held });
            state.untold = true;
            if state.pending_bytes < WAKE_BYTES {
                return;
            }
            state.tell()
        };
        wake(log);
        self.changed.notify_waiters();
    }

    fn slice_ended(&self) {
        let log = {
            let mut state = self.state.lock();
            if !state.untold {
                return;
            }
            state.tell()
        };
        wake(log);
        self.changed.notify_waiters();
    }

    fn poll_room(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.pending_bytes < PENDING_BYTES {
            return Poll::Ready(());
        }
        state.guest = Some(context.waker().clone());
        Poll::Pending
    }
}

impl State {
    /// Whoever is to be woken for the log.
    fn tell(&mut self) -> Option<Waker> {
        self.untold = false;
        self.log.take()
    }
}

impl LiveOutput {
    /// Keeps the first bytes of both streams when somebody waits for an answer with them.
    pub(super) fn new(keeps_heads: bool) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State { keeps_heads, ..State::default() }),
            changed: Notify::new(),
        })
    }

    /// The next bytes for the log; `None` when the guest has ended and all were taken.
    pub(super) async fn next_pending(&self) -> Option<Pending> {
        poll_fn(|context| {
            let mut state = self.state.lock();
            if let Some(pending) = state.pending.pop_front() {
                state.pending_bytes -= pending.bytes.len();
                let guest = if state.pending_bytes < PENDING_BYTES { state.guest.take() } else { None };
                drop(state);
                wake(guest);
                return Poll::Ready(Some(pending));
            }
            if state.closed {
                return Poll::Ready(None);
            }
            state.log = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// True when [`LiveOutput::next_pending`] has something at once.
    pub(super) fn has_pending(&self) -> bool {
        !self.state.lock().pending.is_empty()
    }

    /// The guest has ended.
    pub(super) fn close(&self) {
        let log = {
            let mut state = self.state.lock();
            state.closed = true;
            state.tell()
        };
        wake(log);
        self.changed.notify_waiters();
    }

    /// How the run ended is recorded, and all its lines are in the log.
    pub(super) fn recorded(&self) {
        self.state.lock().recorded = true;
        self.changed.notify_waiters();
    }

    /// What comes after a follower's place.
    pub(super) fn next(&self, cursor: &OutputCursor) -> Next {
        let state = self.state.lock();
        let offsets = [cursor.stdout_bytes, cursor.stderr_bytes];
        if (0..2).any(|stream| offsets[stream] < state.streams[stream].start()) {
            return Next::Behind;
        }
        let stdout =
            state.streams[0].at(offsets[0]).map(|(number, bytes)| (number, OutputStreamKind::Stdout, bytes));
        let stderr =
            state.streams[1].at(offsets[1]).map(|(number, bytes)| (number, OutputStreamKind::Stderr, bytes));
        match stdout.into_iter().chain(stderr).min_by_key(|(number, _, _)| *number) {
            Some((_, stream, bytes)) => Next::Chunk(stream, bytes),
            None if state.recorded => Next::End,
            None => Next::Wait,
        }
    }

    /// Wakes when something may have come after a look that found nothing. Make it before the look.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// The first bytes of both streams, and whether there were more.
    pub(super) fn heads(&self) -> (Vec<u8>, Vec<u8>, bool) {
        let mut state = self.state.lock();
        let [stdout, stderr] = &mut state.streams;
        let cut = stdout.written > stdout.head.len() as u64 || stderr.written > stderr.head.len() as u64;
        (std::mem::take(&mut stdout.head), std::mem::take(&mut stderr.head), cut)
    }
}

/// The place of a stream among two.
pub(super) fn index(stream: OutputStreamKind) -> usize {
    match stream {
        OutputStreamKind::Stdout => 0,
        OutputStreamKind::Stderr => 1,
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

#[cfg(test)]
mod tests {
    use cloister_runtime::{Budget, BudgetLimits, Resource};

    use super::*;

    fn write(output: &LiveOutput, stream: OutputStreamKind, bytes: impl Into<Bytes>) {
        let budget = Budget::new(&BudgetLimits::UNLIMITED);
        output.write(stream, bytes.into(), budget.nothing(Resource::Output));
    }

    fn text(output: &LiveOutput, cursor: &mut OutputCursor) -> String {
        let mut told = String::new();
        while let Next::Chunk(stream, bytes) = output.next(cursor) {
            cursor.advance(stream, bytes.len());
            told.push_str(&String::from_utf8_lossy(&bytes));
        }
        told
    }

    #[test]
    fn a_follower_gets_both_streams_in_order_from_any_place() {
        let output = LiveOutput::default();
        write(&output, OutputStreamKind::Stdout, Bytes::from_static(b"one "));
        write(&output, OutputStreamKind::Stderr, Bytes::from_static(b"two "));
        write(&output, OutputStreamKind::Stdout, Bytes::from_static(b"three"));
        assert_eq!(text(&output, &mut OutputCursor::default()), "one two three");
        let mut inside = OutputCursor { stdout_bytes: 2, stderr_bytes: 4 };
        assert_eq!(text(&output, &mut inside), "e three");
        assert!(matches!(output.next(&inside), Next::Wait));
        output.recorded();
        assert!(matches!(output.next(&inside), Next::End));
    }

    #[test]
    fn what_is_no_longer_kept_is_behind() {
        let output = LiveOutput::default();
        for _ in 0..20 {
            write(&output, OutputStreamKind::Stdout, vec![b'x'; 64 << 10]);
        }
        assert!(matches!(output.next(&OutputCursor::default()), Next::Behind));
        let state = output.state.lock();
        assert!(state.streams[0].written - state.streams[0].start() >= KEPT_BYTES);
    }

    #[tokio::test]
    async fn the_log_is_woken_once_a_slice_or_when_much_is_written() {
        struct Woken(std::sync::atomic::AtomicBool);
        impl std::task::Wake for Woken {
            fn wake(self: Arc<Self>) {
                self.0.store(true, std::sync::atomic::Ordering::SeqCst);
            }
        }
        let output = LiveOutput::default();
        let woken = Arc::new(Woken(false.into()));
        let waker = Waker::from(Arc::clone(&woken));
        // Takes what is there, then waits; true when it was woken since it last did.
        let wakes = || {
            let was = woken.0.swap(false, std::sync::atomic::Ordering::SeqCst);
            let mut context = Context::from_waker(&waker);
            while let Poll::Ready(Some(_)) = std::pin::pin!(output.next_pending()).poll(&mut context) {}
            was
        };
        assert!(!wakes(), "nothing was written yet");
        write(&output, OutputStreamKind::Stdout, Bytes::from_static(b"a"));
        assert!(!wakes());
        output.slice_ended();
        assert!(wakes());
        output.slice_ended();
        assert!(!wakes());
        write(&output, OutputStreamKind::Stdout, Bytes::from(vec![b'x'; WAKE_BYTES]));
        assert!(wakes());
        output.close();
        assert!(wakes());
    }

    #[tokio::test]
    async fn a_guest_waits_while_the_log_is_behind() {
        let output = LiveOutput::default();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..4 {
            assert!(output.poll_room(&mut context).is_ready());
            write(&output, OutputStreamKind::Stdout, vec![b'x'; 64 << 10]);
        }
        assert!(output.poll_room(&mut context).is_pending());
        assert!(output.next_pending().await.is_some());
        assert!(output.poll_room(&mut context).is_ready());
    }
}
