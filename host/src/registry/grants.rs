//! Grants: checked when a deployment is made, so that a run can take them as they are.

use std::collections::{BTreeMap, BTreeSet};

use cloister_runtime::{Host, HostPattern, SecretHeader};

use super::RegistryError;
use crate::api::{DirectoryGrant, Grants, NetworkGrant, SecretGrant, SecretHeaderUse, SecretUse};
use crate::files::TenantPath;
use crate::ids::SecretName;

/// Directories of one deployment.
pub const MAX_DIRECTORY_GRANTS: usize = 16;
/// Network destinations of one deployment.
pub const MAX_NETWORK_GRANTS: usize = 32;
/// Secrets of one deployment.
pub const MAX_SECRET_GRANTS: usize = 32;
/// What stands before a secret in a header, in bytes.
const MAX_PREFIX_BYTES: usize = 128;
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
        secrets: secrets(grants)?,
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
        let pattern: HostPattern =
            host.parse().map_err(|error| invalid(format!("`network.host`: {error}")))?;
        if *port == 0 {
            return Err(invalid(format!("the destination {host:?} has the port 0")));
        }
        Ok(NetworkGrant { host: pattern.to_string(), port: *port })
    });
    checked.collect()
}

fn secrets(grants: &Grants) -> Result<Vec<SecretGrant>, RegistryError> {
    if grants.secrets.len() > MAX_SECRET_GRANTS {
        return Err(invalid(format!("there are more than {MAX_SECRET_GRANTS} secrets")));
    }
    let mut variables: BTreeSet<&str> = grants.env.keys().map(String::as_str).collect();
    let mut headers = BTreeSet::new();
    let mut checked = Vec::with_capacity(grants.secrets.len());
    for grant in &grants.secrets {
        let name: SecretName =
            grant.name.parse().map_err(|error| invalid(format!("`secrets.name`: {error}")))?;
        let usage = match &grant.usage {
            SecretUse::Env(variable) => {
                check_env(&BTreeMap::from([(variable.clone(), String::new())]))?;
                if !variables.insert(variable) {
                    return Err(invalid(format!("the variable `{variable}` is given twice")));
                }
                SecretUse::Env(variable.clone())
            }
            SecretUse::Header(header) => {
                let header = secret_header(header, &grants.network)?;
                if !headers.insert((header.host.clone(), header.port, header.name.clone())) {
                    return Err(invalid(format!("the header `{}` is given twice", header.name)));
                }
                SecretUse::Header(header)
            }
        };
        checked.push(SecretGrant { name: name.to_string(), usage });
    }
    Ok(checked)
}

fn secret_header(
    asked: &SecretHeaderUse,
    network: &[NetworkGrant],
) -> Result<SecretHeaderUse, RegistryError> {
    let host: Host = asked.host.parse().map_err(|error| invalid(format!("`header.host`: {error}")))?;
    let covers = |grant: &NetworkGrant| {
        grant.port == asked.port
            && grant.host.parse::<HostPattern>().is_ok_and(|pattern| pattern.matches(&host))
    };
    if !network.iter().any(covers) {
        let port = asked.port;
        return Err(invalid(format!(
            "the header's host {host} with port {port} is not granted in `network`"
        )));
    }
    let name = asked.name.to_ascii_lowercase();
    SecretHeader::check_name(&name).map_err(|error| invalid(format!("`header.name` {name:?}: {error}")))?;
    let printable = asked.prefix.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if !printable || asked.prefix.len() > MAX_PREFIX_BYTES {
        let rule = format!("`header.prefix` has at most {MAX_PREFIX_BYTES} printable ASCII characters");
        return Err(invalid(rule));
    }
    Ok(SecretHeaderUse { host: host.to_string(), name, ..asked.clone() })
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
    fn secrets_go_to_granted_hosts_and_into_variables_of_their_own() {
        let secret = |usage: SecretUse| SecretGrant { name: "KEY".to_owned(), usage };
        let header = |host: &str, name: &str| {
            let (host, name) = (host.to_owned(), name.to_owned());
            SecretUse::Header(SecretHeaderUse {
                host,
                port: 443,
                name,
                prefix: "Bearer ".to_owned(),
                plain: false,
            })
        };
        let with = |secrets: Vec<SecretGrant>| Grants {
            network: vec![NetworkGrant { host: "*.example.com".to_owned(), port: 443 }],
            env: BTreeMap::from([("TAKEN".to_owned(), "x".to_owned())]),
            secrets,
            ..Grants::default()
        };
        let good = with(vec![
            secret(header("API.example.com", "Authorization")),
            secret(SecretUse::Env("A".to_owned())),
        ]);
        let SecretUse::Header(kept) = &check(&good).unwrap().secrets[0].usage else { panic!("a header") };
        assert_eq!((&*kept.host, &*kept.name), ("api.example.com", "authorization"));
        for usage in [
            header("example.com", "authorization"),
            header("*.example.com", "authorization"),
            header("api.example.com", "host"),
            header("api.example.com", "a b"),
            SecretUse::Env("TAKEN".to_owned()),
            SecretUse::Env("A=B".to_owned()),
        ] {
            assert!(check(&with(vec![secret(usage.clone())])).is_err(), "{usage:?}");
        }
        let twice = with(vec![
            secret(header("api.example.com", "x-key")),
            secret(header("api.example.com", "X-Key")),
        ]);
        assert!(check(&twice).unwrap_err().to_string().contains("twice"));
    }

    #[test]
    fn variables_and_destinations_are_checked_and_bounded() {
        for (name, value) in [("", "x"), ("a=b", "x"), ("a\0", "x"), ("a", "\0")] {
            assert!(check_env(&BTreeMap::from([(name.to_owned(), value.to_owned())])).is_err());
        }
        assert!(check_env(&BTreeMap::from([("a".to_owned(), "x".repeat(MAX_ENV_BYTES))])).is_err());
        for (host, port) in
            [("", 80), ("a b", 80), ("http://a", 80), ("a", 0), ("*.com", 80), ("0177.0.0.1", 80)]
        {
            let grant = NetworkGrant { host: host.to_owned(), port };
            assert!(check(&Grants { network: vec![grant], ..Grants::default() }).is_err(), "{host}:{port}");
        }
    }
}
