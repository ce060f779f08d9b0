//! Zig's C compiler, from the Python package `ziglang`: it brings a complete libc for WASI.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::layout::Layout;
use crate::process::{run, step, succeeds};

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
        let zig = Self { python: home.join("bin/python3") };
        if zig.works() {
            return Ok(zig);
        }
        step(format!("installing ziglang {VERSION}"));
        if home.exists() {
            std::fs::remove_dir_all(&home).with_context(|| format!("remove {}", home.display()))?;
        }
        if !environment(&home) {
            apt::install(&["python3", "python3-venv"], "a Python environment for the C compiler")?;
            run(Command::new("python3").args(["-m", "venv"]).arg(&home))?;
        }
        let package = format!("ziglang=={VERSION}");
        run(Command::new(&zig.python).args(["-m", "pip", "install", "-q", "--no-input", &package]))?;
        anyhow::ensure!(zig.works(), "ziglang {VERSION} was installed, but does not start");
        Ok(zig)
    }

    /// `zig` with a tool's name, such as `cc` or `ar`, and its cache in this directory.
    pub(crate) fn tool(&self, name: &str, cache: &Path) -> Command {
        let mut command = Command::new(&self.python);
        command.args(["-m", "ziglang", name]);
        command.env("ZIG_GLOBAL_CACHE_DIR", cache).env("ZIG_LOCAL_CACHE_DIR", cache);
        command
    }

    fn works(&self) -> bool {
        self.python.exists() && succeeds(Command::new(&self.python).args(["-m", "ziglang", "version"]))
    }
}

fn environment(home: &Path) -> bool {
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(home))
        && succeeds(Command::new(home.join("bin/python3")).args(["-m", "pip", "--version"]))
}
