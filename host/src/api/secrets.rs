//! Secrets: named values that commands are given and nobody can read back.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// Body of `PUT /v1/{tenant}/secrets/{name}`: sets the value, over an older one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutSecret {
    /// 1 to 16,384 bytes without a zero byte.
    #[schema(value_type = String)]
    pub value: SecretText,
}

/// A secret in the clear. Shown in no `Debug` output and no error.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct SecretText(String);

impl SecretText {
    /// The text, for who may have it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for SecretText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The deserializer's own words would quote the value.
        let wrong = |_| serde::de::Error::custom("a secret must be a string");
        String::deserialize(deserializer).map(Self).map_err(wrong)
    }
}

/// A secret as anybody sees it: without its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Secret {
    /// 1 to 64 of letters, digits, `.`, `_` and `-`, starting with a letter or digit.
    pub name: String,
    /// RFC 3339; when its value was set.
    pub updated_at: String,
    /// Who set it.
    pub updated_by: String,
}

/// One secret given to a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretGrant {
    /// The secret's name. It must exist when a run starts.
    pub name: String,
    /// How the run gets it.
    #[serde(rename = "as")]
    pub usage: SecretUse,
}

/// How a run gets a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretUse {
    /// As this environment variable: the guest holds it.
    Env(String),
    /// As a header that the host sets on requests: the guest never holds it.
    Header(SecretHeaderUse),
}

/// A header that the host sets on outgoing HTTP requests to one granted destination, over what the guest set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecretHeaderUse {
    /// A host that a network grant covers; no wildcard.
    pub host: String,
    /// Its port; 443 when absent.
    #[serde(default = "https_port")]
    pub port: u16,
    /// The header's name, for instance `authorization`.
    pub name: String,
    /// What stands before the secret in the header, for instance `Bearer `.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub prefix: String,
    /// True lets it travel without TLS.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub plain: bool,
}

fn https_port() -> u16 {
    443
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_nowhere() {
        let put: PutSecret = serde_json::from_str(r#"{"value": "hush"}"#).unwrap();
        assert_eq!(put.value.reveal(), "hush");
        assert!(!format!("{put:?}").contains("hush"));
        let error = serde_json::from_str::<PutSecret>(r#"{"value": 271828}"#).unwrap_err();
        assert!(!error.to_string().contains("271828"), "{error}");
    }
}
