//! Permissions: what a role or an API key allows, and which of them hold another.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::policy::Action;
use crate::tenancy::Role;

/// Permissions of one custom role or API key.
pub const MAX_PERMISSIONS: usize = 128;
/// Longest command pattern, in bytes: that of a command's name.
const MAX_PATTERN_BYTES: usize = 64;

/// An action, on all resources or (`run:create` only) on the commands whose names match a pattern.
///
/// Written `log:read` or `run:create:report-*`. In a pattern, `*` stands for any characters and `?` for one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Permission {
    action: Action,
    pattern: Option<Box<str>>,
}

/// The text is not a permission.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a permission; GET /v1/{{tenant}}/roles shows them, and only `run:create:` takes a command pattern"
)]
pub struct UnknownPermission(String);

impl Permission {
    /// An action on all resources.
    #[must_use]
    pub fn of(action: Action) -> Self {
        Self { action, pattern: None }
    }

    fn allows(&self, action: Action, resource: &str) -> bool {
        self.action == action && self.pattern.as_deref().is_none_or(|pattern| covers(pattern, resource))
    }

    /// True when whatever `other` allows, this one does.
    fn holds(&self, other: &Self) -> bool {
        self.action == other.action
            && match (&self.pattern, &other.pattern) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(pattern), Some(other)) => covers(pattern, other),
            }
    }
}

impl FromStr for Permission {
    type Err = UnknownPermission;

    fn from_str(text: &str) -> Result<Self, UnknownPermission> {
        let unknown = || UnknownPermission(text.chars().take(80).collect());
        if let Some(&action) = Action::ALL.iter().find(|action| action.as_str() == text) {
            return Ok(Self::of(action));
        }
        let (action, pattern) = text.rsplit_once(':').ok_or_else(unknown)?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-*?".contains(&b);
        let valid = (1..=MAX_PATTERN_BYTES).contains(&pattern.len()) && pattern.bytes().all(plain);
        if action != Action::RunCreate.as_str() || !valid {
            return Err(unknown());
        }
        Ok(Self { action: Action::RunCreate, pattern: Some(pattern.into()) })
    }
}

impl TryFrom<String> for Permission {
    type Error = UnknownPermission;
    fn try_from(text: String) -> Result<Self, UnknownPermission> {
        text.parse()
    }
}

impl From<Permission> for String {
    fn from(permission: Permission) -> Self {
        permission.to_string()
    }
}

impl fmt::Display for Permission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.action.as_str())?;
        match &self.pattern {
            Some(pattern) => write!(f, ":{pattern}"),
            None => Ok(()),
        }
    }
}

/// What somebody may do: what every one of some lists of permissions allows. A member has one list, that of their role;
/// an API key has two, its own and that of whoever made it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    lists: Vec<Arc<[Permission]>>,
}

impl Rights {
    /// What a list allows.
    #[must_use]
    pub fn of(list: Arc<[Permission]>) -> Self {
        Self { lists: vec![list] }
    }

    /// What a built-in role allows.
    #[must_use]
    pub fn of_role(role: Role) -> Arc<[Permission]> {
        Action::ALL.iter().filter(|action| action.is_of(role)).map(|&action| Permission::of(action)).collect()
    }

    /// What both this and a further list allow.
    #[must_use]
    pub fn within(mut self, list: Arc<[Permission]>) -> Self {
        self.lists.push(list);
        self
    }

    /// True when an action on a resource is allowed.
    #[must_use]
    pub fn allow(&self, action: Action, resource: &str) -> bool {
        !self.lists.is_empty()
            && self.lists.iter().all(|list| list.iter().any(|one| one.allows(action, resource)))
    }

    /// The first of these permissions that goes beyond these rights; nobody may grant it.
    #[must_use]
    pub fn lacks<'a>(&self, wanted: &'a [Permission]) -> Option<&'a Permission> {
        let held = |wanted: &Permission| {
            !self.lists.is_empty() && self.lists.iter().all(|list| list.iter().any(|one| one.holds(wanted)))
        };
        wanted.iter().find(|wanted| !held(wanted))
    }
}

/// True when a pattern matches every text that `other` matches; `other` is a pattern too, or plain text.
///
/// A `*` of `other` is matched only by a `*`, so that the answer is never wrongly "yes".
fn covers(pattern: &str, other: &str) -> bool {
    let (pattern, other) = (pattern.as_bytes(), other.as_bytes());
    let (mut at, mut seen) = (0, 0);
    // Where the last `*` is, and how much of `other` it has taken: the classic loop, at most n times m steps.
    let mut star: Option<(usize, usize)> = None;
    while seen < other.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, seen));
                at += 1;
            }
            Some(b'?') if other[seen] != b'*' => {
                at += 1;
                seen += 1;
            }
            Some(&byte) if byte == other[seen] && byte != b'?' => {
                at += 1;
                seen += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                at = star_at + 1;
                seen = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|&byte| byte == b'*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(texts: &[&str]) -> Arc<[Permission]> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn permissions_are_read_as_they_are_written() {
        for text in ["log:read", "run:create", "run:create:report-*", "run:create:a?.b"] {
            assert_eq!(text.parse::<Permission>().unwrap().to_string(), text);
        }
        let long = format!("run:create:{}", "a".repeat(65));
        for text in ["", "log", "log:read:x", "run:create:", "run:create:A", "run:create:[a]", "*", &long] {
            assert!(text.parse::<Permission>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_holds_what_it_matches_and_nothing_else() {
        for (pattern, other, expected) in [
            ("*", "anything", true),
            ("*", "*", true),
            ("a*", "a", true),
            ("a*", "ab*", true),
            ("a*", "*", false),
            ("a?", "ab", true),
            ("a?", "a?", true),
            ("a?", "a*", false),
            ("ab", "a?", false),
            ("a*c", "abc", true),
            ("a*c", "abd", false),
            ("*-x", "a-x-x", true),
            ("", "", true),
        ] {
            assert_eq!(covers(pattern, other), expected, "{pattern} {other}");
        }
    }

    #[test]
    fn rights_of_a_key_are_within_those_of_its_maker() {
        let maker = list(&["run:create:a*", "log:read"]);
        let rights = Rights::of(maker).within(list(&["run:create", "file:read"]));
        assert!(rights.allow(Action::RunCreate, "abc"));
        assert!(!rights.allow(Action::RunCreate, "b"));
        assert!(!rights.allow(Action::LogRead, "*"), "the key does not have it");
        assert!(!rights.allow(Action::FileRead, "*"), "its maker does not have it");
        assert_eq!(rights.lacks(&list(&["run:create:ab*"])), None);
        assert!(rights.lacks(&list(&["run:create"])).is_some());
        assert!(!Rights::default().allow(Action::LogRead, "*"));
    }

    proptest! {
        /// What a granted pattern matches, the granter's own matches too.
        #[test]
        fn a_held_pattern_never_matches_more(pattern in "[ab*?]{0,6}", other in "[ab*?]{0,6}", text in "[ab]{0,6}") {
            if covers(&pattern, &other) && covers(&other, &text) {
                prop_assert!(covers(&pattern, &text), "{pattern} {other} {text}");
            }
        }
    }
}
