//! `deploy`, `deployments`, `rollback` and `undeploy`.

use std::time::Duration;

use clap::Args;
use cloister_host::api::{
    Access, Deploy, Deployment, DeploymentVersion, DirectoryGrant, Grants, Limits, NetworkGrant, Rollback,
    SecretUse,
};
use reqwest::Method;

use super::context::Context;
use super::destinations::{Destination, SecretSpec};
use super::failure::{Failure, Outcome};
use super::modules::{resolve, short_digest};
use super::table::Table;
use super::units::{self, parse_count, parse_duration, parse_size};
use super::values::{DirectorySpec, KeyValue};

const MAX_LISTED: usize = 1000;

#[derive(Debug, Args)]
pub(crate) struct DeployArgs {
    /// The command's name: 1 to 64 of a-z, 0-9, `.`, `_` and `-`
    #[arg(value_name = "NAME")]
    name: String,
    /// The module: its digest, the start of it, or a file, which is uploaded first
    #[arg(long, value_name = "DIGEST|FILE")]
    module: String,
    /// Give a directory of the tenant: where it is, where the guest sees it, and `ro` to forbid writing
    #[arg(long = "dir", value_name = "PATH[::GUEST[::ro]]")]
    directories: Vec<DirectorySpec>,
    /// Set an environment variable of the guest
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<KeyValue>,
    /// Let it connect to a host and port: NAME:PORT, *.NAME:PORT, ADDRESS:PORT
    #[arg(long, value_name = "HOST:PORT")]
    network: Vec<Destination>,
    /// Give it a secret, as a variable or as a header that the host sets on its requests to a granted host
    #[arg(long, value_name = "NAME=env:VAR|NAME=header:HOST[:PORT]:HEADER[:PREFIX]")]
    secret: Vec<SecretSpec>,
    #[command(flatten)]
    limits: LimitArgs,
    /// What the command is for, in a sentence
    #[arg(long, value_name = "TEXT", default_value = "")]
    description: String,
}

/// Limits of one run; what is absent comes from the plan.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LimitArgs {
    /// Instructions, in fuel units: 5000000, 5M
    #[arg(long, value_name = "N", value_parser = parse_count)]
    fuel: Option<u64>,
    /// CPU time: 500ms, 10s
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    cpu: Option<Duration>,
    /// Wall time: 500ms, 10s, 5m
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Memory: 64MiB, 1G
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    memory: Option<u64>,
    /// Standard output and error together: 1MiB
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    output: Option<u64>,
}

