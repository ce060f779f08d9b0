//! The engine, as uploads see it: looks at a module, compiles it, forgets it.

use std::path::Path;
use std::sync::Arc;

use cloister_runtime::{Metering, ModuleBounds, ModuleError, ModuleInfo, ModuleSource, Runtime};

use super::RegistryError;
use crate::ids::ModuleDigest;

/// Looks at modules and compiles them.
pub(super) struct Toolchain {
    runtime: Arc<Runtime>,
}

impl Toolchain {
    pub(super) fn new(runtime: Arc<Runtime>) -> Self {
        Self { runtime }
    }

    /// Says what a binary is, without compiling or running any of it. Blocks.
    pub(super) fn inspect(bytes: &[u8], limit_bytes: u64) -> Result<ModuleInfo, RegistryError> {
        let bounds = ModuleBounds { size_bytes: limit_bytes, ..ModuleBounds::default() };
        cloister_runtime::inspect(bytes, &bounds).map_err(refused)
    }

    /// Compiles a module ahead of its first run, in bounded time and memory.
    pub(super) async fn prepare(
        &self,
        digest: &ModuleDigest,
        info: &ModuleInfo,
        path: &Path,
    ) -> Result<(), RegistryError> {
        let source = ModuleSource { digest: digest.to_string(), info: info.clone(), path: path.to_owned() };
        // What most runs use; counting fuel needs other code, which is compiled when it is asked for.
        self.runtime.prepare(&source, Metering::Epochs).await.map(drop).map_err(refused)
    }

    /// Forgets a module's compiled code.
    pub(super) fn forget(&self, digest: &ModuleDigest) {
        self.runtime.forget(digest.as_str());
    }
}

fn refused(error: ModuleError) -> RegistryError {
    RegistryError::ModuleRefused { code: error.code(), message: error.to_string() }
}
