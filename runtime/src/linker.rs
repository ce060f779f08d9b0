//! What a guest can import, for each version of WASI and `wasi:http`. Made when the first module of that version is linked.

use std::sync::OnceLock;

use wasmtime::component::Resource;
use wasmtime::{Engine, component};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::p2::IoError;

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
        wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
        wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
        linker.allow_shadowing(true);
        crate::network::names::add_to_linker(&mut linker)?;
        crate::network::sockets::add_to_linker(&mut linker)?;
        errors_without_backtraces(&mut linker)?;
        crate::filesystem::add_components_to_linker(&mut linker)?;
        Ok(self.components.get_or_init(|| linker))
    }
}

/// Takes the place of `wasi:io/error`'s text for people: the library's shows a guest the host's backtrace, with its paths,
/// when the host keeps them. The linker must allow shadowing.
fn errors_without_backtraces(linker: &mut component::Linker<GuestState>) -> wasmtime::Result<()> {
    linker.instance("wasi:io/error@0.2.12")?.func_wrap(
        "[method]error.to-debug-string",
        |mut store, (error,): (Resource<IoError>,)| -> wasmtime::Result<(String,)> {
            Ok((format!("{:#}", store.data_mut().ctx().table.get(&error)?),))
        },
    )
}
