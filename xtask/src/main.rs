//! What a person types and what CI runs.
#![expect(clippy::disallowed_methods, reason = "a build tool is where the environment is read")]
#![expect(clippy::print_stdout, reason = "the paths of what was built go to stdout, for scripts")]

mod bench;
mod browser;
mod check;
mod conformance;
mod deny;
mod fingerprint;
mod fuzz;
mod guests;
mod host;
mod layout;
mod openapi;
mod process;
mod test;
mod tidy;
mod toolchain;
mod tools;
mod web;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::layout::Layout;

/// Sets up, builds, runs, tests and tidies Cloister.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Sets up and builds whatever is missing, then serves a demo.
    Up {
        /// The address to listen on.
        #[arg(long, default_value = "127.0.0.1:8080")]
        listen: String,
        /// The data directory.
        #[arg(long, default_value = "./data")]
        data: PathBuf,
        /// Goes to `cloister serve` as it is.
        #[arg(last = true)]
        more: Vec<OsString>,
    },
    /// Sets up what tests need and runs them.
    Test {
        /// Only this part. May be repeated.
        #[arg(long)]
        only: Vec<test::Part>,
        /// Goes to the runner of Rust's tests as it is.
        #[arg(last = true)]
        filters: Vec<OsString>,
    },
    /// Checks format, lints, dependencies and the rules of the repository.
    Check {
        /// Only this check. May be repeated.
        #[arg(long)]
        only: Vec<check::Check>,
    },
    /// Checks dependencies.
    Deny,
    /// Checks the rules of the repository.
    Tidy,
    /// Builds the browser console.
    Web,
    /// Builds the guests, setting up their toolchain when it is missing.
    Guests {
        /// Also a binary from crates.io, as NAME@VERSION or NAME@VERSION:BINARY; only that one. May be repeated.
        #[arg(long = "crate", value_name = "PROGRAM")]
        programs: Vec<guests::Program>,
        /// Also the real programs that the tests use.
        #[arg(long)]
        real: bool,
    },
    /// Measures the runtime beside a bare engine and prints a report as JSON.
    Bench {
        /// Only proves that the harness works: few rounds, no release build.
        #[arg(long)]
        quick: bool,
    },
    /// Runs a copy of the WebAssembly wasi-testsuite (its branch prod/testsuite-base) through `cloister run`.
    Conformance {
        /// Where the suite is unpacked.
        suite: PathBuf,
        /// Writes the result down in tests/conformance/RESULT.md, in place of comparing with it.
        #[arg(long)]
        record: bool,
    },
    /// Runs the fuzz targets for a while.
    Fuzz {
        /// How long each runs.
        #[arg(long, default_value_t = 20)]
        seconds: u32,
    },
    /// Asks a server of its own whatever its description allows, as an owner and as the operator, with schemathesis.
    Schemathesis {
        /// How long both take together.
        #[arg(long, default_value_t = 50)]
        seconds: u32,
        /// Where its random numbers begin.
        #[arg(long, default_value_t = 1)]
        seed: u64,
    },
    /// Makes a WASI 0.2 component from a preview 1 module.
    Componentize {
        /// The module.
        module: PathBuf,
        /// Where the component goes; beside the module as NAME.component.wasm when absent.
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    match run(Cli::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The chain without a backtrace: what failed is another program or a file.
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Result<()> {
    let layout = Layout::find()?;
    match task {
        Task::Up { listen, data, more } => {
            guests::build(&layout)?;
            host::build(&layout)?;
            host::serve(&layout, &host::Serve { listen, data, more })
        }
        Task::Test { only, filters } => test::test(&layout, &only, &filters),
        Task::Check { only } => check::check(&layout, &only),
        Task::Deny => deny::deny(&layout),
        Task::Tidy => tidy::tidy(&layout),
        Task::Web => web::build(&layout),
        Task::Bench { quick } => bench::bench(&layout, quick),
        Task::Conformance { suite, record } => conformance::conformance(&layout, &suite, record),
        Task::Fuzz { seconds } => fuzz::fuzz(&layout, seconds),
        Task::Schemathesis { seconds, seed } => openapi::fuzz(&layout, seconds, seed),
        Task::Guests { programs, real } => build_guests(&layout, &programs, real),
        Task::Componentize { module, output } => {
            guests::component::componentize_file(&module, output.as_deref())
        }
    }
}

fn build_guests(layout: &Layout, programs: &[guests::Program], real: bool) -> Result<()> {
    if programs.is_empty() {
        guests::build(layout)?;
    }
    let mut wanted = programs.to_vec();
    if real {
        wanted.extend(guests::tested()?);
    }
    for path in guests::build_real(layout, &wanted)? {
        println!("{}", path.display());
    }
    Ok(())
}
