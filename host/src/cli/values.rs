//! Arguments with a shape of their own: `K=V` and `HOST::GUEST[::ro]`.

use std::str::FromStr;

/// `NAME=VALUE`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyValue {
    /// What stands before the first `=`.
    pub(crate) key: String,
    /// All that stands after it.
    pub(crate) value: String,
}

impl FromStr for KeyValue {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((key, value)) if !key.is_empty() => {
                Ok(Self { key: key.to_owned(), value: value.to_owned() })
            }
            _ => Err(format!("`{text}` is not NAME=VALUE")),
        }
    }
}

/// `SOURCE[::GUEST[::ro|rw]]`: a directory, and where the guest sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DirectorySpec {
    /// The directory given: on this machine for `run`, in the tenant's directory for `deploy`.
    pub(crate) source: String,
    /// Where the guest sees it.
    pub(crate) guest: String,
    /// True after `::ro`.
    pub(crate) read_only: bool,
}

impl FromStr for DirectorySpec {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split("::").collect();
        let (source, guest, access) = match parts.as_slice() {
            [source] => (*source, *source, "rw"),
            [source, guest] => (*source, *guest, "rw"),
            [source, guest, access @ ("ro" | "rw")] => (*source, *guest, *access),
            _ => return Err(format!("`{text}` is not DIRECTORY, DIRECTORY::GUEST or DIRECTORY::GUEST::ro")),
        };
        if source.is_empty() || guest.is_empty() {
            return Err(format!("`{text}` names an empty path"));
        }
        Ok(Self { source: source.to_owned(), guest: guest.to_owned(), read_only: access == "ro" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_seen_under_its_own_name_unless_told_otherwise() {
        let spec = |text: &str| text.parse::<DirectorySpec>().map(|s| (s.source, s.guest, s.read_only));
        let want = |source: &str, guest: &str, ro| Ok((source.to_owned(), guest.to_owned(), ro));
        assert_eq!(spec("data"), want("data", "data", false));
        assert_eq!(spec("a:b::/data"), want("a:b", "/data", false));
        assert_eq!(spec(".::/::ro"), want(".", "/", true));
        assert_eq!(spec(".::/::rw"), want(".", "/", false));
        for text in ["", "::", "::/x", "a::", "a::b::c", "a::b::ro::x"] {
            assert!(spec(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_may_hold_equals_signs_and_nothing() {
        let pair = |text: &str| text.parse::<KeyValue>().map(|p| (p.key, p.value));
        assert_eq!(pair("A=b=c"), Ok(("A".to_owned(), "b=c".to_owned())));
        assert_eq!(pair("A="), Ok(("A".to_owned(), String::new())));
        assert!(pair("A").is_err() && pair("=b").is_err());
    }
}