impl LimitArgs {
    fn limits(&self) -> Limits {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        Limits {
            fuel: self.fuel,
            cpu_ms: self.cpu.map(ms),
            wall_ms: self.timeout.map(ms),
            memory_bytes: self.memory,
            output_bytes: self.output,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct DeploymentsArgs {
    /// Show this command with its history
    #[arg(value_name = "NAME")]
    name: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// The command
    #[arg(value_name = "NAME")]
    name: String,
    /// The version to return to [default: the one before the active one]
    #[arg(value_name = "VERSION")]
    version: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct UndeployArgs {
    /// The command
    #[arg(value_name = "NAME")]
    name: String,
}

/// Makes and activates a version.
pub(crate) async fn deploy(context: &Context, args: DeployArgs) -> Outcome {
    let client = context.client()?;
    let url = client.tenant_url(&["deployments", &args.name])?;
    let body = Deploy {
        module: resolve(context, &client, &args.module).await?,
        description: args.description,
        limits: args.limits.limits(),
        grants: Grants {
            directories: args.directories.into_iter().map(directory_grant).collect(),
            env: args.env.into_iter().map(|pair| (pair.key, pair.value)).collect(),
            network: args.network.into_iter().map(network_grant).collect(),
            secrets: args.secret.into_iter().map(|spec| spec.0).collect(),
        },
    };
    let deployment: Deployment = client.send_json(Method::PUT, &url, &body).await?;
    context.output.item(&deployment, || {
        let digest = short_digest(&deployment.active.module);
        format!("Deployed {} version {} ({digest}).", deployment.name, deployment.version)
    })
}

fn directory_grant(spec: DirectorySpec) -> DirectoryGrant {
    let access = if spec.read_only { Access::ReadOnly } else { Access::ReadWrite };
    DirectoryGrant { path: spec.source, guest: spec.guest, access }
}

fn network_grant(to: Destination) -> NetworkGrant {
    NetworkGrant { host: to.host.to_string(), port: to.port }
}

/// Lists commands, or shows one.
pub(crate) async fn show(context: &Context, args: DeploymentsArgs) -> Outcome {
    let client = context.client()?;
    let now = context.clock.now();
    let Some(name) = args.name else {
        let all: Vec<Deployment> = client.list(&client.tenant_url(&["deployments"])?, MAX_LISTED).await?;
        return context.output.list(
            &all,
            "No commands yet: cloister deploy NAME --module FILE makes one.",
            || {
                let mut table = Table::new(&[
                    "NAME",
                    ">VERSION",
                    "MODULE",
                    "LIMITS",
                    "GRANTS",
                    "DEPLOYED",
                    "DESCRIPTION",
                ]);
                for d in &all {
                    let [module, limits, grants, age, description] = version_cells(&d.active, now);
                    table.row([
                        d.name.clone(),
                        d.version.to_string(),
                        module,
                        limits,
                        grants,
                        age,
                        description,
                    ]);
                }
                table
            },
        );
    };
    let one: Deployment = client.get(&client.tenant_url(&["deployments", &name])?).await?;
    if context.output.json() {
        return context.output.json_value(&one);
    }
    let history = if one.history.is_empty() { vec![one.active.clone()] } else { one.history.clone() };
    context.output.list(&history, "", || {
        let mut table =
            Table::new(&["", ">VERSION", "MODULE", "LIMITS", "GRANTS", "DEPLOYED", "BY", "DESCRIPTION"]);
        for v in &history {
            let mark = if v.version == one.version { "*" } else { "" };
            let [module, limits, grants, age, description] = version_cells(v, now);
            let by = v.created_by.clone();
            table.row([mark.into(), v.version.to_string(), module, limits, grants, age, by, description]);
        }
        table
    })
}

fn version_cells(version: &DeploymentVersion, now: jiff::Timestamp) -> [String; 5] {
    [
        short_digest(&version.module).to_owned(),
        limits_cell(&version.limits),
        grants_cell(&version.grants),
        units::age(&version.created_at, now),
        version.description.clone(),
    ]
}

fn limits_cell(limits: &Limits) -> String {
    let ms = |ms: u64| units::duration_us(ms.saturating_mul(1000));
    let parts = [
        limits.fuel.map(|n| format!("fuel {}", units::count(n))),
        limits.cpu_ms.map(|n| format!("cpu {}", ms(n))),
        limits.wall_ms.map(|n| format!("time {}", ms(n))),
        limits.memory_bytes.map(|n| format!("memory {}", units::size(n))),
        limits.output_bytes.map(|n| format!("output {}", units::size(n))),
    ];
    joined_or_dash(parts.into_iter().flatten().collect())
}

fn grants_cell(grants: &Grants) -> String {
    let directories = grants.directories.iter().map(|d| match d.access {
        Access::ReadOnly => format!("{}::{}::ro", d.path, d.guest),
        Access::ReadWrite => format!("{}::{}", d.path, d.guest),
    });
    // Values may be secrets; names are enough in a table.
    let env = grants.env.keys().map(|name| format!("${name}"));
    let network = grants.network.iter().map(|n| format!("{}:{}", n.host, n.port));
    let secrets = grants.secrets.iter().map(|secret| match &secret.usage {
        SecretUse::Env(variable) => format!("{}=env:{variable}", secret.name),
        SecretUse::Header(to) => format!("{}=header:{}:{}:{}", secret.name, to.host, to.port, to.name),
    });
    joined_or_dash(directories.chain(env).chain(network).chain(secrets).collect())
}

fn joined_or_dash(parts: Vec<String>) -> String {
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// Makes an earlier version active again.
pub(crate) async fn rollback(context: &Context, args: RollbackArgs) -> Outcome {
    let client = context.client()?;
    let version = match args.version {
        Some(version) => version,
        None => {
            let now: Deployment = client.get(&client.tenant_url(&["deployments", &args.name])?).await?;
            let earlier = now.history.iter().map(|v| v.version).filter(|v| *v < now.version).max();
            earlier.ok_or_else(|| Failure::usage(format!("`{}` has no earlier version", args.name)))?
        }
    };
    let url = client.tenant_url(&["deployments", &args.name, "rollback"])?;
    let deployment: Deployment = client.send_json(Method::POST, &url, &Rollback { version }).await?;
    context.output.item(&deployment, || {
        format!("{} is back at version {version}, as version {}.", deployment.name, deployment.version)
    })
}

/// Removes a command.
pub(crate) async fn undeploy(context: &Context, args: UndeployArgs) -> Outcome {
    let client = context.client()?;
    client.delete(&client.tenant_url(&["deployments", &args.name])?).await?;
    context.output.note(&format!("Removed {}.", args.name));
    Ok(())
}
