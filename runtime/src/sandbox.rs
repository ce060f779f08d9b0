//! The only place a wasmtime `Store` is made: one guest's state, and the call into it.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{AsContextMut, Store, Trap, UpdateDeadline, WasmBacktrace};
use wasmtime_wasi::p1::WasiP1Ctx;
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};
use wasmtime_wasi_http::handler::{self, ProxyPre};
use wasmtime_wasi_http::{WasiHttpCtxView, WasiHttpView};

use crate::budget::Budget;
use crate::coarse_clock::CoarseClock;
use crate::control::RunControl;
use crate::engine::Flavour;
use crate::filesystem::{FileKey, RunFiles, begin_preview1};
use crate::grant::{Access, Grant};
use crate::http::{GuestHttp, HttpCall};
use crate::limits::{Limiter, Limits, MemoryRefusal};
use crate::network::{GuestNetwork, OpenSockets};
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
/// What is shown of a function's name, in bytes: the guest chose it, and it ends up in the run's record.
const FUNCTION_NAME_BYTES: usize = 256;
/// What is shown of a trap's cause, in bytes; the engine may put the guest's words in.
const CAUSE_BYTES: usize = 2048;

/// What a store holds for its guest.
pub(crate) struct GuestState {
    pub(crate) wasi: WasiP1Ctx,
    pub(crate) network: Arc<GuestNetwork>,
    http: GuestHttp,
    /// What this guest's tenant may use: open files and threads of the host are reserved from it.
    pub(crate) budget: Budget,
    /// What it has open. After `wasi`: files are closed before they are given back.
    pub(crate) files: RunFiles,
    /// Sockets it has open. After `wasi`, too.
    pub(crate) open_sockets: OpenSockets,
    limiter: Limiter,
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        self.wasi.ctx()
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.http.hooks,
            table: self.wasi.ctx().table,
            ctx: &mut self.http.context,
        }
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
        file_key: FileKey,
    ) -> Result<Self, RunError> {
        let sink = Arc::clone(&grant.output);
        let output = OutputMeter::new(sink, Arc::clone(control), limits.output_bytes, budget.clone());
        let files = RunFiles::new(&grant, file_key);
        let network = GuestNetwork::new(grant.network.clone(), budget.clone());
        let mut wasi = context(grant, limits.clock_resolution, &network, &stdin, &output)?;
        wasi.ctx().table.set_max_capacity(limits.resources as usize);
        let http = GuestHttp::new(Arc::clone(&network));
        let limiter = Limiter::new(limits.memory_bytes, &budget);
        let open_sockets = OpenSockets::default();
        let state = GuestState { wasi, network, http, budget, files, open_sockets, limiter };
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

    /// Instantiates the module and runs its entry point to its end; one that serves HTTP, for this request.
    pub(crate) async fn call(
        &mut self,
        module: &Prepared,
        request: Option<HttpCall>,
    ) -> wasmtime::Result<u8> {
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
            Program::Http(server) => {
                let request = request.ok_or_else(|| wasmtime::format_err!("there is no request to serve"))?;
                serve(store, server, request).await.map(Ok)
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

    /// Bytes that outgoing HTTP sent and received.
    pub(crate) fn http_bytes(&self) -> (u64, u64) {
        self.store.data().network.traffic.bytes()
    }

    /// Bytes taken from standard output and standard error.
    pub(crate) fn output_bytes(&self) -> (u64, u64) {
        self.output.written()
    }
}

#[cfg(test)]
impl Sandbox {
    pub(crate) fn store(&mut self) -> &mut Store<GuestState> {
        &mut self.store
    }

    pub(crate) fn state(&mut self) -> &mut GuestState {
        self.store.data_mut()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stdin.reader_gone();
    }
}

/// Calls the handler of a component that serves, and lets it go on until the body of its answer is written.
async fn serve(
    store: &mut Store<GuestState>,
    server: &ProxyPre<GuestState>,
    HttpCall { request, answer }: HttpCall,
) -> wasmtime::Result<()> {
    let server = server.instantiate_async(&mut *store).await?;
    let served = store.run_concurrent(async |accessor| {
        let view = <GuestState as WasiHttpView>::http;
        let call = accessor.with(|mut access| {
            handler::Prepared::new(access.as_context_mut(), &server, request, view, answer)
        })?;
        // A run's own limits end a handler that takes too long.
        call.run(accessor, std::future::pending()).await?;
        std::future::poll_fn(|context| accessor.poll_no_interesting_tasks(context)).await;
        Ok(())
    });
    served.await.flatten()
}

/// The WASI context: arguments, environment, directories, network and streams of the grant, and nothing else.
fn context(
    grant: Grant,
    clock_resolution: Duration,
    guest_network: &Arc<GuestNetwork>,
    stdin: &StdinPipe,
    output: &Arc<OutputMeter>,
) -> Result<WasiP1Ctx, RunError> {
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
    network(&mut builder, guest_network);
    CoarseClock::set(&mut builder, clock_resolution);
    Ok(builder.build_p1())
}

fn network(builder: &mut WasiCtxBuilder, network: &Arc<GuestNetwork>) {
    let open = !network.is_denied();
    builder.allow_tcp(open).allow_udp(open).allow_ip_name_lookup(open);
    let network = Arc::clone(network);
    builder
        .socket_addr_check(move |address, purpose| Box::pin(Arc::clone(&network).allows(address, purpose)));
}

/// A trap in words for the guest's author: the cause, and the guest's own functions it passed through.
fn cause(error: &wasmtime::Error) -> String {
    let mut text = beginning(&error.root_cause().to_string(), CAUSE_BYTES).to_owned();
    if let Some(backtrace) = error.downcast_ref::<WasmBacktrace>() {
        for frame in backtrace.frames().iter().take(BACKTRACE_FRAMES) {
            text.push_str("\n  at ");
            match frame.func_name() {
                Some(name) => text.push_str(beginning(name, FUNCTION_NAME_BYTES)),
                None => text.push_str(&format!("function {}", frame.func_index())),
            }
        }
    }
    text
}

/// As much of a text as fits, in whole characters.
fn beginning(text: &str, limit_bytes: usize) -> &str {
    &text[..text.floor_char_boundary(limit_bytes)]
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;
    use std::task::{Context, Poll};

    use super::*;
    use crate::engine::{Allocation, Engines, Metering};
    use crate::grant::NetworkGrant;
    use crate::{Bytes, OutputSink, Reservation, StdinSource};

    struct Nowhere;

    impl OutputSink for Nowhere {
        fn write(&self, _: OutputStreamKind, _: Bytes, _: Reservation) {}

        fn poll_room(&self, _: &mut Context<'_>) -> Poll<()> {
            Poll::Ready(())
        }
    }

    /// A grant of nothing but the network.
    pub(crate) fn grant(network: NetworkGrant) -> Grant {
        Grant {
            args: Vec::new(),
            env: Default::default(),
            directories: Vec::new(),
            volume: None,
            network,
            stdin: StdinSource::Empty,
            output: Arc::new(Nowhere),
            terminals: [false; 3],
        }
    }

    /// A guest without code, whose imports a test calls.
    pub(crate) fn sandbox(grant: Grant, budget: Budget) -> Sandbox {
        // Making an engine is slow, and a guest without code has nothing to share through it.
        static ENGINES: LazyLock<Engines> = LazyLock::new(|| Engines::new(Allocation::OnDemand));
        let flavour = ENGINES.get(Metering::Epochs).unwrap();
        let (limits, key) = (Limits::default(), FileKey::new(&[7; 32], "acme"));
        let control = Arc::new(RunControl::default());
        Sandbox::new(flavour, grant, &limits, &control, StdinPipe::new(), budget, key).unwrap()
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(beginning("short", 256), "short");
        assert_eq!(beginning("aéé", 4), "aé");
        assert_eq!(beginning("é", 1), "");
    }
}
