//! What is checked before anything is tested: format, lints, dependencies and the repository's own rules.

use anyhow::Result;
use clap::ValueEnum;

use crate::layout::Layout;
use crate::process::{cargo, run, step};

/// The workspaces, from the root.
pub(crate) const WORKSPACES: [&str; 3] = [".", "guest-sdk", "modules"];

/// A check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Check {
    /// Format of all sources.
    Fmt,
    /// Lints of all workspaces and types of the console.
    Clippy,
    /// Dependencies: who may use what, licences, sources, advisories.
    Deny,
    /// The repository's own rules.
    Tidy,
}

/// Runs the checks; all of them when none is named.
pub(crate) fn check(layout: &Layout, checks: &[Check]) -> Result<()> {
    let checks = if checks.is_empty() { Check::value_variants() } else { checks };
    for check in checks {
        match check {
            Check::Fmt => format(layout)?,
            Check::Clippy => clippy(layout)?,
            Check::Deny => crate::deny::deny(layout)?,
            Check::Tidy => crate::tidy::tidy(layout)?,
        }
    }
    Ok(())
}

fn format(layout: &Layout) -> Result<()> {
    step("checking the format");
    for workspace in WORKSPACES {
        run(cargo(&layout.root.join(workspace)).args(["fmt", "--all", "--check"]))?;
    }
    Ok(())
}

fn clippy(layout: &Layout) -> Result<()> {
    // The host embeds the console, so it does not compile without one.
    crate::web::build(layout)?;
    crate::web::lint(layout)?;
    step("linting");
    for workspace in WORKSPACES {
        let mut clippy = cargo(&layout.root.join(workspace));
        let is_root = workspace == ".";
        clippy.env(
            "CARGO_TARGET_DIR",
            if is_root { layout.target.clone() } else { layout.guests().join("native") },
        );
        run(clippy.args(["clippy", "--quiet", "--workspace", "--all-targets", "--", "-Dwarnings"]))?;
    }
    Ok(())
}
