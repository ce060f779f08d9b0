//! Measurements: release build, quiet machine; the quick form only proves that the harness works.

use anyhow::Result;

use crate::layout::Layout;
use crate::process::{cargo, run, step};

/// Measures everything and writes one report.
pub(crate) fn bench(layout: &Layout, quick: bool) -> Result<()> {
    crate::guests::build(layout)?;
    // The server embeds the console, so it does not compile without one.
    crate::web::build(layout)?;
    step("building the server and the harness");
    let mut build = cargo(&layout.root);
    build.env("CARGO_TARGET_DIR", &layout.target);
    // The selection of packages that everything else is built with.
    build.args(["build", "--workspace", "--exclude", "xtask", "--bins"]);
    if !quick {
        build.arg("--release");
    }
    run(&mut build)?;
    step("measuring");
    let built = layout.target.join(if quick { "debug" } else { "release" });
    let mut measure = std::process::Command::new(built.join("cloister-bench"));
    measure.arg("--guests").arg(layout.guests()).arg("--cloister").arg(built.join("cloister"));
    measure.arg("--out").arg(layout.target.join("bench"));
    // It would be paid for at every error, and no server runs with it.
    measure.env_remove("RUST_BACKTRACE");
    if quick {
        measure.arg("--quick");
    }
    run(&mut measure)
}
