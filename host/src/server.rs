//! Puts the host together, serves it, and stops it in order.

mod bootstrap;
mod engine;
mod listen;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::audit::{Audit, AuditError};
use crate::auth::{Auth, AuthError, Decisions};
use crate::clock::Clock;
use crate::commands::{CommandParts, Commands};
use crate::config::{Config, ConfigError};
use crate::console::{Console, ConsoleParts, History, Program, ShellParts, ShellProgram};
use crate::files::{Files, FilesError};
use crate::http::{self, App, Parts};
use crate::idempotency::Idempotency;
use crate::lifecycle::{Lifecycle, LifecycleError, transfers};
use crate::logs::{LogError, LogWriter};
use crate::masking::Masking;
use crate::metrics::{
    ConsoleStats, CpuCollector, HostCollector, Metrics, RunsEnded, TenantCollector, WaitCollector,
};
use crate::quota::Quota;
use crate::registry::{Registry, RegistryError};
use crate::secrets::Secrets;
use crate::store::{Compacted, Salvaged, Store, StoreError, StoreOptions};
use crate::tenancy::{Tenancy, TenancyError};

pub use bootstrap::{DemoWelcome, Welcome};
pub use engine::Compiling;

/// Why the host did not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A setting is not valid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Something else listens at the address.
    #[error("another process listens at {0} already; stop it, or choose another address with --listen")]
    PortInUse(SocketAddr),
    /// The address cannot be listened at.
    #[error("could not listen at {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The data directory cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Tokens cannot be signed.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The first accounts cannot be made.
    #[error(transparent)]
    Tenancy(#[from] TenancyError),
    /// Tenants that may not work cannot be found.
    #[error(transparent)]
    Lifecycle(#[from] LifecycleError),
    /// The demo's commands cannot be deployed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The demo's folder cannot be read.
    #[error("could not read the folder of --demo")]
    Demo(#[source] std::io::Error),
    /// The tenants' files cannot be reached.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The log cannot be opened, or not be closed.
    #[error("the log failed")]
    Logs(#[from] LogError),
    /// The audit cannot be written.
    #[error(transparent)]
    Audit(#[from] AuditError),
    /// The engine cannot start.
    #[error("the engine cannot start")]
    Engine(#[source] Box<cloister_runtime::RunError>),
    /// The program's own file cannot be found, and compiling needs it.
    #[error("could not find this program's own file")]
    Program(#[source] std::io::Error),
    /// Metrics cannot be registered.
    #[error("could not set up metrics")]
    Metrics(#[from] prometheus::Error),
    /// A part of the host ended on its own.
    #[error("the host stopped: {0}")]
    Stopped(&'static str),
}

impl ServeError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Config(error) => error.code(),
            Self::PortInUse(_) => "port_in_use",
            Self::Listen { .. } => "listen_failed",
            Self::Store(error) => error.code(),
            Self::Auth(error) => error.code(),
            Self::Tenancy(error) => error.code(),
            Self::Lifecycle(error) => error.code(),
            Self::Registry(error) => error.code(),
            Self::Demo(_) => "demo_unreadable",
            Self::Files(error) => error.code(),
            Self::Logs(_) => "log_failed",
            Self::Audit(error) => error.code(),
            Self::Engine(_) => "engine_failed",
            Self::Program(_) | Self::Metrics(_) => "internal",
            Self::Stopped(_) => "store_failed",
        }
    }
}

/// Runs the host until a signal stops it. `announce` gets what a person needs to know once it listens.
///
/// # Errors
/// When it cannot start, or its store fails.
pub async fn serve(config: Config, announce: impl FnOnce(&Welcome)) -> Result<(), ServeError> {
    let stop = listen::stop_signal()?;
    serve_until(config, announce, stop).await
}

/// As [`serve`], until `stop` is cancelled. For tests and for embedding.
///
/// # Errors
/// As [`serve`].
pub async fn serve_until(
    config: Config,
    announce: impl FnOnce(&Welcome),
    stop: CancellationToken,
) -> Result<(), ServeError> {
    config.check()?;
    // The port comes first: taking it is quick, and a second host on the machine is the likeliest mistake.
    let listener = listen::bind(config.server.listen)?;
    let address = listener
        .local_addr()
        .map_err(|source| ServeError::Listen { address: config.server.listen, source })?;
    let app = build(config, Clock::system(), address, Compiling::Apart).await?;
    let welcome = bootstrap::run(&app).await?;
    app.lifecycle.restore().await?;
    announce(&welcome);
    // Here and not where the host is built: what holds the store must end with whoever serves.
    let sweeping = tokio::spawn(app.audit.clone().sweep(app.stopping.clone()));
    let keeping = tokio::spawn(app.quota.clone().keep(app.stopping.clone()));
    let cleaning = tokio::spawn(clean(app.clone()));
    let keeping_logs = tokio::spawn(keep_logs(app.clone()));
    let failed = async {
        app.store.failed().await;
        tracing::error!("the store failed; the host stops rather than lose what it acknowledges");
    };
    let served = tokio::select! {
        served = listen::serve(listener, http::router(app.clone()), &app, stop.clone()) => Ok(served),
        () = failed => Err(ServeError::Stopped("its store can no longer write")),
    };
    app.stopping.cancel();
    // Sessions hang up before the runs are waited for that they started.
    app.console.close().await;
    // It ends between two steps: what it has begun is finished.
    if cleaning.await.is_err() {
        tracing::error!("cleaning up has failed");
    }
    if keeping_logs.await.is_err() {
        tracing::error!("looking after the logs has failed");
    }
    // Connections are done; what still runs was started without waiting, or is followed.
    app.commands.drain(Duration::from_millis(app.config.server.drain_timeout_ms)).await;
    // They end with the host; a panic of theirs was reported by itself.
    let _ = tokio::join!(sweeping, keeping);
    if let Err(error) = app.quota.write().await {
        tracing::error!(error = &error as &dyn std::error::Error, "rates and counts could not be written");
    }
    let audit = app.audit.clone();
    // Its last records are written before the store is closed.
    tokio::task::spawn_blocking(move || audit.close_blocking()).await.unwrap_or_default();
    close_files(&app).await.or_else(|error| if served.is_err() { Ok(()) } else { Err(error) })?;
    app.logs.close().await.or_else(|error| if served.is_err() { Ok(()) } else { Err(error) })?;
    app.store.commit().await.or_else(|error| if served.is_err() { Ok(()) } else { Err(error) })?;
    served
}

/// No run is left that could change a tenant's directory.
async fn close_files(app: &App) -> Result<(), ServeError> {
    if app.commands.active() > 0 {
        return Ok(());
    }
    let files = app.files.clone();
    match tokio::task::spawn_blocking(move || files.close_blocking()).await {
        Ok(closed) => Ok(closed?),
        Err(_) => Err(ServeError::Stopped("its stop was interrupted")),
    }
}

/// How often it is asked whether enough was deleted to give disk space back.
const SHRINK_LOOK: Duration = Duration::from_secs(5);

/// Removes what is over, now and then, until the host stops.
async fn clean(app: App) {
    let pause = Duration::from_secs(app.config.tenancy.cleaning_every_s);
    loop {
        app.lifecycle.clean().await;
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Reads all records once, and says when some are damaged.
async fn check_records(app: &App) {
    let (store, stopping) = (app.store.clone(), app.stopping.clone());
    let checked =
        tokio::task::spawn_blocking(move || store.check_blocking(|| !stopping.is_cancelled())).await;
    let damaged = match &checked {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => error.to_string(),
        Err(panic) => panic.to_string(),
    };
    tracing::error!(
        damaged,
        code = "data_dir_damaged",
        "some records cannot be read; stop the host, keep a copy of its data directory, and save what can be read with \
         `cloister operator salvage`"
    );
}

/// Deletes log lines that plans no longer keep, now and then, until the host stops; and looks once whether all can be read.
async fn keep_logs(app: App) {
    let pause = Duration::from_secs(app.config.tenancy.retention_every_s);
    let check = async {
        check_records(&app).await;
        let damaged = app.lifecycle.check_logs(&app.stopping).await;
        if damaged > 0 {
            tracing::error!(lines = damaged, "some log lines are damaged; all others can be read");
        }
    };
    let trim = async {
        loop {
            app.lifecycle.trim_logs(&app.stopping).await;
            tokio::select! {
                () = app.stopping.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    };
    tokio::join!(check, trim, shrink_store(&app));
}

/// Gives disk space of deleted lines back while the host runs, until it stops; what an earlier one left, at once.
async fn shrink_store(app: &App) {
    loop {
        let (store, stopping) = (app.store.clone(), app.stopping.clone());
        let shrunk =
            tokio::task::spawn_blocking(move || store.shrink_when_due(|| !stopping.is_cancelled())).await;
        match shrunk {
            Ok(Ok(Some(shrunk))) => {
                let Compacted { before_bytes, after_bytes } = shrunk;
                tracing::info!(before_bytes, after_bytes, "the database gave disk space back");
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the database could not give disk space back");
            }
            Err(panic) => tracing::error!(%panic, "the database could not give disk space back"),
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(SHRINK_LOOK) => {}
        }
    }
}

/// A one-time link for the operator, and their address.
#[derive(Debug, Clone)]
pub struct OperatorLink {
    /// The address.
    pub email: String,
    /// What they open once the host runs.
    pub link: String,
}

/// Makes a one-time link for the operator of a host that is not running: for who has lost the password.
///
/// # Errors
/// When the data directory is in use or cannot be used.
pub async fn operator_link(config: Config) -> Result<OperatorLink, ServeError> {
    let url = config.server.url(config.server.listen);
    let metrics = Metrics::new()?;
    let options = store_options(&config);
    let opened = tokio::task::spawn_blocking(move || {
        let (store, clock) = (Store::open(&config.store.data_dir, &options)?, Clock::system());
        let decisions = Decisions::new(metrics.decisions());
        let auth = Auth::new(store.clone(), clock.clone(), config.auth, config.plans.clone(), decisions)?;
        Ok::<_, ServeError>(Tenancy::new(store, clock, auth, config.plans))
    });
    let tenancy = opened.await.map_err(|_| ServeError::Stopped("its start was interrupted"))??;
    let operator = tenancy.ensure_operator().await?;
    let link = tenancy.link_for(&operator.id).await?;
    Ok(OperatorLink { email: operator.email.to_string(), link: format!("{url}/#/link/{}", link.reveal()) })
}

/// Gives disk space back that the database of a host that is not running holds and does not need. Blocks.
///
/// # Errors
/// When the data directory is in use or cannot be used, or the disk has no room for a copy of what is alive.
pub fn compact_store(config: &Config) -> Result<Compacted, ServeError> {
    Ok(Store::compact(&config.store.data_dir, &store_options(config))?)
}

/// How long a stop may take for the sake of the next start.
const SNAPSHOT_LIMIT: Duration = Duration::from_secs(10);

/// Writes a snapshot of the database of a host that has stopped, so that the next start need not read all that was written
/// since the last one. Blocks, ten seconds at most: what takes longer is left to the next start, and so is a failure.
pub fn snapshot_store(config: &Config) {
    let (path, options) = (config.store.data_dir.clone(), store_options(config));
    let (done, wait) = std::sync::mpsc::channel();
    let work = move || done.send(Store::snapshot(&path, &options));
    if let Err(error) = std::thread::Builder::new().name("store-snapshot".to_owned()).spawn(work) {
        tracing::warn!(error = &error as &dyn std::error::Error, "the database got no snapshot");
        return;
    }
    match wait.recv_timeout(SNAPSHOT_LIMIT) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database got no snapshot");
        }
        Err(_) => tracing::info!("the database got no snapshot in time: the next start will take longer"),
    }
}

fn store_options(config: &Config) -> StoreOptions {
    StoreOptions { cache_bytes: config.store.cache_bytes, low_disk_bytes: config.store.low_disk_bytes }
}

/// Copies what can be read of the damaged database of a host that is not running to a fresh one, which takes its place. Blocks.
///
/// # Errors
/// When the data directory is in use, the disk has no room for the copy, or no record can be read.
pub fn salvage_store(config: &Config) -> Result<Salvaged, ServeError> {
    Ok(Store::salvage(&config.store.data_dir, &store_options(config))?)
}

/// Opens the store and puts all parts on top of it.
///
/// # Errors
/// When a part cannot start.
pub async fn build(
    config: Config,
    clock: Clock,
    address: SocketAddr,
    compiling: Compiling,
) -> Result<App, ServeError> {
    build_with(config, clock, address, compiling, None).await
}

/// As [`build`], with another program than a shell in console sessions.
///
/// # Errors
/// As [`build`].
pub async fn build_with(
    config: Config,
    clock: Clock,
    address: SocketAddr,
    compiling: Compiling,
    program: Option<Arc<dyn Program>>,
) -> Result<App, ServeError> {
    let parts = tokio::task::spawn_blocking(move || assemble(config, clock, address, compiling, program));
    let parts = parts.await.map_err(|_| ServeError::Stopped("its start was interrupted"))??;
    Ok(App::new(parts))
}

fn assemble(
    config: Config,
    clock: Clock,
    address: SocketAddr,
    compiling: Compiling,
    program: Option<Arc<dyn Program>>,
) -> Result<Parts, ServeError> {
    let metrics = Metrics::new()?;
    let store = Store::open(&config.store.data_dir, &store_options(&config))?;
    let decisions = Decisions::new(metrics.decisions());
    let auth = Auth::new(store.clone(), clock.clone(), config.auth.clone(), config.plans.clone(), decisions)?;
    let tenancy = Tenancy::new(store.clone(), clock.clone(), auth.clone(), config.plans.clone());
    let masking = Masking::new(store.clone());
    let audit = Audit::open(store.clone(), clock.clone(), masking.clone())?;
    let (denied, warnings) = metrics.quota()?;
    let quota = Quota::open(store.clone(), clock.clone(), audit.clone(), denied, warnings)?;
    let idempotency = Idempotency::open(store.clone(), clock.clone())?;
    let logs = LogWriter::open(store.log_chunks(), clock.clone())?;
    let runtime = engine::start(&config, store.dir(), compiling)?;
    let registry = Registry::new(store.clone(), clock.clone(), quota.clone(), runtime.clone());
    let secrets = Secrets::open(store.clone(), clock.clone())?;
    let files = Files::new(store.clone(), config.http.file_bytes);
    HostCollector::register(
        metrics.registry(),
        Arc::clone(&runtime),
        logs.clone(),
        audit.clone(),
        files.clone(),
        masking.clone(),
    )?;
    WaitCollector::register(metrics.registry(), Arc::clone(&runtime))?;
    let commands = Commands::new(CommandParts {
        store: store.clone(),
        clock: clock.clone(),
        audit: audit.clone(),
        quota: quota.clone(),
        masking: masking.clone(),
        registry: registry.clone(),
        secrets: secrets.clone(),
        files: files.clone(),
        logs: logs.clone(),
        runtime: Arc::clone(&runtime),
        runs_ended: RunsEnded::register(metrics.registry())?,
        private_ranges: config.engine.private_ranges()?,
        trust: config.engine.trust()?,
        slots: config.engine.max_runs as usize,
    })
    .map_err(|_| ServeError::Stopped("a thread could not be started"))?;
    TenantCollector::register(metrics.registry(), commands.in_use())?;
    CpuCollector::register(metrics.registry(), commands.in_use())?;
    let interrupted = commands.repair_blocking()?;
    if interrupted > 0 {
        tracing::warn!(runs = interrupted, "recorded the end of runs that the last process left");
    }
    let history = History::new(store.clone(), clock.clone());
    let shell = ShellParts {
        clock: clock.clone(),
        commands: commands.clone(),
        registry: registry.clone(),
        files: files.clone(),
        history: history.clone(),
        audit: audit.clone(),
    };
    let console = Console::new(ConsoleParts {
        store: store.clone(),
        clock: clock.clone(),
        auth: auth.clone(),
        audit: audit.clone(),
        commands: commands.clone(),
        logs: logs.reader(),
        stats: ConsoleStats::register(metrics.registry())?,
        program: program.unwrap_or_else(|| Arc::new(ShellProgram::new(shell))),
        history,
    });
    let lifecycle = Lifecycle {
        store: store.clone(),
        clock: clock.clone(),
        auth: auth.clone(),
        tenancy: tenancy.clone(),
        registry: registry.clone(),
        files: files.clone(),
        logs: logs.clone(),
        commands: commands.clone(),
        config: config.tenancy.clone(),
        transfers: transfers(),
    };
    let url = config.server.url(address);
    let stopping = CancellationToken::new();
    Ok(Parts {
        config,
        clock,
        metrics,
        store,
        auth,
        tenancy,
        registry,
        secrets,
        files,
        audit,
        idempotency,
        quota,
        masking,
        logs,
        runtime,
        commands,
        console,
        lifecycle,
        url,
        stopping,
    })
}

#[cfg(test)]
mod tests;
