//! The reference that real programs are compared with: wasmtime and its own WASI, and nothing of Cloister's between.

use std::path::Path;
use std::process::Command;

use wasmtime::component::{Component, ResourceTable};
use wasmtime::{Config, Engine, Linker, Module, Store};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::p2::bindings::sync::Command as CommandWorld;
use wasmtime_wasi::p2::pipe::{MemoryInputPipe, MemoryOutputPipe};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use super::find_program;

/// More than any program compared here writes to one stream, in bytes.
const OUTPUT_BYTES: usize = 64 << 20;

/// What a program wrote, and its code.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) code: i32,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

/// A call of a program that sees folders of this machine.
pub(crate) struct Call<'a> {
    pub(crate) wasm: &'a Path,
    /// What the program is told that it is called.
    pub(crate) name: &'a str,
    pub(crate) args: &'a [&'a str],
    pub(crate) stdin: &'a str,
    /// A folder here, and where the program sees it.
    pub(crate) folders: &'a [(&'a Path, &'a str)],
}

struct State {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl Call<'_> {
    /// Through the library, in this process.
    ///
    /// Blocks: not to be called on a thread of the asynchronous runtime.
    pub(crate) fn with_the_library(&self) -> Outcome {
        let (stdout, stderr) = (MemoryOutputPipe::new(OUTPUT_BYTES), MemoryOutputPipe::new(OUTPUT_BYTES));
        let mut wasi = WasiCtxBuilder::new();
        wasi.arg(self.name).args(self.args);
        wasi.stdin(MemoryInputPipe::new(self.stdin.to_owned())).stdout(stdout.clone()).stderr(stderr.clone());
        for (folder, seen) in self.folders {
            wasi.preopened_dir(folder, seen, FsPerms::ReadOnly).unwrap();
        }
        let bytes = std::fs::read(self.wasm).unwrap();
        let mut config = Config::new();
        config.wasm_exceptions(true);
        let engine = Engine::new(&config).unwrap();
        let code = if is_component(&bytes) {
            component(&engine, &bytes, wasi)
        } else {
            core(&engine, &bytes, wasi.build_p1())
        };
        Outcome { code, stdout: stdout.contents().to_vec(), stderr: stderr.contents().to_vec() }
    }

    /// Through the command `wasmtime run`, when it is on the search path.
    pub(crate) fn with_the_command(&self) -> Option<Outcome> {
        let mut command = Command::new(find_program("wasmtime")?);
        command.args(["run", "-W", "exceptions=y", "--argv0", self.name]);
        for (folder, seen) in self.folders {
            command.arg("--dir").arg(format!("{}::{seen}", folder.display()));
        }
        let mut stdin = tempfile::tempfile().unwrap();
        std::io::Write::write_all(&mut stdin, self.stdin.as_bytes()).unwrap();
        std::io::Seek::rewind(&mut stdin).unwrap();
        let output = command.arg(self.wasm).args(self.args).stdin(stdin).output().unwrap();
        Some(Outcome { code: output.status.code().unwrap(), stdout: output.stdout, stderr: output.stderr })
    }
}

/// Whether the preamble's layer says component.
///
/// <https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md#component-definitions>
fn is_component(bytes: &[u8]) -> bool {
    bytes.get(6..8) == Some(&[1, 0])
}

#[expect(clippy::disallowed_methods, reason = "the reference is what Cloister's sandbox is compared with")]
fn core(engine: &Engine, bytes: &[u8], wasi: WasiP1Ctx) -> i32 {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p1::add_to_linker_sync(&mut linker, |state: &mut WasiP1Ctx| state).unwrap();
    let mut store = Store::new(engine, wasi);
    let module = Module::new(engine, bytes).unwrap();
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start").unwrap();
    match start.call(&mut store, ()) {
        Ok(()) => 0,
        Err(error) => error.downcast::<I32Exit>().expect("the program ends by itself").0,
    }
}

#[expect(clippy::disallowed_methods, reason = "the reference is what Cloister's sandbox is compared with")]
fn component(engine: &Engine, bytes: &[u8], mut wasi: WasiCtxBuilder) -> i32 {
    let mut linker = wasmtime::component::Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker).unwrap();
    let mut store = Store::new(engine, State { wasi: wasi.build(), table: ResourceTable::new() });
    let component = Component::new(engine, bytes).unwrap();
    let command = CommandWorld::instantiate(&mut store, &component, &linker).unwrap();
    match command.wasi_cli_run().call_run(&mut store) {
        Ok(Ok(())) => 0,
        Ok(Err(())) => 1,
        Err(error) => error.downcast::<I32Exit>().expect("the program ends by itself").0,
    }
}
