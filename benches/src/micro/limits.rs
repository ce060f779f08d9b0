//! What limits cost a guest that only computes.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use cloister_runtime::{CpuShare, RuntimeConfig};

use super::bare::Bare;
use super::process_cpu;
use super::through::{Through, in_memory, runtime};
use crate::Settings;
use crate::report::{Goal, Section};
use crate::stats::{Spread, us};

/// More than any of them uses.
const FUEL: u64 = u64::MAX / 2;
const NAMES: [&str; 5] =
    ["limits off", "epochs", "epochs and fuel", "bare, epoch checks", "bare, epoch and fuel checks"];

pub(super) fn section(settings: &Settings) -> Result<Section> {
    super::io()?.block_on(measure(settings))
}

async fn measure(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Limits on and off, on a guest that only computes",
        "Off: a bare loop on an engine that neither counts fuel nor checks epochs. Checks: the bare loop on an engine that does, and \
         nothing else. Epochs: through the runtime with CPU time, wall time, memory and output bounded, and huge copies of memory in pieces. \
         Fuel: the same, and instructions counted. CPU time of the process; rounds alternate. jaq stands for programs that compute; a \
         loop of a few instructions is the worst there is.",
    );
    let sum = format!("[range({})|tostring|length]|add", settings.pick(1_000, 200_000));
    let loops = settings.pick("10", "300");
    for (name, guest, args) in [
        ("jaq", "real/jaq.wasm", &["-n", sum.as_str()][..]),
        ("the tightest loop", "fixtures/busy.wasm", &[loops]),
    ] {
        let path = settings.guest(guest);
        if path.is_file() {
            compare(settings, &mut section, name, &path, args).await?;
        } else {
            section.left_out(format!("{name}: {guest} is not built"));
        }
    }
    Ok(section)
}

async fn compare(
    settings: &Settings,
    section: &mut Section,
    name: &str,
    path: &Path,
    args: &[&str],
) -> Result<()> {
    let wasm = std::fs::read(path)?;
    let off = Bare::unbounded(&wasm, args)?;
    let checks = Bare::new(&wasm, args, None)?;
    let both = Bare::new(&wasm, args, Some(FUEL))?;
    let runtime = Arc::new(runtime(1, RuntimeConfig::TICK, in_memory())?);
    let epochs = Through::new(&runtime, CpuShare::PLAIN, path, args, None).await?;
    let fuel = Through::new(&runtime, CpuShare::PLAIN, path, args, Some(FUEL)).await?;
    let mut times = [const { Vec::new() }; 5];
    for round in 0..=settings.pick(3, 15) {
        let measured = [
            timed(async || off.run().await).await?,
            timed(async || epochs.run().await).await?,
            timed(async || fuel.run().await).await?,
            timed(async || checks.run().await).await?,
            timed(async || both.run().await).await?,
        ];
        for (at, time_us) in measured.into_iter().enumerate().filter(|_| round > 0) {
            times[at].push(time_us);
        }
    }
    for (at, limits) in NAMES.into_iter().enumerate() {
        section.figure(format!("{name}: {limits}"), "µs", Spread::of(times[at].clone()));
    }
    let note = "An epoch check is a load, a compare and a branch at each loop and function; fuel adds an add and a store.";
    for (at, limits, most) in [(1, "epochs", 1.05), (2, "epochs and fuel", 1.15)] {
        let ratio = Spread::ratios(&times[at], &times[0]);
        section.goal(format!("{name}: {limits} / off"), "×", ratio, Goal::AtMost(most), note);
        let code = Spread::ratios(&times[at + 2], &times[0]);
        section.noted(format!("{name}: {limits}, the engine's checks alone / off"), "×", code, note);
    }
    Ok(())
}

/// CPU time of the process, so that a busy machine takes no side.
async fn timed(run: impl AsyncFnOnce() -> Result<()>) -> Result<f64> {
    let before = process_cpu();
    run().await?;
    Ok(us(process_cpu() - before))
}
