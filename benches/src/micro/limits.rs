//! What limits cost a guest that only computes.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use cloister_runtime::{CpuShare, RuntimeConfig};

use super::bare::Bare;
use super::through::{Through, in_memory, runtime};
use crate::Settings;
use crate::report::{Goal, Section};
use crate::stats::{Spread, us};

pub(super) fn section(settings: &Settings) -> Result<Section> {
    super::io()?.block_on(measure(settings))
}

async fn measure(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Limits on and off, on a guest that only computes",
        "Off: a bare loop on an engine that neither counts fuel nor checks epochs. Epochs: through the runtime with CPU time, wall \
         time, memory and output bounded. Fuel: the same, and instructions counted. Rounds alternate in one process.",
    );
    let path = settings.guest("fixtures/busy.wasm");
    let wasm = std::fs::read(&path)?;
    let args = [settings.pick("10", "300")];
    let off = Bare::unbounded(&wasm, &args)?;
    let runtime = Arc::new(runtime(1, RuntimeConfig::TICK, in_memory())?);
    let epochs = Through::new(&runtime, CpuShare::PLAIN, &path, &args, None).await?;
    let fuel = Through::new(&runtime, CpuShare::PLAIN, &path, &args, Some(u64::MAX / 2)).await?;
    let mut times = [const { Vec::new() }; 3];
    for round in 0..=settings.pick(3, 15) {
        let measured = [
            timed(async || off.run().await).await?,
            timed(async || epochs.run().await).await?,
            timed(async || fuel.run().await).await?,
        ];
        for (at, time_us) in measured.into_iter().enumerate().filter(|_| round > 0) {
            times[at].push(time_us);
        }
    }
    for (at, name) in ["limits off", "epochs", "epochs and fuel"].into_iter().enumerate() {
        section.figure(name, "µs", Spread::of(times[at].clone()));
    }
    let note = "An epoch check is a load, a compare and a branch at each loop and function; fuel adds an add and a store.";
    section.goal("epochs / off", "×", Spread::ratios(&times[1], &times[0]), Goal::AtMost(1.05), note);
    section.goal(
        "epochs and fuel / off",
        "×",
        Spread::ratios(&times[2], &times[0]),
        Goal::AtMost(1.15),
        note,
    );
    Ok(section)
}

async fn timed(run: impl AsyncFnOnce() -> Result<()>) -> Result<f64> {
    let began = Instant::now();
    run().await?;
    Ok(us(began.elapsed()))
}
