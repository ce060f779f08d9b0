//! Where a guest may connect to and which secrets it is given, as arguments.

use std::str::FromStr;

use cloister_host::api::{SecretGrant, SecretHeaderUse, SecretUse};
use cloister_runtime::HostPattern;

/// `HOST:PORT`: one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    /// Where.
    pub(crate) host: HostPattern,
    /// At which port.
    pub(crate) port: u16,
}

impl FromStr for Destination {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or_else(|| format!("`{text}` is not HOST:PORT"))?;
        let host: HostPattern = host.parse().map_err(|error| format!("{error}"))?;
        let port = port.parse().ok().filter(|port| *port > 0);
        Ok(Self { host, port: port.ok_or_else(|| format!("`{text}` does not end with a port"))? })
    }
}

/// `HOST:PORT`, or `any` for every destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NetworkSpec {
    /// Anywhere this machine can, and listening.
    Any,
    /// There.
    To(Destination),
}

impl FromStr for NetworkSpec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text == "any" { Ok(Self::Any) } else { text.parse().map(Self::To) }
    }
}

/// `NAME=env:VAR`, or `NAME=header:HOST[:PORT]:HEADER[:PREFIX]`; `plain-header` lets it travel without TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SecretSpec(pub(crate) SecretGrant);

impl FromStr for SecretSpec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not NAME=env:VAR or NAME=header:HOST[:PORT]:HEADER[:PREFIX]");
        let (name, usage) = text.split_once('=').ok_or_else(wrong)?;
        let (kind, rest) = usage.split_once(':').ok_or_else(wrong)?;
        let usage = match kind {
            "env" if !rest.is_empty() => SecretUse::Env(rest.to_owned()),
            "header" => SecretUse::Header(secret_header(rest, false).ok_or_else(wrong)?),
            "plain-header" => SecretUse::Header(secret_header(rest, true).ok_or_else(wrong)?),
            _ => return Err(wrong()),
        };
        Ok(Self(SecretGrant { name: name.to_owned(), usage }))
    }
}

fn secret_header(text: &str, plain: bool) -> Option<SecretHeaderUse> {
    // An IPv6 address has colons of its own.
    let host_end = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':')? };
    let (host, rest) = (&text[..host_end], text[host_end..].strip_prefix(':')?);
    let (port, rest) = match rest.split_once(':') {
        Some((port, rest)) if port.bytes().all(|byte| byte.is_ascii_digit()) => (port.parse().ok()?, rest),
        _ => (443, rest),
    };
    let (name, prefix) = rest.split_once(':').unwrap_or((rest, ""));
    if host.is_empty() || name.is_empty() {
        return None;
    }
    let (host, name, prefix) = (host.to_owned(), name.to_owned(), prefix.to_owned());
    Some(SecretHeaderUse { host, port, name, prefix, plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_destination_is_a_host_and_a_port() {
        let shown = |text: &str| text.parse::<Destination>().map(|to| (to.host.to_string(), to.port));
        assert_eq!(shown("API.example.com:443"), Ok(("api.example.com".to_owned(), 443)));
        assert_eq!(shown("*.example.com:443"), Ok(("*.example.com".to_owned(), 443)));
        assert_eq!(shown("[::1]:80"), Ok(("[::1]".to_owned(), 80)));
        for text in ["", "a", "a:", "a:0", "a:65536", ":80", "http://a:80", "any"] {
            assert!(shown(text).is_err(), "{text}");
        }
        assert_eq!("any".parse(), Ok(NetworkSpec::Any));
    }

    #[test]
    fn a_secret_says_how_it_is_given() {
        let header = |host: &str, port, name: &str, prefix: &str, plain| {
            let (host, name, prefix) = (host.to_owned(), name.to_owned(), prefix.to_owned());
            Ok(SecretUse::Header(SecretHeaderUse { host, port, name, prefix, plain }))
        };
        let usage = |text: &str| text.parse::<SecretSpec>().map(|spec| spec.0.usage);
        assert_eq!(usage("K=env:API_KEY"), Ok(SecretUse::Env("API_KEY".to_owned())));
        assert_eq!(usage("K=header:a.example:x-key"), header("a.example", 443, "x-key", "", false));
        assert_eq!(
            usage("K=header:a.example:8443:authorization:Bearer "),
            header("a.example", 8443, "authorization", "Bearer ", false)
        );
        assert_eq!(usage("K=plain-header:[::1]:80:x-key"), header("[::1]", 80, "x-key", "", true));
        for text in ["K", "K=", "K=env:", "K=env", "K=header:a", "K=header::x", "K=header:a:", "K=file:x"] {
            assert!(usage(text).is_err(), "{text}");
        }
    }
}
