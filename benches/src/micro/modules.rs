//! A module's way to its first run: compiled, loaded from disk, found in memory.

use std::time::Instant;

use anyhow::Result;
use cloister_runtime::{CacheConfig, Metering, RuntimeConfig};

use super::through::{runtime, source};
use crate::Settings;
use crate::report::{Goal, Section};
use crate::stats::{Spread, us};

pub(super) fn section(settings: &Settings) -> Result<Section> {
    super::io()?.block_on(measure(settings))
}

async fn measure(settings: &Settings) -> Result<Section> {
    let mut section = Section::new(
        "From a stored module to a prepared one",
        "Compiled in this process; loaded from the disk cache by a runtime that never saw it (authenticated, then mapped); and found \
         in memory.",
    );
    let names = settings
        .pick(&["commands/hello.wasm"][..], &["commands/hello.wasm", "real/jaq.wasm", "real/rg.wasm"]);
    for name in names {
        let path = settings.guest(name);
        if !path.is_file() {
            section.left_out(format!("{name}: it is not built"));
            continue;
        }
        let (mut compiled, mut loaded, mut found) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..settings.pick(2, 5) {
            let dir = tempfile::tempdir()?;
            let cache = || CacheConfig {
                directory: Some(dir.path().to_owned()),
                key: [7; 32],
                memory_bytes: 256 << 20,
            };
            let source = source(&path, &format!("bench{round}"))?;
            for times in [&mut compiled, &mut loaded] {
                let runtime = runtime(1, RuntimeConfig::TICK, cache())?;
                let began = Instant::now();
                runtime.prepare(&source, Metering::Epochs).await?;
                times.push(us(began.elapsed()));
                let began = Instant::now();
                runtime.prepare(&source, Metering::Epochs).await?;
                found.push(us(began.elapsed()));
            }
        }
        section.figure(format!("{name}: compiled"), "µs", Spread::of(compiled));
        let what = format!("{name}: loaded from disk");
        section.goal(
            what,
            "µs",
            Spread::of(loaded),
            Goal::AtMost(5_000.0),
            "First run of a stored, cold module.",
        );
        section.figure(format!("{name}: found in memory"), "µs", Spread::of(found));
    }
    Ok(section)
}
