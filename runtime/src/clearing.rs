//! Giving back what a large guest held, on a thread of its own: returning gigabytes of touched memory to the system takes
//! longer than anyone should wait for the end of a run.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Sender, channel};

use tokio::sync::watch;

use crate::sandbox::Sandbox;
use crate::scheduler::{ThreadStart, lower_priority};

/// A guest that has no more memory than this is cleared away where it ended, in a few milliseconds.
const LARGE_BYTES: u64 = 32 << 20;

/// Takes over what large guests leave. The thread ends with the last clone.
#[derive(Clone)]
pub(crate) struct Clearing(Sender<Left>);

/// What a guest left: its memory, which counts towards its tenant's budget until it is gone.
///
/// Its fields are dropped in this order.
struct Left {
    _sandbox: Sandbox,
    /// What bounds instance slots, for one.
    _kept: Option<Box<dyn Any + Send>>,
    _count: Option<Leaving>,
}

impl Clearing {
    /// Starts the thread.
    pub(crate) fn start(on_start: &ThreadStart) -> std::io::Result<Self> {
        let (sender, left) = channel::<Left>();
        let on_start = std::sync::Arc::clone(on_start);
        std::thread::Builder::new().name("clearing".to_owned()).spawn(move || {
            let _kept = on_start();
            lower_priority();
            for left in left {
                // A panic must not end the thread: everybody after would be cleared away where they ended.
                if catch_unwind(AssertUnwindSafe(|| drop(left))).is_err() {
                    tracing::error!("what a guest left could not be cleared away cleanly");
                }
            }
        })?;
        Ok(Self(sender))
    }

    /// Clears away a guest that has ended: here, or later when it is large. `kept` is given back when its memory is.
    pub(crate) fn clear(&self, sandbox: Sandbox, kept: Option<Box<dyn Any + Send>>, leavings: &Leavings) {
        let large = sandbox.peak_memory_bytes() > LARGE_BYTES;
        let left = Left { _sandbox: sandbox, _kept: kept, _count: large.then(|| leavings.one_more()) };
        if large {
            // Without the thread it comes back, and is cleared away here.
            drop(self.0.send(left));
        }
    }
}

/// Large guests of one tenant that have ended and are still being cleared away.
#[derive(Clone)]
pub(crate) struct Leavings(watch::Sender<usize>);

impl Default for Leavings {
    fn default() -> Self {
        Self(watch::Sender::new(0))
    }
}

impl Leavings {
    /// Waits until nothing is left of guests that have ended, so that the next one finds the budget free.
    pub(crate) async fn gone(&self) {
        // The sender is at hand, so that waiting does not fail.
        let _ = self.0.subscribe().wait_for(|left| *left == 0).await;
    }

    fn one_more(&self) -> Leaving {
        self.0.send_modify(|left| *left += 1);
        Leaving(self.0.clone())
    }
}

struct Leaving(watch::Sender<usize>);

impl Drop for Leaving {
    fn drop(&mut self) {
        self.0.send_modify(|left| *left -= 1);
    }
}
