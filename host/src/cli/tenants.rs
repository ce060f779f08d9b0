//! `tenant create`, `tenant list` and `tenant use`.

use clap::{Args, Subcommand};
use cloister_host::api::{CreateTenant, CreatedTenant, Tenant};
use reqwest::Method;

use super::context::{Context, host_key};
use super::failure::{Failure, Outcome};
use super::table::Table;
use super::units;

const MAX_LISTED: usize = 10_000;

#[derive(Debug, Subcommand)]
pub(crate) enum TenantCommand {
    /// Create a tenant and its owner's one-time sign-in link (operator only)
    Create(CreateArgs),
    /// List all tenants of the host (operator only)
    List,
    /// Choose the tenant to work in from now on
    Use(UseArgs),
}

#[derive(Debug, Args)]
pub(crate) struct CreateArgs {
    /// Its name in URLs: 2 to 40 of a-z, 0-9 and `-`, starting with a letter
    #[arg(value_name = "SLUG")]
    slug: String,
    /// Who becomes its owner
    #[arg(long, value_name = "ADDRESS")]
    owner: String,
    /// Its name on screens [default: the slug]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// free, starter, professional or enterprise
    #[arg(long, value_name = "PLAN", default_value = "free")]
    plan: String,
}

#[derive(Debug, Args)]
pub(crate) struct UseArgs {
    /// The tenant's slug
    #[arg(value_name = "SLUG")]
    slug: String,
}

/// Does what was asked.
pub(crate) async fn tenant(context: &Context, command: TenantCommand) -> Outcome {
    match command {
        TenantCommand::Create(args) => create(context, args).await,
        TenantCommand::List => list(context).await,
        TenantCommand::Use(args) => choose(context, args).await,
    }
}

async fn create(context: &Context, args: CreateArgs) -> Outcome {
    let client = context.client()?;
    let name = args.name.unwrap_or_else(|| args.slug.clone());
    let body = CreateTenant { slug: args.slug, name, plan: args.plan, owner_email: args.owner };
    let url = client.url(&["v1", "operator", "tenants"])?;
    let created: CreatedTenant = client.send_json(Method::POST, &url, &body).await?;
    if !context.output.json() {
        context.output.note(&format!("Created {}. Its owner signs in once with:", created.tenant.slug));
    }
    context.output.item(&created, || created.owner_link.clone())
}

async fn list(context: &Context) -> Outcome {
    let client = context.client()?;
    let tenants: Vec<Tenant> = client.list(&client.url(&["v1", "operator", "tenants"])?, MAX_LISTED).await?;
    context.output.list(&tenants, "No tenants yet.", || {
        let now = context.clock.now();
        let mut table = Table::new(&["TENANT", "NAME", "PLAN", "STATUS", "CREATED", "ID"]);
        for t in &tenants {
            let created = units::age(&t.created_at, now);
            let (plan, status) = (t.plan.clone(), t.status.clone());
            table.row([t.slug.clone(), t.name.clone(), plan, status, created, t.id.clone()]);
        }
        table
    })
}

async fn choose(context: &Context, args: UseArgs) -> Outcome {
    let store = context.store()?;
    let lock = store.lock().await?;
    let mut saved = store.load()?;
    let key = host_key(&context.host(&saved)?);
    let entry = saved.hosts.get_mut(&key).ok_or_else(|| Failure::not_signed_in(&key))?;
    entry.tenant = Some(args.slug.clone());
    store.save(&lock, &saved)?;
    context.output.note(&format!("Working in tenant {} on {key}.", args.slug));
    Ok(())
}
