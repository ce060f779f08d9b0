//! What it costs to give a thread to another guest: the decision alone, and a slice of a guest with all that surrounds it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use cloister_runtime::{CpuShare, Run};
use cloister_scheduler::{Dispatcher, PLAIN_WEIGHT};

use super::process_cpu;
use super::through::{Through, in_memory, runtime};
use crate::Settings;
use crate::report::{Line, Plot, Section};
use crate::stats::{Spread, each_us, us};

/// What each slice is charged in the first measurement, in nanoseconds.
const SLICE_NS: u64 = 1_000_000;
/// Guests that take turns in the second.
const GUESTS: usize = 4;

pub(super) fn section(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "A switch from one guest to another",
        "The decision: a task is charged and queued, and the next is taken, on one thread, by the number of tenants that all want \
         the CPU. A slice: four guests that compute take turns on one thread at a tick of 0.25 ms, beside the same at a tick of \
         a second; the difference in CPU time, for each slice.",
    );
    let mut points = Vec::new();
    for tenants in settings.pick(&[1, 100][..], &[1, 100, 10_000]) {
        let rounds = (0..settings.pick(3, 25)).map(|_| decision_us(*tenants, settings.pick(2_000, 100_000)));
        let spread = Spread::of(rounds.collect::<Result<Vec<_>>>()?);
        points.push((*tenants as f64, spread.median));
        section.figure(format!("the decision, {tenants} tenants"), "µs", spread);
    }
    let lines = vec![Line { name: "decision".to_owned(), points }];
    section.plots.push(Plot { title: "A switch by tenants".to_owned(), x: "tenants", y: "µs", lines });
    let slices = super::io()?.block_on(slices(settings))?;
    section.figure("a slice of a guest, with interrupt, charge and switch", "µs", Spread::of(slices));
    Ok(section)
}

fn decision_us(tenants: usize, switches: usize) -> Result<f64> {
    let dispatcher: Dispatcher<()> = Dispatcher::default();
    for run in 0..tenants as u64 {
        let tenant = dispatcher.with(|queues| queues.add_tenant(PLAIN_WEIGHT, None, 0));
        let _ = dispatcher.push(tenant, run, (), 0).ok().context("the scheduler takes tasks")?;
    }
    let origin = Instant::now();
    let now_ns = || u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut ran = None;
    for run in 0..switches as u64 {
        let slice = dispatcher.next(ran, now_ns).context("a task waits")?;
        let _ = dispatcher.push(slice.tenant, run, (), now_ns()).ok().context("the scheduler takes tasks")?;
        ran = Some((slice.tenant, SLICE_NS));
    }
    Ok(each_us(origin.elapsed(), switches))
}

async fn slices(settings: &Settings) -> Result<Vec<f64>> {
    let busy = settings.guest("fixtures/busy.wasm");
    let ms = settings.pick("20", "200");
    let often = Arc::new(runtime(1, Duration::from_micros(250), in_memory())?);
    let seldom = Arc::new(runtime(1, Duration::from_secs(1), in_memory())?);
    let mut guests = Vec::new();
    for runtime in [&often, &seldom] {
        guests.push(Through::new(runtime, CpuShare::PLAIN, &busy, &[ms], None).await?);
    }
    let mut each = Vec::new();
    for round in 0..=settings.pick(2, 10) {
        let mut cpu = Vec::new();
        let before = often.stats().scheduler.slices;
        for guest in &guests {
            let began = process_cpu();
            let runs = (0..GUESTS).map(|_| guest.start()).collect::<Result<Vec<Run>>>()?;
            for run in runs {
                run.report().await?;
            }
            cpu.push(us(process_cpu() - began));
        }
        let slices = often.stats().scheduler.slices - before;
        if round > 0 {
            each.push((cpu[0] - cpu[1]) / slices as f64);
        }
    }
    Ok(each)
}
