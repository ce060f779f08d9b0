//! What counting a guest's memory costs, for each growth.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use cloister_runtime::{CpuShare, RuntimeConfig};

use super::bare::Bare;
use super::through::{Through, in_memory, runtime};
use super::{as_file, process_cpu};
use crate::Settings;
use crate::report::Section;
use crate::stats::{Spread, each_us};

/// Growths of one run, by a page each.
const GROWTHS: usize = 3_000;
/// Grows its memory by a page 3,000 times.
const GUEST: &str = r#"(module
    (memory (export "memory") 1)
    (func (export "_start") (local i32)
        (loop $again
            (drop (memory.grow (i32.const 1)))
            (local.set 0 (i32.add (local.get 0) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get 0) (i32.const 3000))))))"#;

pub(super) fn section(settings: &Settings) -> Result<Section> {
    let dir = tempfile::tempdir()?;
    let path = as_file(dir.path(), GUEST)?;
    super::io()?.block_on(measure(settings, &path))
}

async fn measure(settings: &Settings, path: &Path) -> Result<Section> {
    let mut section = Section::new(
        "The limiter: a guest that grows its memory 3,000 times by a page",
        "Off: a bare loop without a limiter. On: through the runtime, each growth counted against the run's limit and reserved \
         from the tenant's budget. CPU time of the process; rounds alternate.",
    );
    let off = Bare::new(&std::fs::read(path)?, &[], None)?;
    let runtime = Arc::new(runtime(1, RuntimeConfig::TICK, in_memory())?);
    let on = Through::new(&runtime, CpuShare::PLAIN, path, &[], None).await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for round in 0..=settings.pick(3, 50) {
        let began = process_cpu();
        off.run().await?;
        let between = process_cpu();
        on.run().await?;
        // The first round warms caches and is not counted.
        if round > 0 {
            without.push(each_us(between - began, GROWTHS));
            with.push(each_us(process_cpu() - between, GROWTHS));
        }
    }
    let ratio = Spread::ratios(&with, &without);
    section.figure("a growth by a page, limiter off", "µs", Spread::of(without));
    section.figure("a growth by a page, limiter on", "µs", Spread::of(with));
    section.figure("limiter on / off", "×", ratio);
    Ok(section)
}
