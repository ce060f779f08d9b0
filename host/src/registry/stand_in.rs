//! A toolchain that looks at a module's first bytes only: for tests, which need no engine.

use std::path::Path;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{ModuleFacts, RegistryError, Toolchain};
use crate::ids::ModuleDigest;

/// Takes whatever starts like WebAssembly.
#[derive(Debug, Clone, Copy, Default)]
pub struct StandIn;

impl Toolchain for StandIn {
    fn inspect(&self, bytes: &[u8], _limit_bytes: u64) -> Result<ModuleFacts, RegistryError> {
        if !bytes.starts_with(b"\0asm") {
            let message = "this is not a WebAssembly binary".to_owned();
            return Err(RegistryError::ModuleRefused { code: "module_not_wasm", message });
        }
        Ok(ModuleFacts {
            kind: "core".to_owned(),
            wasi: "preview1".to_owned(),
            imports: Vec::new(),
            needs: Vec::new(),
        })
    }

    fn prepare<'a>(
        &'a self,
        _digest: &'a ModuleDigest,
        _facts: &'a ModuleFacts,
        _path: &'a Path,
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        std::future::ready(Ok(())).boxed()
    }

    fn forget(&self, _digest: &ModuleDigest) {}
}
