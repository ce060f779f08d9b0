//! `operator link`, `operator compact` and `operator rotate-keys`.

use clap::{Args, Subcommand};
use cloister_host::api::{JsonWebKeySet, RotateKeys};
use cloister_host::config::{Config, ServeFlags};
use cloister_host::server::{ServeError, compact_store, operator_link};
use reqwest::Method;

use super::context::Context;
use super::failure::{Failure, Outcome};
use super::serve::described;
use super::units::size;

#[derive(Debug, Subcommand)]
pub(crate) enum OperatorCommand {
    /// Make a one-time sign-in link for the operator, on the host's own machine, while the host is stopped
    Link(LinkArgs),
    /// Give disk space of deleted records and log lines back, on the host's own machine, while the host is stopped
    Compact(CompactArgs),
    /// Sign access tokens with a new key from now on
    RotateKeys(RotateArgs),
}

#[derive(Debug, Args)]
pub(crate) struct LinkArgs {
    #[command(flatten)]
    flags: ServeFlags,
}

#[derive(Debug, Args)]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    flags: ServeFlags,
}

#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// The old key may have been stolen: its tokens stop working at once
    #[arg(long)]
    at_once: bool,
}

/// Makes a link without a running host.
pub(crate) fn link(args: &LinkArgs) -> Outcome<u8> {
    let config = Config::load(&args.flags).map_err(|error| described(&ServeError::Config(error)))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::local("start the asynchronous runtime", &error))?;
    let made = runtime.block_on(operator_link(config)).map_err(|error| {
        let failure = described(&error);
        match error {
            ServeError::Store(_) if failure.code == "data_dir_in_use" => {
                failure.with_hint("stop the host first; signed in, `cloister user recover` does the same")
            }
            _ => failure,
        }
    })?;
    let output = super::Output::new(false, true);
    output.note(&format!("The operator ({}) signs in once, when the host runs again, with:", made.email));
    output.line(&made.link)?;
    Ok(0)
}

/// Compacts the database of a host that is not running.
pub(crate) fn compact(args: &CompactArgs) -> Outcome<u8> {
    let config = Config::load(&args.flags).map_err(|error| described(&ServeError::Config(error)))?;
    let compacted = compact_store(&config).map_err(|error| {
        let failure = described(&error);
        match failure.code == "data_dir_in_use" {
            true => failure.with_hint("stop the host first"),
            false => failure,
        }
    })?;
    let output = super::Output::new(false, true);
    let (before, after) = (size(compacted.before_bytes), size(compacted.after_bytes));
    output.line(&format!("The database had {before} on disk and has {after}."))?;
    Ok(0)
}

/// Replaces the signing key of the host.
pub(crate) async fn rotate_keys(context: &Context, args: &RotateArgs) -> Outcome {
    let client = context.client()?;
    let url = client.url(&["v1", "operator", "signing-keys", "rotate"])?;
    let keys: JsonWebKeySet =
        client.send_json(Method::POST, &url, &RotateKeys { at_once: args.at_once }).await?;
    let newest = keys.keys.first().map(|key| key.kid.clone()).unwrap_or_default();
    context.output.item(&keys, || format!("Tokens are signed with key {newest} from now on."))
}
