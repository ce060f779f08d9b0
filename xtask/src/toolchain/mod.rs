//! The toolchain that builds Rust guests: rustup's target where it can be had, else one made from packages.

pub(crate) mod apt;
mod sysroot;
pub(crate) mod venv;
pub(crate) mod zig;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::fingerprint::{Fingerprint, Stamp};
use crate::layout::Layout;
use crate::process::{cargo, find_program, output, step, succeeds, succeeds_within};

/// What guests are built for.
pub(crate) const TARGET: &str = "wasm32-wasip1";

/// Set to `rustup` or `packages` to take only that way; anything else tries both in this order.
const CHOICE: &str = "CLOISTER_GUEST_TOOLCHAIN";

/// How long rustup may try to fetch the target. Without a network it fails at once; behind a firewall it hangs.
const RUSTUP_LIMIT: Duration = Duration::from_secs(60);

/// How long a failure of rustup is remembered.
const RUSTUP_FORGIVEN_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// A compiler that makes WASI preview 1 modules. It has compiled and linked a program on this machine.
#[derive(Debug, Clone)]
pub(crate) enum Toolchain {
    /// The compiler on PATH has the target.
    Native {
        /// The compiler's version.
        version: String,
    },
    /// Debian's compiler and linker with a system root of our own.
    Packages {
        /// The compiler.
        rustc: PathBuf,
        /// The linker.
        linker: String,
        /// The system root.
        sysroot: PathBuf,
        /// What the system root was made from.
        fingerprint: String,
    },
}

impl Toolchain {
    /// Finds the toolchain, or sets it up.
    pub(crate) fn ready(layout: &Layout) -> Result<Self> {
        let choice = std::env::var(CHOICE).unwrap_or_default();
        if choice != "packages" {
            if let Some(found) = native(layout)? {
                return Ok(found);
            }
            if choice == "rustup" {
                bail!("{CHOICE}=rustup, but the target {TARGET} is not there and could not be added");
            }
        }
        sysroot::ready(layout)
    }

    /// Cargo, in this directory, building guests with this toolchain into the guests' own build directory.
    pub(crate) fn cargo(&self, layout: &Layout, directory: &Path) -> Command {
        let mut command = cargo(directory);
        command.env("CARGO_TARGET_DIR", layout.guests().join("build"));
        // Flags meant for the host's programs do not fit guests.
        command.env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
        if let Self::Packages { rustc, linker, sysroot, .. } = self {
            command.env("RUSTC", rustc);
            command.env("CARGO_TARGET_WASM32_WASIP1_LINKER", linker);
            command.env("CARGO_ENCODED_RUSTFLAGS", format!("--sysroot\u{1f}{}", sysroot.display()));
        }
        command
    }

    /// Changes when guests have to be built again because of the toolchain.
    pub(crate) fn identity(&self) -> &str {
        match self {
            Self::Native { version } => version,
            Self::Packages { fingerprint, .. } => fingerprint,
        }
    }
}

/// The compiler on PATH, when it has the target or rustup can add it.
fn native(layout: &Layout) -> Result<Option<Toolchain>> {
    if find_program("rustc").is_none() {
        return Ok(None);
    }
    let version = output(Command::new("rustc").arg("-vV").current_dir(&layout.root))?.replace('\n', "; ");
    let found = Toolchain::Native { version: version.clone() };
    let works = Stamp::new(&layout.stamps(), "native-target");
    if works.holds(&version) {
        return Ok(Some(found));
    }
    if library(layout).is_none() && !add_target(layout, &version)? {
        return Ok(None);
    }
    let Some(library) = library(layout) else { return Ok(None) };
    if !compiles(layout, &found) {
        step(format!("the compiler on PATH has {TARGET}, but cannot link a program for it"));
        return Ok(None);
    }
    works.set(&version, &[library])?;
    Ok(Some(found))
}

