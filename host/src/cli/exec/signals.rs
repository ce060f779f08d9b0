//! The signals that end a run from afar.

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::cli::failure::{Failure, Outcome};

/// Ctrl-C, a polite end, and a terminal that went away.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
}

impl Signals {
    /// From now on these signals no longer end the process by themselves.
    pub(super) fn install() -> Outcome<Self> {
        let listen = |kind| signal(kind).map_err(|error| Failure::local("listen for signals", &error));
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Waits for one; gives the exit code a shell shows for it, 128 and its number.
    pub(super) async fn next(&mut self) -> u8 {
        tokio::select! {
            _ = self.interrupt.recv() => 130,
            _ = self.terminate.recv() => 143,
            _ = self.hang_up.recv() => 129,
        }
    }
}
