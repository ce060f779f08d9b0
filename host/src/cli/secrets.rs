//! `secret set`, `secret list` and `secret rm`.

use std::io::{IsTerminal, Read, stdin};

use clap::{Args, Subcommand};
use cloister_host::api::{PutSecret, Secret};
use reqwest::Method;

use super::context::Context;
use super::failure::{Failure, Outcome};
use super::table::Table;
use super::units;

const MAX_LISTED: usize = 1_000;
/// More than any secret may have, so that the host is the one to refuse it.
const MAX_READ_BYTES: u64 = 64 << 10;

#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// Set a secret to what standard input holds, without a final line break
    Set(SecretArgs),
    /// List the names of the secrets; their values cannot be read back
    List,
    /// Remove a secret
    Rm(SecretArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SecretArgs {
    /// 1 to 64 of letters, digits, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    name: String,
}

/// Does what was asked.
pub(crate) async fn secret(context: &Context, command: SecretCommand) -> Outcome {
    match command {
        SecretCommand::Set(args) => set(context, args).await,
        SecretCommand::List => list(context).await,
        SecretCommand::Rm(args) => remove(context, args).await,
    }
}

async fn set(context: &Context, args: SecretArgs) -> Outcome {
    let client = context.client()?;
    let url = client.tenant_url(&["secrets", &args.name])?;
    let body = PutSecret { value: read_value(&args.name)?.into() };
    let secret: Secret = client.send_json(Method::PUT, &url, &body).await?;
    context.output.item(&secret, || format!("Set {}.", secret.name))
}

/// From a terminal without echo, or all of a pipe. Never an argument, which other users of the machine can see.
fn read_value(name: &str) -> Outcome<String> {
    let failed = |error: &std::io::Error| Failure::local("read the secret", error);
    if stdin().is_terminal() {
        return rpassword::prompt_password(format!("Value of {name}: ")).map_err(|error| failed(&error));
    }
    let mut value = String::new();
    stdin().lock().take(MAX_READ_BYTES).read_to_string(&mut value).map_err(|error| failed(&error))?;
    if let Some(line) = value.strip_suffix('\n') {
        value.truncate(line.strip_suffix('\r').unwrap_or(line).len());
    }
    Ok(value)
}

async fn list(context: &Context) -> Outcome {
    let client = context.client()?;
    let now = context.clock.now();
    let secrets: Vec<Secret> = client.list(&client.tenant_url(&["secrets"])?, MAX_LISTED).await?;
    context.output.list(&secrets, "No secrets yet: cloister secret set NAME makes one.", || {
        let mut table = Table::new(&["NAME", "SET", "BY"]);
        for secret in &secrets {
            table.row([secret.name.clone(), units::age(&secret.updated_at, now), secret.updated_by.clone()]);
        }
        table
    })
}

async fn remove(context: &Context, args: SecretArgs) -> Outcome {
    let client = context.client()?;
    client.delete(&client.tenant_url(&["secrets", &args.name])?).await?;
    if !context.output.json() {
        context.output.note(&format!("Removed {}.", args.name));
    }
    Ok(())
}
