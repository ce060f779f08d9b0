//! Issuers of identities that are trusted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{ConfigError, within};
use crate::ids::TenantSlug;
use crate::tenancy::RoleRef;

/// `[[auth.oidc]]`: an OpenID Connect issuer, and what its identities are here.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OidcIssuer {
    /// The issuer, exactly as its tokens name it; `https`, or on this machine.
    pub issuer: String,
    /// The `aud` of tokens that are meant for this host.
    pub audience: String,
    /// The tenant of all its identities.
    pub tenant: Option<String>,
    /// Or the claim that names the tenant's slug, which must be one of `tenants`.
    pub tenant_claim: Option<String>,
    /// Tenants that the claim may name.
    pub tenants: Vec<String>,
    /// The claim with names of groups or roles: text, or a list of texts.
    pub role_claim: Option<String>,
    /// From such a name to a role here; the first name of the claim that is listed counts.
    pub roles: BTreeMap<String, String>,
    /// The role of identities without a listed name; they are refused when absent.
    pub default_role: Option<String>,
    /// True: an identity with a verified e-mail address takes over the account of that address. Only for an issuer that
    /// owns the addresses it names.
    pub link_by_email: bool,
}

/// Issuers that may be trusted.
const MAX_ISSUERS: usize = 32;

pub(super) fn check(issuers: &[OidcIssuer]) -> Result<(), ConfigError> {
    within("auth.oidc (number of issuers)", issuers.len(), 0..=MAX_ISSUERS)?;
    issuers.iter().try_for_each(OidcIssuer::check)
}

impl OidcIssuer {
    fn check(&self) -> Result<(), ConfigError> {
        let refuse =
            |key: &str, rule: String| Err(ConfigError::Value { key: format!("auth.oidc.{key}"), rule });
        if !is_safe(&self.issuer) {
            return refuse("issuer", "must be an https:// URL, or http:// on this machine".to_owned());
        }
        if self.audience.is_empty() {
            return refuse("audience", "must not be empty".to_owned());
        }
        if self.tenant.is_some() == self.tenant_claim.is_some() {
            return refuse("tenant", "must be set, or else `tenant_claim`".to_owned());
        }
        if self.tenant_claim.is_some() && self.tenants.is_empty() {
            return refuse("tenants", "must list the tenants that `tenant_claim` may name".to_owned());
        }
        for slug in self.tenant.iter().chain(&self.tenants) {
            if let Err(error) = slug.parse::<TenantSlug>() {
                return refuse("tenants", error.to_string());
            }
        }
        for role in self.roles.values().chain(&self.default_role) {
            if let Err(error) = role.parse::<RoleRef>() {
                return refuse("roles", error.to_string());
            }
        }
        Ok(())
    }
}

/// True for an address that nobody on the way can answer for.
pub(crate) fn is_safe(url: &str) -> bool {
    let Ok(url) = reqwest::Url::parse(url) else { return false };
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let here =
        host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    let plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    plain && (url.scheme() == "https" || url.scheme() == "http" && here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_that_nobody_can_answer_for_are_safe() {
        for (url, safe) in [
            ("https://id.example", true),
            ("http://127.0.0.1:8080/x", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://id.example", false),
            ("http://127.0.0.1.example", false),
            ("http://user@127.0.0.1", false),
            ("file:///etc/passwd", false),
            ("", false),
        ] {
            assert_eq!(is_safe(url), safe, "{url}");
        }
    }

    #[test]
    fn an_issuer_says_whose_its_identities_are() {
        let good = OidcIssuer {
            issuer: "https://id.example".to_owned(),
            audience: "cloister".to_owned(),
            tenant: Some("acme".to_owned()),
            ..OidcIssuer::default()
        };
        assert!(good.check().is_ok());
        for bad in [
            OidcIssuer { issuer: "http://id.example".to_owned(), ..good.clone() },
            OidcIssuer { audience: String::new(), ..good.clone() },
            OidcIssuer { tenant: None, ..good.clone() },
            OidcIssuer { tenant_claim: Some("org".to_owned()), ..good.clone() },
            OidcIssuer { tenant: None, tenant_claim: Some("org".to_owned()), ..good.clone() },
            OidcIssuer { default_role: Some("No".to_owned()), ..good.clone() },
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
