//! `run`: one module, right here, with this process's own standard streams.

mod code_cache;
mod serve;
mod stdin;
mod stdout;
mod volume;

use std::ffi::OsString;
use std::io::{IsTerminal, stderr};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use cloister_runtime::{
    Access, Allocation, CacheConfig, Compiler, DirectoryGrant, Egress, EgressRule, EntryPoint, Grant, Limits,
    Metering, ModuleBounds, ModuleError, ModuleSource, NetworkGrant, Outcome as Ending, RunError, Runtime,
    RuntimeConfig, StdinSource, SystemResolver, TenantLimits, VolumeLimits, inspect_for,
};

use sha2::{Digest, Sha256};

use super::destinations::NetworkSpec;
use super::env::Environment;
use super::failure::{EXIT_FAILURE, Failure, Outcome};
use super::output::{Output, printable_lines};
use super::units::{parse_count, parse_duration, parse_size};
use super::values::{DirectorySpec, KeyValue};
use stdout::Writer;

/// One thread runs the one guest.
const THREADS: usize = 1;
/// Longer than anybody waits; a run without `--timeout` has no other end.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Give a directory: where it is, where the guest sees it, and `ro` to forbid writing
    #[arg(long = "dir", value_name = "HOST[::GUEST[::ro]]")]
    directories: Vec<DirectorySpec>,
    /// Set an environment variable of the guest
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<KeyValue>,
    /// Let the guest connect to a host and port, or to `any`, which lets it listen as well
    #[arg(long, value_name = "HOST:PORT|any")]
    network: Vec<NetworkSpec>,
    /// Serve a component's HTTP handler at this address, with a run for each request, until Ctrl-C
    #[arg(long, value_name = "ADDRESS:PORT")]
    http: Option<SocketAddr>,
    /// What the guest sees as its own name [default: the module's file name]
    #[arg(long, value_name = "NAME")]
    argv0: Option<String>,
    /// Instructions, in fuel units: 5000000, 5M
    #[arg(long, value_name = "N", value_parser = parse_count)]
    fuel: Option<u64>,
    /// Wall time: 500ms, 10s, 5m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Memory: 64MiB, 1G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// What the writable directories may hold together, in bytes; over it the guest sees EDQUOT: 10MiB, 1G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    disk_bytes: Option<u64>,
    /// How many files, directories and links the writable directories may hold together
    #[arg(long, value_name = "N", value_parser = parse_count)]
    disk_entries: Option<u64>,
    /// The module's file, and arguments for the guest: everything after the file is the guest's
    #[arg(value_names = ["MODULE", "ARGS"], required = true, num_args = 1.., trailing_var_arg = true)]
    pub(super) module: Vec<OsString>,
}

/// A module and what it may see, checked.
struct LocalRun {
    module: PathBuf,
    args: Vec<String>,
    options: Options,
}

struct Options {
    env: Vec<KeyValue>,
    directories: Vec<DirectorySpec>,
    network: Vec<NetworkSpec>,
    http: Option<SocketAddr>,
    fuel: Option<u64>,
    timeout: Option<Duration>,
    memory_bytes: Option<u64>,
    disk: Option<VolumeLimits>,
}

/// Runs it and exits as it did.
pub(crate) fn run(args: RunArgs) -> Outcome<u8> {
    let run = local_run(args)?;
    let runtime = super::client_runtime()?;
    let environment = Environment::read();
    let ending = runtime.block_on(execute(run, code_cache::open(environment.cache_dir), runtime.handle()))?;
    // A read of standard input may still be going on, and cannot be cancelled.
    runtime.shutdown_background();
    if let Some(message) = ending.message() {
        let output = Output::new(false, environment.no_color);
        output.warn(&printable_lines(&format!("{}: {message}", ending.kind())));
    }
    Ok(ending.exit_code())
}

fn local_run(args: RunArgs) -> Outcome<LocalRun> {
    let mut words = args.module.into_iter();
    let module = PathBuf::from(words.next().ok_or_else(|| Failure::usage("no module is named"))?);
    let own_name = module.file_name().map(|name| name.to_string_lossy().into_owned());
    let argv0 = args.argv0.or(own_name).unwrap_or_default();
    // WASI's arguments are text.
    let rest = words.map(|word| {
        word.into_string().map_err(|word| Failure::usage(format!("the argument {word:?} is not valid UTF-8")))
    });
    let guest_args = std::iter::once(Ok(argv0)).chain(rest).collect::<Outcome<Vec<String>>>()?;
    let options = Options {
        env: args.env,
        directories: args.directories,
        network: args.network,
        http: args.http,
        fuel: args.fuel,
        timeout: args.timeout,
        memory_bytes: args.memory,
        disk: volume::limits(args.disk_bytes, args.disk_entries),
    };
    Ok(LocalRun { module, args: guest_args, options })
}

