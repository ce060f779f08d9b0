//! Directories of a grant: opened through the tenant's own directory, never by a path of the host.

use std::sync::Arc;

use cap_std::fs::Dir;
use cloister_runtime::{Access, DirectoryGrant, Egress, EgressRule, HostDirectory, NetworkGrant, Volume};

use super::{CommandError, Commands};
use crate::api;
use crate::auth::TenantScope;
use crate::files::{TenantPath, make_directories};
use crate::tenancy::PlanName;

impl super::Inner {
    /// Where a run with these grants may connect to.
    pub(super) fn egress(&self, granted: &[api::NetworkGrant]) -> NetworkGrant {
        if granted.is_empty() {
            return NetworkGrant::Denied;
        }
        let rule = |grant: &api::NetworkGrant| EgressRule { host: grant.host.clone(), port: grant.port };
        let rules = granted.iter().map(rule).collect();
        NetworkGrant::Egress(Arc::new(Egress { rules, private_ranges: self.private_ranges.clone() }))
    }
}

impl Commands {
    /// Opens the granted directories, and makes those that are missing.
    pub(super) async fn directories(
        &self,
        scope: &TenantScope,
        plan: PlanName,
        granted: &[api::DirectoryGrant],
    ) -> Result<(Vec<DirectoryGrant>, Option<Volume>), CommandError> {
        if granted.is_empty() {
            return Ok((Vec::new(), None));
        }
        let (files, scope, granted) = (self.inner.files.clone(), scope.clone(), granted.to_vec());
        let opened = tokio::task::spawn_blocking(move || {
            let root = files.open_root(&scope)?;
            let volume = files.volume(&scope, plan)?;
            let opened: Result<_, CommandError> =
                granted.into_iter().map(|grant| open(&volume, &root, grant)).collect();
            Ok((opened?, Some(volume)))
        });
        opened.await.unwrap_or(Err(CommandError::Stopping))
    }
}

fn open(volume: &Volume, root: &Dir, grant: api::DirectoryGrant) -> Result<DirectoryGrant, CommandError> {
    let refused = |why: &dyn std::fmt::Display| {
        CommandError::Invalid(format!("the granted directory `{}` cannot be opened: {why}", grant.path))
    };
    let path: TenantPath = grant.path.parse().map_err(|error| refused(&error))?;
    if !path.is_root() {
        make_directories(volume, root, path.relative()).map_err(|error| refused(&error))?;
    }
    let directory = root.open_dir(path.relative()).map_err(|error| refused(&error.kind()))?;
    Ok(DirectoryGrant {
        host: HostDirectory::Open(Arc::new(directory)),
        guest: grant.guest,
        access: match grant.access {
            api::Access::ReadOnly => Access::ReadOnly,
            api::Access::ReadWrite => Access::ReadWrite,
        },
    })
}
