//! What the filesystem's quota costs: the same guest with and without it.

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use cloister_runtime::{CpuShare, RuntimeConfig, Volume, VolumeLimits, VolumeUsage};

use super::through::{Through, in_memory, runtime};
use super::{as_file, process_cpu};
use crate::Settings;
use crate::report::Section;
use crate::stats::{Spread, each_us};

/// Turns of one run: each makes a file, writes it, closes and removes it.
const TURNS: usize = 200;
/// Writes of 4 KiB in each turn.
const WRITES: usize = 16;
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_close" (func $close (param i32) (result i32)))
    (import "wasi_snapshot_preview1" "path_unlink_file" (func $unlink (param i32 i32 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "file")
    ;; One buffer: 4,096 bytes at 4,096.
    (data (i32.const 16) "\00\10\00\00\00\10\00\00")
    (func $must (param i32) (if (local.get 0) (then unreachable)))
    (func (export "_start") (local $turn i32) (local $left i32)
        (loop $turns
            ;; Below the first directory: made, to be written, its descriptor at 8.
            (call $must (call $open (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 1)
                (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 8)))
            (local.set $left (i32.const 16))
            (loop $writes
                (call $must (call $write (i32.load (i32.const 8)) (i32.const 16) (i32.const 1) (i32.const 24)))
                (local.set $left (i32.sub (local.get $left) (i32.const 1)))
                (br_if $writes (local.get $left)))
            (call $must (call $close (i32.load (i32.const 8))))
            (call $must (call $unlink (i32.const 3) (i32.const 0) (i32.const 4)))
            (local.set $turn (i32.add (local.get $turn) (i32.const 1)))
            (br_if $turns (i32.lt_u (local.get $turn) (i32.const 200))))))"#;

pub(super) fn section(settings: &Settings) -> Result<Section> {
    let dir = tempfile::tempdir()?;
    let path = as_file(dir.path(), GUEST)?;
    super::io()?.block_on(measure(settings, dir.path(), &path))
}

async fn measure(settings: &Settings, folder: &Path, path: &Path) -> Result<Section> {
    let mut section = Section::new(
        "The filesystem's quota on and off",
        "A guest of preview 1 that makes a file, writes it 16 times 4 KiB, closes and removes it, 200 times in a run. Off: a directory \
         without a volume. On: the same directory, every growth and name counted. CPU time of the process; rounds alternate.",
    );
    let runtime = Arc::new(runtime(1, RuntimeConfig::TICK, in_memory())?);
    let volume = Volume::new(VolumeLimits { bytes: u64::MAX, entries: u64::MAX }, VolumeUsage::default());
    let mut guests = Vec::new();
    for (name, volume) in [("off", None), ("on", Some(volume))] {
        let own = folder.join(name);
        std::fs::create_dir(&own)?;
        let guest = Through::new(&runtime, CpuShare::PLAIN, path, &[], None).await?;
        guests.push(guest.within(own, volume));
    }
    let mut times = [const { Vec::new() }; 2];
    for round in 0..=settings.pick(3, 30) {
        for (guest, times) in guests.iter().zip(&mut times) {
            let began = process_cpu();
            guest.run().await?;
            // The first round warms caches and is not counted.
            if round > 0 {
                times.push(each_us(process_cpu() - began, TURNS * (WRITES + 3)));
            }
        }
    }
    let [off, on] = times;
    let ratio = Spread::ratios(&on, &off);
    section.figure("an operation on a file, quota off", "µs", Spread::of(off));
    section.figure("an operation on a file, quota on", "µs", Spread::of(on));
    section.figure("quota on / off", "×", ratio);
    Ok(section)
}
