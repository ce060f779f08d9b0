//! What was measured on: the machine and the versions of everything that takes part.

use std::path::Path;
use std::process::Command;

use serde::Serialize;

/// The machine, as far as the figures depend on it.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) processor: String,
    pub(crate) cores: usize,
    pub(crate) memory_mib: u64,
    pub(crate) kernel: String,
    /// Load averages over 1, 5 and 15 minutes before the first measurement: above the number of cores, figures lie.
    pub(crate) load_before: String,
    pub(crate) versions: Vec<String>,
}

impl Machine {
    pub(crate) fn look(cloister: &Path) -> Self {
        let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let field = |text: &str, name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let memory_kib = field(&read("/proc/meminfo"), "MemTotal")
            .and_then(|text| text.split(' ').next()?.parse::<u64>().ok())
            .unwrap_or(0);
        let load = read("/proc/loadavg");
        let versions = [cloister.as_os_str(), "wasmtime".as_ref(), "bwrap".as_ref()];
        Self {
            processor: field(&read("/proc/cpuinfo"), "model name").unwrap_or_default(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory_mib: memory_kib / 1024,
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            load_before: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            versions: versions.iter().filter_map(|program| version(program.as_ref())).collect(),
        }
    }
}

/// What a program says of itself, when it is there.
fn version(program: &Path) -> Option<String> {
    let said = Command::new(program).arg("--version").output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    Some(text.lines().next()?.trim().to_owned())
}

/// True when a program is there to be measured beside ours.
pub(crate) fn is_on_path(program: &str) -> bool {
    version(Path::new(program)).is_some()
}
