//! Cargo's helpers, installed for this checkout only when the machine has none.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::process::{cargo, find_program, run, step};

/// A program from crates.io.
pub(crate) struct Tool {
    /// The crate and its binary.
    pub(crate) name: &'static str,
    /// The version that is installed when there is none.
    pub(crate) version: &'static str,
}

/// Runs tests.
pub(crate) const NEXTEST: Tool = Tool { name: "cargo-nextest", version: "0.9.151" };

/// Checks dependencies.
pub(crate) const DENY: Tool = Tool { name: "cargo-deny", version: "0.20.2" };

impl Tool {
    /// Finds the program on PATH or among the checkout's tools, or compiles it.
    pub(crate) fn ready(&self, layout: &Layout) -> Result<PathBuf> {
        if let Some(found) = find_program(self.name) {
            return Ok(found);
        }
        let installed =
            layout.tools().join("bin").join(format!("{}{}", self.name, std::env::consts::EXE_SUFFIX));
        if installed.exists() {
            return Ok(installed);
        }
        step(format!("installing {} {} (about two minutes, once)", self.name, self.version));
        let build = layout.tools().join("build");
        let mut install = cargo(&layout.root);
        // Not optimised: compiling it is most of what it costs.
        install.args(["install", "--quiet", "--locked", "--profile", "dev", "--root"]).arg(layout.tools());
        install.arg(format!("{}@{}", self.name, self.version));
        install.env("CARGO_TARGET_DIR", &build).env("CARGO_PROFILE_DEV_DEBUG", "false");
        run(&mut install)?;
        std::fs::remove_dir_all(&build).context("remove what the installation left behind")?;
        Ok(installed)
    }
}
