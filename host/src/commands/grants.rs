//! What a run is given: directories, opened through the tenant's own and never by a path of the host; the network; secrets.

use std::collections::BTreeMap;
use std::sync::Arc;

use cap_std::fs::Dir;
use cloister_runtime::{
    Access, DirectoryGrant, Egress, EgressRule, HostDirectory, NetworkGrant, SecretHeader, Volume,
    VolumeLimits,
};

use super::{CommandError, Commands};
use crate::api;
use crate::auth::{Permit, TenantScope, act};
use crate::files::{TenantPath, make_directories};

impl super::Inner {
    /// Where a run with these grants may connect to, and what the host fills into its requests.
    fn egress(
        &self,
        granted: &[api::NetworkGrant],
        headers: Vec<SecretHeader>,
    ) -> Result<NetworkGrant, CommandError> {
        if granted.is_empty() {
            return Ok(NetworkGrant::Denied);
        }
        let rule = |grant: &api::NetworkGrant| match grant.host.parse() {
            Ok(host) => Ok(EgressRule { host, port: grant.port }),
            // Checked when it was deployed; a rule of an older version may be stricter now.
            Err(error) => Err(CommandError::Invalid(format!("the command's network grant: {error}"))),
        };
        let rules = granted.iter().map(rule).collect::<Result<_, _>>()?;
        let mut egress = Egress::new(rules, Arc::clone(&self.resolver));
        egress.private_ranges.clone_from(&self.private_ranges);
        egress.headers = headers;
        Ok(NetworkGrant::Egress(Arc::new(egress)))
    }
}

impl Commands {
    /// Opens the secrets that are granted: adds those of the environment to `env`, and gives the network with those that
    /// are headers, and the values, which must be masked.
    pub(super) async fn network_and_secrets(
        &self,
        permit: &Permit<act::RunCreate>,
        grants: &api::Grants,
        env: &mut BTreeMap<String, String>,
    ) -> Result<(NetworkGrant, Vec<Vec<u8>>), CommandError> {
        let invalid = |name: &str, why: &dyn std::fmt::Display| {
            CommandError::Invalid(format!("the command's secret `{name}`: {why}"))
        };
        if grants.secrets.is_empty() {
            return Ok((self.inner.egress(&grants.network, Vec::new())?, Vec::new()));
        }
        let name =
            |grant: &api::SecretGrant| grant.name.parse().map_err(|error| invalid(&grant.name, &error));
        let names = grants.secrets.iter().map(name).collect::<Result<Vec<_>, _>>()?;
        let values = self.inner.secrets.reveal(permit, names).await?;
        let mut headers = Vec::new();
        for (grant, value) in grants.secrets.iter().zip(&values) {
            match &grant.usage {
                // After the run's own variables, so that nobody puts something else in its place.
                api::SecretUse::Env(variable) => {
                    env.insert(variable.clone(), value.reveal().to_owned());
                }
                api::SecretUse::Header(header) => {
                    let host = header.host.parse().map_err(|error| invalid(&grant.name, &error))?;
                    let text = format!("{}{}", header.prefix, value.reveal());
                    let made = SecretHeader::new(host, header.port, &header.name, &text, header.plain);
                    headers.push(made.map_err(|error| invalid(&grant.name, &error))?);
                }
            }
        }
        let masked = values.iter().map(|value| value.reveal().as_bytes().to_vec()).collect();
        Ok((self.inner.egress(&grants.network, headers)?, masked))
    }

    /// Opens the granted directories, and makes those that are missing. With a working directory, relative paths lead
    /// from there: see [`starting_in`].
    pub(super) async fn directories(
        &self,
        scope: &TenantScope,
        limits: VolumeLimits,
        granted: &[api::DirectoryGrant],
        cwd: Option<TenantPath>,
    ) -> Result<(Vec<DirectoryGrant>, Option<Volume>), CommandError> {
        if granted.is_empty() {
            return Ok((Vec::new(), None));
        }
        let (files, scope, granted) = (self.inner.files.clone(), scope.clone(), granted.to_vec());
        let opened = tokio::task::spawn_blocking(move || {
            let root = files.open_root(&scope)?;
            let volume = files.volume(&scope, limits)?;
            let opened: Result<Vec<_>, CommandError> =
                granted.iter().map(|grant| open(&volume, &root, grant)).collect();
            let mut opened = opened?;
            if let Some(cwd) = cwd.filter(|cwd| !cwd.is_root()) {
                opened.extend(starting_in(&root, &granted, &cwd));
            }
            Ok((opened, Some(volume)))
        });
        opened.await.unwrap_or(Err(CommandError::Stopping))
    }
}

fn open(volume: &Volume, root: &Dir, grant: &api::DirectoryGrant) -> Result<DirectoryGrant, CommandError> {
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
        guest: grant.guest.clone(),
        access: access(grant.access),
    })
}

fn access(granted: api::Access) -> Access {
    match granted {
        api::Access::ReadOnly => Access::ReadOnly,
        api::Access::ReadWrite => Access::ReadWrite,
    }
}

/// Directories of the top that keep their absolute names for a guest that starts below it.
const TOP_DIRECTORIES: usize = 32;

/// What lets a guest start in a directory below a granted one. The C library of WASI takes `/x` and `x` for the same name, looks
/// for the longest granted directory that it begins with, and for the last of equally long ones. So the directory is
/// granted once more, as `.`, behind all others; and if the grant above it is the guest's root, so are the directories at its
/// top, by their absolute names. Nothing is granted that was not granted before. Without a grant above it, nothing is.
fn starting_in(root: &Dir, granted: &[api::DirectoryGrant], cwd: &TenantPath) -> Vec<DirectoryGrant> {
    let above = |grant: &&api::DirectoryGrant| {
        let path: Option<TenantPath> = grant.path.parse().ok();
        path.is_some_and(|path| path.is_root() || cwd.relative().starts_with(path.relative()))
    };
    // The nearest of those above it.
    let Some(grant) = granted.iter().filter(above).max_by_key(|grant| grant.path.trim_matches('/').len())
    else {
        return Vec::new();
    };
    let Ok(directory) = root.open_dir(cwd.relative()) else { return Vec::new() };
    let given = |directory: Dir, guest: String| DirectoryGrant {
        host: HostDirectory::Open(Arc::new(directory)),
        guest,
        access: access(grant.access),
    };
    let mut added = Vec::new();
    let top = grant.path.parse::<TenantPath>().ok().and_then(|path| root.open_dir(path.relative()).ok());
    if let Some(top) = top.filter(|_| grant.guest.trim_matches(['/', '.']).is_empty()) {
        let names = top.entries().into_iter().flatten().flatten();
        let names = names.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        for name in names.filter_map(|entry| entry.file_name().into_string().ok()).take(TOP_DIRECTORIES) {
            let guest = format!("/{name}");
            let is_granted = granted.iter().any(|grant| grant.guest.trim_end_matches('/') == guest);
            if let Some(directory) = top.open_dir(&name).ok().filter(|_| !is_granted) {
                added.push(given(directory, guest));
            }
        }
    }
    added.push(given(directory, ".".to_owned()));
    added
}
