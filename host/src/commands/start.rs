//! Starting a run: from what was asked for to a queued guest.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use cloister_runtime::{Canceller, Grant, Limits, Metering, ModuleSource, Prepared, StdinPipe, StdinSource};
use parking_lot::Mutex;
use tokio::sync::watch;

use super::active::ActiveRun;
use super::attend::{Attended, attend};
use super::joins::Joins;
use super::output::LiveOutput;
use super::{CommandError, Commands};
use crate::api::{self, CreateRun, RunOutput, RunStatus, Stdin, Usage};
use crate::audit::{Actor, Chain, Event, Outcome, Trail};
use crate::auth::{Act, Permit, TenantScope, act};
use crate::ids::{CommandName, RunId};
use crate::logs::LineSource;
use crate::registry::{RegistryError, Resolved, check_env};
use crate::store::{ModuleRecord, RunRecord};

/// Arguments of one run.
const MAX_ARGS: usize = 4096;
/// Bytes of all arguments of one run.
const MAX_ARG_BYTES: usize = 128 << 10;
/// Open descriptors and other host resources of one run.
const MAX_RESOURCES: u32 = 1024;

/// A run that was accepted.
pub struct Started {
    id: RunId,
    run: Arc<ActiveRun>,
}

impl Started {
    /// The run as it stands.
    #[must_use]
    pub fn run(&self) -> api::Run {
        self.run.record.lock().to_api()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &RunId {
        &self.id
    }

    /// Ends it, as a person who interrupts it does.
    #[must_use]
    pub fn canceller(&self) -> Canceller {
        self.run.canceller.clone()
    }

    /// Waits for the end, and answers the run without its output.
    pub async fn ended(&self) -> api::Run {
        self.run.end().await.to_api()
    }

    /// Waits for the end, and answers the run with its output.
    pub async fn end(self) -> api::Run {
        let record = self.run.end().await;
        let (stdout, stderr, truncated) = self.run.output.heads();
        api::Run { output: Some(shown(stdout, stderr, truncated)), ..record.to_api() }
    }
}

/// Ends a run when the caller who waits for it goes away.
pub struct EndWithCaller(Option<Canceller>);

impl EndWithCaller {
    /// Watches over a run.
    #[must_use]
    pub fn new(started: &Started) -> Self {
        Self(Some(started.run.canceller.clone()))
    }

    /// The run has ended.
    pub fn disarm(&mut self) {
        self.0 = None;
    }
}

impl Drop for EndWithCaller {
    fn drop(&mut self) {
        if let Some(canceller) = &self.0 {
            canceller.cancel();
        }
    }
}

fn shown(stdout: Vec<u8>, stderr: Vec<u8>, truncated: bool) -> RunOutput {
    match (String::from_utf8(stdout), String::from_utf8(stderr)) {
        (Ok(stdout), Ok(stderr)) => RunOutput { encoding: "utf8".to_owned(), stdout, stderr, truncated },
        (stdout, stderr) => {
            let bytes = |text: Result<String, std::string::FromUtf8Error>| match text {
                Ok(text) => STANDARD.encode(text),
                Err(error) => STANDARD.encode(error.as_bytes()),
            };
            RunOutput {
                encoding: "base64".to_owned(),
                stdout: bytes(stdout),
                stderr: bytes(stderr),
                truncated,
            }
        }
    }
}

/// Everything known about a run before it gets a slot.
struct Plan {
    resolved: Arc<Resolved>,
    limits: api::Limits,
}

/// How a run is started.
struct Way {
    /// Its record is on disk before it starts.
    durable: bool,
    /// The beginning of its output is kept for the answer.
    keeps_heads: bool,
    /// It waits for a place among its tenant's runs.
    waits: bool,
}

impl Commands {
    /// Starts a run whose streams are as the request says. With `durable`, its record is on disk before this returns.
    ///
    /// # Errors
    /// When there is no such command, the request is not valid, or no room for one more run.
    pub async fn start(
        &self,
        permit: &Permit<act::RunCreate>,
        request: CreateRun,
        durable: bool,
    ) -> Result<Started, CommandError> {
        let way = Way { durable, keeps_heads: !durable, waits: true };
        self.start_with(permit, request, way, Joins::default()).await
    }

