//! Names of things, each its own type, valid once made.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Clock;

/// Why a text is not a name of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {kind}: {rule}")]
pub struct InvalidId {
    /// What it was read as.
    pub kind: &'static str,
    /// The text, cut at 80 characters.
    pub text: String,
    /// What such a name looks like.
    pub rule: &'static str,
}

fn invalid(kind: &'static str, text: &str, rule: &'static str) -> InvalidId {
    InvalidId { kind, text: text.chars().take(80).collect(), rule }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:expr, $valid:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(Box<str>);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;
            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let valid: fn(&str) -> bool = $valid;
                if valid(text) { Ok(Self(text.into())) } else { Err(invalid($kind, text, $rule)) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;
            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0.into()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// `prefix` and 26 characters of a ULID in lower case: sorts by time of creation.
macro_rules! ulid_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $prefix:literal) => {
        text_id! {
            $(#[$doc])*
            $name, $kind, concat!("`", $prefix, "` and 26 characters"),
            |text| text.strip_prefix($prefix).is_some_and(is_lower_ulid)
        }

        impl $name {
            /// A new one, from the clock and the system's randomness.
            #[must_use]
            pub fn generate(clock: &Clock) -> Self {
                Self(format!("{}{}", $prefix, clock.ulid().to_string().to_ascii_lowercase()).into())
            }
        }
    };
}

fn is_lower_ulid(text: &str) -> bool {
    text.len() == 26
        && text.bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase() && !b"ilou".contains(&b))
        && text.as_bytes()[0] <= b'7'
}

ulid_id! {
    /// One tenant.
    TenantId, "tenant id", "ten_"
}
ulid_id! {
    /// One user.
    UserId, "user id", "usr_"
}
ulid_id! {
    /// One sign-in session.
    SessionId, "session id", "ses_"
}
ulid_id! {
    /// One run.
    RunId, "run id", "run_"
}
ulid_id! {
    /// One run of a workflow.
    WorkflowRunId, "workflow run id", "wfr_"
}

ulid_id! {
    /// One API key.
    KeyId, "API key id", "key_"
}
ulid_id! {
    /// One invitation.
    InvitationId, "invitation id", "inv_"
}
ulid_id! {
    /// One console session.
    ConsoleSessionId, "console session id", "con_"
}
ulid_id! {
    /// The receipt of one erased tenant.
    ReceiptId, "receipt id", "rcp_"
}

text_id! {
    /// Who did something: a user, or an API key.
    PrincipalId, "principal id", "`usr_` or `key_` and 26 characters",
    |text| text.strip_prefix("usr_").or_else(|| text.strip_prefix("key_")).is_some_and(is_lower_ulid)
}

impl From<&UserId> for PrincipalId {
    fn from(user: &UserId) -> Self {
        Self(user.as_str().into())
    }
}

impl From<&KeyId> for PrincipalId {
    fn from(key: &KeyId) -> Self {
        Self(key.as_str().into())
    }
}

text_id! {
    /// What a client of the console calls itself, so that it is known when it comes back. It counts within its principal.
    ClientId, "client id", "8 to 64 of letters, digits, `_` and `-`",
    |text| (8..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

impl ClientId {
    /// A new one, for a client that names itself not.
    #[must_use]
    pub fn generate(clock: &Clock) -> Self {
        Self(format!("cli_{}", clock.ulid().to_string().to_ascii_lowercase()).into())
    }
}

text_id! {
    /// A custom role's name within its tenant.
    RoleName, "role name", "2 to 40 of a-z, 0-9 and -, starting with a letter, and not a built-in role",
    |text| (2..=40).contains(&text.len())
        && text.as_bytes()[0].is_ascii_lowercase()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !["owner", "admin", "developer", "runner", "viewer"].contains(&text)
}

text_id! {
    /// A tenant's name in URLs.
    TenantSlug, "tenant slug", "2 to 40 of a-z, 0-9 and -, starting with a letter, and not a reserved word",
    |text| (2..=40).contains(&text.len())
        && text.as_bytes()[0].is_ascii_lowercase()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !["auth", "operator", "www", "api", "static", "assets"].contains(&text)
}
text_id! {
    /// A command's name: what a person types.
    CommandName, "command name", "1 to 64 of a-z, 0-9, `.`, `_` and `-`, starting with a letter or digit",
    |text| (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}
text_id! {
    /// A secret's name.
    SecretName, "secret name", "1 to 64 of letters, digits, `.`, `_` and `-`, starting with a letter or digit",
    |text| (1..=64).contains(&text.len())
        && text.as_bytes()[0].is_ascii_alphanumeric()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}
text_id! {
    /// Lower-case hex SHA-256 of a module's bytes.
    ModuleDigest, "module digest", "64 characters of 0-9 and a-f",
    |text| text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generated_ids_are_valid_and_sort_by_time() {
        let clock = Clock::system();
        let first = RunId::generate(&clock);
        let second = RunId::generate(&clock);
        assert_eq!(first.as_str().parse(), Ok(first.clone()));
        assert!(first < second);
    }

    #[test]
    fn names_with_path_or_control_characters_are_refused() {
        for text in ["", "a/b", "..", ".hidden", "A", "a b", "a\0", "é", &"a".repeat(65)] {
            assert!(text.parse::<CommandName>().is_err(), "{text:?}");
        }
        for text in ["a", "operator", "Acme", "1st", "a_b"] {
            assert!(text.parse::<TenantSlug>().is_err(), "{text:?}");
        }
        assert!("ten_8zzzzzzzzzzzzzzzzzzzzzzzzz".parse::<TenantId>().is_err());
    }
}
