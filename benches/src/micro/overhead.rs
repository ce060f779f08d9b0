//! A run through the runtime beside a bare loop: one after the other, and with many under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::Result;
use cloister_runtime::{CpuShare, RuntimeConfig};

use super::bare::{Apart, Bare};
use super::process_cpu;
use super::through::{Through, in_memory, runtime};
use crate::Settings;
use crate::report::{Goal, Section};
use crate::stats::{Spread, each_us};

/// Runs under way at a time when the threads are saturated.
const IN_FLIGHT: usize = 32;

pub(super) fn section(settings: &Settings) -> Result<Section> {
    super::io()?.block_on(measure(settings))
}

async fn measure(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Run through the runtime beside a bare wasmtime loop",
        "The same guest (hello, preview 1) with the same engine settings, rounds alternating in one process. Inline: the bare \
         loop on the caller's own thread. Channel: the bare loop on another thread, asked through a channel, as any server \
         must that keeps guests off its I/O threads. Saturated: 32 runs under way on one sandbox thread, where the time to \
         hand over is hidden and only work counts; the bare loop then never stops for anyone.",
    );
    let path = settings.guest("commands/hello.wasm");
    let wasm = std::fs::read(&path)?;
    let bare = Arc::new(Bare::new(&wasm, &[], None)?);
    let apart = Apart::new(Arc::clone(&bare));
    let runtime = Arc::new(runtime(1, RuntimeConfig::TICK, in_memory())?);
    let through = Arc::new(Through::new(&runtime, CpuShare::PLAIN, &path, &[], None).await?);
    let (rounds, runs) = settings.pick((3, 200), (25, 2_000));
    let mut guest_us = Vec::new();
    let mut wall = [const { Vec::new() }; 5];
    let mut cpu = [const { Vec::new() }; 5];
    for round in 0..=rounds {
        let measured = [
            timed(runs, async || each(runs, async || bare.run().await).await).await?,
            timed(runs, async || each(runs, async || apart.run().await).await).await?,
            timed(runs, async || each(runs, async || through.run().await).await).await?,
            timed(runs, async || bare_on_a_thread(&bare, runs).await).await?,
            {
                let before_ns = through.tenant.share().cpu_ns();
                let measured = timed(runs, async || saturate(&through, runs).await).await?;
                let used_ns = through.tenant.share().cpu_ns() - before_ns;
                guest_us.push(used_ns as f64 / 1e3 / runs as f64);
                measured
            },
        ];
        // The first round warms caches and is not counted.
        for (at, (wall_us, cpu_us)) in measured.into_iter().enumerate().filter(|_| round > 0) {
            wall[at].push(wall_us);
            cpu[at].push(cpu_us);
        }
    }
    let names = ["bare, inline", "bare, channel", "runtime", "bare, saturated", "runtime, saturated"];
    for (at, name) in names.into_iter().enumerate() {
        section.figure(format!("{name}: time of a run"), "µs", Spread::of(wall[at].clone()));
        section.figure(format!("{name}: CPU time of a run, all threads"), "µs", Spread::of(cpu[at].clone()));
    }
    guest_us.remove(0);
    section.figure(
        "runtime, saturated: CPU time of a run, sandbox thread",
        "µs",
        Spread::of(guest_us.clone()),
    );
    section.goal(
        "runtime, sandbox thread / bare loop, saturated: CPU time of a run",
        "×",
        Spread::ratios(&guest_us, &cpu[3]),
        Goal::AtMost(1.05),
        "The work alone, whatever else the machine does.",
    );
    let ratio = |of: usize, to: usize| Spread::ratios(&wall[of], &wall[to]);
    section.goal(
        "runtime / bare loop, saturated: time of a run",
        "×",
        ratio(4, 3),
        Goal::AtMost(1.05),
        "What limits, grants, streams, deadline, queue and report cost together.",
    );
    section.noted(
        "runtime / bare loop through a channel, one at a time",
        "×",
        ratio(2, 1),
        "Both pay for two hand-overs between threads.",
    );
    section.noted(
        "runtime / bare loop inline, one at a time",
        "×",
        ratio(2, 0),
        "The difference is two wake-ups of a sleeping thread by the kernel, which a guest off the I/O threads needs.",
    );
    Ok(section)
}

/// Wall time and CPU time of the process for each of `runs`, in microseconds.
async fn timed(runs: usize, work: impl AsyncFnOnce() -> Result<()>) -> Result<(f64, f64)> {
    let (began, cpu_before) = (Instant::now(), process_cpu());
    work().await?;
    Ok((each_us(began.elapsed(), runs), each_us(process_cpu() - cpu_before, runs)))
}

async fn each(runs: usize, mut run: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    for _ in 0..runs {
        run().await?;
    }
    Ok(())
}

async fn bare_on_a_thread(bare: &Arc<Bare>, runs: usize) -> Result<()> {
    let (bare, io) = (Arc::clone(bare), tokio::runtime::Handle::current());
    tokio::task::spawn_blocking(move || {
        io.block_on(async {
            for _ in 0..runs {
                bare.run().await?;
            }
            Ok(())
        })
    })
    .await?
}

async fn saturate(through: &Arc<Through>, runs: usize) -> Result<()> {
    let left = Arc::new(AtomicUsize::new(runs));
    let callers: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (left, through) = (Arc::clone(&left), Arc::clone(through));
            tokio::spawn(async move {
                let take = |left: usize| left.checked_sub(1);
                while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_ok() {
                    through.run().await?;
                }
                Ok(())
            })
        })
        .collect();
    for caller in callers {
        let ended: Result<()> = caller.await?;
        ended?;
    }
    Ok(())
}
