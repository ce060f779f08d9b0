//! The one place where the command line reads the process environment.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the environment says; an empty variable counts as unset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// Where credentials are kept: `CLOISTER_CONFIG_DIR`, or `cloister` in the user's configuration directory.
    pub(crate) config_dir: Option<PathBuf>,
    /// Where what can be made again is kept: `CLOISTER_CACHE_DIR`, or `cloister` in the user's cache directory.
    pub(crate) cache_dir: Option<PathBuf>,
    /// `CLOISTER_HOST`.
    pub(crate) host: Option<String>,
    /// `CLOISTER_TENANT`.
    pub(crate) tenant: Option<String>,
    /// `CLOISTER_TOKEN`: an access token used as it is.
    pub(crate) token: Option<String>,
    /// `NO_COLOR`, see no-color.org.
    pub(crate) no_color: bool,
}

impl Environment {
    /// Reads it, once.
    pub(crate) fn read() -> Self {
        let text = |name| variable(name).and_then(|value| value.into_string().ok());
        Self {
            config_dir: own_dir("CLOISTER_CONFIG_DIR", "XDG_CONFIG_HOME", ".config"),
            cache_dir: own_dir("CLOISTER_CACHE_DIR", "XDG_CACHE_HOME", ".cache"),
            host: text("CLOISTER_HOST"),
            tenant: text("CLOISTER_TENANT"),
            token: text("CLOISTER_TOKEN"),
            no_color: variable("NO_COLOR").is_some(),
        }
    }
}

fn own_dir(own: &str, xdg: &str, in_home: &str) -> Option<PathBuf> {
    if let Some(own) = variable(own) {
        return Some(own.into());
    }
    // The XDG specification has relative paths ignored.
    let user = variable(xdg).map(PathBuf::from).filter(|path| path.is_absolute());
    let user = user.or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(in_home)));
    user.map(|dir| dir.join("cloister"))
}

#[expect(clippy::disallowed_methods, reason = "the command line's one reader of the environment")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
