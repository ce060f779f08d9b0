//! Finding, listing and ending runs.

use std::time::Duration;

use super::{CommandError, Commands};
use crate::api::{self, RunStatus};
use crate::auth::{Permit, TenantScope, act};
use crate::ids::{CommandName, RunId};
use crate::store::{Page, RunRecord, StoreError};

/// How long a kill waits for the run's record before it answers what it knows.
const KILL_ANSWER_MS: u64 = 2_000;
/// Runs repaired in one step after a crash.
const REPAIR_STEP: usize = 1_000;

/// Which runs of a tenant are wanted.
#[derive(Debug, Clone, Default)]
pub struct RunFilter {
    /// Runs that stand here.
    pub status: Option<RunStatus>,
    /// Runs of this command.
    pub command: Option<CommandName>,
}

impl RunFilter {
    fn wants(&self, run: &RunRecord) -> bool {
        self.status.is_none_or(|status| run.status == status)
            && self.command.as_ref().is_none_or(|command| run.command == *command)
    }
}

impl Commands {
    /// One run of a tenant.
    ///
    /// # Errors
    /// [`CommandError::RunNotFound`].
    pub async fn run(&self, permit: &Permit<act::RunRead>, id: &RunId) -> Result<api::Run, CommandError> {
        self.record(permit.scope(), id).await.map(|record| record.to_api())
    }

    /// A page of a tenant's runs, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        permit: &Permit<act::RunRead>,
        filter: RunFilter,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<api::Run>, CommandError> {
        self.inner.records.settled().await;
        let scope = permit.scope().clone();
        let page = self.inner.store.read(move |reader| {
            Ok::<_, CommandError>(reader.runs(&scope, after, limit, |run| filter.wants(run))?)
        });
        Ok(page.await?.map(|record| record.to_api()))
    }

    /// A tenant's runs that have not ended, newest first, at most `limit`.
    #[must_use]
    pub fn active_runs(&self, permit: &Permit<act::RunRead>, limit: usize) -> Vec<api::Run> {
        let mut runs = self.inner.active.all_of(permit.scope());
        runs.sort_by(|a, b| b.id.cmp(&a.id));
        runs.truncate(limit);
        runs.iter().map(RunRecord::to_api).collect()
    }

    /// Ends a run, and answers it with its outcome.
    ///
    /// # Errors
    /// [`CommandError::RunNotFound`] and [`CommandError::RunAlreadyEnded`].
    pub async fn kill(&self, permit: &Permit<act::RunControl>, id: &RunId) -> Result<api::Run, CommandError> {
        let Some(run) = self.inner.active.find(permit.scope(), id) else {
            self.record(permit.scope(), id).await?;
            return Err(CommandError::RunAlreadyEnded);
        };
        if run.has_ended() {
            return Err(CommandError::RunAlreadyEnded);
        }
        run.canceller.cancel();
        let ended = tokio::time::timeout(Duration::from_millis(KILL_ANSWER_MS), run.end()).await;
        Ok(ended.unwrap_or_else(|_| run.record.lock().clone()).to_api())
    }

    /// Deletes the lines of a run that has ended; their number.
    ///
    /// # Errors
    /// [`CommandError::RunNotFound`], [`CommandError::RunNotEnded`], and when the log fails.
    pub async fn delete_logs(
        &self,
        permit: &Permit<act::LogDelete>,
        id: &RunId,
    ) -> Result<u64, CommandError> {
        let record = self.record(permit.scope(), id).await?;
        if record.status != RunStatus::Ended {
            return Err(CommandError::RunNotEnded);
        }
        // A run whose record is not written yet is told from memory, with all its output.
        self.inner.records.settled().await;
        Ok(self.inner.logs.delete_run(permit.scope(), id).await?)
    }

    pub(super) async fn record(&self, scope: &TenantScope, id: &RunId) -> Result<RunRecord, CommandError> {
        if let Some(run) = self.inner.active.find(scope, id) {
            return Ok(run.record.lock().clone());
        }
        let (scope, id) = (scope.clone(), id.clone());
        let found = self.inner.store.read(move |reader| Ok::<_, CommandError>(reader.run(&scope, &id)?));
        found.await?.ok_or(CommandError::RunNotFound)
    }

    /// Records the end of runs that the last process of this data directory could not see to their end. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn repair_blocking(&self) -> Result<usize, StoreError> {
        let mut repaired = 0;
        loop {
            let now = self.inner.clock.now();
            let step = self.inner.store.write_blocking(|writer| writer.end_unended_runs(now, REPAIR_STEP))?;
            repaired += step;
            if step < REPAIR_STEP {
                return Ok(repaired);
            }
        }
    }
}
