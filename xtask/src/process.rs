//! Running other programs.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How often a program with a deadline is looked at.
const POLL_MS: u64 = 20;

/// Says what is being done, on stderr.
pub(crate) fn step(text: impl AsRef<str>) {
    eprintln!("xtask: {}", text.as_ref());
}

/// Runs to the end with inherited output; an error when it fails.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs to the end and returns its stdout; its stderr is part of the error when it fails.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("start {}", shown(command)))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        bail!("{} ended with {}\n{}", shown(command), output.status, stderr.trim_end());
    }
    String::from_utf8(output.stdout).with_context(|| format!("read the output of {}", shown(command)))
}

/// Runs to the end in silence; true when it succeeds.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// Runs in silence for at most `limit`, then ends it; true when it succeeded in time.
pub(crate) fn succeeds_within(command: &mut Command, limit: Duration) -> bool {
    let command = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let Ok(mut child) = command.spawn() else { return false };
    let deadline = Instant::now() + limit;
    while Instant::now() < deadline {
        match child.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) => std::thread::sleep(Duration::from_millis(POLL_MS)),
            Err(_) => return false,
        }
    }
    // It may have ended just now: then there is nothing to end, and waiting reaps it.
    let _ = child.kill();
    let _ = child.wait();
    false
}

/// Cargo, in this directory, as a person would start it.
pub(crate) fn cargo(directory: &Path) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    without_own_package(command.current_dir(directory));
    command
}

/// Takes away the variables that `cargo run` gave to xtask itself. Build scripts that watch them (ring's does) would run again
/// whenever a program with them and one without build by turns, and with them all that depends on their crates.
pub(crate) fn without_own_package(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let Some(text) = name.to_str() else { continue };
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(name);
        }
    }
    command
}

/// The first program of this name on PATH.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    find_in(&path, name)
}

fn find_in(path: &OsStr, name: &str) -> Option<PathBuf> {
    let file = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(path).map(|dir| dir.join(&file)).find(|candidate| candidate.is_file())
}

/// A command line for a person.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let mut line = program.to_string_lossy().into_owned();
    for argument in command.get_args() {
        line.push(' ');
        line.push_str(&argument.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_program_is_named_with_its_complaint() {
        let error = output(Command::new("sh").args(["-c", "echo no luck >&2; exit 3"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("sh -c") && text.contains("no luck") && text.contains('3'), "{text}");
    }

    #[test]
    fn a_program_that_hangs_is_ended_at_its_limit() {
        let started = Instant::now();
        assert!(!succeeds_within(Command::new("sleep").arg("60"), Duration::from_millis(50)));
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn a_program_that_ends_in_time_reports_its_success() {
        assert!(succeeds_within(&mut Command::new("true"), Duration::from_secs(30)));
        assert!(!succeeds_within(&mut Command::new("false"), Duration::from_secs(30)));
    }

    #[test]
    fn a_program_is_not_told_of_the_package_that_cargo_runs() {
        assert!(std::env::var_os("CARGO_PKG_NAME").is_some(), "cargo tells a test of its package");
        let printed = output(without_own_package(&mut Command::new("env"))).unwrap();
        assert!(printed.contains("PATH="));
        assert!(!printed.contains("CARGO_PKG_") && !printed.contains("CARGO_MANIFEST_"), "{printed}");
    }

    #[test]
    fn programs_are_found_on_a_path_in_its_order() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(second.path().join("tool"), "").unwrap();
        let path = std::env::join_paths([first.path(), second.path()]).unwrap();
        assert_eq!(find_in(&path, "tool"), Some(second.path().join("tool")));
        std::fs::write(first.path().join("tool"), "").unwrap();
        assert_eq!(find_in(&path, "tool"), Some(first.path().join("tool")));
        assert_eq!(find_in(&path, "other"), None);
    }
}
