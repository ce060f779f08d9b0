//! The switch by which anyone ends a run, from any thread.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU8, Ordering};

use futures_util::task::AtomicWaker;

use crate::scheduler::QueuePlace;

/// Why a run is ended from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Cancelled,
    WallTime,
    OutputLimit,
}

const RUNNING: u8 = 0;

/// Shared by a run and everyone who may end it. The first reason wins.
#[derive(Default)]
pub(crate) struct RunControl {
    stop: AtomicU8,
    waker: AtomicWaker,
    place: OnceLock<QueuePlace>,
}

impl RunControl {
    /// Tells the control where its run stands in the scheduler's queues.
    pub(crate) fn set_place(&self, place: QueuePlace) {
        // Set once, when the run is spawned; a second place would be the same one.
        let _ = self.place.set(place);
    }

    /// Asks the run to end. Returns at once; the run ends within one slice.
    pub(crate) fn stop(&self, reason: Stop) {
        let code = match reason {
            Stop::Cancelled => 1,
            Stop::WallTime => 2,
            Stop::OutputLimit => 3,
        };
        if self.stop.compare_exchange(RUNNING, code, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.waker.wake();
            if let Some(place) = self.place.get() {
                place.expedite();
            }
        }
    }

    /// The reason, once the run was asked to end.
    pub(crate) fn stopped(&self) -> Option<Stop> {
        match self.stop.load(Ordering::Acquire) {
            1 => Some(Stop::Cancelled),
            2 => Some(Stop::WallTime),
            3 => Some(Stop::OutputLimit),
            _ => None,
        }
    }

    /// Wakes this task when the run is asked to end.
    pub(crate) fn register(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }
}
