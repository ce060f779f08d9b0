//! A wasm32-wasip1 system root made from packages: Debian's compiler and the source of its standard library, zig's libc.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::zig::{self, Zig};
use super::{TARGET, Toolchain, apt, compiles};
use crate::fingerprint::Fingerprint;
use crate::layout::Layout;
use crate::process::{cargo, find_program, output, run, step};

/// Raise this when the recipe below changes.
const RECIPE: &str = "1";

/// Debian's compiler; rustup's, on PATH, lacks the source of the standard library.
const RUSTC: &str = "/usr/bin/rustc";

/// The linker of the LLVM that this compiler was made with.
const LINKER: &str = "wasm-ld-22";

/// The packages that bring both.
const PACKAGES: [&str; 3] = ["rustc-web", "rust-web-src", "lld-22"];

/// The oldest compiler whose standard library links against zig's libc.
const OLDEST_MINOR: u32 = 90;

/// The list of the system root's files with their sizes: how a broken one is noticed without compiling.
const MANIFEST: &str = "manifest.json";

/// Finds the system root, or makes it.
pub(super) fn ready(layout: &Layout) -> Result<Toolchain> {
    install_packages()?;
    let fingerprint = fingerprint()?;
    let toolchain = Toolchain::Packages {
        rustc: RUSTC.into(),
        linker: LINKER.into(),
        sysroot: layout.sysroot(),
        fingerprint: fingerprint.clone(),
    };
    if is_whole(&layout.sysroot(), &fingerprint) {
        return Ok(toolchain);
    }
    let _lock = lock(layout)?;
    if is_whole(&layout.sysroot(), &fingerprint) {
        return Ok(toolchain);
    }
    step(format!("making a {TARGET} system root from packages (about a minute and a half, once)"));
    build(layout, &fingerprint)?;
    if !compiles(layout, &toolchain) {
        std::fs::remove_dir_all(layout.sysroot()).context("remove the system root")?;
        bail!("the {TARGET} system root was made, but a program does not compile and link with it");
    }
    Ok(toolchain)
}

fn install_packages() -> Result<()> {
    let compiler = output(Command::new(RUSTC).arg("--version")).unwrap_or_default();
    let recent = minor(&compiler).is_some_and(|minor| minor >= OLDEST_MINOR);
    if recent && standard_library().is_ok_and(|path| path.exists()) && find_program(LINKER).is_some() {
        return Ok(());
    }
    apt::install(&PACKAGES, "building guests")
}

/// The `96` of `rustc 1.96.0 (...)`.
fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("rustc 1.")?.split('.').next()?.parse().ok()
}

fn standard_library() -> Result<PathBuf> {
    let root = output(Command::new(RUSTC).args(["--print", "sysroot"]))?;
    Ok(Path::new(root.trim()).join("lib/rustlib/src/rust/library/Cargo.lock"))
}

fn fingerprint() -> Result<String> {
    let linker = find_program(LINKER).context("find the linker")?;
    Ok(Fingerprint::default()
        .value("recipe", RECIPE)
        .value("zig", zig::VERSION)
        .value("rustc", &output(Command::new(RUSTC).arg("-vV"))?)
        .path(&standard_library()?, &[])?
        .path(&linker, &[])?
        .finish())
}

/// One process at a time; the lock goes with the file.
fn lock(layout: &Layout) -> Result<std::fs::File> {
    std::fs::create_dir_all(&layout.target).context("make the build directory")?;
    let file = std::fs::File::create(layout.target.join("wasi-sysroot.lock")).context("make a lock file")?;
    file.lock().context("wait for another xtask that makes the system root")?;
    Ok(file)
}

/// Builds beside the final place and renames, so that an interrupted build leaves nothing that looks whole.
fn build(layout: &Layout, fingerprint: &str) -> Result<()> {
    let zig = Zig::ready(layout)?;
    let all_work = layout.target.join("wasi-sysroot.work");
    remove(&all_work)?;
    // Its own folder: a compiler that an interrupted xtask left running still writes to the old one.
    let work = all_work.join(std::process::id().to_string());
    let fresh = work.join("sysroot");
    let libraries = fresh.join("lib/rustlib").join(TARGET).join("lib");
    std::fs::create_dir_all(libraries.join("self-contained")).context("make the system root")?;
    build_std(&work, &libraries)?;
    build_libc(&zig, &work, &libraries.join("self-contained"))?;
    let manifest = serde_json::json!({ "fingerprint": fingerprint, "files": sizes(&fresh)? });
    std::fs::write(fresh.join(MANIFEST), manifest.to_string()).context("write the manifest")?;
    remove(&layout.sysroot())?;
    std::fs::rename(&fresh, layout.sysroot()).context("put the system root in its place")?;
    remove(&all_work)
}

