//! What the server's process holds, as the kernel tells it.

use std::path::PathBuf;

use crate::harness::Host;

/// Descriptors, threads and resident memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) descriptors: usize,
    pub(crate) threads: usize,
    pub(crate) resident_bytes: u64,
}

impl Held {
    /// Looks now.
    pub(crate) fn by(host: &Host) -> Self {
        let pid = host.pid().as_raw_nonzero();
        let folder = PathBuf::from(format!("/proc/{pid}"));
        let count = |name: &str| std::fs::read_dir(folder.join(name)).unwrap().count();
        let status = std::fs::read_to_string(folder.join("status")).unwrap();
        let resident_kib: u64 = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
            .unwrap();
        Self { descriptors: count("fd"), threads: count("task"), resident_bytes: resident_kib << 10 }
    }
}
