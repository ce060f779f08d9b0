//! `run`: one module, right here, with this process's own standard streams.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::failure::{Failure, Outcome};
use super::units::{parse_count, parse_duration, parse_size};
use super::values::{DirectorySpec, KeyValue};

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Give a directory: where it is, where the guest sees it, and `ro` to forbid writing
    #[arg(long = "dir", value_name = "HOST[::GUEST[::ro]]")]
    directories: Vec<DirectorySpec>,
    /// Set an environment variable of the guest
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<KeyValue>,
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
    /// The module's file, and arguments for the guest: everything after the file is the guest's
    #[arg(value_names = ["MODULE", "ARGS"], required = true, num_args = 1.., trailing_var_arg = true)]
    pub(super) module: Vec<OsString>,
}

/// A module and what it may see, checked.
#[derive(Debug)]
#[expect(dead_code, reason = "the runtime takes them")]
struct LocalRun {
    module: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    directories: Vec<DirectorySpec>,
    fuel: Option<u64>,
    timeout: Option<Duration>,
    memory_bytes: Option<u64>,
}

/// Runs it and exits as it did.
pub(crate) fn run(args: RunArgs) -> Outcome<u8> {
    let _run = local_run(args)?;
    Err(Failure::new("not_built", "this build has no runtime yet"))
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
    Ok(LocalRun {
        module,
        args: guest_args,
        env: args.env.into_iter().map(|pair| (pair.key, pair.value)).collect(),
        directories: args.directories,
        fuel: args.fuel,
        timeout: args.timeout,
        memory_bytes: args.memory,
    })
}
