//! Parts of the runtime, in this process: always two things alternating, and what counts is their ratio.

mod bare;
mod limits;
mod modules;
mod overhead;
mod slices;
mod through;

use std::time::Duration;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

use crate::Settings;
use crate::report::Section;

/// Measures all of them.
pub(crate) fn sections(settings: &Settings) -> Result<Vec<Section>> {
    Ok(vec![
        overhead::section(settings)?,
        slices::section(settings)?,
        limits::section(settings)?,
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
