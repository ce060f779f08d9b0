//! Runs, and which of them have not ended.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{self, Outcome, RunStatus, Usage};
use crate::auth::TenantScope;
use crate::ids::{CommandName, ModuleDigest, PrincipalId, RunId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id; sorts by time of creation.
    pub id: RunId,
    /// The command.
    pub command: CommandName,
    /// The deployment's version.
    pub version: u32,
    /// The module.
    pub module: ModuleDigest,
    /// Arguments after the command's name.
    pub args: Vec<String>,
    /// Where it stands.
    pub status: RunStatus,
    /// How it ended.
    pub outcome: Option<Outcome>,
    /// What it used.
    pub usage: Usage,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Who started it.
    pub created_by: PrincipalId,
}

impl Record for RunRecord {}

/// Where the record of a run that has not ended is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Unended {
    scope_key: Vec<u8>,
}

impl Record for Unended {}

impl RunRecord {
    /// The run as the API shows it.
    #[must_use]
    pub fn to_api(&self) -> api::Run {
        let time = |at: Timestamp| format!("{at:.6}");
        api::Run {
            id: self.id.to_string(),
            command: self.command.to_string(),
            version: self.version,
            module: self.module.to_string(),
            args: self.args.clone(),
            status: self.status,
            outcome: self.outcome.clone(),
            usage: self.usage.clone(),
            created_at: time(self.created_at),
            ended_at: self.ended_at.map(time),
            created_by: self.created_by.to_string(),
            output: None,
        }
    }
}

fn key(scope: &TenantScope, id: &RunId) -> Key {
    Key::in_tenant(scope, Kind::Run, &[id.as_str()])
}

impl Reader {
    /// One run of a tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub fn run(&self, scope: &TenantScope, id: &RunId) -> Result<Option<RunRecord>, StoreError> {
        self.get(&key(scope, id))
    }

    /// A tenant's runs that `wanted` accepts, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn runs(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
        wanted: impl FnMut(&RunRecord) -> bool,
    ) -> Result<Page<RunRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Descending };
        self.page(&Prefix::in_tenant(scope, Kind::Run, &[]), &query, wanted)
    }
}

impl Writer {
    /// Writes a run, over its older record.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_run(&mut self, scope: &TenantScope, run: &RunRecord) -> Result<(), StoreError> {
        let key = key(scope, &run.id);
        let unended = Key::of_host(Kind::RunUnended, &[run.id.as_str()]);
        if run.status == RunStatus::Ended {
            self.remove(unended);
        } else {
            self.put(unended, &Unended { scope_key: key.as_bytes().to_vec() })?;
        }
        self.put(key, run)
    }

    /// Ends up to `limit` runs that no process is running any more; how many it found.
    ///
    /// # Errors
    /// When the store fails.
    pub fn end_unended_runs(&mut self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let left = self.before().first::<Unended>(&Prefix::of_host(Kind::RunUnended, &[]), limit)?;
        let found = left.len();
        for (unended, place) in left {
            let key = Key::from_bytes(&place.scope_key);
            if let Some(mut run) = self.get::<RunRecord>(&key)? {
                run.status = RunStatus::Ended;
                run.ended_at = Some(now);
                run.outcome = Some(Outcome {
                    kind: "interrupted".to_owned(),
                    exit_code: 125,
                    message: Some("the host stopped while this run was active".to_owned()),
                });
                self.put(key, &run)?;
            }
            self.remove(unended);
        }
        Ok(found)
    }
}
