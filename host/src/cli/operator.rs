//! `operator link`, `operator compact`, `operator salvage` and `operator rotate-keys`.

use clap::{Args, Subcommand};
use cloister_host::api::{JsonWebKeySet, RotateKeys};
use cloister_host::config::{Config, ServeFlags};
use cloister_host::server::{ServeError, compact_store, operator_link, salvage_store};
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
    /// Save what can be read of a damaged database, on the host's own machine, while the host is stopped; the damaged files are kept
    Salvage(SalvageArgs),
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
pub(crate) struct SalvageArgs {
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

/// Saves what can be read of the damaged database of a host that is not running.
pub(crate) fn salvage(args: &SalvageArgs) -> Outcome<u8> {
    let config = Config::load(&args.flags).map_err(|error| described(&ServeError::Config(error)))?;
    let saved = salvage_store(&config).map_err(|error| {
        let failure = described(&error);
        match failure.code.as_ref() {
            "data_dir_in_use" => failure.with_hint("stop the host first"),
            "data_dir_damaged" => {
                failure.with_hint("restore the data directory from a copy; nothing was changed in it")
            }
            _ => failure,
        }
    })?;
    let output = super::Output::new(false, true);
    output.line(&format!("{} records of {} trees were saved.", saved.records, saved.trees))?;
    output.line(&format!("The damaged files are kept in {}.", saved.kept_at.display()))?;
    let found = saved.found;
    if found.damaged == 0 && found.pages_missing == 0 {
        output.line("No damage was found in them.")?;
        return Ok(0);
    }
    output.line(&format!(
        "Damaged were {} places, {} of the log; {} pages are lost, and {} more could not be placed.",
        found.damaged,
        size(found.damaged_bytes),
        found.pages_missing,
        found.pages_unplaced
    ))?;
    output.warn(
        "what was damaged may have been the newest state of a record, and an older one was saved: look through accounts, keys and \
         roles before the host runs again. Log lines that are lost show as missing.",
    );
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
