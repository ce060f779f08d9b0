//! Where things are: the repository, the build directory and what is cached in it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The directories that xtask reads and writes. All paths are absolute.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// Cargo's build directory.
    pub(crate) target: PathBuf,
}

impl Layout {
    /// Finds the repository this xtask belongs to.
    pub(crate) fn find() -> Result<Self> {
        let manifest =
            std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let root = Path::new(&manifest).parent().context("xtask stands alone")?.to_path_buf();
        let target = match std::env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => std::path::absolute(dir).context("resolve CARGO_TARGET_DIR")?,
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// Where guests end up: `commands/`, `fixtures/`, `probes/` and `real/`.
    pub(crate) fn guests(&self) -> PathBuf {
        self.target.join("guests")
    }

    /// The system root for wasm32-wasip1 that is made from packages.
    pub(crate) fn sysroot(&self) -> PathBuf {
        self.target.join("wasi-sysroot")
    }

    /// Tools installed for this checkout only.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }

    /// What was built from what: one small file each.
    pub(crate) fn stamps(&self) -> PathBuf {
        self.target.join("stamps")
    }

    /// The console's sources.
    pub(crate) fn web(&self) -> PathBuf {
        self.root.join("web")
    }

    /// The server, built with the dev profile.
    pub(crate) fn cloister(&self) -> PathBuf {
        self.target.join("debug").join(format!("cloister{}", std::env::consts::EXE_SUFFIX))
    }
}
