//! The server: building it, and starting it in place of this process.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use crate::fingerprint::{Fingerprint, Stamp};
use crate::layout::Layout;
use crate::process::{cargo, find_program, run, step};

/// What the server is made from, beside what the compiler says it read.
const SOURCES: [&str; 7] =
    ["Cargo.toml", "Cargo.lock", ".cargo/config.toml", "runtime", "host", "web/dist", "guest-sdk/wit"];

/// Where and on what the server runs.
pub(crate) struct Serve {
    /// The address to listen on.
    pub(crate) listen: String,
    /// The data directory.
    pub(crate) data: PathBuf,
    /// Passed on as they are.
    pub(crate) more: Vec<OsString>,
}

/// Builds the server when something changed. The console comes first, since the binary embeds it.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    crate::web::build(layout)?;
    let stamp = Stamp::new(&layout.stamps(), "host");
    if stamp.holds(&fingerprint(layout)?) {
        return Ok(());
    }
    let before = sources(layout)?;
    step("building the server (the first time, with its engine, takes minutes)");
    let mut build = cargo(&layout.root);
    // The same selection of packages as the tests have: with other features, the engine would be compiled twice.
    build.env("CARGO_TARGET_DIR", &layout.target);
    build.args(["build", "--workspace", "--exclude", "xtask", "--bin", "cloister"]);
    run(&mut build)?;
    // An edit during the build is not in the binary: then the next start builds again.
    if sources(layout)? == before {
        stamp.set(&fingerprint(layout)?, &[layout.cloister()])?;
    }
    Ok(())
}

/// Everything the binary is made from, with the compiler's own list, which is as new as the binary.
fn fingerprint(layout: &Layout) -> Result<String> {
    let mut fingerprint = Fingerprint::default().value("sources", &sources(layout)?);
    for source in dependencies(layout) {
        fingerprint = fingerprint.path(&source, &[])?;
    }
    Ok(fingerprint.finish())
}

fn sources(layout: &Layout) -> Result<String> {
    let mut fingerprint = Fingerprint::default()
        .value("toolchain", &std::env::var("RUSTUP_TOOLCHAIN").unwrap_or_default())
        .value("flags", &std::env::var("RUSTFLAGS").unwrap_or_default());
    if let Some(rustc) = find_program("rustc") {
        fingerprint = fingerprint.path(&rustc, &[])?;
    }
    for source in SOURCES {
        fingerprint = fingerprint.path(&layout.root.join(source), &["target"])?;
    }
    Ok(fingerprint.finish())
}

/// The files of the repository that the compiler read for the binary, as it lists them beside it.
fn dependencies(layout: &Layout) -> Vec<PathBuf> {
    let text = std::fs::read_to_string(layout.cloister().with_extension("d")).unwrap_or_default();
    listed(&text).into_iter().filter(|path| path.starts_with(&layout.root)).collect()
}

/// The prerequisites of a makefile's rules; blanks in names are escaped.
fn listed(makefile: &str) -> Vec<PathBuf> {
    let mut paths = Vec::new();
    for line in makefile.lines() {
        let Some((_, rest)) = line.split_once(": ") else { continue };
        let marked = rest.replace("\\ ", "\0");
        paths.extend(marked.split_whitespace().map(|word| PathBuf::from(word.replace('\0', " "))));
    }
    paths.sort();
    paths.dedup();
    paths
}

/// Becomes the server: signals, streams and the exit code are then its own.
pub(crate) fn serve(layout: &Layout, serve: &Serve) -> Result<()> {
    let mut command = Command::new(layout.cloister());
    command.arg("serve").args(["--listen", &serve.listen]).arg("--data").arg(&serve.data);
    command.arg("--demo").arg(layout.guests().join("commands")).args(&serve.more);
    become_program(&mut command, &layout.cloister())
}

#[cfg(unix)]
fn become_program(command: &mut Command, program: &Path) -> Result<()> {
    use std::os::unix::process::CommandExt;
    Err(command.exec()).with_context(|| format!("start {}", program.display()))
}

#[cfg(not(unix))]
fn become_program(command: &mut Command, program: &Path) -> Result<()> {
    let status = command.status().with_context(|| format!("start {}", program.display()))?;
    std::process::exit(status.code().unwrap_or(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_compiler_read_is_listed() {
        let text = "/t/cloister: /r/a.rs /r/with\\ blank.rs\n\n/t/other: /r/a.rs\n";
        assert_eq!(listed(text), [PathBuf::from("/r/a.rs"), PathBuf::from("/r/with blank.rs")]);
        assert!(listed("").is_empty());
    }
}
