//! Zig's C compiler, from the Python package `ziglang`: it brings a complete libc for WASI.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::venv;
use crate::layout::Layout;

/// The version that everything here was tried with.
pub(crate) const VERSION: &str = "0.17.0";

/// A Python environment in which `-m ziglang` works.
#[derive(Debug, Clone)]
pub(crate) struct Zig {
    python: PathBuf,
}

impl Zig {
    /// Finds the environment, or makes it.
    pub(crate) fn ready(layout: &Layout) -> Result<Self> {
        let home = layout.tools().join(format!("ziglang-{VERSION}"));
        Ok(Self { python: venv::ready(&home, &format!("ziglang=={VERSION}"), "ziglang")? })
    }

    /// `zig` with a tool's name, such as `cc` or `ar`, and its cache in this directory.
    pub(crate) fn tool(&self, name: &str, cache: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "ziglang", name]);
        command.env("ZIG_GLOBAL_CACHE_DIR", cache).env("ZIG_LOCAL_CACHE_DIR", cache);
        command
    }
}
