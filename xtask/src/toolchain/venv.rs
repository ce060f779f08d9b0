//! Python packages in an environment of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::apt;
use crate::process::{run, step, succeeds};

/// The Python of an environment at `home` in which `module` can be imported; made with `package` when it cannot.
pub(crate) fn ready(home: &Path, package: &str, module: &str) -> Result<PathBuf> {
    let python = home.join("bin/python3");
    let works =
        || python.exists() && succeeds(Command::new(&python).args(["-c", &format!("import {module}")]));
    if works() {
        return Ok(python);
    }
    step(format!("installing {package}"));
    if home.exists() {
        std::fs::remove_dir_all(home).with_context(|| format!("remove {}", home.display()))?;
    }
    if !made(home) {
        apt::install(&["python3", "python3-venv"], "an environment for Python packages")?;
        run(Command::new("python3").args(["-m", "venv"]).arg(home))?;
    }
    run(Command::new(&python).args(["-m", "pip", "install", "-q", "--no-input", package]))?;
    anyhow::ensure!(works(), "{package} was installed, but cannot be imported");
    Ok(python)
}

fn made(home: &Path) -> bool {
    succeeds(Command::new("python3").args(["-m", "venv"]).arg(home))
        && succeeds(Command::new(home.join("bin/python3")).args(["-m", "pip", "--version"]))
}
