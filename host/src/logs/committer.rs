//! The thread that commits the lines of all runs: takes what waits, packs, applies, flushes, then tells who waits.
//!
//! There is no fixed window: while one commit flushes, lines queue up for the next, so that commits grow with the load.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::chunk::{Chunk, ChunkBuilder};
use super::codec::Encoder;
use super::delete::{Deleted, delete_run};
use super::error::LogError;
use super::pack::{Packer, Tail};
use super::queue::{Ack, Job, Room, SeqRange, Work};
use super::retention::{Retention, Trimmed, trim};
use super::shared::Shared;
use super::tenant::TenantLog;
use crate::ids::{RunId, TenantId};
use crate::store::StoreError;
use tokio::sync::oneshot;

/// Ends of logs kept in memory by the committer; all are forgotten when there are more, and loaded when needed.
const MAX_TAILS: usize = 4096;

/// Commits until the queue is closed and empty. After a failure it refuses everything.
pub(super) fn run(shared: &Shared) {
    let _lost = MarkLost(shared);
    let packer = Packer { chunks: &shared.chunks, stats: &shared.stats, encoder: Encoder::new() };
    let mut committer = Committer { shared, packer, tails: HashMap::new() };
    while let Some(work) = shared.queue.take() {
        if let Some(error) = shared.failure() {
            refuse(work, &error);
        } else {
            committer.commit(work);
        }
    }
    shared.stopped.store(true, Ordering::Release);
    shared.stop.send_replace(true);
}

/// Tells everybody when the thread ends by a panic.
struct MarkLost<'a>(&'a Shared);

impl Drop for MarkLost<'_> {
    fn drop(&mut self) {
        self.0.stop.send_replace(true);
        if !self.0.stopped.load(Ordering::Acquire) {
            self.0.queue.close();
            self.0.fail(LogError::WriterLost);
        }
    }
}

struct Committer<'a> {
    shared: &'a Shared,
    packer: Packer<'a>,
    tails: HashMap<TenantId, Tail>,
}

/// Who waits for a job, and what it came to.
type Answer<T> = (Done<T>, T);

/// Who is told when a job is done.
type Done<T> = oneshot::Sender<Result<T, LogError>>;

/// Jobs that delete lines.
#[derive(Default)]
struct Deletions {
    trims: Vec<(Retention, Done<Trimmed>)>,
    runs: Vec<(RunId, u64, Done<Deleted>)>,
}

/// What is applied, and told when it is durable.
#[derive(Default)]
struct Staged {
    lines: Option<Chunk>,
    acks: Vec<(Ack, SeqRange)>,
    marks: Vec<oneshot::Sender<Result<(), LogError>>>,
    trims: Vec<Answer<Trimmed>>,
    deletions: Vec<Answer<Deleted>>,
    rooms: Vec<Room>,
}

impl Staged {
    fn changed(&self) -> bool {
        self.lines.is_some()
            || self.trims.iter().any(|(_, trimmed)| trimmed.lines > 0)
            || !self.deletions.is_empty()
    }

    fn refuse(self, error: &LogError) {
        self.acks.into_iter().for_each(|(ack, _)| drop(ack.send(Err(error.clone()))));
        self.marks.into_iter().for_each(|done| drop(done.send(Err(error.clone()))));
        self.trims.into_iter().for_each(|(done, _)| drop(done.send(Err(error.clone()))));
        self.deletions.into_iter().for_each(|(done, _)| drop(done.send(Err(error.clone()))));
    }
}

