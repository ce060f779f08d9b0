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
/// Lines of one tenant among others, and of all, that go into one commit, in bytes. Small enough for a commit to take
/// some milliseconds: that is how long another tenant's line waits.
const TENANT_COMMIT_BYTES: usize = 1024 * 1024;
const COMMIT_BYTES: usize = 4 * 1024 * 1024;
/// What a line takes in the queue beyond its text.
const LINE_QUEUE_BYTES: usize = 32;

/// How long lines gather before they are committed when nobody waits for them or follows their tenant's log. A commit costs
/// a flush and a round of the store's threads, however few its lines are.
const GATHER: Duration = Duration::from_millis(25);
/// How long they gather when somebody follows the log, who sees them that much later.
const GATHER_FOLLOWED: Duration = Duration::from_millis(5);

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

#[derive(Default)]
struct Ready {
    tenants: VecDeque<Arc<TenantLog>>,
    /// Lines that came since the last commit was taken, in bytes.
    gathered_bytes: usize,
    /// When the next commit is taken: at once when somebody waits for it, or there is a commit's worth.
    due: Option<Instant>,
    open: bool,
}

impl Queue {
    pub(super) fn new() -> Self {
        let ready = Ready { open: true, ..Ready::default() };
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
        let gather = gather(awaited || ready.gathered_bytes >= TENANT_COMMIT_BYTES, tenant);
        pending.jobs.push_back(job);
        let was_empty = ready.tenants.is_empty();
        if !pending.listed {
            pending.listed = true;
            ready.tenants.push_back(Arc::clone(tenant));
        }
        let due = Instant::now() + gather;
        // What was due may be what the last commit took along: then nobody looks at it.
        if was_empty || ready.due.is_none_or(|already| due < already) {
            ready.due = Some(due);
            self.wake.notify_one();
        }
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
            while ready.open
                && let Some(due) = ready.due.filter(|due| *due > Instant::now())
            {
                self.wake.wait_until(&mut ready, due);
            }
            (ready.due, ready.gathered_bytes) = (None, 0);
            std::mem::take(&mut ready.tenants)
        };
        let mut work = Vec::new();
        let (mut taken_bytes, mut again) = (0, Vec::new());
        let most_bytes = if tenants.len() == 1 { COMMIT_BYTES } else { TENANT_COMMIT_BYTES };
        while taken_bytes < COMMIT_BYTES
            && let Some(tenant) = tenants.pop_front()
        {
            let (jobs, bytes, more) = take_jobs(&mut tenant.pending.lock(), most_bytes);
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
            ready.due = Some(Instant::now());
        }
        Some(work)
    }

    /// Takes no more jobs; those that wait are still done.
    pub(super) fn close(&self) {
        self.ready.lock().open = false;
        self.wake.notify_all();
    }
}

/// How long a job may wait for others before its commit is taken.
fn gather(urgent: bool, tenant: &TenantLog) -> Duration {
    match (urgent, tenant.is_followed()) {
        (true, _) => Duration::ZERO,
        (false, true) => GATHER_FOLLOWED,
        (false, false) => GATHER,
    }
}

/// Jobs of one tenant for one commit, their bytes, and whether it has more.
fn take_jobs(pending: &mut Pending, most_bytes: usize) -> (Vec<Job>, usize, bool) {
    let (mut jobs, mut taken_bytes) = (Vec::new(), 0);
    while taken_bytes < most_bytes
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

#[cfg(test)]
mod tests {
    use super::super::tenant::Tenants;
    use super::*;
    use crate::auth::TenantScope;
    use crate::clock::Clock;
    use crate::ids::TenantId;

    fn tenant() -> Arc<TenantLog> {
        Tenants::default().get(&TenantScope::for_test(TenantId::generate(&Clock::system())))
    }

    const HALF: usize = TENANT_COMMIT_BYTES / 2;

    /// Queues so many batches of so many bytes.
    async fn fill(queue: &Queue, tenant: &Arc<TenantLog>, batches: usize, bytes: usize) {
        let run = RunId::generate(&Clock::system());
        let source = Arc::new(LineSource::of_run(run, "flood".parse().unwrap()));
        for _ in 0..batches {
            let batch = LineBatch { text: vec![b'x'; bytes], lines: Vec::new() };
            let room = queue.room(tenant, &batch).await.unwrap();
            let job = Job::Lines { source: Arc::clone(&source), batch, ack: None, room };
            queue.push(tenant, job).unwrap();
        }
    }

    #[tokio::test]
    async fn a_tenant_alone_has_a_whole_commit_and_one_among_others_a_part_of_it() {
        let (queue, flood, light) = (Queue::new(), tenant(), tenant());
        fill(&queue, &flood, 6, HALF).await;
        let jobs = |work: Work| work.iter().map(|(_, jobs)| jobs.len()).collect::<Vec<_>>();
        assert_eq!(jobs(queue.take().unwrap()), [6]);
        fill(&queue, &flood, 6, HALF).await;
        fill(&queue, &light, 1, HALF).await;
        assert_eq!(jobs(queue.take().unwrap()), [2, 1]);
        assert_eq!(jobs(queue.take().unwrap()), [4]);
    }

    #[tokio::test]
    async fn a_job_that_a_commit_took_along_keeps_no_later_one_from_waking_the_committer() {
        let (queue, one, other) = (Queue::new(), tenant(), tenant());
        // Too little to be urgent, all together.
        fill(&queue, &one, 1, 1).await;
        // As far as `take` is when it has the tenants and not yet their jobs.
        let taken = std::mem::take(&mut *queue.ready.lock()).tenants;
        queue.ready.lock().open = true;
        fill(&queue, &one, 1, 1).await;
        assert_eq!((taken.len(), take_jobs(&mut one.pending.lock(), COMMIT_BYTES).0.len()), (1, 2));
        let stale = queue.ready.lock().due;
        fill(&queue, &other, 1, 1).await;
        assert!(queue.ready.lock().due > stale);
    }

    #[test]
    fn lines_wait_for_others_unless_somebody_waits_for_them_and_shorter_when_somebody_follows() {
        let tenant = tenant();
        assert_eq!(gather(true, &tenant), Duration::ZERO);
        assert_eq!(gather(false, &tenant), GATHER);
        let follower = tenant.subscribe();
        assert_eq!(gather(false, &tenant), GATHER_FOLLOWED);
        drop(follower);
        assert_eq!(gather(false, &tenant), GATHER);
    }
}
