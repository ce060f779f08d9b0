//! A lock with a condition to wait for: the seam at which a model checker takes the place of the real one.

use std::ops::DerefMut;
use std::time::Duration;

/// A value that threads share, lock and wait on.
pub trait Monitor<T>: Send + Sync {
    /// The locked value.
    type Guard<'a>: DerefMut<Target = T>
    where
        Self: 'a;

    /// A monitor of this value.
    fn new(value: T) -> Self;

    /// Locks.
    fn lock(&self) -> Self::Guard<'_>;

    /// Unlocks, waits for a notification or until `most` has passed, and locks again. May wake for no reason.
    fn wait<'a>(&'a self, guard: Self::Guard<'a>, most: Option<Duration>) -> Self::Guard<'a>;

    /// Wakes one thread that waits.
    fn notify_one(&self);

    /// Wakes all threads that wait.
    fn notify_all(&self);
}

/// The real one.
pub struct ParkingLot<T> {
    value: parking_lot::Mutex<T>,
    condition: parking_lot::Condvar,
}

impl<T: Send> Monitor<T> for ParkingLot<T> {
    type Guard<'a>
        = parking_lot::MutexGuard<'a, T>
    where
        Self: 'a;

    fn new(value: T) -> Self {
        Self { value: parking_lot::Mutex::new(value), condition: parking_lot::Condvar::new() }
    }

    fn lock(&self) -> Self::Guard<'_> {
        self.value.lock()
    }

    fn wait<'a>(&'a self, mut guard: Self::Guard<'a>, most: Option<Duration>) -> Self::Guard<'a> {
        match most {
            // Whether it was the time or a notification does not matter: the caller looks again.
            Some(most) => drop(self.condition.wait_for(&mut guard, most)),
            None => self.condition.wait(&mut guard),
        }
        guard
    }

    fn notify_one(&self) {
        self.condition.notify_one();
    }

    fn notify_all(&self) {
        self.condition.notify_all();
    }
}
