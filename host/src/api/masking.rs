//! What is masked in log lines and audit records.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A tenant's rules. Every byte that one matches becomes `*` before it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Masking {
    /// Bearer tokens, JSON Web Tokens and API keys of Cloister; on unless turned off.
    #[serde(default = "on")]
    pub tokens: bool,
    /// E-mail addresses.
    #[serde(default)]
    pub emails: bool,
    /// Numbers of payment cards whose check digit is right.
    #[serde(default)]
    pub cards: bool,
    /// Regular expressions of your own: up to 32, of up to 512 bytes each. A pattern with a group masks what is in its
    /// first group.
    #[serde(default)]
    pub patterns: Vec<String>,
}

fn on() -> bool {
    true
}

impl Default for Masking {
    fn default() -> Self {
        Self { tokens: true, emails: false, cards: false, patterns: Vec::new() }
    }
}