impl Committer<'_> {
    fn commit(&mut self, work: Work) {
        let started = Instant::now();
        let mut staged: Vec<(Arc<TenantLog>, Staged)> = Vec::with_capacity(work.len());
        let mut result = Ok(());
        for (tenant, jobs) in work {
            let mut stage = Staged::default();
            if result.is_ok() {
                result = self.stage(&tenant, jobs, &mut stage);
            } else {
                // Whoever waits finds its answer's sender dropped, which reads as the failure.
                drop(jobs);
            }
            staged.push((tenant, stage));
        }
        if result.is_ok() && staged.iter().any(|(_, stage)| stage.changed()) {
            result = self.shared.chunks.commit().and_then(|()| self.mark(&staged));
        }
        if let Err(error) = result {
            let error = LogError::StoreFailed(Arc::new(error));
            self.shared.fail(error.clone());
            staged.into_iter().for_each(|(_, stage)| stage.refuse(&error));
            return;
        }
        for (tenant, stage) in staged {
            self.publish(&tenant, stage);
        }
        self.shared.stats.commits.add(1);
        self.shared.stats.commit_us.add(u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX));
        if self.tails.len() > MAX_TAILS {
            self.tails.clear();
        }
    }

    /// Remembers how far each log is durable now.
    fn mark(&self, staged: &[(Arc<TenantLog>, Staged)]) -> Result<(), StoreError> {
        let last_seqs =
            staged.iter().filter_map(|(tenant, stage)| Some((tenant, stage.lines.as_ref()?.last_seq())));
        last_seqs.into_iter().try_for_each(|(tenant, seq)| self.shared.chunks.mark(&tenant.scope, seq))
    }

    /// Applies one tenant's jobs; what comes of them is told by [`Committer::publish`].
    fn stage(&mut self, tenant: &TenantLog, jobs: Vec<Job>, stage: &mut Staged) -> Result<(), StoreError> {
        tenant.durable_seq(&self.shared.chunks)?;
        let tail = match self.tails.entry(tenant.scope.tenant().clone()) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(Tail::load(&self.shared.chunks, &tenant.scope)?)
            }
        };
        let mut builder = ChunkBuilder::new(tail.state.last_seq + 1, tail.state.last_time_us);
        let mut deletions = Deletions::default();
        for job in jobs {
            match job {
                Job::Lines { source, batch, ack, room } => {
                    let seqs = builder.push(&source, &batch);
                    stage.acks.extend(ack.map(|ack| (ack, seqs)));
                    stage.rooms.push(room);
                }
                Job::Mark { done } => stage.marks.push(done),
                Job::Trim { retention, done } => deletions.trims.push((retention, done)),
                Job::Delete { run, from_seq, done } => deletions.runs.push((run, from_seq, done)),
            }
        }
        let (fresh, clock_breaks) = builder.finish();
        if !fresh.heads.is_empty() {
            let writes = self.packer.pack(&tenant.scope, tail, &fresh, &clock_breaks)?;
            self.shared.chunks.apply(&tenant.scope, writes)?;
            stage.lines = Some(fresh);
        }
        self.delete(tenant, deletions, stage)
    }

    fn delete(
        &mut self,
        tenant: &TenantLog,
        deletions: Deletions,
        stage: &mut Staged,
    ) -> Result<(), StoreError> {
        let Self { shared, packer, tails } = self;
        let (chunks, stats, scope) = (&shared.chunks, &shared.stats, &tenant.scope);
        let Some(tail) = tails.get_mut(scope.tenant()) else { return Ok(()) };
        for (retention, done) in deletions.trims {
            stage.trims.push((done, trim(chunks, scope, tail, &retention, stats)?));
        }
        for (run, from_seq, done) in deletions.runs {
            let deleted = delete_run(chunks, scope, tail, &mut packer.encoder, (&run, from_seq), stats)?;
            stage.deletions.push((done, deleted));
        }
        Ok(())
    }

    fn publish(&self, tenant: &TenantLog, stage: Staged) {
        if let Some(lines) = stage.lines {
            self.shared.stats.lines.add(lines.heads.len() as u64);
            self.shared.stats.text_bytes.add(lines.text.len() as u64);
            tenant.publish(lines);
        }
        if !stage.deletions.is_empty() {
            tenant.forget_recent();
        }
        let released: usize = stage.rooms.iter().map(|room| room.bytes).sum();
        self.shared.stats.queue_bytes.sub(released as u64);
        drop(stage.rooms);
        stage.acks.into_iter().for_each(|(ack, seqs)| drop(ack.send(Ok(seqs))));
        stage.marks.into_iter().for_each(|done| drop(done.send(Ok(()))));
        stage.trims.into_iter().for_each(|(done, trimmed)| drop(done.send(Ok(trimmed))));
        stage.deletions.into_iter().for_each(|(done, deleted)| drop(done.send(Ok(deleted))));
    }
}

fn refuse(work: Work, error: &LogError) {
    for job in work.into_iter().flat_map(|(_, jobs)| jobs) {
        match job {
            Job::Lines { ack, .. } => drop(ack.map(|ack| ack.send(Err(error.clone())))),
            Job::Mark { done } => drop(done.send(Err(error.clone()))),
            Job::Trim { done, .. } => drop(done.send(Err(error.clone()))),
            Job::Delete { done, .. } => drop(done.send(Err(error.clone()))),
        }
    }
}
