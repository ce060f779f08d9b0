//! The WebAssembly wasi-testsuite, driven through `cloister run`. The suite itself is not part of this repository.

mod record;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::layout::Layout;
use crate::process::{find_program, run, step, succeeds};
use record::Report;

/// What the suite's runner is written for.
const PYTHON: [&str; 4] = ["python3.14", "python3.13", "python3.12", "python3"];
const RUNNER: &str = "test-runner/wasi_test_runner.py";

/// Runs the suite that is unpacked at `suite`, and compares with the recorded result.
///
/// # Errors
/// When a case fails that passed when the result was recorded.
pub(crate) fn conformance(layout: &Layout, suite: &Path, record: bool) -> Result<()> {
    let suite = std::path::absolute(suite).context("resolve the suite's directory")?;
    let suites = suites(&suite)?;
    crate::host::build(layout)?;
    let python = environment(layout, &suite)?;
    let json = layout.target.join("conformance.json");
    step(format!("running {} suites through `cloister run`", suites.len()));
    let mut runner = Command::new(&python);
    runner.current_dir(&suite).arg(suite.join(RUNNER)).arg("-t").args(&suites);
    runner.arg("-r").arg(layout.root.join("tests/conformance/cloister.py"));
    runner.args(["--disable-colors", "--json-output-location"]).arg(&json);
    runner.env("CLOISTER", layout.cloister());
    // It fails when any case does; which ones may fail is decided below.
    let status = runner.status().context("start the suite's runner")?;
    let text = std::fs::read_to_string(&json).with_context(|| format!("the runner ended with {status}"))?;
    let report: Report = serde_json::from_str(&text).context("read the runner's report")?;
    let path = layout.root.join("tests/conformance/RESULT.md");
    let recorded = std::fs::read_to_string(&path).unwrap_or_default();
    eprintln!("{}", report.summary());
    if record {
        return std::fs::write(&path, report.to_markdown()).context("record the result");
    }
    let lost = report.failures_not_in(&recorded);
    if !lost.is_empty() {
        bail!("these cases passed when the result was recorded: {}", lost.join(", "));
    }
    Ok(())
}

/// The suite's folders of compiled cases.
fn suites(suite: &Path) -> Result<Vec<PathBuf>> {
    ensure!(
        suite.join(RUNNER).is_file(),
        "{} is not a copy of the wasi-testsuite: it has no {RUNNER}",
        suite.display()
    );
    let mut found = Vec::new();
    for language in ["assemblyscript", "c", "rust"] {
        for version in ["wasm32-wasip1", "wasm32-wasip3"] {
            let folder = suite.join("tests").join(language).join("testsuite").join(version);
            if folder.is_dir() {
                found.push(folder);
            }
        }
    }
    ensure!(
        !found.is_empty(),
        "there are no compiled cases: use the branch prod/testsuite-base of the suite"
    );
    Ok(found)
}

/// A Python with what the runner imports.
fn environment(layout: &Layout, suite: &Path) -> Result<PathBuf> {
    let recent = "import sys; sys.exit(sys.version_info < (3, 12))";
    let usable = |name: &&str| {
        let name = *name;
        find_program(name).is_some() && succeeds(Command::new(name).args(["-c", recent]))
    };
    let python = PYTHON.into_iter().find(usable);
    let python = python.context("the suite's runner wants Python 3.12 or newer on PATH")?;
    let home = layout.tools().join("conformance");
    let ready = home.join("bin/python3");
    if !succeeds(Command::new(&ready).args(["-c", "import colorama, requests"])) {
        step("installing what the suite's runner imports");
        run(Command::new(python).args(["-m", "venv", "--clear"]).arg(&home))?;
        let requirements = suite.join("test-runner/requirements/common.txt");
        run(Command::new(&ready).args(["-m", "pip", "install", "-q", "--no-input", "-r"]).arg(requirements))?;
    }
    Ok(ready)
}
