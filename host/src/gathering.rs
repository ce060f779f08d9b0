//! A queue to a thread that lets what nobody waits for gather, so that the thread wakes once for many.

use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

/// Many put, one thread takes. Its length is bounded by those who put: see [`Gathering::put`].
pub(crate) struct Gathering<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
}

struct State<T> {
    waiting: Vec<T>,
    /// Somebody waits for something in the queue.
    urgent: bool,
    open: bool,
}

impl<T> Default for Gathering<T> {
    fn default() -> Self {
        let state = State { waiting: Vec::new(), urgent: false, open: true };
        Self { state: Mutex::new(state), wake: Condvar::new() }
    }
}

impl<T> Gathering<T> {
    /// Adds to the end; how many wait then. What somebody waits for is urgent, and all before it.
    ///
    /// # Errors
    /// Gives it back once the queue is closed.
    pub(crate) fn put(&self, item: T, urgent: bool) -> Result<usize, T> {
        let mut state = self.state.lock();
        if !state.open {
            return Err(item);
        }
        let wakes = state.waiting.is_empty() || urgent && !state.urgent;
        state.urgent |= urgent;
        state.waiting.push(item);
        let waiting = state.waiting.len();
        drop(state);
        if wakes {
            self.wake.notify_one();
        }
        Ok(waiting)
    }

    /// Takes all that waits, in order. Blocks while there is nothing, and then, unless something is urgent, for as long
    /// as `gather`. `None` once the queue is closed and empty.
    pub(crate) fn take(&self, gather: Duration) -> Option<Vec<T>> {
        let mut state = self.state.lock();
        while state.waiting.is_empty() {
            if !state.open {
                return None;
            }
            self.wake.wait(&mut state);
        }
        let until = Instant::now() + gather;
        while !state.urgent && state.open && !self.wake.wait_until(&mut state, until).timed_out() {}
        state.urgent = false;
        Some(std::mem::take(&mut state.waiting))
    }

    /// Takes no more; what waits can still be taken.
    pub(crate) fn close(&self) {
        self.state.lock().open = false;
        self.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    /// Longer than any test takes: whoever waits for it hangs.
    const FOR_EVER: Duration = Duration::from_secs(3_600);

    #[test]
    fn what_is_urgent_ends_the_gathering_and_takes_all_before_it_along() {
        let queue = Arc::new(Gathering::default());
        let of_thread = Arc::clone(&queue);
        let taker = std::thread::spawn(move || of_thread.take(FOR_EVER));
        assert_eq!(queue.put(1, false), Ok(1));
        assert_eq!(queue.put(2, false), Ok(2));
        assert_eq!(queue.put(3, true), Ok(3));
        assert_eq!(taker.join().unwrap(), Some(vec![1, 2, 3]));
        // It was not urgent for what comes next.
        assert_eq!(queue.put(4, false), Ok(1));
        assert_eq!(queue.take(Duration::ZERO), Some(vec![4]));
    }

    #[test]
    fn a_closed_queue_gives_out_what_it_holds_and_takes_no_more() {
        let queue = Arc::new(Gathering::default());
        assert_eq!(queue.put(1, false), Ok(1));
        let of_thread = Arc::clone(&queue);
        let taker = std::thread::spawn(move || (of_thread.take(FOR_EVER), of_thread.take(FOR_EVER)));
        queue.close();
        assert_eq!(taker.join().unwrap(), (Some(vec![1]), None));
        assert_eq!(queue.put(2, true), Err(2));
    }
}
