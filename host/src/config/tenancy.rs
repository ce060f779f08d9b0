//! How requests name tenants, and how tenants are taken down.

use serde::Deserialize;

use super::{ConfigError, within};
use crate::ids::TenantSlug;

/// `[tenancy]`
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TenancyConfig {
    /// The domain whose subdomains name tenants: `acme.cloister.example` is the tenant `acme` of `cloister.example`.
    pub base_domain: Option<String>,
    /// The tenant of requests that name none.
    pub default_tenant: Option<String>,
    /// From taking a tenant down to erasing it, in seconds, when the operator does not say otherwise.
    pub offboarding_grace_s: u64,
    /// Between two clean-ups of what has expired, in seconds.
    pub cleaning_every_s: u64,
    /// Between two looks for log lines that plans no longer keep, in seconds.
    pub retention_every_s: u64,
    /// Largest archive that is imported, in bytes, unpacked.
    pub import_bytes: u64,
}

impl Default for TenancyConfig {
    fn default() -> Self {
        Self {
            base_domain: None,
            default_tenant: None,
            offboarding_grace_s: 30 * 24 * 3_600,
            cleaning_every_s: 60,
            retention_every_s: 60,
            import_bytes: 16 << 30,
        }
    }
}

impl TenancyConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("tenancy.offboarding_grace_s", self.offboarding_grace_s, 0..=366 * 24 * 3_600)?;
        within("tenancy.cleaning_every_s", self.cleaning_every_s, 1..=24 * 3_600)?;
        within("tenancy.retention_every_s", self.retention_every_s, 1..=24 * 3_600)?;
        within("tenancy.import_bytes", self.import_bytes, 1 << 20..=1 << 50)?;
        if let Some(slug) = &self.default_tenant {
            slug.parse::<TenantSlug>().map_err(|error| ConfigError::Value {
                key: "tenancy.default_tenant".to_owned(),
                rule: error.to_string(),
            })?;
        }
        match &self.base_domain {
            Some(domain) if !is_domain(domain) => Err(ConfigError::Value {
                key: "tenancy.base_domain".to_owned(),
                rule: "must be a domain name in lower case, such as `cloister.example`".to_owned(),
            }),
            _ => Ok(()),
        }
    }
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    text.len() <= 253 && text.split('.').all(label)
}
