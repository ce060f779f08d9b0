//! The only place a wasmtime `Store` is made: one guest's state, and the call into it.

use std::sync::Arc;

use wasmtime::{Store, Trap, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

use crate::budget::Budget;
use crate::control::RunControl;
use crate::engine::Flavour;
use crate::filesystem::{RunFiles, begin_preview1};
use crate::grant::{Access, Grant, NetworkGrant};
use crate::limits::{Limiter, Limits, MemoryRefusal};
use crate::outcome::{Outcome, RunError};
use crate::prepared::{Prepared, Program};
use crate::stdin_pipe::StdinPipe;
use crate::stdio::{GuestOutput, GuestStdin, OutputMeter, OutputStreamKind};

/// Most random bytes of one call; a larger one would hold the thread without using fuel.
const RANDOM_CALL_BYTES: u64 = 64 << 10;
/// Most bytes the host copies for one host call.
const HOSTCALL_BYTES: usize = 16 << 20;
/// Frames of a trap's backtrace that are shown.
const BACKTRACE_FRAMES: usize = 12;

/// What a store holds for its guest.
pub(crate) struct GuestState {
    pub(crate) wasi: WasiP1Ctx,
    /// What this guest's tenant may use: open files and threads of the host are reserved from it.
    #[expect(dead_code, reason = "for the layers of files and of the network")]
    pub(crate) budget: Budget,
    /// What it has open. After `wasi`: files are closed before they are given back.
    pub(crate) files: RunFiles,
    limiter: Limiter,
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

/// One guest that is about to run, or has run.
pub(crate) struct Sandbox {
    store: Store<GuestState>,
    fuel: Option<u64>,
    stdin: StdinPipe,
    output: Arc<OutputMeter>,
}

impl Sandbox {
    /// Makes a store with nothing but what was granted.
    pub(crate) fn new(
        flavour: &Flavour,
        grant: Grant,
        limits: &Limits,
        control: &Arc<RunControl>,
        stdin: StdinPipe,
        budget: Budget,
    ) -> Result<Self, RunError> {
        let output = OutputMeter::new(Arc::clone(&grant.output), Arc::clone(control), limits.output_bytes);
        let files = RunFiles::new(&grant);
        let mut wasi = context(grant, &stdin, &output)?;
        wasi.ctx().table.set_max_capacity(limits.resources as usize);
        let limiter = Limiter::new(limits.memory_bytes, &budget);
        let state = GuestState { wasi, files, budget, limiter };
        #[expect(clippy::disallowed_methods, reason = "the one home of stores")]
        let mut store = Store::new(&flavour.engine, state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        if let Some(fuel) = limits.fuel {
            store.set_fuel(fuel).map_err(RunError::Setup)?;
        }
        Ok(Self { store, fuel: limits.fuel, stdin, output })
    }

    /// Instantiates the module and runs its entry point to its end.
    pub(crate) async fn call(&mut self, module: &Prepared) -> wasmtime::Result<u8> {
        let store = &mut self.store;
        let ended = match &module.program {
            Program::Preview1(instance) => {
                begin_preview1(store.data_mut())?;
                let instance = instance.instantiate_async(&mut *store).await?;
                let start = instance.get_typed_func::<(), ()>(&mut *store, "_start")?;
                start.call_async(&mut *store, ()).await.map(Ok)
            }
            Program::V0_2(command) => {
                let command = command.instantiate_async(&mut *store).await?;
                command.wasi_cli_run().call_run(&mut *store).await
            }
            Program::V0_3(command) => {
                let command = command.instantiate_async(&mut *store).await?;
                store
                    .run_concurrent(async |store| command.wasi_cli_run().call_run(store).await)
                    .await
                    .flatten()
            }
        };
        match ended {
            Ok(Ok(())) => Ok(0),
            Ok(Err(())) => Ok(1),
            // The low byte, as a shell sees it.
            Err(error) => error.downcast::<I32Exit>().map(|exit| exit.0.to_le_bytes()[0]),
        }
    }

    /// Reads what an ended call means.
    pub(crate) fn outcome(&self, ended: wasmtime::Result<u8>) -> Result<Outcome, RunError> {
        let error = match ended {
            Ok(code) => return Ok(Outcome::Exited(code)),
            Err(error) => error,
        };
        if error.is::<wasmtime::PoolConcurrencyLimitError>() {
            return Err(RunError::Busy(error));
        }
        if let Some(Trap::OutOfFuel) = error.downcast_ref::<Trap>() {
            return Ok(Outcome::OutOfFuel);
        }
        Ok(match self.store.data().limiter.refused() {
            Some(MemoryRefusal::Run) => Outcome::OutOfMemory,
            Some(MemoryRefusal::Tenant) => Outcome::TenantOutOfMemory,
            None => Outcome::Trapped(cause(&error)),
        })
    }

    /// Fuel used, when counted.
    pub(crate) fn fuel_used(&self) -> Option<u64> {
        let left = self.store.get_fuel().ok()?;
        Some(self.fuel?.saturating_sub(left))
    }

    /// Highest sum of all memories and tables, in bytes.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.store.data().limiter.peak_bytes()
    }

    /// Bytes taken from standard output and standard error.
    pub(crate) fn output_bytes(&self) -> (u64, u64) {
        self.output.written()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stdin.reader_gone();
    }
}

/// The WASI context: arguments, environment, directories, network and streams of the grant, and nothing else.
fn context(grant: Grant, stdin: &StdinPipe, output: &Arc<OutputMeter>) -> Result<WasiP1Ctx, RunError> {
    let stream = |stream, terminal| GuestOutput { meter: Arc::clone(output), stream, terminal };
    let mut builder = WasiCtx::builder();
    builder
        .allow_blocking_current_thread(true)
        .max_random_size(RANDOM_CALL_BYTES)
        .args(&grant.args)
        .stdin(GuestStdin { pipe: stdin.clone(), terminal: grant.terminals[0] })
        .stdout(stream(OutputStreamKind::Stdout, grant.terminals[1]))
        .stderr(stream(OutputStreamKind::Stderr, grant.terminals[2]));
    for (name, value) in &grant.env {
        builder.env(name, value);
    }
    for directory in &grant.directories {
        let permissions = match directory.access {
            Access::ReadOnly => FsPerms::ReadOnly,
            Access::ReadWrite => FsPerms::ReadWrite,
        };
        builder
            .preopened_dir(directory.host.path(), &directory.guest, permissions)
            .map_err(|source| RunError::Directory { guest: directory.guest.clone(), source })?;
    }
    network(&mut builder, &grant.network);
    Ok(builder.build_p1())
}

fn network(builder: &mut WasiCtxBuilder, grant: &NetworkGrant) {
    let open = *grant != NetworkGrant::Denied;
    builder.allow_tcp(open).allow_udp(open).allow_ip_name_lookup(open);
    match grant {
        NetworkGrant::Denied => {}
        NetworkGrant::Unrestricted => {
            builder.socket_addr_check(|_, _| Box::pin(async { true }));
        }
        NetworkGrant::Egress(egress) => {
            let egress = Arc::clone(egress);
            builder.socket_addr_check(move |address, purpose| {
                Box::pin(Arc::clone(&egress).allows(address, purpose))
            });
        }
    }
}

/// A trap in words for the guest's author: the cause, and the guest's own functions it passed through.
fn cause(error: &wasmtime::Error) -> String {
    let mut text = error.root_cause().to_string();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for frame in backtrace.frames().iter().take(BACKTRACE_FRAMES) {
            text.push_str("\n  at ");
            match frame.func_name() {
                Some(name) => text.push_str(name),
                None => text.push_str(&format!("function {}", frame.func_index())),
            }
        }
    }
    text
}
