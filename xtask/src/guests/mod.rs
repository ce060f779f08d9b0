//! Guests: our own commands, fixtures and probes, and real programs from crates.io.

pub(crate) mod component;
mod real;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

pub(crate) use self::real::{Program, build as build_real, tested};
use crate::fingerprint::{Fingerprint, Stamp, children, write_atomically};
use crate::layout::Layout;
use crate::process::{output, run, step};
use crate::toolchain::zig::Zig;
use crate::toolchain::{TARGET, Toolchain};

/// Builds the workspace `modules/` when something changed. A program of `modules/KIND/` ends up as
/// `target/guests/KIND/NAME.wasm`, and as a component beside it.
pub(crate) fn build(layout: &Layout) -> Result<()> {
    let modules = layout.root.join("modules");
    let toolchain = Toolchain::ready(layout)?;
    let fingerprint = Fingerprint::default()
        .value("toolchain", toolchain.identity())
        .path(&modules, &["target"])?
        .path(&layout.root.join("guest-sdk"), &["target"])?
        .path(&layout.root.join("xtask/src/guests"), &[])?
        .path(&layout.root.join(".cargo"), &[])?
        .finish();
    let stamp = Stamp::new(&layout.stamps(), "guests");
    if stamp.holds(&fingerprint) {
        return Ok(());
    }
    let programs = programs(&modules)?;
    let outputs: Vec<_> = programs.iter().flat_map(|program| program.outputs(layout)).collect();
    step("building guests");
    run(toolchain.cargo(layout, &modules).args(["build", "--quiet", "--release", "--locked"]).args([
        "--workspace",
        "--target",
        TARGET,
    ]))?;
    for program in &programs {
        program.install(layout)?;
    }
    sweep(layout, &outputs)?;
    stamp.set(&fingerprint, &outputs)
}

/// Every guest that is there, ours and real ones, keeps to the one definition of the guest interface.
pub(crate) fn check_interface(layout: &Layout) -> Result<()> {
    let wit = layout.root.join("guest-sdk/wit");
    for directory in ["commands", "fixtures", "probes", "real"] {
        let directory = layout.guests().join(directory);
        let files = if directory.is_dir() { children(&directory)? } else { Vec::new() };
        for file in files.iter().filter(|file| file.to_string_lossy().ends_with(".component.wasm")) {
            let bytes = std::fs::read(file).with_context(|| format!("read {}", file.display()))?;
            component::check_world(&wit, &bytes).with_context(|| format!("check {}", file.display()))?;
        }
    }
    Ok(())
}

/// A program of ours.
struct Guest {
    /// `commands`, `fixtures`, `probes` or `peers`.
    kind: String,
    name: String,
    source: Source,
}

/// What a program is written in.
enum Source {
    /// A binary of the workspace `modules/`.
    Rust,
    /// A library of the workspace that handles HTTP requests, and is no command.
    RustHandler,
    C(PathBuf),
    /// The text format of WebAssembly.
    Text {
        path: PathBuf,
        /// Not made a component as well: a line of it begins with [`CORE_ONLY`].
        core_only: bool,
    },
}

/// Begins a line of a text that makes no sense as a component; the reason follows.
const CORE_ONLY: &str = ";; core only: ";

impl Guest {
    /// The program of a source file outside cargo.
    fn of(modules: &Path, path: &Path, source: Source) -> Option<Self> {
        let name = path.file_stem()?.to_string_lossy().into_owned();
        Some(Self { kind: kind(modules, path)?, name, source })
    }

    fn core(&self, layout: &Layout) -> PathBuf {
        layout.guests().join(&self.kind).join(format!("{}.wasm", self.name))
    }

    fn component(&self, layout: &Layout) -> Option<PathBuf> {
        let core_only = matches!(self.source, Source::Text { core_only: true, .. });
        (!core_only).then(|| self.core(layout).with_extension("component.wasm"))
    }

    fn outputs(&self, layout: &Layout) -> impl Iterator<Item = PathBuf> {
        [self.core(layout)].into_iter().chain(self.component(layout))
    }

    fn module(&self, layout: &Layout) -> Result<Vec<u8>> {
        let built = match &self.source {
            Source::C(source) => compile_c(layout, source, &self.name)?,
            Source::Rust | Source::RustHandler => {
                let release = layout.guests().join("build").join(TARGET).join("release");
                release.join(format!("{}.wasm", self.name))
            }
            Source::Text { path, .. } => {
                return wat::parse_file(path).with_context(|| format!("assemble {}", path.display()));
            }
        };
        std::fs::read(&built).with_context(|| format!("read {}", built.display()))
    }

    fn install(&self, layout: &Layout) -> Result<()> {
        let module = self.module(layout)?;
        write_if_changed(&self.core(layout), &module)?;
        let Some(component) = self.component(layout) else { return Ok(()) };
        let made = match self.source {
            Source::RustHandler => component::componentize_proxy(&module),
            _ => component::componentize(&module),
        };
        let made = made.with_context(|| format!("make a component of {}/{}", self.kind, self.name))?;
        write_if_changed(&component, &made)
    }
}

