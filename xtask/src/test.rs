//! Everything that is tested, in parts that can be run alone.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;

use anyhow::Result;
use clap::ValueEnum;

use crate::layout::Layout;
use crate::process::{cargo, run, step, without_own_package};
use crate::tools::NEXTEST;

/// A part of the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// The workspace: unit and integration tests.
    Rust,
    /// The SDK and the built-in commands, compiled natively.
    Guests,
    /// The console's own tests.
    Web,
    /// The console in a browser.
    Browser,
}

/// Sets up what the parts need and runs them; all parts when none is named. `filters` go to the runner of Rust's tests.
pub(crate) fn test(layout: &Layout, parts: &[Part], filters: &[OsString]) -> Result<()> {
    let parts = if parts.is_empty() { Part::value_variants() } else { parts };
    for part in parts {
        match part {
            Part::Rust => rust(layout, filters)?,
            Part::Guests => guests(layout)?,
            Part::Web => crate::web::test(layout)?,
            Part::Browser => crate::browser::test(layout)?,
        }
    }
    step("all tests passed");
    Ok(())
}

fn rust(layout: &Layout, filters: &[OsString]) -> Result<()> {
    crate::guests::build(layout)?;
    crate::guests::build_real(layout, &crate::guests::tested()?)?;
    crate::host::build(layout)?;
    step("testing xtask");
    let mut xtask = workspace(layout);
    // Its own profile, the one it runs with: the other one optimises what xtask alone depends on.
    run(xtask.args(["test", "--quiet", "--profile", "xtask", "--package", "xtask"]))?;
    step("testing the workspace");
    let others = ["--workspace", "--exclude", "xtask"];
    match NEXTEST.ready(layout) {
        Ok(nextest) => {
            let mut nextest = Command::new(nextest);
            without_own_package(nextest.current_dir(&layout.root));
            let asked = ["nextest", "run", "--no-tests=pass"];
            run(with_guests(layout, &mut nextest).args(asked).args(others).args(filters))?;
        }
        Err(error) => {
            step(format!("going on with `cargo test`: {error:#}"));
            run(workspace(layout).args(["test", "--lib", "--bins", "--tests"]).args(others).args(filters))?;
        }
    }
    if filters.is_empty() {
        run(workspace(layout).args(["test", "--quiet", "--doc"]).args(others))?;
    }
    Ok(())
}

fn guests(layout: &Layout) -> Result<()> {
    step("testing the guests' code natively");
    for workspace in ["guest-sdk", "modules"] {
        let mut test = cargo(&layout.root.join(workspace));
        test.env("CARGO_TARGET_DIR", layout.guests().join("native"));
        // Probes are programs without tests of their own, and are linked for WASI alone.
        let probes = if workspace == "modules" { &["--exclude", "probes"][..] } else { &[] };
        run(test.args(["test", "--quiet", "--workspace", "--locked"]).args(probes))?;
    }
    step("checking the guest interface");
    crate::guests::build(layout)?;
    crate::guests::check_interface(layout)
}

/// Cargo in the root workspace, with what tests need to find.
fn workspace(layout: &Layout) -> Command {
    let mut command = cargo(&layout.root);
    with_guests(layout, &mut command);
    command
}

/// Tells tests where the guests and the server are.
fn with_guests<'a>(layout: &Layout, command: &'a mut Command) -> &'a mut Command {
    let set = |command: &'a mut Command, name: &str, path: &Path| command.env(name, path);
    let command = set(command, "CARGO_TARGET_DIR", &layout.target);
    let command = set(command, "CLOISTER_GUESTS", &layout.guests());
    set(command, "CLOISTER_BIN", &layout.cloister())
}
