//! Deployments and their versions.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::api::{Grants, Limits};
use crate::auth::TenantScope;
use crate::ids::{CommandName, ModuleDigest, PrincipalId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// Versions of one deployment that are kept; making one more forgets the oldest.
pub const MAX_VERSIONS_PER_DEPLOYMENT: usize = 100;

/// A command name and what it runs now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRecord {
    /// The command's name.
    pub name: CommandName,
    /// The active version.
    pub active: VersionRecord,
}

impl Record for DeploymentRecord {}

/// One version of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionRecord {
    /// Counts up from 1.
    pub version: u32,
    /// The module it runs.
    pub module: ModuleDigest,
    /// What it is for.
    pub description: String,
    /// Limits that differ from the plan's.
    pub limits: Limits,
    /// What a run may see; checked, with normal paths.
    pub grants: Grants,
    /// When it was made.
    pub created_at: Timestamp,
    /// Who made it.
    pub created_by: PrincipalId,
}

impl Record for VersionRecord {}

fn key(scope: &TenantScope, name: &CommandName) -> Key {
    Key::in_tenant(scope, Kind::Deployment, &[name.as_str()])
}

fn version_key(scope: &TenantScope, name: &CommandName, version: u32) -> Key {
    Key::in_tenant(scope, Kind::DeploymentVersion, &[name.as_str(), &format!("{version:010}")])
}

fn versions(scope: &TenantScope, name: &CommandName) -> Prefix {
    Prefix::in_tenant(scope, Kind::DeploymentVersion, &[name.as_str()])
}

impl Reader {
    /// A command by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployment(
        &self,
        scope: &TenantScope,
        name: &CommandName,
    ) -> Result<Option<DeploymentRecord>, StoreError> {
        self.get(&key(scope, name))
    }

    /// A tenant's commands that `wanted` accepts, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployments(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
        wanted: impl FnMut(&DeploymentRecord) -> bool,
    ) -> Result<Page<DeploymentRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::in_tenant(scope, Kind::Deployment, &[]), &query, wanted)
    }

    /// How many commands a tenant has.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployment_count(&self, scope: &TenantScope) -> Result<u64, StoreError> {
        self.count_of(scope, Kind::Deployment)
    }

    /// All kept versions of a command, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployment_history(
        &self,
        scope: &TenantScope,
        name: &CommandName,
    ) -> Result<Vec<VersionRecord>, StoreError> {
        let found = self.first(&versions(scope, name), MAX_VERSIONS_PER_DEPLOYMENT + 1)?;
        Ok(found.into_iter().rev().map(|(_, version)| version).collect())
    }
}

impl Writer {
    /// A command by name, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployment(
        &self,
        scope: &TenantScope,
        name: &CommandName,
    ) -> Result<Option<DeploymentRecord>, StoreError> {
        self.get(&key(scope, name))
    }

    /// How many commands a tenant has, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployment_count(&self, scope: &TenantScope) -> Result<u64, StoreError> {
        self.count_of(scope, Kind::Deployment)
    }

    /// One version of a command, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn deployment_version(
        &self,
        scope: &TenantScope,
        name: &CommandName,
        version: u32,
    ) -> Result<Option<VersionRecord>, StoreError> {
        self.get(&version_key(scope, name, version))
    }

    /// Makes a version, and makes it the active one.
    ///
    /// # Errors
    /// When the store fails.
    pub fn activate(
        &mut self,
        scope: &TenantScope,
        name: &CommandName,
        version: VersionRecord,
    ) -> Result<DeploymentRecord, StoreError> {
        let kept =
            self.before().first::<VersionRecord>(&versions(scope, name), MAX_VERSIONS_PER_DEPLOYMENT)?;
        if kept.len() == MAX_VERSIONS_PER_DEPLOYMENT
            && let Some((oldest, _)) = kept.into_iter().next()
        {
            self.remove(oldest);
        }
        self.put(version_key(scope, name, version.version), &version)?;
        if !self.contains(&key(scope, name))? {
            self.counts_one_more(scope, Kind::Deployment)?;
        }
        let deployment = DeploymentRecord { name: name.clone(), active: version };
        self.put(key(scope, name), &deployment)?;
        Ok(deployment)
    }

    /// Removes a command with all its versions.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_deployment(&mut self, scope: &TenantScope, name: &CommandName) -> Result<(), StoreError> {
        let kept =
            self.before().first::<VersionRecord>(&versions(scope, name), MAX_VERSIONS_PER_DEPLOYMENT)?;
        for (version, _) in kept {
            self.remove(version);
        }
        if self.contains(&key(scope, name))? {
            self.counts_one_less(scope, Kind::Deployment)?;
        }
        self.remove(key(scope, name));
        Ok(())
    }
}
