//! What the dependencies must keep to, checked by cargo-deny.

use std::process::Command;
use std::time::Duration;

use anyhow::Result;

use crate::check::WORKSPACES;
use crate::layout::Layout;
use crate::process::{run, step, succeeds_within};
use crate::tools::DENY;

/// How long fetching the advisories may take. Without a network it fails at once; behind a firewall it hangs.
const FETCH_LIMIT: Duration = Duration::from_secs(60);

/// Checks bans, licences and sources always, and advisories when their database can be had.
pub(crate) fn deny(layout: &Layout) -> Result<()> {
    step("checking dependencies");
    let program = DENY.ready(layout)?;
    let deny = |workspace: &str, options: &[&str]| {
        let mut command = Command::new(&program);
        command.current_dir(layout.root.join(workspace)).args(["--log-level", "error", "--all-features"]);
        command.args(options).arg("--config").arg(layout.root.join("deny.toml"));
        command
    };
    for workspace in WORKSPACES {
        run(deny(workspace, &[]).args(["check", "bans", "licenses", "sources"]))?;
    }
    let mut fetch = deny(".", &[]);
    fetch.args(["fetch", "db"]);
    if !succeeds_within(&mut fetch, FETCH_LIMIT) {
        step("advisories were NOT checked: their database cannot be reached from here");
        return Ok(());
    }
    for workspace in WORKSPACES {
        run(deny(workspace, &["--offline"]).args(["check", "advisories"]))?;
    }
    Ok(())
}
