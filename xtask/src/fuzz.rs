//! Short runs of the fuzz targets in `fuzz/`, with the stable compiler. Long ones are `cargo fuzz run TARGET`'s.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use crate::layout::Layout;
use crate::process::{cargo, find_program, run, step};
use crate::toolchain::apt;

/// What cargo-fuzz passes as well, but for the sanitizer, which the stable compiler has not: our code has no unsafe.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module \
    -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares";
const TARGETS: [&str; 3] = ["upload_validator", "tenant_path", "command_line"];
/// An input that takes longer than this is a finding.
const SLOWEST_SECONDS: u32 = 10;
/// A target that needs more than this is a finding.
const MEMORY_MIB: u32 = 2048;

/// Runs every target for so many seconds. What it finds is kept under `target/fuzz/found`.
pub(crate) fn fuzz(layout: &Layout, seconds: u32) -> Result<()> {
    if find_program("c++").is_none() {
        apt::install(&["g++"], "the fuzzer's library, which is C++")?;
    }
    let home = layout.target.join("fuzz");
    // Named, so that build scripts and macros are not instrumented.
    let machine = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    step("building the fuzz targets");
    let mut build = cargo(&layout.root.join("fuzz"));
    build.args(["build", "--locked", "--release", "--target", &machine]);
    build.env("RUSTFLAGS", FLAGS).env("CARGO_TARGET_DIR", &home);
    run(&mut build)?;
    for target in TARGETS {
        let corpus = home.join("corpus").join(target);
        std::fs::create_dir_all(&corpus).context("make the corpus")?;
        if target == "upload_validator" {
            seed(layout, &corpus)?;
        }
        let found = home.join("found").join(target);
        std::fs::create_dir_all(&found).context("make room for findings")?;
        step(format!("fuzzing {target} for {seconds} s"));
        let mut fuzzer = Command::new(home.join(&machine).join("release").join(target));
        fuzzer.arg(&corpus).arg(format!("-artifact_prefix={}/", found.display()));
        fuzzer.args([format!("-max_total_time={seconds}"), format!("-timeout={SLOWEST_SECONDS}")]);
        fuzzer.args([format!("-rss_limit_mb={MEMORY_MIB}"), "-verbosity=0".to_owned()]);
        run(&mut fuzzer)?;
    }
    Ok(())
}

/// Real guests to begin with, when they are built.
fn seed(layout: &Layout, corpus: &Path) -> Result<()> {
    for name in ["hello.wasm", "hello.component.wasm"] {
        let guest = layout.guests().join("commands").join(name);
        if guest.is_file() {
            std::fs::copy(&guest, corpus.join(name)).context("copy a seed")?;
        }
    }
    Ok(())
}
