//! The seam to the engine: what looks at a module and compiles it.

use std::path::Path;

use futures_util::future::BoxFuture;

use super::RegistryError;
use crate::ids::ModuleDigest;

/// What a module turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModuleFacts {
    /// `core` or `component`.
    pub kind: String,
    /// `preview1`, `0.2` or `0.3`.
    pub wasi: String,
    /// What it imports, sorted.
    pub imports: Vec<String>,
    /// What those imports imply.
    pub needs: Vec<String>,
}

/// Looks at modules and compiles them.
pub trait Toolchain: Send + Sync + 'static {
    /// Says what a binary is, without compiling or running any of it. Blocks.
    ///
    /// # Errors
    /// [`RegistryError::ModuleRefused`].
    fn inspect(&self, bytes: &[u8], limit_bytes: u64) -> Result<ModuleFacts, RegistryError>;

    /// Compiles a module ahead of its first run, in bounded time and memory.
    fn prepare<'a>(
        &'a self,
        digest: &'a ModuleDigest,
        facts: &'a ModuleFacts,
        path: &'a Path,
    ) -> BoxFuture<'a, Result<(), RegistryError>>;

    /// Forgets a module's compiled code.
    fn forget(&self, digest: &ModuleDigest);
}
