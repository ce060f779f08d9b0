//! Group commit: one thread flushes for everyone who waits.

use std::fs::File;

use tokio::sync::{mpsc, oneshot, watch};

use super::{Current, StoreError};

/// Callers that may wait for the next flush; further ones wait for a place.
const MAX_WAITING: usize = 4_096;

type Ticket = oneshot::Sender<bool>;

/// Flushes on a thread of its own. What has queued up while one flush ran shares the next.
pub(super) struct Committer {
    // Absent only while the value is dropped.
    tickets: Option<mpsc::Sender<Ticket>>,
    thread: Option<std::thread::JoinHandle<()>>,
    failed: watch::Receiver<bool>,
}

impl Drop for Committer {
    /// Waits for the last flush, so that the database is closed before its directory is given up.
    fn drop(&mut self) {
        self.tickets = None;
        if let Some(thread) = self.thread.take() {
            // A panic of the thread has been reported by its own tickets.
            let _ = thread.join();
        }
    }
}

impl Committer {
    pub(super) fn start(current: Current) -> Result<Self, StoreError> {
        let (tickets, queue) = mpsc::channel(MAX_WAITING);
        let (report, failed) = watch::channel(false);
        let thread = std::thread::Builder::new()
            .name("store-commit".to_owned())
            .spawn(move || run(&current, queue, &report))
            .map_err(StoreError::io("start the commit thread"))?;
        Ok(Self { tickets: Some(tickets), thread: Some(thread), failed })
    }

    pub(super) async fn commit(&self) -> Result<(), StoreError> {
        let (ticket, done) = oneshot::channel();
        self.tickets()?.send(ticket).await.map_err(|_| StoreError::Failed)?;
        conclude(done.await)
    }

    pub(super) fn commit_blocking(&self) -> Result<(), StoreError> {
        let (ticket, done) = oneshot::channel();
        self.tickets()?.blocking_send(ticket).map_err(|_| StoreError::Failed)?;
        conclude(done.blocking_recv())
    }

    fn tickets(&self) -> Result<&mpsc::Sender<Ticket>, StoreError> {
        self.tickets.as_ref().ok_or(StoreError::Failed)
    }

    pub(super) async fn failed(&self) {
        let mut failed = self.failed.clone();
        if failed.wait_for(|failed| *failed).await.is_err() {
            // The thread ended without a failure: the store is closing, and nobody needs to know.
            std::future::pending::<()>().await;
        }
    }
}

fn conclude(done: Result<bool, oneshot::error::RecvError>) -> Result<(), StoreError> {
    match done {
        Ok(true) => Ok(()),
        Ok(false) | Err(_) => Err(StoreError::Failed),
    }
}

fn run(current: &Current, mut queue: mpsc::Receiver<Ticket>, failed: &watch::Sender<bool>) {
    let mut waiting = Vec::new();
    while queue.blocking_recv_many(&mut waiting, MAX_WAITING) > 0 {
        let flushed = current.get().flush();
        if let Err(error) = &flushed {
            tracing::error!(error = ?error, "the store could not write to its disk and takes no more");
        }
        for ticket in waiting.drain(..) {
            // Whoever gave up waiting does not hear of it.
            let _ = ticket.send(flushed.is_ok());
        }
        if flushed.is_err() {
            failed.send_replace(true);
            return;
        }
    }
}

/// sled's flush hands pages to the kernel; only `sync_data` makes them survive a loss of power.
pub(super) fn flush(db: &sled::Db, file: &File) -> Result<(), StoreError> {
    db.flush().map_err(StoreError::database("flush the database"))?;
    file.sync_data().map_err(StoreError::io("sync the database"))
}
