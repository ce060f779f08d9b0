//! Hosts as rules and URLs name them: one spelling for each address, and names of letters that resolvers agree on.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use super::address::unmapped;

/// Longest host name in bytes (RFC 1035, 2.3.4).
const MAX_NAME_BYTES: usize = 253;
/// Longest label in bytes (RFC 1035, 2.3.4).
const MAX_LABEL_BYTES: usize = 63;

/// One host: an address, or a name in lower case without a final dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name.
    Name(String),
    /// An address; one that is IPv4 written as IPv6 is kept as IPv4.
    Address(IpAddr),
}

/// Hosts that a rule grants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostPattern {
    /// This one.
    Exact(Host),
    /// `*.example.com`: all names below this one, at any depth, and not the name itself.
    Below(String),
}

/// A text is not a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a host: a name, *.NAME, or an IP address in its usual notation")]
pub struct InvalidHost(String);

impl FromStr for Host {
    type Err = InvalidHost;
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let invalid = || InvalidHost(text.chars().take(80).collect());
        let bracketed = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        // A zone (`fe80::1%eth0`) does not parse.
        if let Some(v6) = bracketed {
            let address: std::net::Ipv6Addr = v6.parse().map_err(|_| invalid())?;
            return Ok(Self::Address(unmapped(IpAddr::V6(address))));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            return Ok(Self::Address(unmapped(address)));
        }
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        if is_name(&name) { Ok(Self::Name(name)) } else { Err(invalid()) }
    }
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL_BYTES).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= MAX_NAME_BYTES && name.split('.').all(is_label) && !ends_in_a_number(name)
}

/// True for what a resolver may take for IPv4 in another notation, such as `127.1`, `0x7f.1` and `2130706433` (WHATWG
/// URL, 3.5).
fn ends_in_a_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let digits = last.strip_prefix("0x").map_or(last, |hex| hex);
    let hex = last.starts_with("0x") && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    hex || last.bytes().all(|byte| byte.is_ascii_digit())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(address @ IpAddr::V4(_)) => write!(f, "{address}"),
            Self::Address(address @ IpAddr::V6(_)) => write!(f, "[{address}]"),
        }
    }
}

impl FromStr for HostPattern {
    type Err = InvalidHost;
    fn from_str(text: &str) -> Result<Self, InvalidHost> {
        let Some(below) = text.strip_prefix("*.") else {
            return text.parse().map(Self::Exact);
        };
        match below.parse() {
            // `*.com` would be a grant of nearly everything.
            Ok(Host::Name(name)) if name.contains('.') => Ok(Self::Below(name)),
            _ => Err(InvalidHost(text.chars().take(80).collect())),
        }
    }
}

impl HostPattern {
    /// True when it grants this host.
    #[must_use]
    pub fn matches(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exact(granted), host) => granted == host,
            (Self::Below(above), Host::Name(name)) => {
                name.strip_suffix(above.as_str()).is_some_and(|rest| rest.len() > 1 && rest.ends_with('.'))
            }
            (Self::Below(_), Host::Address(_)) => false,
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => host.fmt(f),
            Self::Below(name) => write!(f, "*.{name}"),
        }
    }
}

impl From<Ipv4Addr> for Host {
    fn from(address: Ipv4Addr) -> Self {
        Self::Address(IpAddr::V4(address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        for text in ["127.0.0.1", "::ffff:127.0.0.1", "[::ffff:7f00:1]"] {
            assert_eq!(text.parse::<Host>(), Ok(Ipv4Addr::LOCALHOST.into()), "{text}");
        }
        for text in [
            "127.1",
            "2130706433",
            "0177.0.0.1",
            "0x7f.0.0.1",
            "0x7f000001",
            "127.0.0.0x1",
            "127.0.0.1.",
            "1.2.3.4.5",
            "256.1.1.1",
            "0x",
            "fe80::1%eth0",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[::1",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_name_is_lower_case_without_its_final_dot() {
        assert_eq!("API.Example.COM.".parse(), Ok(Host::Name("api.example.com".to_owned())));
        let long = "a".repeat(64);
        for text in
            ["", ".", "a..b", "-a.b", "a b", "http://a", "a/b", "a@b", "a:80", "*", "münchen.de", &long]
        {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_wildcard_grants_what_is_below_a_name() {
        let pattern: HostPattern = "*.example.com".parse().unwrap();
        let matches = |text: &str| pattern.matches(&text.parse().unwrap());
        assert!(matches("api.example.com") && matches("a.b.EXAMPLE.com"));
        assert!(!matches("example.com") && !matches("badexample.com") && !matches("example.com.evil.org"));
        for text in ["*.com", "*.1.2.3.4", "a.*.com", "*.", "**.example.com"] {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }
}
