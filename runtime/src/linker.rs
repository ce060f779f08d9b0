//! What a guest can import, for each version of WASI. Made when the first module of that version is linked.

use std::sync::OnceLock;

use wasmtime::{Engine, component};

use crate::sandbox::GuestState;

/// The linkers of one engine.
pub(crate) struct Linkers {
    engine: Engine,
    preview1: OnceLock<wasmtime::Linker<GuestState>>,
    components: OnceLock<component::Linker<GuestState>>,
}

impl Linkers {
    pub(crate) fn new(engine: &Engine) -> Self {
        Self { engine: engine.clone(), preview1: OnceLock::new(), components: OnceLock::new() }
    }

    /// Preview 1, and `wasi_unstable` before it.
    pub(crate) fn preview1(&self) -> wasmtime::Result<&wasmtime::Linker<GuestState>> {
        if let Some(linker) = self.preview1.get() {
            return Ok(linker);
        }
        let mut linker = wasmtime::Linker::new(&self.engine);
        linker.allow_shadowing(true);
        crate::filesystem::add_preview1_to_linker(&mut linker)?;
        crate::sleep::add_to_linker(&mut linker)?;
        Ok(self.preview1.get_or_init(|| linker))
    }

    /// WASI 0.2 and 0.3, side by side: a component may import both.
    pub(crate) fn components(&self) -> wasmtime::Result<&component::Linker<GuestState>> {
        if let Some(linker) = self.components.get() {
            return Ok(linker);
        }
        let mut linker = component::Linker::new(&self.engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        wasmtime_wasi::p3::add_to_linker(&mut linker)?;
        linker.allow_shadowing(true);
        crate::filesystem::add_components_to_linker(&mut linker)?;
        Ok(self.components.get_or_init(|| linker))
    }
}
