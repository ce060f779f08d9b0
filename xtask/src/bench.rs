//! Measurements: release build, quiet machine; the quick form only proves that the harness works.

use anyhow::Result;

use crate::layout::Layout;
use crate::process::{cargo, run, step};

/// Measures a hello world through the runtime beside a bare engine, and prints the report.
pub(crate) fn bench(layout: &Layout, quick: bool) -> Result<()> {
    crate::guests::build(layout)?;
    step("measuring the runtime beside a bare engine");
    let mut bench = cargo(&layout.root);
    bench.env("CARGO_TARGET_DIR", &layout.target);
    // The selection of packages that everything else is built with.
    bench.args(["build", "--workspace", "--exclude", "xtask", "--bin", "cloister-bench"]);
    if !quick {
        bench.arg("--release");
    }
    run(&mut bench)?;
    let profile = if quick { "debug" } else { "release" };
    let mut measure = std::process::Command::new(layout.target.join(profile).join("cloister-bench"));
    measure.arg(layout.guests().join("commands/hello.wasm"));
    if quick {
        measure.args(["--rounds", "3", "--runs", "50"]);
    }
    run(&mut measure)
}
