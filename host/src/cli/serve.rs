//! `serve`: reads the configuration and hands over to the server.

use std::error::Error;
use std::io::Write;

use clap::Args;
use cloister_host::config::{Config, ServeFlags};
use cloister_host::server::{ServeError, Welcome, serve as run, snapshot_store};
use cloister_host::telemetry;

use super::failure::{Failure, Outcome};

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    flags: ServeFlags,
    /// What the host logs to standard error, such as `info,cloister_host=debug`
    #[arg(long, value_name = "FILTER", default_value = telemetry::DEFAULT_FILTER)]
    log: String,
    /// Log as JSON
    #[arg(long)]
    log_json: bool,
}

/// Serves until told to stop.
pub(crate) fn serve(args: ServeArgs) -> Outcome<u8> {
    telemetry::start(&args.log, args.log_json)
        .map_err(|error| Failure::usage(format!("--log {}: {error}", args.log)))?;
    let config = Config::load(&args.flags).map_err(|error| described(&ServeError::Config(error)))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("start the asynchronous runtime", &error))?;
    runtime.block_on(Box::pin(run(config.clone(), welcome))).map_err(|error| {
        let failure = described(&error);
        match failure.code == "data_dir_damaged" {
            true => failure.with_hint(format!(
                "keep a copy of {0}, then save what can be read with: cloister operator salvage --data-dir {0}",
                config.store.data_dir.display()
            )),
            false => failure,
        }
    })?;
    // With it end the last who hold the store.
    drop(runtime);
    snapshot_store(&config);
    Ok(0)
}

/// The chain of reasons goes to whoever starts the host: it is theirs.
pub(crate) fn described(error: &ServeError) -> Failure {
    let mut detail = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let text = source.to_string();
        if !detail.ends_with(&text) {
            detail = format!("{detail}: {text}");
        }
        next = source.source();
    }
    Failure::new(error.code(), detail)
}

/// Says on standard output what a person needs. A closed output does not stop a host.
fn welcome(welcome: &Welcome) {
    let mut text = format!("Cloister is at {}\n", welcome.url);
    if let Some(link) = &welcome.operator_link {
        text += &format!("Operator ({}), sign in once: {link}\n", welcome.operator_email);
    }
    if let Some(demo) = &welcome.demo {
        text += &format!("Commands of the tenant `{}`: {}\n", demo.tenant, demo.commands.join(" "));
        text += &format!("Owner of the demo ({}), sign in once: {}\n", demo.owner_email, demo.owner_link);
    }
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
