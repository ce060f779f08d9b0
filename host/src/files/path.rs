//! Paths inside a tenant's directory.

use std::path::{Path, PathBuf};
use std::str::FromStr;

/// Longest name of a file or directory, in bytes.
pub const MAX_NAME_BYTES: usize = 255;
/// Longest path, in bytes.
pub const MAX_PATH_BYTES: usize = 4_095;

/// A path that was checked: relative to the tenant's directory, without `.`, `..` or empty names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantPath(String);

/// The text is not a path inside a tenant's directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPath {
    /// It goes up.
    #[error("`..` is not allowed")]
    GoesUp,
    /// A name holds what no name can hold.
    #[error("a name holds a zero byte")]
    ZeroByte,
    /// A name or the whole is too long.
    #[error("a name is longer than 255 bytes or the path than 4095")]
    TooLong,
}

impl TenantPath {
    /// True for the tenant's directory itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// For use with the tenant's `Dir`; `.` for the root.
    #[must_use]
    pub fn relative(&self) -> &Path {
        Path::new(if self.is_root() { "." } else { &self.0 })
    }

    /// The directory above; none above the root.
    #[must_use]
    pub fn parent(&self) -> Option<PathBuf> {
        let parent = Path::new(&self.0).parent()?;
        Some(if parent.as_os_str().is_empty() { PathBuf::from(".") } else { parent.to_owned() })
    }

    /// The last name; empty for the root.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.rsplit('/').next().unwrap_or_default()
    }

    /// With a slash in front, as people write it.
    #[must_use]
    pub fn absolute(&self) -> String {
        format!("/{}", self.0)
    }
}

impl FromStr for TenantPath {
    type Err = InvalidPath;

    fn from_str(text: &str) -> Result<Self, InvalidPath> {
        let mut path = String::with_capacity(text.len());
        for name in text.split('/').filter(|name| !name.is_empty() && *name != ".") {
            if name == ".." {
                return Err(InvalidPath::GoesUp);
            }
            if name.contains('\0') {
                return Err(InvalidPath::ZeroByte);
            }
            if name.len() > MAX_NAME_BYTES {
                return Err(InvalidPath::TooLong);
            }
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(name);
        }
        if path.len() > MAX_PATH_BYTES { Err(InvalidPath::TooLong) } else { Ok(Self(path)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_form() {
        for (text, form) in [("", "/"), ("/", "/"), (".", "/"), ("a//b/./c/", "/a/b/c"), ("/…/é", "/…/é")]
        {
            assert_eq!(text.parse::<TenantPath>().map(|path| path.absolute()), Ok(form.to_owned()));
        }
    }

    #[test]
    fn what_leaves_the_directory_or_no_name_can_hold_is_refused() {
        assert_eq!("a/../b".parse::<TenantPath>(), Err(InvalidPath::GoesUp));
        assert_eq!("..".parse::<TenantPath>(), Err(InvalidPath::GoesUp));
        assert_eq!("a\0".parse::<TenantPath>(), Err(InvalidPath::ZeroByte));
        assert_eq!("x".repeat(256).parse::<TenantPath>(), Err(InvalidPath::TooLong));
        assert_eq!("x/".repeat(3_000).parse::<TenantPath>(), Err(InvalidPath::TooLong));
    }
}
