//! What a run is given: directories, opened through the tenant's own and never by a path of the host; the network; secrets.

use std::collections::BTreeMap;
use std::path::Path;
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
        egress.trust.clone_from(&self.trust);
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
    /// from there: see [`start_in`].
    pub(super) async fn directories(
        &self,
        scope: &TenantScope,
        limits: VolumeLimits,
        granted: &[api::DirectoryGrant],
        cwd: Option<TenantPath>,
        args: &[String],
    ) -> Result<(Vec<DirectoryGrant>, Option<Volume>), CommandError> {
        if granted.is_empty() {
            return Ok((Vec::new(), None));
        }
        let (files, scope, granted) = (self.inner.files.clone(), scope.clone(), granted.to_vec());
        let args = args.to_vec();
        let opened = tokio::task::spawn_blocking(move || {
            let root = files.open_root(&scope)?;
            let volume = files.volume(&scope, limits)?;
            let opened: Result<Vec<_>, CommandError> =
                granted.iter().map(|grant| open(&volume, &root, grant)).collect();
            let mut opened = opened?;
            if let Some(cwd) = cwd.filter(|cwd| !cwd.is_root()) {
                start_in(&cwd, &root, &granted, &mut opened, &args)?;
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

/// Lets a guest start in a directory below a granted one. The C library of WASI takes `/x` and `x` for the same name, and for
/// the longest granted directory that it begins with. So where the grant above is the guest's root, the directory takes
/// its place, and the guest sees only what is below it: relative paths lead from there. An absolute path would silently
/// mean another file; an argument that is one is refused. Nothing is granted that was not granted before, and without a
/// grant above it nothing is.
fn start_in(
    cwd: &TenantPath,
    root: &Dir,
    granted: &[api::DirectoryGrant],
    opened: &mut Vec<DirectoryGrant>,
    args: &[String],
) -> Result<(), CommandError> {
    let depth = |grant: &api::DirectoryGrant| {
        let path: TenantPath = grant.path.parse().ok()?;
        let is_above = path.is_root() || cwd.relative().starts_with(path.relative());
        is_above.then(|| if path.is_root() { 0 } else { path.relative().components().count() })
    };
    // The nearest of those above it.
    let depths = granted.iter().enumerate().filter_map(|(index, grant)| Some((depth(grant)?, index)));
    let Some((_, above)) = depths.max() else { return Ok(()) };
    // One that is gone meanwhile is no place to start.
    let Ok(directory) = root.open_dir(cwd.relative()) else { return Ok(()) };
    let access = opened[above].access;
    if granted[above].guest.trim_matches(['/', '.']).is_empty() {
        let others = granted.iter().enumerate().filter(|(index, _)| *index != above);
        let names: Vec<_> = others.map(|(_, grant)| Path::new(&grant.guest)).collect();
        for path in args.iter().filter_map(|arg| absolute(arg)) {
            let is_granted = names.iter().any(|name| Path::new(path).starts_with(name));
            let below = Path::new(path.trim_start_matches('/'));
            let is_there = |directory: &Dir| directory.symlink_metadata(below).is_ok();
            if !is_granted && (access == Access::ReadWrite || is_there(root) || is_there(&directory)) {
                return Err(CommandError::AbsolutePath { path: path.to_owned(), cwd: cwd.absolute() });
            }
        }
        opened.remove(above);
    }
    opened.push(DirectoryGrant {
        host: HostDirectory::Open(Arc::new(directory)),
        guest: ".".to_owned(),
        access,
    });
    Ok(())
}

/// The absolute path that an argument is, or that an option has for its value.
fn absolute(arg: &str) -> Option<&str> {
    let value = match arg.split_once('=') {
        Some((option, value)) if option.starts_with('-') => value,
        _ => arg,
    };
    value.starts_with('/').then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn granted(path: &str, guest: &str, access: api::Access) -> api::DirectoryGrant {
        api::DirectoryGrant { path: path.to_owned(), guest: guest.to_owned(), access }
    }

    /// What a guest sees that starts in a directory, or the path that is refused.
    fn started(cwd: &str, grants: &[api::DirectoryGrant], args: &[&str]) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(folder.path().join("docs/deep")).unwrap();
        std::fs::write(folder.path().join("top.txt"), "").unwrap();
        #[expect(clippy::disallowed_methods, reason = "a directory of the test's own")]
        let root = Dir::open_ambient_dir(folder.path(), cap_std::ambient_authority()).unwrap();
        let open = |grant: &api::DirectoryGrant| DirectoryGrant {
            host: HostDirectory::Path(folder.path().to_owned()),
            guest: grant.guest.clone(),
            access: access(grant.access),
        };
        let mut opened: Vec<_> = grants.iter().map(open).collect();
        let args: Vec<_> = args.iter().map(|arg| (*arg).to_owned()).collect();
        match start_in(&cwd.parse().unwrap(), &root, grants, &mut opened, &args) {
            Ok(()) => Ok(opened.into_iter().map(|grant| grant.guest).collect()),
            Err(CommandError::AbsolutePath { path, .. }) => Err(path),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn a_guest_that_starts_below_its_root_sees_what_is_below_only() {
        let root = granted("/", "/", api::Access::ReadWrite);
        let data = granted("/data", "/data", api::Access::ReadOnly);
        assert_eq!(started("/docs", std::slice::from_ref(&root), &["a", "-b=c"]), Ok(vec![".".to_owned()]));
        assert_eq!(
            started("/docs", &[root.clone(), data], &["/data/x"]),
            Ok(vec!["/data".to_owned(), ".".to_owned()])
        );
        // Whoever may write could hit a wrong file, or make one.
        assert_eq!(started("/docs", std::slice::from_ref(&root), &["/new"]), Err("/new".to_owned()));
        assert_eq!(started("/docs", &[root], &["--out=/new"]), Err("/new".to_owned()));
    }

    #[test]
    fn who_only_reads_is_refused_what_means_another_file() {
        let root = granted("/", "/", api::Access::ReadOnly);
        assert_eq!(started("/docs", std::slice::from_ref(&root), &["/api/"]), Ok(vec![".".to_owned()]));
        assert_eq!(started("/docs", std::slice::from_ref(&root), &["/top.txt"]), Err("/top.txt".to_owned()));
        assert_eq!(started("/docs", &[root], &["/deep"]), Err("/deep".to_owned()));
    }

    #[test]
    fn what_is_granted_by_a_name_keeps_it_and_what_is_not_granted_stays_so() {
        let docs = granted("/docs", "/own", api::Access::ReadWrite);
        let both = Ok(vec!["/own".to_owned(), ".".to_owned()]);
        assert_eq!(started("/docs/deep", std::slice::from_ref(&docs), &["/own/x"]), both);
        let other = granted("/other", "/other", api::Access::ReadOnly);
        assert_eq!(started("/docs", &[other], &["x"]), Ok(vec!["/other".to_owned()]));
        assert_eq!(started("/gone", &[docs], &["x"]), Ok(vec!["/own".to_owned()]));
    }
}
