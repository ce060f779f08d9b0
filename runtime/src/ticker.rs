//! The epoch ticker: an OS thread that ends slices, and the deadlines it watches.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::control::{RunControl, Stop};
use crate::engine::Engines;
use crate::scheduler::Preempt;

/// Ticks without a running slice after which the ticker sleeps until the next deadline or slice.
const IDLE_TICKS: u32 = 64;

/// Ends slices and watches deadlines.
pub(crate) struct Ticker {
    shared: Arc<TickerShared>,
    thread: Option<JoinHandle<()>>,
}

/// What the ticker shares with sandbox threads and runs.
pub(crate) struct TickerShared {
    engines: Arc<Engines>,
    running_slices: AtomicUsize,
    asleep: AtomicBool,
    deadlines: Mutex<Deadlines>,
    wake: Condvar,
    numbers: AtomicU64,
}

#[derive(Default)]
struct Deadlines {
    by_time: BTreeMap<(Instant, u64), Weak<RunControl>>,
    stopping: bool,
}

/// A run's wall-time limit; dropping it lifts the limit.
pub(crate) struct Deadline {
    shared: Arc<TickerShared>,
    key: (Instant, u64),
}

impl Drop for Deadline {
    fn drop(&mut self) {
        self.shared.deadlines.lock().by_time.remove(&self.key);
    }
}

impl Ticker {
    pub(crate) fn start(engines: Arc<Engines>, tick: Duration) -> std::io::Result<Self> {
        let shared = Arc::new(TickerShared {
            engines,
            running_slices: AtomicUsize::new(0),
            asleep: AtomicBool::new(false),
            deadlines: Mutex::default(),
            wake: Condvar::new(),
            numbers: AtomicU64::new(1),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("epoch-ticker".to_owned())
            .spawn(move || for_thread.tick(tick))?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(crate) fn shared(&self) -> &Arc<TickerShared> {
        &self.shared
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.deadlines.lock().stopping = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // The ticker's loop does not panic; were it to, there is nothing left to stop.
            let _ = thread.join();
        }
        // The sandbox threads are gone. Guests that wait for something would wait for ever, and hold what they hold:
        // woken, their tasks are refused and dropped.
        let left = std::mem::take(&mut self.shared.deadlines.lock().by_time);
        for control in left.values().filter_map(Weak::upgrade) {
            control.stop(Stop::Cancelled);
        }
    }
}

impl TickerShared {
    /// Ends the run at `at`.
    pub(crate) fn watch(self: &Arc<Self>, at: Instant, control: &Arc<RunControl>) -> Deadline {
        let key = (at, self.numbers.fetch_add(1, Ordering::Relaxed));
        let mut deadlines = self.deadlines.lock();
        let earliest = deadlines.by_time.first_key_value().is_none_or(|(first, _)| key < *first);
        deadlines.by_time.insert(key, Arc::downgrade(control));
        drop(deadlines);
        if earliest && self.asleep.load(Ordering::SeqCst) {
            self.wake.notify_one();
        }
        Deadline { shared: Arc::clone(self), key }
    }

    fn tick(&self, tick: Duration) {
        let mut idle_ticks = 0;
        loop {
            if self.running_slices.load(Ordering::SeqCst) > 0 {
                idle_ticks = 0;
                self.bump();
            } else {
                idle_ticks += 1;
            }
            let expired = {
                let mut deadlines = self.deadlines.lock();
                if deadlines.stopping {
                    return;
                }
                deadlines.take_expired()
            };
            for control in expired.iter().filter_map(Weak::upgrade) {
                control.stop(Stop::WallTime);
            }
            if idle_ticks < IDLE_TICKS {
                std::thread::sleep(tick);
            } else {
                self.sleep();
            }
        }
    }

    /// Sleeps until a slice starts, or the next deadline.
    fn sleep(&self) {
        let mut deadlines = self.deadlines.lock();
        self.asleep.store(true, Ordering::SeqCst);
        // Looked at after `asleep` is set: a slice that starts now either is seen here or sees `asleep`.
        if self.running_slices.load(Ordering::SeqCst) == 0 && !deadlines.stopping {
            match deadlines.by_time.first_key_value().map(|((at, _), _)| *at) {
                Some(at) => {
                    self.wake.wait_until(&mut deadlines, at);
                }
                None => self.wake.wait(&mut deadlines),
            }
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    fn bump(&self) {
        for engine in self.engines.made() {
            engine.increment_epoch();
        }
    }
}

impl Deadlines {
    fn take_expired(&mut self) -> Vec<Weak<RunControl>> {
        let now = Instant::now();
        // At nearly every tick nothing has expired.
        if self.by_time.first_key_value().is_none_or(|((at, _), _)| *at > now) {
            return Vec::new();
        }
        let later = self.by_time.split_off(&(now, u64::MAX));
        std::mem::replace(&mut self.by_time, later).into_values().collect()
    }
}

impl Preempt for TickerShared {
    fn preempt(&self) {
        self.bump();
    }

    fn slice_started(&self) {
        if self.running_slices.fetch_add(1, Ordering::SeqCst) == 0 && self.asleep.load(Ordering::SeqCst) {
            let _deadlines = self.deadlines.lock();
            self.wake.notify_one();
        }
    }

    fn slice_ended(&self) {
        self.running_slices.fetch_sub(1, Ordering::SeqCst);
    }
}
