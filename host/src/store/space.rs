//! The low-water mark of the disk.

use std::path::Path;

use super::StoreError;

/// Refuses while less than `needed_bytes` are free where `path` is. One system call.
pub(super) fn admit(path: &Path, needed_bytes: u64) -> Result<(), StoreError> {
    let available_bytes = fs4::available_space(path).map_err(StoreError::io("ask for free disk space"))?;
    if available_bytes < needed_bytes {
        return Err(StoreError::DiskFull { available_bytes, needed_bytes });
    }
    Ok(())
}
