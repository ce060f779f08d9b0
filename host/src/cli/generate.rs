//! What the binary says about itself, `openapi` and `completions`, and the hidden `compile-worker`.

use std::io::{Write, stdin, stdout};

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::Cli;
use super::failure::{Failure, Outcome};
use super::output::Output;

#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

/// Prints a completion script.
pub(crate) fn completions(args: &CompletionsArgs) -> Outcome<u8> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "cloister", &mut script);
    let mut out = stdout().lock();
    out.write_all(&script).and_then(|()| out.flush()).map_err(|error| Failure::from_write(&error))?;
    Ok(0)
}

/// Prints the API's description.
pub(crate) fn openapi(_output: &Output) -> Outcome<u8> {
    let text = cloister_host::http::openapi()
        .to_pretty_json()
        .map_err(|error| Failure::local("describe the API", &error))?;
    let mut out = stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(|error| Failure::from_write(&error))?;
    Ok(0)
}

/// Compiles what standard input brings, under limits of its own process.
pub(crate) fn compile_worker() -> Outcome<u8> {
    cloister_runtime::compile_worker(&mut stdin().lock(), &mut stdout().lock())
        .map_err(|error| Failure::local("compile", &error))?;
    Ok(0)
}
