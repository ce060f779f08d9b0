//! The browser console: its packages, its build and its tests.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::fingerprint::{Fingerprint, Stamp};
use crate::layout::Layout;
use crate::process::{find_program, output, run, step};

/// Folders that are made, and folders that the console is not made from.
const NOT_SOURCES: [&str; 3] = ["node_modules", "dist", "tests"];

/// The oldest Node that the build tools run on.
const OLDEST_NODE: u32 = 20;

/// Builds `web/dist`, which the host's binary embeds, when something changed.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    let web = layout.web();
    if !web.join("package.json").exists() {
        return Ok(());
    }
    install(layout)?;
    let fingerprint = Fingerprint::default().path(&web, &NOT_SOURCES)?.path(&node()?, &[])?.finish();
    let stamp = Stamp::new(&layout.stamps(), "web");
    if stamp.holds(&fingerprint) {
        return Ok(());
    }
    step("building the browser console");
    run(npm(&web).args(["run", "--silent", "build"]))?;
    let page = web.join("dist/index.html");
    anyhow::ensure!(page.exists(), "the console was built, but there is no {}", page.display());
    stamp.set(&fingerprint, &[page])
}

/// Runs the console's own tests.
pub(crate) fn test(layout: &Layout) -> Result<()> {
    script(layout, "test", "testing the browser console")
}

/// Checks the console's types.
pub(crate) fn lint(layout: &Layout) -> Result<()> {
    script(layout, "lint", "checking the browser console")
}

/// The console's browser tests, as a command to add variables to; nothing when it has none.
pub(crate) fn browser_tests(layout: &Layout) -> Result<Option<Command>> {
    if !has_script(&layout.web(), "test:browser")? {
        return Ok(None);
    }
    build(layout)?;
    let mut command = npm(&layout.web());
    command.args(["run", "--silent", "test:browser"]);
    Ok(Some(command))
}

fn script(layout: &Layout, name: &str, what: &str) -> Result<()> {
    if !has_script(&layout.web(), name)? {
        return Ok(());
    }
    install(layout)?;
    step(what);
    run(npm(&layout.web()).args(["run", "--silent", name]))
}

fn has_script(web: &Path, name: &str) -> Result<bool> {
    let Ok(text) = std::fs::read_to_string(web.join("package.json")) else { return Ok(false) };
    let package: serde_json::Value = serde_json::from_str(&text).context("read web/package.json")?;
    Ok(package["scripts"][name].is_string())
}

/// Installs exactly the packages of the lock file.
fn install(layout: &Layout) -> Result<()> {
    let web = layout.web();
    let fingerprint = Fingerprint::default()
        .path(&web.join("package.json"), &[])?
        .path(&web.join("package-lock.json"), &[])?
        .path(&web.join(".npmrc"), &[])?
        .path(&node()?, &[])?
        .finish();
    let stamp = Stamp::new(&layout.stamps(), "web-packages");
    if stamp.holds(&fingerprint) {
        return Ok(());
    }
    let version = output(Command::new("node").arg("--version"))?;
    if major(&version).is_none_or(|major| major < OLDEST_NODE) {
        bail!("the console needs Node {OLDEST_NODE} or newer; this is {}", version.trim());
    }
    step("installing the console's packages");
    run(npm(&web).args(["ci", "--no-audit", "--no-fund", "--loglevel=error"]))?;
    stamp.set(&fingerprint, &[web.join("node_modules/.package-lock.json")])
}

fn node() -> Result<std::path::PathBuf> {
    find_program("node").context("the console needs Node 20 or newer on PATH")
}

/// The `20` of `v20.20.2`.
fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn npm(web: &Path) -> Command {
    let mut command = Command::new("npm");
    // Browsers come from the system: test tools must not fetch one of their own.
    command.current_dir(web).env("PLAYWRIGHT_SKIP_BROWSER_DOWNLOAD", "1").env("CI", "1");
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_version_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20"), None);
    }

    #[test]
    fn a_console_that_is_not_there_has_nothing_to_build_or_test() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { root: dir.path().into(), target: dir.path().into() };
        build(&layout).unwrap();
        test(&layout).unwrap();
        assert!(browser_tests(&layout).unwrap().is_none());
    }
}