async fn execute(run: LocalRun, cache: CacheConfig, io: &tokio::runtime::Handle) -> Outcome<Ending> {
    let source = source(&run)?;
    let metering = if run.options.fuel.is_some() { Metering::Fuel } else { Metering::Epochs };
    let code_directory = cache.directory.clone();
    let runtime = Runtime::new(config(cache, io)).map_err(|error| run_failure(&error))?;
    let module =
        runtime.prepare(&source, metering).await.map_err(|error| module_failure(&run.module, &error))?;
    let writer = Writer::start()?;
    if let Some(address) = run.options.http {
        serve::serve(runtime, module, run, &writer, address).await?;
        writer.finish()?;
        return Ok(Ending::Exited(0));
    }
    let (limits, grant) = (limits(&run.options), grant(&run, &writer, stdin::source(io))?);
    // A tenant without bounds admits every run.
    let admission = runtime.tenant("local", &TenantLimits::UNLIMITED).admit();
    let admission = admission.map_err(|error| Failure::local("start the run", &error))?;
    let running = runtime.start(admission, module, grant, limits);
    writer.cancel_on_failure(running.canceller());
    let report = running.report().await;
    // What the guest wrote comes before what is said about its end.
    writer.finish()?;
    if runtime.stats().cache.compiled > 0 {
        code_directory.as_deref().inspect(|directory| code_cache::trim(directory));
    }
    // The process ends next: waiting for idle threads to end one by one would take as long as a short guest.
    std::mem::forget(runtime);
    Ok(report.map_err(|error| run_failure(&error))?.outcome)
}

fn config(cache: CacheConfig, io: &tokio::runtime::Handle) -> RuntimeConfig {
    RuntimeConfig {
        allocation: Allocation::OnDemand,
        threads: THREADS,
        tick: RuntimeConfig::TICK,
        cache,
        compiler: Compiler::InProcess,
        io: io.clone(),
    }
}

fn source(run: &LocalRun) -> Outcome<ModuleSource> {
    let path: &Path = &run.module;
    let read = std::fs::read(path);
    let bytes = read.map_err(|error| Failure::local(format!("read {}", path.display()), &error))?;
    // A person's own file is not bounded.
    let bounds = ModuleBounds {
        size_bytes: u64::MAX,
        functions: u32::MAX,
        function_bytes: u32::MAX,
        memory_bytes: u64::MAX,
        table_elements: u64::MAX,
        memories: u32::MAX,
        tables: u32::MAX,
        nested_modules: u32::MAX,
        depth: u32::MAX,
        items: u32::MAX,
    };
    let entry = if run.options.http.is_some() { EntryPoint::Http } else { EntryPoint::Command };
    let info = inspect_for(entry, &bytes, &bounds).map_err(|error| module_failure(path, &error))?;
    let digest = hex::encode(Sha256::digest(&bytes));
    Ok(ModuleSource { digest, info, path: path.to_owned() })
}

fn limits(options: &Options) -> Limits {
    Limits {
        fuel: options.fuel,
        cpu: FOREVER,
        wall: options.timeout.unwrap_or(FOREVER),
        memory_bytes: options.memory_bytes.unwrap_or(u64::MAX),
        output_bytes: u64::MAX,
        ..Limits::default()
    }
}

fn grant(run: &LocalRun, writer: &Writer, stdin: StdinSource) -> Outcome<Grant> {
    let volume = run.options.disk.map(|limits| volume::of(&run.options.directories, limits)).transpose()?;
    let directory = |spec: &DirectorySpec| DirectoryGrant {
        host: cloister_runtime::HostDirectory::Path(spec.source.clone().into()),
        guest: spec.guest.clone(),
        access: if spec.read_only { Access::ReadOnly } else { Access::ReadWrite },
    };
    Ok(Grant {
        args: run.args.clone(),
        env: run.options.env.iter().map(|pair| (pair.key.clone(), pair.value.clone())).collect(),
        directories: run.options.directories.iter().map(directory).collect(),
        volume,
        network: network(&run.options.network),
        stdin,
        output: Arc::clone(writer.sink()) as _,
        terminals: [std::io::stdin().is_terminal(), std::io::stdout().is_terminal(), stderr().is_terminal()],
    })
}

fn network(granted: &[NetworkSpec]) -> NetworkGrant {
    let mut rules = Vec::new();
    for grant in granted {
        match grant {
            NetworkSpec::Any => return NetworkGrant::Unrestricted,
            NetworkSpec::To(to) => rules.push(EgressRule { host: to.host.clone(), port: to.port }),
        }
    }
    if rules.is_empty() {
        return NetworkGrant::Denied;
    }
    let mut egress = Egress::new(rules, Arc::new(SystemResolver::default()));
    // A person's own machine has no operator to ask.
    egress.private_ranges = ["0.0.0.0/0", "::/0"].iter().filter_map(|all| all.parse().ok()).collect();
    NetworkGrant::Egress(Arc::new(egress))
}

fn module_failure(path: &Path, error: &ModuleError) -> Failure {
    let detail = format!("{}: {error}", path.display());
    Failure { code: error.code().into(), exit: EXIT_FAILURE, ..Failure::new("", detail) }
}

fn run_failure(error: &RunError) -> Failure {
    match error {
        RunError::Directory { guest, .. } => {
            Failure::local(format!("open the directory for `{guest}`"), error)
        }
        _ => Failure::local("run the module", error),
    }
}
