//! Making, changing and removing commands.

use std::sync::Arc;

use super::{Registry, RegistryError, Resolved, grants, limits};
use crate::api::Deploy;
use crate::auth::{Permit, TenantScope, act};
use crate::config::Plan;
use crate::ids::{CommandName, ModuleDigest};
use crate::store::{DeploymentRecord, Page, VersionRecord};

/// Longest description, in bytes.
const MAX_DESCRIPTION_BYTES: usize = 1_024;

impl Registry {
    /// Makes a new version of a command and activates it.
    ///
    /// # Errors
    /// When the module is not the tenant's, a limit is above the plan's, or a grant is not valid.
    pub async fn deploy(
        &self,
        permit: &Permit<act::DeploymentWrite>,
        name: &CommandName,
        asked: Deploy,
    ) -> Result<DeploymentRecord, RegistryError> {
        let plan = permit.limits();
        limits::check(&asked.limits, plan)?;
        let grants = grants::check(&asked.grants)?;
        if asked.description.len() > MAX_DESCRIPTION_BYTES {
            let (field, limit_bytes) = ("description", MAX_DESCRIPTION_BYTES);
            return Err(RegistryError::TextTooLong { field, limit_bytes });
        }
        // What cannot be a digest cannot be one of a module either.
        let module: ModuleDigest = asked.module.parse().map_err(|_| RegistryError::ModuleNotFound)?;
        self.inner.store.admit()?;
        let version = VersionRecord {
            version: 0,
            module,
            description: asked.description,
            limits: asked.limits,
            grants,
            created_at: self.inner.clock.now(),
            created_by: permit.principal().clone(),
        };
        self.activate(permit.scope(), name, version, plan).await
    }

    /// Makes an earlier version active again, as a new version.
    ///
    /// # Errors
    /// When there is no such command or version, or its module was removed.
    pub async fn roll_back(
        &self,
        permit: &Permit<act::DeploymentWrite>,
        name: &CommandName,
        to: u32,
    ) -> Result<DeploymentRecord, RegistryError> {
        let plan = permit.limits();
        let (scope, wanted) = (permit.scope().clone(), name.clone());
        let earlier = self
            .inner
            .store
            .read(move |reader| {
                let _exists = reader.deployment(&scope, &wanted)?.ok_or(RegistryError::DeploymentNotFound)?;
                let history = reader.deployment_history(&scope, &wanted)?;
                history.into_iter().find(|one| one.version == to).ok_or(RegistryError::VersionNotFound(to))
            })
            .await?;
        limits::check(&earlier.limits, plan)?;
        let (created_at, created_by) = (self.inner.clock.now(), permit.principal().clone());
        let version = VersionRecord { created_at, created_by, ..earlier };
        self.activate(permit.scope(), name, version, plan).await
    }

    /// Removes a command with its history.
    ///
    /// # Errors
    /// [`RegistryError::DeploymentNotFound`].
    pub async fn delete_deployment(
        &self,
        permit: &Permit<act::DeploymentWrite>,
        name: &CommandName,
    ) -> Result<(), RegistryError> {
        let known_as = (permit.scope().tenant().clone(), name.clone());
        let (scope, name) = (permit.scope().clone(), name.clone());
        let removed = self
            .inner
            .store
            .write(move |writer| {
                writer.deployment(&scope, &name)?.ok_or(RegistryError::DeploymentNotFound)?;
                Ok(writer.remove_deployment(&scope, &name)?)
            })
            .await;
        self.inner.resolved.forget(&known_as);
        self.observe(permit.scope(), permit.limits()).await;
        removed
    }

    /// A page of a tenant's commands, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn deployments(
        &self,
        permit: &Permit<act::DeploymentRead>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<DeploymentRecord>, RegistryError> {
        let scope = permit.scope().clone();
        self.inner.store.read(move |reader| Ok(reader.deployments(&scope, after, limit, |_| true)?)).await
    }

    /// One command with its versions, newest first.
    ///
    /// # Errors
    /// [`RegistryError::DeploymentNotFound`].
    pub async fn deployment(
        &self,
        permit: &Permit<act::DeploymentRead>,
        name: &CommandName,
    ) -> Result<(DeploymentRecord, Vec<VersionRecord>), RegistryError> {
        let (scope, name) = (permit.scope().clone(), name.clone());
        self.inner
            .store
            .read(move |reader| {
                let found = reader.deployment(&scope, &name)?.ok_or(RegistryError::DeploymentNotFound)?;
                Ok((found, reader.deployment_history(&scope, &name)?))
            })
            .await
    }

    /// What a run of a command needs: its active version, and the module.
    ///
    /// # Errors
    /// [`RegistryError::DeploymentNotFound`].
    pub async fn resolve(
        &self,
        permit: &Permit<act::RunCreate>,
        name: &CommandName,
    ) -> Result<Arc<Resolved>, RegistryError> {
        let known_as = (permit.scope().tenant().clone(), name.clone());
        if let Some(resolved) = self.inner.resolved.get(&known_as) {
            return Ok(resolved);
        }
        let era = self.inner.resolved.era();
        let (scope, name) = (permit.scope().clone(), name.clone());
        let read = self.inner.store.read::<_, RegistryError, _>(move |reader| {
            let deployment = reader.deployment(&scope, &name)?.ok_or(RegistryError::DeploymentNotFound)?;
            let module = reader.module(&scope, &deployment.active.module)?;
            Ok(Resolved { module: module.ok_or(RegistryError::ModuleNotFound)?, deployment })
        });
        let resolved = Arc::new(read.await?);
        self.inner.resolved.remember(era, known_as, Arc::clone(&resolved));
        Ok(resolved)
    }

    async fn activate(
        &self,
        scope: &TenantScope,
        name: &CommandName,
        mut version: VersionRecord,
        plan: &Plan,
    ) -> Result<DeploymentRecord, RegistryError> {
        let known_as = (scope.tenant().clone(), name.clone());
        let (of, name, most) = (scope.clone(), name.clone(), plan.deployments);
        let activated = self
            .inner
            .store
            .write(move |writer| {
                writer.module(&of, &version.module)?.ok_or(RegistryError::ModuleNotFound)?;
                let before = writer.deployment(&of, &name)?;
                if before.is_none() && writer.deployment_count(&of)? >= most as u64 {
                    return Err(RegistryError::TooManyDeployments { limit: most });
                }
                version.version = before.map_or(0, |before| before.active.version).saturating_add(1);
                Ok(writer.activate(&of, &name, version)?)
            })
            .await;
        // Also after a failure: a write whose flush failed may have been applied.
        self.inner.resolved.forget(&known_as);
        self.observe(scope, plan).await;
        activated
    }
}
