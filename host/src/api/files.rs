//! The tenant's directory.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One entry of a directory listing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileEntry {
    /// Name without its directory.
    pub name: String,
    /// `file`, `directory`, `symlink` or `other`.
    pub kind: String,
    /// Size in bytes; 0 for anything but a file.
    pub size_bytes: u64,
    /// RFC 3339.
    pub modified_at: String,
}
