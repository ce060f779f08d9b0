//! A run through the runtime beside a bare wasmtime loop with the same engine settings: rounds alternate in one process,
//! and what counts is their ratio.
#![expect(clippy::print_stdout, reason = "the report goes to standard output")]

mod bare;
mod through;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use serde::Serialize;

/// Measures one guest both ways and prints a report as JSON.
#[derive(Parser)]
struct Cli {
    /// The guest: a preview 1 command that needs no input.
    module: PathBuf,
    /// Rounds of each way.
    #[arg(long, default_value_t = 20)]
    rounds: usize,
    /// Runs in a round.
    #[arg(long, default_value_t = 500)]
    runs: usize,
}

/// Microseconds a run took, by round.
#[derive(Serialize)]
struct Measured {
    median_us: f64,
    min_us: f64,
    max_us: f64,
}

#[derive(Serialize)]
struct Report {
    module: String,
    rounds: usize,
    runs_per_round: usize,
    bare: Measured,
    runtime: Measured,
    /// Median of the rounds' own ratios, runtime to bare.
    ratio: f64,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let io = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let report = io.block_on(measure(&cli))?;
    println!("{}", serde_json::to_string_pretty(&report)?);
    Ok(())
}

async fn measure(cli: &Cli) -> Result<Report> {
    let wasm = std::fs::read(&cli.module).with_context(|| format!("read {}", cli.module.display()))?;
    let bare = bare::Bare::new(&wasm)?;
    let through = through::Through::new(&cli.module, &wasm).await?;
    let (mut bare_us, mut runtime_us, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    // The first round of each warms caches and is not counted.
    for round in 0..=cli.rounds.max(1) {
        let alone = timed(cli.runs, async || bare.run().await).await?;
        let managed = timed(cli.runs, async || through.run().await).await?;
        if round > 0 {
            bare_us.push(alone);
            runtime_us.push(managed);
            ratios.push(managed / alone);
        }
    }
    Ok(Report {
        module: cli.module.display().to_string(),
        rounds: cli.rounds,
        runs_per_round: cli.runs,
        bare: measured(bare_us),
        runtime: measured(runtime_us),
        ratio: median(&mut ratios),
    })
}

/// Mean microseconds of one run.
async fn timed(runs: usize, mut run: impl AsyncFnMut() -> Result<()>) -> Result<f64> {
    let started = Instant::now();
    for _ in 0..runs.max(1) {
        run().await?;
    }
    let took: Duration = started.elapsed();
    Ok(took.as_secs_f64() * 1e6 / f64::from(u32::try_from(runs.max(1))?))
}

fn measured(mut us: Vec<f64>) -> Measured {
    let median_us = median(&mut us);
    Measured { median_us, min_us: us[0], max_us: us[us.len() - 1] }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
