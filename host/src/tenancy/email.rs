//! E-mail addresses, as names of users.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Longest address, in bytes (RFC 5321, section 4.5.3.1.3).
const MAX_BYTES: usize = 254;

/// An e-mail address in lower case, so that a person has one account however they type it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(Box<str>);

/// The text is not an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be an e-mail address of at most 254 characters, such as `ann@example.com`")]
pub struct InvalidEmail;

impl Email {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Email {
    type Err = InvalidEmail;

    /// Asks only for what a name needs. Whether mail arrives there is found out by sending some.
    fn from_str(text: &str) -> Result<Self, InvalidEmail> {
        let text = text.trim();
        let (local, domain) = text.rsplit_once('@').ok_or(InvalidEmail)?;
        let plain = |c: char| !c.is_control() && !c.is_whitespace();
        let valid = text.len() <= MAX_BYTES
            && !local.is_empty()
            && !domain.is_empty()
            && text.chars().all(plain)
            && !local.contains('@');
        if valid { Ok(Self(text.to_lowercase().into())) } else { Err(InvalidEmail) }
    }
}

impl TryFrom<String> for Email {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        text.parse()
    }
}

impl From<Email> for String {
    fn from(email: Email) -> Self {
        email.0.into()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_one_name_however_it_is_typed() {
        assert_eq!(" Ann@Example.COM ".parse::<Email>(), "ann@example.com".parse());
        for text in
            ["", "ann", "@example.com", "ann@", "a b@c", "a\0@b", "a@b@c", &format!("{}@b", "a".repeat(254))]
        {
            assert!(text.parse::<Email>().is_err(), "{text:?}");
        }
    }
}
