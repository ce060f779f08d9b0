//! `serve`: reads the configuration and hands over to the server.

use clap::Args;
use cloister_host::config::{Config, ServeFlags};
use cloister_host::server::{ServeError, Welcome, compiler_of_this_program, serve as run_host};

use super::failure::{Failure, Outcome};
use super::output::Output;

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    flags: ServeFlags,
}

/// Serves until told to stop.
pub(crate) fn serve(args: &ServeArgs) -> Outcome<u8> {
    cloister_host::telemetry::start();
    let config = Config::load(&args.flags).map_err(|error| failure(error.code(), &error))?;
    let compiler =
        compiler_of_this_program(&config).map_err(|error| failure("internal", &error))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| failure("internal", &error))?;
    let served = runtime.block_on(run_host(config, compiler, announce));
    served.map_err(|error: ServeError| failure(error.code(), &error))?;
    Ok(0)
}

fn announce(welcome: &Welcome) {
    let output = Output::new(false, true);
    let mut lines = vec![format!("Cloister listens at {}", welcome.url)];
    if let Some(link) = &welcome.operator_link {
        lines.push(format!("  operator  {:<18} {link}", welcome.operator_email));
    }
    if let Some(demo) = &welcome.demo {
        lines.push(format!("  owner     {:<18} {}", demo.owner_email, demo.owner_link));
        lines.push(format!("  tenant    {:<18} commands: {}", demo.tenant, demo.commands.join(", ")));
    }
    lines.push("Each link signs in once. Ctrl-C stops the host.".to_owned());
    for line in lines {
        // A closed standard output does not stop the host.
        let _ = output.line(&line);
    }
}

fn failure(code: &'static str, error: &dyn std::error::Error) -> Failure {
    let mut detail = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        detail.push_str(": ");
        detail.push_str(&source.to_string());
        next = source.source();
    }
    Failure::new(code, detail)
}
