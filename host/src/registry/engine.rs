//! The toolchain of a running host: the engine itself.

use std::path::Path;
use std::sync::Arc;

use cloister_runtime::{
    Metering, ModuleBounds, ModuleError, ModuleInfo, ModuleKind, ModuleSource, Runtime, WasiVersion, inspect,
};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{ModuleFacts, RegistryError, Toolchain};
use crate::ids::ModuleDigest;

/// Checks and compiles modules with the engine that runs them.
pub struct EngineToolchain(pub Arc<Runtime>);

impl Toolchain for EngineToolchain {
    fn inspect(&self, bytes: &[u8], limit_bytes: u64) -> Result<ModuleFacts, RegistryError> {
        let bounds = ModuleBounds { size_bytes: limit_bytes, ..ModuleBounds::default() };
        let info = inspect(bytes, &bounds).map_err(refused)?;
        Ok(ModuleFacts {
            kind: match info.kind {
                ModuleKind::Core => "core",
                ModuleKind::Component => "component",
            }
            .to_owned(),
            wasi: match info.wasi {
                WasiVersion::Preview1 => "preview1",
                WasiVersion::V0_2 => "0.2",
                WasiVersion::V0_3 => "0.3",
            }
            .to_owned(),
            imports: info.imports,
            needs: info.needs,
        })
    }

    fn prepare<'a>(
        &'a self,
        digest: &'a ModuleDigest,
        facts: &'a ModuleFacts,
        path: &'a Path,
    ) -> BoxFuture<'a, Result<(), RegistryError>> {
        let source = ModuleSource { digest: digest.to_string(), info: info(facts), path: path.to_owned() };
        async move { self.0.prepare(&source, Metering::Epochs).await.map(drop).map_err(refused) }.boxed()
    }

    fn forget(&self, digest: &ModuleDigest) {
        self.0.forget(digest.as_str());
    }
}

fn info(facts: &ModuleFacts) -> ModuleInfo {
    ModuleInfo {
        kind: if facts.kind == "component" { ModuleKind::Component } else { ModuleKind::Core },
        wasi: match facts.wasi.as_str() {
            "0.3" => WasiVersion::V0_3,
            "0.2" => WasiVersion::V0_2,
            _ => WasiVersion::Preview1,
        },
        imports: facts.imports.clone(),
        needs: facts.needs.clone(),
    }
}

fn refused(error: ModuleError) -> RegistryError {
    RegistryError::ModuleRefused { code: error.code(), message: error.to_string() }
}
