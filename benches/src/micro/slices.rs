//! The length of a slice: what a light tenant waits beside a saturating one, and what slicing costs the latter.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use cloister_runtime::{CpuShare, Run, RuntimeConfig};

use super::through::{Through, in_memory, runtime};
use crate::Settings;
use crate::report::{Goal, Plot, Section};
use crate::stats::{Spread, quantile, us};

const TICKS_US: [u64; 4] = [250, 500, 1_000, 2_000];
/// Endless loops beside the light tenant.
const LOOPS: usize = 64;
/// Pause between two commands of the light tenant: it sleeps, as light tenants do.
const PAUSE: Duration = Duration::from_millis(5);

pub(super) fn section(settings: &Settings) -> Result<Section> {
    super::io()?.block_on(measure(settings))
}

async fn measure(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "Slices: a light tenant beside 64 endless loops of another",
        "A command that computes for about a millisecond, alone and beside the loops, for several lengths of the tick; and the \
         throughput of a CPU-bound tenant that is alone, by tick, relative to the longest.",
    );
    let ticks = settings.pick(&TICKS_US[1..3], &TICKS_US[..]);
    let commands = settings.pick(20, 400);
    let (mut p50, mut p99, mut work) = (Vec::new(), Vec::new(), Vec::new());
    for &tick_us in ticks {
        let tick = Duration::from_micros(tick_us);
        let runtime = Arc::new(runtime(0, tick, in_memory())?);
        let busy = settings.guest("fixtures/busy.wasm");
        let light = Through::new(&runtime, CpuShare::PLAIN, &busy, &["1"], None).await?;
        let spin = settings.guest("fixtures/spin.wasm");
        let heavy = Through::new(&runtime, CpuShare::PLAIN, &spin, &[], None).await?;
        let mut alone = latencies(&light, commands).await?;
        let loops = (0..LOOPS).map(|_| heavy.start()).collect::<Result<Vec<Run>>>()?;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let mut beside = latencies(&light, commands).await?;
        drop(loops);
        let ratio = quantile(&mut beside, 0.99) / quantile(&mut alone, 0.99);
        let name = format!("tick {} ms: p99 beside 64 loops / alone", tick_us as f64 / 1e3);
        if tick == RuntimeConfig::TICK {
            section.goal(name, "×", Spread::one(ratio), Goal::AtMost(2.0), "The tick that the host uses.");
        } else {
            section.figure(name, "×", Spread::one(ratio));
        }
        section.figure(format!("tick {} ms: alone", tick_us as f64 / 1e3), "µs", Spread::of(alone));
        p50.push((tick_us as f64 / 1e3, quantile(&mut beside, 0.5)));
        p99.push((tick_us as f64 / 1e3, quantile(&mut beside, 0.99)));
        section.figure(
            format!("tick {} ms: beside 64 loops", tick_us as f64 / 1e3),
            "µs",
            Spread::of(beside),
        );
        work.push((tick_us, throughput(settings, &runtime).await?));
    }
    let longest = work.last().map_or(1.0, |(_, rate)| *rate);
    for (tick_us, rate) in &work {
        let name = format!("tick {} ms: CPU-bound work done / with the longest tick", *tick_us as f64 / 1e3);
        section.figure(name, "×", Spread::one(rate / longest));
    }
    section.plots.push(Plot::of_two(
        "Latency of a 1 ms command beside 64 endless loops",
        ("tick in ms", "latency in µs"),
        [("p50", p50), ("p99", p99)],
    ));
    shares(settings, &mut section).await?;
    Ok(section)
}

async fn latencies(light: &Through, commands: usize) -> Result<Vec<f64>> {
    let mut values = Vec::with_capacity(commands);
    for _ in 0..commands {
        tokio::time::sleep(PAUSE).await;
        let began = Instant::now();
        light.run().await?;
        values.push(us(began.elapsed()));
    }
    Ok(values)
}

/// Turns of a CPU-bound guest in a second, in milliseconds of its own measure: four at once, so that slices alternate.
async fn throughput(settings: &Settings, runtime: &Arc<cloister_runtime::Runtime>) -> Result<f64> {
    let ms = settings.pick("20", "400");
    let busy = settings.guest("fixtures/busy.wasm");
    let guest = Arc::new(Through::new(runtime, CpuShare::PLAIN, &busy, &[ms], None).await?);
    guest.run().await?;
    let began = Instant::now();
    let runs = (0..4).map(|_| guest.start()).collect::<Result<Vec<Run>>>()?;
    for run in runs {
        run.report().await?;
    }
    Ok(4.0 / began.elapsed().as_secs_f64())
}

/// Two saturating tenants at weights 3:1.
async fn shares(settings: &Settings, section: &mut Section) -> Result<()> {
    let runtime = Arc::new(runtime(0, RuntimeConfig::TICK, in_memory())?);
    let spin = settings.guest("fixtures/spin.wasm");
    let of = |weight: u32, cap: Option<u32>| CpuShare { weight: weight * CpuShare::PLAIN_WEIGHT, cap };
    let heavy = Through::new(&runtime, of(3, None), &spin, &[], None).await?;
    let light = Through::new(&runtime, of(1, None), &spin, &[], None).await?;
    let capped = Through::new(&runtime, of(8, Some(250)), &spin, &[], None).await?;
    let started = (0..4).flat_map(|_| [heavy.start(), light.start(), capped.start()]);
    let loops = started.collect::<Result<Vec<Run>>>()?;
    let before = [&heavy, &light, &capped].map(|guest| guest.tenant.share().cpu_ns());
    let span = Duration::from_millis(settings.pick(500, 30_000));
    tokio::time::sleep(span).await;
    let after = [&heavy, &light, &capped].map(|guest| guest.tenant.share().cpu_ns());
    drop(loops);
    let used = |at: usize| (after[at] - before[at]) as f64;
    section.goal(
        "CPU time of two saturating tenants with weights 3:1, over 30 s",
        "×",
        Spread::one(used(0) / used(1)),
        Goal::Between(2.7, 3.3),
        "",
    );
    section.goal(
        "CPU time of a tenant capped at a quarter of a core, beside them",
        "cores",
        Spread::one(used(2) / span.as_nanos() as f64),
        Goal::Between(0.2, 0.27),
        "",
    );
    Ok(())
}
