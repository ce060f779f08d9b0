//! Debian packages, installed only when something is missing and only when that needs no password.

use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{find_program, output, run, step, succeeds};

/// How this process may install packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Right {
    Root,
    Sudo,
    None,
}

/// Installs packages, or fails with the command that a person has to type.
pub(crate) fn install(packages: &[&str], why: &str) -> Result<()> {
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y {}", packages.join(" "));
    if find_program("apt-get").is_none() {
        bail!(
            "{why} needs the Debian packages {} (or the like), and there is no apt-get",
            packages.join(", ")
        );
    }
    let right = right();
    if right == Right::None {
        bail!("{why} needs packages that only root may install. Type this, then start again:\n  {by_hand}");
    }
    step(format!("installing {} for {why}", packages.join(", ")));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if right == Right::Root { "apt-get" } else { "sudo" });
        if right == Right::Sudo {
            command.args(["-n", "env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
        }
        command.env("DEBIAN_FRONTEND", "noninteractive").args(["-qq"]).args(arguments);
        command
    };
    run(&mut apt(&["update"]))?;
    // Nothing that a person installed may go in return.
    let options = ["install", "-y", "--no-remove", "--no-install-recommends"];
    run(apt(&options).args(packages))
}

fn right() -> Right {
    if output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0") {
        Right::Root
    } else if find_program("sudo").is_some() && succeeds(Command::new("sudo").args(["-n", "true"])) {
        Right::Sudo
    } else {
        Right::None
    }
}
