//! `--disk-bytes` and `--disk-entries`: a quota over the directories that are given for writing.

use std::fs::File;

use cloister_runtime::{Volume, VolumeLimits, VolumeUsage, WalkEnded, walk};

use crate::cli::failure::{Failure, Outcome};
use crate::cli::values::DirectorySpec;

/// Most names that are counted before the guest starts.
const MAX_ENTRIES: u64 = 10_000_000;

/// None when neither is bounded.
pub(super) fn limits(bytes: Option<u64>, entries: Option<u64>) -> Option<VolumeLimits> {
    let limits = VolumeLimits { bytes: bytes.unwrap_or(u64::MAX), entries: entries.unwrap_or(u64::MAX) };
    (limits != VolumeLimits::UNLIMITED).then_some(limits)
}

/// What is there already counts.
pub(super) fn of(directories: &[DirectorySpec], limits: VolumeLimits) -> Outcome<Volume> {
    let mut used = VolumeUsage::default();
    for spec in directories.iter().filter(|spec| !spec.read_only) {
        let counted = File::open(&spec.source).and_then(|directory| walk(&directory, MAX_ENTRIES));
        match counted.map_err(|error| Failure::local(format!("count {}", spec.source), &error))? {
            WalkEnded::Complete(counted) => {
                used.bytes += counted.bytes;
                used.entries += counted.entries;
            }
            WalkEnded::TooMany(_) => {
                return Err(Failure::usage(format!("{} holds more than {MAX_ENTRIES} names", spec.source)));
            }
        }
    }
    Ok(Volume::new(limits, used))
}