/// All programs below `modules/`: cargo's binaries, C files in a folder `c` and texts in a folder `wat`.
fn programs(modules: &Path) -> Result<Vec<Guest>> {
    let mut metadata = crate::process::cargo(modules);
    metadata.args(["metadata", "--no-deps", "--offline", "--format-version=1"]);
    let metadata: serde_json::Value =
        serde_json::from_str(&output(&mut metadata)?).context("read cargo's metadata")?;
    let mut guests = Vec::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let manifest = Path::new(package["manifest_path"].as_str().unwrap_or_default());
        let Some(kind) = kind(modules, manifest) else { continue };
        for target in package["targets"].as_array().into_iter().flatten() {
            let is = |kind: &str| target["kind"].as_array().is_some_and(|kinds| kinds.contains(&kind.into()));
            let source = if is("cdylib") { Source::RustHandler } else { Source::Rust };
            if let (true, Some(name)) = (is("cdylib") || is("bin"), target["name"].as_str()) {
                guests.push(Guest { kind: kind.clone(), name: name.to_owned(), source });
            }
        }
    }
    for directory in children(modules)? {
        for path in sources(&directory.join("c"), "c")? {
            guests.extend(Guest::of(modules, &path, Source::C(path.clone())));
        }
        for path in sources(&directory.join("wat"), "wat")? {
            let text = std::fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
            let core_only = text.lines().any(|line| line.starts_with(CORE_ONLY));
            guests.extend(Guest::of(modules, &path, Source::Text { path: path.clone(), core_only }));
        }
    }
    Ok(guests)
}

/// The files of a folder that have this ending; none when there is no such folder.
fn sources(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let files = if folder.is_dir() { children(folder)? } else { Vec::new() };
    Ok(files.into_iter().filter(|file| file.extension() == Some(OsStr::new(ending))).collect())
}

/// The first folder below `modules/` on the way to a file.
fn kind(modules: &Path, file: &Path) -> Option<String> {
    let mut parts = file.strip_prefix(modules).ok()?.components();
    let first = parts.next()?.as_os_str().to_str()?.to_owned();
    parts.next().is_some().then_some(first)
}

fn compile_c(layout: &Layout, source: &Path, name: &str) -> Result<PathBuf> {
    let zig = Zig::ready(layout)?;
    let directory = layout.guests().join("build/c");
    std::fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    let program = directory.join(format!("{name}.wasm"));
    let mut compile = zig.tool("cc", &directory.join("cache"));
    compile.args(["--target=wasm32-wasi", "-Os", "-s", "-Wall", "-Wextra", "-Werror", "-std=c11"]);
    run(compile.arg(source).arg("-o").arg(&program))?;
    Ok(program)
}

/// Leaves a file alone that has these bytes, so that its time tells when it really changed.
fn write_if_changed(file: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(file).is_ok_and(|stored| stored == bytes) {
        return Ok(());
    }
    write_atomically(file, bytes)
}

/// Removes what an earlier build made from sources that are gone.
fn sweep(layout: &Layout, outputs: &[PathBuf]) -> Result<()> {
    let mut directories: Vec<_> = outputs.iter().filter_map(|output| output.parent()).collect();
    directories.dedup();
    for directory in directories.into_iter().filter(|directory| directory.starts_with(layout.guests())) {
        for file in children(directory)? {
            if !outputs.contains(&file) {
                std::fs::remove_file(&file).with_context(|| format!("remove {}", file.display()))?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_belongs_to_the_folder_it_stands_in() {
        let modules = Path::new("/m");
        assert_eq!(kind(modules, Path::new("/m/commands/cat/Cargo.toml")).as_deref(), Some("commands"));
        assert_eq!(kind(modules, Path::new("/m/fixtures/Cargo.toml")).as_deref(), Some("fixtures"));
        assert_eq!(kind(modules, Path::new("/m/Cargo.toml")), None);
        assert_eq!(kind(modules, Path::new("/elsewhere/x/Cargo.toml")), None);
    }

    #[test]
    fn a_text_becomes_a_module_and_a_component_unless_it_says_otherwise() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { root: dir.path().into(), target: dir.path().into() };
        let path = dir.path().join("probes/wat/x.wat");
        let source = |core_only| Source::Text { path: path.clone(), core_only };
        let outputs =
            |core_only| Guest::of(dir.path(), &path, source(core_only)).unwrap().outputs(&layout).count();
        assert_eq!((outputs(false), outputs(true)), (2, 1));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, "(module (func (export \"_start\")))").unwrap();
        let module = Guest::of(dir.path(), &path, source(true)).unwrap().module(&layout).unwrap();
        assert_eq!(&module[..4], b"\0asm");
        std::fs::write(&path, "(module").unwrap();
        assert!(Guest::of(dir.path(), &path, source(true)).unwrap().module(&layout).is_err());
    }

    #[test]
    fn a_file_that_does_not_change_keeps_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.wasm");
        write_if_changed(&file, b"1").unwrap();
        let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(long_ago).unwrap();
        write_if_changed(&file, b"1").unwrap();
        assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), long_ago);
        write_if_changed(&file, b"2").unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"2");
    }

    #[test]
    fn programs_whose_source_is_gone_are_swept_away() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Layout { root: dir.path().into(), target: dir.path().into() };
        let commands = layout.guests().join("commands");
        std::fs::create_dir_all(&commands).unwrap();
        let (kept, gone) = (commands.join("kept.wasm"), commands.join("gone.wasm"));
        std::fs::write(&kept, "").unwrap();
        std::fs::write(&gone, "").unwrap();
        sweep(&layout, std::slice::from_ref(&kept)).unwrap();
        assert!(kept.exists() && !gone.exists());
    }
}
