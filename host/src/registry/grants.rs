//! Grants: checked when a deployment is made, so that a run can take them as they are.

use std::collections::{BTreeMap, BTreeSet};

use cloister_runtime::HostPattern;

use super::RegistryError;
use crate::api::{DirectoryGrant, Grants, NetworkGrant};
use crate::files::TenantPath;

/// Directories of one deployment.
pub const MAX_DIRECTORY_GRANTS: usize = 16;
/// Network destinations of one deployment.
pub const MAX_NETWORK_GRANTS: usize = 32;
/// Environment variables of one deployment, and of one run.
pub const MAX_ENV_VARIABLES: usize = 256;
/// Names and values of environment variables together, in bytes.
pub const MAX_ENV_BYTES: usize = 32 * 1024;

/// Checks grants, and answers them with paths in their normal form.
pub(super) fn check(grants: &Grants) -> Result<Grants, RegistryError> {
    check_env(&grants.env)?;
    Ok(Grants {
        directories: directories(&grants.directories)?,
        env: grants.env.clone(),
        network: network(&grants.network)?,
    })
}

/// Checks environment variables.
///
/// # Errors
/// [`RegistryError::GrantInvalid`].
pub fn check_env(env: &BTreeMap<String, String>) -> Result<(), RegistryError> {
    if env.len() > MAX_ENV_VARIABLES {
        return Err(invalid(format!(
            "there are {} variables and at most {MAX_ENV_VARIABLES} allowed",
            env.len()
        )));
    }
    let size_bytes: usize = env.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size_bytes > MAX_ENV_BYTES {
        return Err(invalid(format!(
            "the variables have {size_bytes} bytes and at most {MAX_ENV_BYTES} are allowed"
        )));
    }
    for (name, value) in env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(invalid(format!(
                "the variable {name:?} has a name or value that no environment can hold"
            )));
        }
    }
    Ok(())
}

fn directories(asked: &[DirectoryGrant]) -> Result<Vec<DirectoryGrant>, RegistryError> {
    if asked.len() > MAX_DIRECTORY_GRANTS {
        return Err(invalid(format!("there are more than {MAX_DIRECTORY_GRANTS} directories")));
    }
    let mut guests = BTreeSet::new();
    asked
        .iter()
        .map(|grant| {
            let path = normal(&grant.path, "path")?;
            if !grant.guest.starts_with('/') {
                return Err(invalid(format!("the guest path {:?} must start with `/`", grant.guest)));
            }
            let guest = normal(&grant.guest, "guest")?;
            if !guests.insert(guest.clone()) {
                return Err(invalid(format!("the guest path `{guest}` is given twice")));
            }
            Ok(DirectoryGrant { path, guest, access: grant.access })
        })
        .collect()
}

fn normal(path: &str, field: &str) -> Result<String, RegistryError> {
    let path: TenantPath = path.parse().map_err(|error| invalid(format!("`{field}` {path:?}: {error}")))?;
    Ok(path.absolute())
}

fn network(asked: &[NetworkGrant]) -> Result<Vec<NetworkGrant>, RegistryError> {
    if asked.len() > MAX_NETWORK_GRANTS {
        return Err(invalid(format!("there are more than {MAX_NETWORK_GRANTS} network destinations")));
    }
    let checked = asked.iter().map(|NetworkGrant { host, port }| {
        let pattern: HostPattern = host.parse().map_err(|error| invalid(format!("`network.host`: {error}")))?;
        if *port == 0 {
            return Err(invalid(format!("the destination {host:?} has the port 0")));
        }
        Ok(NetworkGrant { host: pattern.to_string(), port: *port })
    });
    checked.collect()
}

fn invalid(message: String) -> RegistryError {
    RegistryError::GrantInvalid(message)
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::api::Access;

    fn directory(path: &str, guest: &str) -> Grants {
        let grant =
            DirectoryGrant { path: path.to_owned(), guest: guest.to_owned(), access: Access::ReadOnly };
        Grants { directories: vec![grant], ..Grants::default() }
    }

    #[test]
    fn paths_are_kept_in_their_normal_form() {
        let checked = check(&directory("in//./data/", "/job/")).unwrap();
        assert_eq!((&*checked.directories[0].path, &*checked.directories[0].guest), ("/in/data", "/job"));
    }

    #[test]
    fn paths_that_leave_or_collide_are_refused() {
        for (path, guest) in
            [("../x", "/d"), ("/a/../../b", "/d"), ("/a", "d"), ("/a", "/d/.."), ("a\0", "/d")]
        {
            assert!(check(&directory(path, guest)).is_err(), "{path:?} at {guest:?}");
        }
        let mut twice = directory("/a", "/d");
        twice.directories.push(twice.directories[0].clone());
        twice.directories[1].guest = "//d/".to_owned();
        assert!(check(&twice).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn variables_and_destinations_are_checked_and_bounded() {
        for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "\0")] {
            assert!(check_env(&BTreeMap::from([(name.to_owned(), value.to_owned())])).is_err());
        }
        assert!(check_env(&BTreeMap::from([("a".to_owned(), "x".repeat(MAX_ENV_BYTES))])).is_err());
        for (host, port) in [("", 80), ("a b", 80), ("http://a", 80), ("a", 0), ("*.com", 80), ("0177.0.0.1", 80)] {
            let grant = NetworkGrant { host: host.to_owned(), port };
            assert!(check(&Grants { network: vec![grant], ..Grants::default() }).is_err(), "{host}:{port}");
        }
    }
}