    /// Starts a run that is joined to a console, to the next command of a line, or to files.
    ///
    /// # Errors
    /// As [`Commands::start`].
    pub async fn start_joined(
        &self,
        permit: &Permit<act::RunCreate>,
        request: CreateRun,
        joins: Joins,
    ) -> Result<Started, CommandError> {
        // The commands of a line run together: one that waited for another's place would wait for ever.
        let way = Way { durable: false, keeps_heads: false, waits: false };
        self.start_with(permit, request, way, joins).await
    }

    async fn start_with(
        &self,
        permit: &Permit<act::RunCreate>,
        request: CreateRun,
        Way { durable, keeps_heads, waits }: Way,
        joins: Joins,
    ) -> Result<Started, CommandError> {
        let inner = &self.inner;
        inner.store.admit()?;
        check_args(&request.args)?;
        check_env(&request.env)?;
        let (stdin, pipe) = match &joins.stdin {
            Some(pipe) => (StdinSource::Pipe(pipe.clone()), None),
            None => stdin_source(&request.stdin)?,
        };
        let plan = self.plan(permit, &request).await?;
        let allowed = permit.limits();
        let most_waiting = if waits { allowed.waiting_runs } else { 0 };
        let (mut listing, admission) =
            inner.active.place(permit.scope(), &allowed.of_tenant(), most_waiting, &inner.runtime).await?;
        let slot = Arc::clone(&inner.free_slots).try_acquire_owned().map_err(|_| CommandError::Busy)?;
        inner.quota.run(permit, allowed).await?;
        let limits = Limits { clock_resolution: allowed.clock_resolution(), ..runtime_limits(&plan.limits) };
        let Resolved { deployment, module } = &*plan.resolved;
        let prepared = self.prepared(permit.scope(), module, limits.fuel).await?;
        let output = LiveOutput::new(keeps_heads);
        let grants = &deployment.active.grants;
        let mut env = grants.env.clone();
        env.extend(request.env);
        let (network, secrets) = self.network_and_secrets(permit, grants, &mut env).await?;
        let (directories, volume) = self
            .directories(
                permit.scope(),
                allowed.of_volume(),
                &grants.directories,
                joins.cwd.clone(),
                &request.args,
            )
            .await?;
        let grant = Grant {
            args: std::iter::once(request.command).chain(request.args.iter().cloned()).collect(),
            env,
            directories,
            volume,
            network,
            stdin,
            output: Arc::clone(&output) as _,
            terminals: joins.terminals(),
        };
        let record = RunRecord {
            id: RunId::generate(&inner.clock),
            command: deployment.name.clone(),
            version: deployment.active.version,
            module: module.digest.clone(),
            args: request.args,
            status: RunStatus::Running,
            outcome: None,
            usage: Usage::default(),
            created_at: inner.clock.now(),
            ended_at: None,
            created_by: permit.principal().clone(),
        };
        self.record_start(permit, &record, durable).await?;
        self.audit_start(permit, &record, durable).await?;
        let place = admission.place();
        let log =
            inner.logs.run(permit.scope(), LineSource::of_run(record.id.clone(), record.command.clone()));
        let log = log.masked(inner.masking.of_run(permit.scope(), &secrets).await?);
        let run = inner.runtime.start(admission.keeping(slot), prepared, grant, limits);
        let (end, ended) = watch::channel(false);
        let id = record.id.clone();
        let active = Arc::new(ActiveRun {
            record: Mutex::new(record),
            canceller: run.canceller(),
            stdin: pipe,
            feeding: tokio::sync::Mutex::default(),
            output,
            ended,
        });
        listing.hold(id.clone(), Arc::clone(&active));
        let attended = Attended {
            commands: self.clone(),
            scope: permit.scope().clone(),
            active: Arc::clone(&active),
            run,
            log,
            end,
            listing,
            place,
            joins,
        };
        tokio::spawn(attend(attended));
        Ok(Started { id, run: active })
    }

    async fn plan(&self, permit: &Permit<act::RunCreate>, request: &CreateRun) -> Result<Plan, CommandError> {
        let unknown = || CommandError::CommandNotFound(request.command.chars().take(80).collect());
        let name: CommandName = request.command.parse().map_err(|_| unknown())?;
        let resolved = match self.inner.registry.resolve(permit, &name).await {
            Err(RegistryError::DeploymentNotFound) => return Err(unknown()),
            found => found?,
        };
        let limits = self.inner.registry.limits_of_run(
            permit.limits(),
            &resolved.deployment.active.limits,
            &request.limits,
        )?;
        Ok(Plan { resolved, limits })
    }