/// The standard library for the target that the compiler on PATH has.
fn library(layout: &Layout) -> Option<PathBuf> {
    let mut rustc = Command::new("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(&layout.root);
    find_std(Path::new(output(&mut rustc).ok()?.trim()))
}

/// The compiled standard library in a directory.
fn find_std(directory: &Path) -> Option<PathBuf> {
    let mut entries = std::fs::read_dir(directory).ok()?.flatten();
    entries.find(|entry| entry.file_name().to_string_lossy().starts_with("libstd-")).map(|entry| entry.path())
}

/// Asks rustup for the target. A failure is remembered, since finding out again may take the whole limit.
fn add_target(layout: &Layout, version: &str) -> Result<bool> {
    if find_program("rustup").is_none() {
        return Ok(false);
    }
    let failed = Stamp::new(&layout.stamps(), "rustup-failed");
    let today = day(std::time::SystemTime::now());
    let key = Fingerprint::default().value("rustc", version).value("day", &today.to_string()).finish();
    if failed.holds(&key) {
        return Ok(false);
    }
    step(format!("adding the target {TARGET} with rustup"));
    let mut rustup = Command::new("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(&layout.root);
    // A run of cargo names the toolchain that rustup should use: the same one as cargo's.
    if succeeds_within(&mut rustup, RUSTUP_LIMIT) && library(layout).is_some() {
        failed.clear()?;
        return Ok(true);
    }
    step("rustup cannot add it from here; going on with packages");
    failed.set(&key, &[])?;
    Ok(false)
}

/// The number of the period in which a failure is remembered.
fn day(now: std::time::SystemTime) -> u64 {
    let age = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    age.as_secs() / RUSTUP_FORGIVEN_AFTER.as_secs()
}

/// Compiles and links a small program that uses files, the clock and the environment.
fn compiles(layout: &Layout, toolchain: &Toolchain) -> bool {
    const PROBE: &str = "fn main() { println!(\"{:?} {:?}\", std::env::args(), std::fs::read_dir(\".\")); }";
    let directory = layout.stamps().join(format!("probe-{}", std::process::id()));
    let source = directory.join("probe.rs");
    let written = std::fs::create_dir_all(&directory).and_then(|()| std::fs::write(&source, PROBE));
    let mut rustc = match toolchain {
        Toolchain::Native { .. } => Command::new("rustc"),
        Toolchain::Packages { rustc, linker, sysroot, .. } => {
            let mut command = Command::new(rustc);
            command.arg("--sysroot").arg(sysroot).arg(format!("-Clinker={linker}"));
            command
        }
    };
    rustc.args(["--edition=2024", "--target", TARGET, "-Copt-level=1", "-o", "probe.wasm", "probe.rs"]);
    let works = written.is_ok() && succeeds(rustc.current_dir(&directory));
    // What is left behind costs a few kilobytes in the build directory and nothing else.
    let _ = std::fs::remove_dir_all(&directory);
    works
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_standard_library_is_recognised() {
        let dir = tempfile::tempdir().unwrap();
        assert!(find_std(dir.path()).is_none());
        assert!(find_std(&dir.path().join("absent")).is_none());
        std::fs::write(dir.path().join("libstd-0123.rlib"), "").unwrap();
        assert!(find_std(dir.path()).is_some());
    }

    #[test]
    fn guests_are_built_with_the_flags_of_the_packaged_toolchain_only() {
        let layout = Layout { root: "/r".into(), target: "/t".into() };
        let toolchain = Toolchain::Packages {
            rustc: "/bin/rustc".into(),
            linker: "ld".into(),
            sysroot: "/s p".into(),
            fingerprint: "f".into(),
        };
        let command = toolchain.cargo(&layout, Path::new("/r"));
        let set: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name, value?))).collect();
        assert!(
            set.contains(&("CARGO_ENCODED_RUSTFLAGS".as_ref(), "--sysroot\u{1f}/s p".as_ref())),
            "{set:?}"
        );
        assert!(set.contains(&("RUSTC".as_ref(), "/bin/rustc".as_ref())));
        assert!(set.contains(&("CARGO_TARGET_DIR".as_ref(), "/t/guests/build".as_ref())));
    }
}
