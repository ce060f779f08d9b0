//! Uploaded modules.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// One uploaded WASM binary, immutable, named by its SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Module {
    /// Lower-case hex SHA-256 of the binary.
    pub digest: String,
    /// What the uploader called it (`?name=`, or the file name).
    pub name: String,
    /// Size of the binary in bytes.
    pub size_bytes: u64,
    /// `core` or `component`.
    pub kind: String,
    /// The WASI version it is written for: `preview1`, `0.2` or `0.3`.
    pub wasi: String,
    /// What it imports: `module::name` of a core module, interface names of a component. Sorted.
    pub imports: Vec<String>,
    /// What those imports imply: of `filesystem`, `network`, `http`, `clock`, `random`, `environment`, `stdin`, `stdout`.
    pub needs: Vec<String>,
    /// The help text it carries in its section `cloister.help`; absent when it carries none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// RFC 3339.
    pub created_at: String,
    /// Who uploaded it.
    pub created_by: String,
}