    async fn prepared(
        &self,
        scope: &TenantScope,
        module: &ModuleRecord,
        fuel: Option<u64>,
    ) -> Result<Arc<Prepared>, CommandError> {
        let metering = if fuel.is_some() { Metering::Fuel } else { Metering::Epochs };
        if let Some(ready) = self.inner.runtime.ready(module.digest.as_str(), metering) {
            return Ok(ready);
        }
        // It may have to be compiled, which a tenant does one at a time.
        let _turn = self.inner.registry.compile_turn(scope).await?;
        let source = ModuleSource {
            digest: module.digest.to_string(),
            info: module.info(),
            path: self.inner.store.dir().module(&module.digest),
        };
        self.inner.runtime.prepare(&source, metering).await.map_err(CommandError::Module)
    }

    /// A run is audited when it starts, by whatever way: it may take long, and then the request is over first.
    async fn audit_start(
        &self,
        permit: &Permit<act::RunCreate>,
        record: &RunRecord,
        durable: bool,
    ) -> Result<(), CommandError> {
        let (actor, address, request) = match Trail::current() {
            Some(trail) => {
                let (actor, address, request) = trail.recorded_now();
                (actor, address, Some(request))
            }
            None => (None, None, None),
        };
        let event = Event {
            actor: actor.unwrap_or_else(|| Actor::principal(permit.principal())),
            action: act::RunCreate::ACTION.as_str().to_owned(),
            resource: record.command.to_string(),
            outcome: Outcome::Done,
            code: None,
            detail: Some(record.id.to_string()),
            address,
            request,
            times: 1,
        };
        let chain = Chain::of(permit.scope());
        if durable {
            self.inner.audit.record_durably(chain, event).await?.durable().await?;
        } else {
            self.inner.audit.record(chain, event).await?;
        }
        Ok(())
    }

    async fn record_start(
        &self,
        permit: &Permit<act::RunCreate>,
        record: &RunRecord,
        durable: bool,
    ) -> Result<(), CommandError> {
        if !durable {
            self.inner.records.put(permit.scope(), record.clone(), None).await;
            return Ok(());
        }
        let (scope, record) = (permit.scope().clone(), record.clone());
        let write = move |writer: &mut crate::store::Writer| -> Result<(), CommandError> {
            Ok(writer.put_run(&scope, &record)?)
        };
        self.inner.store.write(write).await
    }
}

fn check_args(args: &[String]) -> Result<(), CommandError> {
    if args.len() > MAX_ARGS {
        return Err(CommandError::Invalid(format!(
            "there are {} arguments and at most {MAX_ARGS} allowed",
            args.len()
        )));
    }
    let bytes: usize = args.iter().map(String::len).sum();
    if bytes > MAX_ARG_BYTES {
        return Err(CommandError::Invalid(format!(
            "the arguments have {bytes} bytes and at most {MAX_ARG_BYTES} allowed"
        )));
    }
    if args.iter().any(|arg| arg.contains('\0')) {
        return Err(CommandError::Invalid("an argument holds a zero byte".to_owned()));
    }
    Ok(())
}

fn stdin_source(stdin: &Stdin) -> Result<(StdinSource, Option<StdinPipe>), CommandError> {
    Ok(match stdin {
        Stdin::Empty => (StdinSource::Empty, None),
        Stdin::Text(text) => (StdinSource::Bytes(Bytes::from(text.clone().into_bytes())), None),
        Stdin::Base64(text) => {
            let bytes = STANDARD.decode(text);
            let bytes = bytes.map_err(|error| CommandError::Invalid(format!("`stdin.base64`: {error}")))?;
            (StdinSource::Bytes(bytes.into()), None)
        }
        Stdin::Stream => {
            let pipe = StdinPipe::new();
            (StdinSource::Pipe(pipe.clone()), Some(pipe))
        }
    })
}

fn runtime_limits(limits: &api::Limits) -> Limits {
    let default = Limits::default();
    Limits {
        fuel: limits.fuel,
        cpu: limits.cpu_ms.map_or(default.cpu, Duration::from_millis),
        wall: limits.wall_ms.map_or(default.wall, Duration::from_millis),
        memory_bytes: limits.memory_bytes.unwrap_or(default.memory_bytes),
        output_bytes: limits.output_bytes.unwrap_or(default.output_bytes),
        resources: MAX_RESOURCES,
        ..default
    }
}
