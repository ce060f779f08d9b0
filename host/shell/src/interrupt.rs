//! Ending what a session waits for, from outside.

use std::sync::Arc;

use tokio::sync::watch;

/// Interrupts what a shell (or one job of it) runs. Clones interrupt the same one.
#[derive(Debug, Clone)]
pub struct Interrupter {
    count: Arc<watch::Sender<u64>>,
}

impl Interrupter {
    pub(crate) fn new() -> Self {
        Self { count: Arc::new(watch::Sender::new(0)) }
    }

    /// Cancels what runs in the foreground at this moment, whose status becomes [`crate::status::INTERRUPTED`]. A second
    /// time, what has not ended yet is no longer waited for. Without anything in the foreground nothing happens.
    pub fn interrupt(&self) {
        self.count.send_modify(|count| *count += 1);
    }

    /// Sees interruptions from now on.
    pub(crate) fn watch(&self) -> Interruption {
        let receiver = self.count.subscribe();
        let since = *receiver.borrow();
        Interruption { receiver, since }
    }
}

/// Whether something was interrupted since a moment.
#[derive(Debug, Clone)]
pub(crate) struct Interruption {
    receiver: watch::Receiver<u64>,
    since: u64,
}

impl Interruption {
    pub(crate) fn happened(&self) -> bool {
        *self.receiver.borrow() > self.since
    }

    pub(crate) async fn once(&self) {
        self.times(1).await;
    }

    pub(crate) async fn twice(&self) {
        self.times(2).await;
    }

    async fn times(&self, times: u64) {
        let mut receiver = self.receiver.clone();
        if receiver.wait_for(|count| *count >= self.since + times).await.is_err() {
            // Nobody is left who could interrupt.
            std::future::pending::<()>().await;
        }
    }
}
