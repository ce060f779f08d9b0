//! What people do to a session, on its way to the program: bounded, and an interrupt is never behind typed bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::session::Size;

/// Typed bytes that wait for the program.
pub const INPUT_BYTES: usize = 64 << 10;
/// Pieces of them.
const INPUT_PIECES: usize = 4_096;

/// Something a person did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// They typed, or pasted.
    Bytes(Bytes),
    /// Their terminal has this size now.
    Resize(Size),
    /// Ctrl-C. What was typed before and not read is still there; [`InputReceiver::discard`] forgets it.
    Interrupt,
    /// The session is being ended. Nothing follows.
    Hangup,
}

/// Both ends of a session's input.
#[derive(Default)]
pub(super) struct InputQueue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    pieces: VecDeque<Bytes>,
    bytes: usize,
    interrupt: bool,
    resize: Option<Size>,
    hangup: bool,
    over: bool,
}

/// There is no room for what was typed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InputFull;

impl InputQueue {
    /// Adds all of the bytes, or none.
    pub(super) fn push(&self, bytes: Bytes) -> Result<(), InputFull> {
        let mut waiting = self.waiting.lock();
        if waiting.bytes + bytes.len() > INPUT_BYTES || waiting.pieces.len() >= INPUT_PIECES {
            return Err(InputFull);
        }
        if !bytes.is_empty() {
            waiting.bytes += bytes.len();
            waiting.pieces.push_back(bytes);
        }
        drop(waiting);
        self.changed.notify_one();
        Ok(())
    }

    /// Several before the program reads are one.
    pub(super) fn interrupt(&self) {
        self.waiting.lock().interrupt = true;
        self.changed.notify_one();
    }

    /// The newest size replaces one that was not read.
    pub(super) fn resize(&self, size: Size) {
        self.waiting.lock().resize = Some(size);
        self.changed.notify_one();
    }

    pub(super) fn hang_up(&self) {
        self.waiting.lock().hangup = true;
        self.changed.notify_one();
    }

    fn take(&self) -> Option<Option<Input>> {
        let mut waiting = self.waiting.lock();
        if waiting.over {
            return Some(None);
        }
        if std::mem::take(&mut waiting.hangup) {
            waiting.over = true;
            return Some(Some(Input::Hangup));
        }
        if std::mem::take(&mut waiting.interrupt) {
            return Some(Some(Input::Interrupt));
        }
        if let Some(size) = waiting.resize.take() {
            return Some(Some(Input::Resize(size)));
        }
        let piece = waiting.pieces.pop_front()?;
        waiting.bytes -= piece.len();
        Some(Some(Input::Bytes(piece)))
    }
}

/// The program's end of a session's input.
pub struct InputReceiver {
    queue: Arc<InputQueue>,
}

impl InputReceiver {
    pub(super) fn new(queue: Arc<InputQueue>) -> Self {
        Self { queue }
    }

    /// The next: a hangup first, then an interrupt, then a resize, then bytes in order. `None` after [`Input::Hangup`].
    ///
    /// Dropping the future loses nothing.
    pub async fn recv(&mut self) -> Option<Input> {
        loop {
            if let Some(input) = self.queue.take() {
                return input;
            }
            // A permit that is left makes it look once more; it is never missed, since there is one reader.
            self.queue.changed.notified().await;
        }
    }

    /// Forgets typed bytes that were not read, as a terminal does at an interrupt.
    pub fn discard(&mut self) {
        let mut waiting = self.queue.waiting.lock();
        waiting.pieces.clear();
        waiting.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_interrupt_overtakes_what_was_typed_before() {
        let queue = Arc::new(InputQueue::default());
        let mut receiver = InputReceiver::new(Arc::clone(&queue));
        queue.push(Bytes::from_static(b"one")).unwrap();
        queue.resize(Size { columns: 1, lines: 1 });
        queue.resize(Size { columns: 2, lines: 2 });
        queue.interrupt();
        assert_eq!(receiver.recv().await, Some(Input::Interrupt));
        assert_eq!(receiver.recv().await, Some(Input::Resize(Size { columns: 2, lines: 2 })));
        assert_eq!(receiver.recv().await, Some(Input::Bytes(Bytes::from_static(b"one"))));
        queue.push(Bytes::from_static(b"lost")).unwrap();
        queue.hang_up();
        assert_eq!(receiver.recv().await, Some(Input::Hangup));
        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn typed_bytes_are_bounded_and_taken_whole_or_not_at_all() {
        let queue = Arc::new(InputQueue::default());
        let mut receiver = InputReceiver::new(Arc::clone(&queue));
        queue.push(vec![b'a'; INPUT_BYTES - 1].into()).unwrap();
        assert_eq!(queue.push(Bytes::from_static(b"bc")), Err(InputFull));
        queue.push(Bytes::from_static(b"b")).unwrap();
        assert!(receiver.recv().await.is_some());
        queue.push(Bytes::from_static(b"bc")).unwrap();
        receiver.discard();
        for _ in 0..INPUT_PIECES {
            queue.push(Bytes::from_static(b"x")).unwrap();
        }
        assert_eq!(queue.push(Bytes::from_static(b"x")), Err(InputFull));
    }
}