/// Compiles std as a dependency of an empty library, so that nothing has to be linked.
fn build_std(work: &Path, libraries: &Path) -> Result<()> {
    let package = work.join("std");
    std::fs::create_dir_all(package.join("src")).context("make an empty library")?;
    std::fs::write(package.join("src/lib.rs"), "").context("write an empty library")?;
    let manifest = "[package]\nname = \"stdbuild\"\nedition = \"2024\"\n\
                    [workspace]\n[lib]\n[profile.release]\nopt-level = 2\n";
    std::fs::write(package.join("Cargo.toml"), manifest).context("write an empty library")?;
    let mut build = cargo(&package);
    build.args(["build", "--quiet", "--release", "--target", TARGET]);
    build.arg("-Zbuild-std=std,panic_abort,panic_unwind,test");
    // The packaged compiler is a stable one; building std is what its source package is for.
    build.env("RUSTC", RUSTC).env("RUSTC_BOOTSTRAP", "1").env("CARGO_TARGET_DIR", work.join("target"));
    // Bitcode, so that guests can be optimised together with std.
    build.env("CARGO_ENCODED_RUSTFLAGS", "-Cembed-bitcode=yes").env_remove("RUSTFLAGS");
    run(&mut build)?;
    let built = work.join("target").join(TARGET).join("release/deps");
    let mut count = 0;
    for file in walk(&built)? {
        let name = file.file_name().unwrap_or_default();
        let is_ours = name.to_string_lossy().starts_with("libstdbuild");
        if file.extension() == Some(OsStr::new("rlib")) && !is_ours {
            std::fs::copy(&file, libraries.join(name)).with_context(|| format!("copy {}", file.display()))?;
            count += 1;
        }
    }
    ensure!(count > 0, "building the standard library left no library in {}", built.display());
    Ok(())
}

/// Lets zig build its libc by linking a program, then joins the parts into the one archive that std asks for.
fn build_libc(zig: &Zig, work: &Path, destination: &Path) -> Result<()> {
    let cache = work.join("zig");
    std::fs::write(work.join("empty.c"), "int main(void) { return 0; }\n").context("write a C program")?;
    let mut compile = zig.tool("cc", &cache);
    run(compile.args(["--target=wasm32-wasi", "-O2", "empty.c", "-o", "empty.wasm"]).current_dir(work))?;
    let built = walk(&cache)?;
    let find = |name: &str| {
        let found = built.iter().find(|file| file.file_name() == Some(OsStr::new(name)));
        found.with_context(|| format!("zig {} made no {name}", zig::VERSION))
    };
    std::fs::copy(find("crt1-command.o")?, destination.join("crt1-command.o"))
        .context("copy the C start-up")?;
    let mut script = format!("create {}\n", destination.join("libc.a").display());
    for part in ["libc.a", "libzigc.a", "libcompiler_rt.a"] {
        script.push_str(&format!("addlib {}\n", find(part)?.display()));
    }
    script.push_str("save\nend\n");
    let mut archiver = zig.tool("ar", &cache);
    let mut child = archiver.arg("-M").stdin(Stdio::piped()).spawn().context("start zig ar")?;
    child.stdin.take().context("talk to zig ar")?.write_all(script.as_bytes()).context("talk to zig ar")?;
    ensure!(child.wait().context("wait for zig ar")?.success(), "zig ar could not join the parts of libc");
    Ok(())
}

/// True when the system root was made from this fingerprint and no file of it was lost, cut or added to.
fn is_whole(sysroot: &Path, fingerprint: &str) -> bool {
    let Ok(text) = std::fs::read_to_string(sysroot.join(MANIFEST)) else { return false };
    let Ok(manifest) = serde_json::from_str::<serde_json::Value>(&text) else { return false };
    let Ok(found) = sizes(sysroot) else { return false };
    manifest["fingerprint"] == fingerprint && manifest["files"] == serde_json::json!(found)
}

/// The size of each file but the manifest, by its path in the system root.
fn sizes(sysroot: &Path) -> Result<BTreeMap<String, u64>> {
    let mut sizes = BTreeMap::new();
    for file in walk(sysroot)? {
        let name = file.strip_prefix(sysroot)?.to_string_lossy().into_owned();
        if name != MANIFEST {
            sizes.insert(name, std::fs::metadata(&file).context("read a size")?.len());
        }
    }
    Ok(sizes)
}

/// All files below a directory.
fn walk(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut open = vec![directory.to_path_buf()];
    while let Some(next) = open.pop() {
        for child in crate::fingerprint::children(&next)? {
            if child.is_dir() { open.push(child) } else { files.push(child) }
        }
    }
    Ok(files)
}

fn remove(directory: &Path) -> Result<()> {
    match std::fs::remove_dir_all(directory) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", directory.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(directory: &Path) {
        std::fs::create_dir_all(directory.join("lib")).unwrap();
        std::fs::write(directory.join("lib/libstd-1.rlib"), "12345").unwrap();
        let manifest = serde_json::json!({ "fingerprint": "one", "files": sizes(directory).unwrap() });
        std::fs::write(directory.join(MANIFEST), manifest.to_string()).unwrap();
    }

    #[test]
    fn a_system_root_is_whole_for_its_own_fingerprint_only() {
        let dir = tempfile::tempdir().unwrap();
        assert!(!is_whole(dir.path(), "one"));
        made(dir.path());
        assert!(is_whole(dir.path(), "one"));
        assert!(!is_whole(dir.path(), "two"));
    }

    #[test]
    fn a_lost_or_cut_file_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path());
        std::fs::write(dir.path().join("lib/libstd-1.rlib"), "1").unwrap();
        assert!(!is_whole(dir.path(), "one"));
        std::fs::remove_file(dir.path().join("lib/libstd-1.rlib")).unwrap();
        assert!(!is_whole(dir.path(), "one"));
    }

    #[test]
    fn a_manifest_that_was_cut_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        made(dir.path());
        std::fs::write(dir.path().join(MANIFEST), "{\"finger").unwrap();
        assert!(!is_whole(dir.path(), "one"));
    }

    #[test]
    fn the_compilers_version_is_read() {
        assert_eq!(minor("rustc 1.96.0 (ac68faa20 2026-05-25) (built from a source tarball)"), Some(96));
        assert_eq!(minor("rustc 2.0.0"), None);
        assert_eq!(minor(""), None);
    }
}
