//! The bounded queue between the runs and the committer, fair between tenants.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::delete::Deleted;
use super::error::LogError;
use super::line::LineSource;
use super::retention::{Retention, Trimmed};
use super::split::LineBatch;
use super::tenant::TenantLog;
use crate::ids::RunId;

/// Lines of one tenant that may wait, in bytes.
pub(super) const TENANT_QUEUE_BYTES: usize = 4 * 1024 * 1024;
/// Lines of all tenants that may wait, in bytes.
pub(super) const QUEUE_BYTES: usize = 64 * 1024 * 1024;
/// Lines of one tenant, and of all, that go into one commit, in bytes. Small enough for a commit to take some
/// milliseconds: that is how long another tenant's line waits.
const TENANT_COMMIT_BYTES: usize = 1024 * 1024;
const COMMIT_BYTES: usize = 4 * 1024 * 1024;
/// What a line takes in the queue beyond its text.
const LINE_QUEUE_BYTES: usize = 32;

/// How long lines that nobody waits for gather before they are committed, in milliseconds. A commit costs a flush and a
/// round of the store's threads, however few its lines are; a follower sees lines that much later.
const GATHER_MS: u64 = 5;

/// Sequence numbers of lines that were appended together, first and last. The last is one less when there were none.
pub type SeqRange = (u64, u64);

/// Who waits for a commit.
pub(super) type Ack = oneshot::Sender<Result<SeqRange, LogError>>;

/// Something for the committer to do.
pub(super) enum Job {
    /// Lines to commit; without any, a mark in the queue that is answered when all before it is durable.
    Lines { source: Arc<LineSource>, batch: LineBatch, ack: Option<Ack>, room: Room },
    /// A mark in the queue, answered when all of the tenant's lines before it are durable.
    Mark { done: oneshot::Sender<Result<(), LogError>> },
    /// Old lines to delete.
    Trim { retention: Retention, done: oneshot::Sender<Result<Trimmed, LogError>> },
    /// Lines of a run to delete, from a line on.
    Delete { run: RunId, from_seq: u64, done: oneshot::Sender<Result<Deleted, LogError>> },
}

/// A place in the queue; given back when dropped.
pub(super) struct Room {
    pub(super) bytes: usize,
    _tenant: OwnedSemaphorePermit,
    _all: OwnedSemaphorePermit,
}

/// Jobs of one tenant that wait.
#[derive(Default)]
pub(super) struct Pending {
    jobs: VecDeque<Job>,
    /// True while the tenant stands in the list of those with jobs.
    listed: bool,
}

/// What one commit takes: tenants and their jobs, in order.
pub(super) type Work = Vec<(Arc<TenantLog>, Vec<Job>)>;

/// The queue.
pub(super) struct Queue {
    ready: Mutex<Ready>,
    wake: Condvar,
    room: Arc<Semaphore>,
}

struct Ready {
    tenants: VecDeque<Arc<TenantLog>>,
    /// Lines that came since the last commit was taken, in bytes.
    gathered_bytes: usize,
    /// Somebody waits for the next commit, or there is a commit's worth.
    urgent: bool,
    open: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        let ready = Ready { tenants: VecDeque::new(), gathered_bytes: 0, urgent: false, open: true };
        Self { ready: Mutex::new(ready), wake: Condvar::new(), room: Arc::new(Semaphore::new(QUEUE_BYTES)) }
    }

    /// Waits for room, first the tenant's, then everybody's.
    pub(super) async fn room(&self, tenant: &TenantLog, batch: &LineBatch) -> Result<Room, LogError> {
        let bytes = (batch.text.len() + batch.len() * LINE_QUEUE_BYTES).min(TENANT_QUEUE_BYTES);
        let permits = u32::try_from(bytes).unwrap_or(u32::MAX);
        let own = Arc::clone(&tenant.room).acquire_many_owned(permits).await;
        let all = Arc::clone(&self.room).acquire_many_owned(permits).await;
        let (Ok(own), Ok(all)) = (own, all) else { return Err(LogError::Closed) };
        Ok(Room { bytes, _tenant: own, _all: all })
    }

    /// Adds a job behind the others of its tenant.
    pub(super) fn push(&self, tenant: &Arc<TenantLog>, job: Job) -> Result<(), LogError> {
        let mut pending = tenant.pending.lock();
        let mut ready = self.ready.lock();
        if !ready.open {
            return Err(LogError::Closed);
        }
        let (bytes, awaited) = match &job {
            Job::Lines { ack, room, .. } => (room.bytes, ack.is_some()),
            Job::Mark { .. } | Job::Trim { .. } | Job::Delete { .. } => (0, true),
        };
        ready.gathered_bytes += bytes;
        let urgent = awaited || ready.gathered_bytes >= TENANT_COMMIT_BYTES;
        pending.jobs.push_back(job);
        let was_empty = ready.tenants.is_empty();
        if !pending.listed {
            pending.listed = true;
            ready.tenants.push_back(Arc::clone(tenant));
        }
        if was_empty || (urgent && !ready.urgent) {
            self.wake.notify_one();
        }
        ready.urgent |= urgent;
        Ok(())
    }

    /// Takes what waits, at most one commit's worth, tenant by tenant; blocks while there is nothing. `None` once the
    /// queue is closed and empty.
    pub(super) fn take(&self) -> Option<Work> {
        let mut tenants = {
            let mut ready = self.ready.lock();
            while ready.tenants.is_empty() {
                if !ready.open {
                    return None;
                }
                self.wake.wait(&mut ready);
            }
            let deadline = Instant::now() + Duration::from_millis(GATHER_MS);
            while !ready.urgent && ready.open && !self.wake.wait_until(&mut ready, deadline).timed_out() {}
            (ready.urgent, ready.gathered_bytes) = (false, 0);
            std::mem::take(&mut ready.tenants)
        };
        let mut work = Vec::new();
        let (mut taken_bytes, mut again) = (0, Vec::new());
        while taken_bytes < COMMIT_BYTES
            && let Some(tenant) = tenants.pop_front()
        {
            let (jobs, bytes, more) = take_jobs(&mut tenant.pending.lock());
            taken_bytes += bytes;
            if more {
                again.push(Arc::clone(&tenant));
            }
            work.push((tenant, jobs));
        }
        if !tenants.is_empty() || !again.is_empty() {
            // Those not served stay in front of those that came meanwhile; those served once go behind.
            let mut ready = self.ready.lock();
            tenants.append(&mut ready.tenants);
            tenants.extend(again);
            ready.tenants = tenants;
            ready.urgent = true;
        }
        Some(work)
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.ready.lock().open = false;
        self.wake.notify_all();
    }
}

/// Jobs of one tenant for one commit, their bytes, and whether it has more.
fn take_jobs(pending: &mut Pending) -> (Vec<Job>, usize, bool) {
    let (mut jobs, mut taken_bytes) = (Vec::new(), 0);
    while taken_bytes < TENANT_COMMIT_BYTES
        && let Some(job) = pending.jobs.pop_front()
    {
        if let Job::Lines { room, .. } = &job {
            taken_bytes += room.bytes;
        }
        jobs.push(job);
    }
    pending.listed = !pending.jobs.is_empty();
    (jobs, taken_bytes, pending.listed)
}
