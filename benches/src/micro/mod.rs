//! Parts of the runtime, in this process: always two things alternating, and what counts is their ratio.

mod bare;
mod limiter;
mod limits;
mod modules;
mod overhead;
mod quota;
mod slices;
mod switch;
mod through;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::time::{ClockId, clock_gettime};

use crate::Settings;
use crate::report::Section;

/// Measures all of them.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    Ok(vec![
        overhead::section(settings)?,
        slices::section(settings)?,
        switch::section(settings)?,
        limits::section(settings)?,
        limiter::section(settings)?,
        quota::section(settings)?,
        modules::section(settings)?,
    ])
}

/// An asynchronous runtime like the host's, with one thread.
fn io() -> Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?)
}

/// CPU time that all threads of this process have used.
fn process_cpu() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}

/// A guest given as text, as a file.
fn as_file(dir: &Path, text: &str) -> Result<PathBuf> {
    let path = dir.join("guest.wasm");
    std::fs::write(&path, wat::parse_str(text)?).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}
