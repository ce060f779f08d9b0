//! `tenant`: choosing one, and what the operator does with them.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use cloister_host::api::{
    ChangeTenant, CreateTenant, CreatedTenant, Erase, Offboard, Reason, Receipt, Tenant,
};
use reqwest::{Method, Url};

use super::client::{Client, FileBody};
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
    /// Show a tenant (operator only)
    Show {
        /// Its slug or id
        #[arg(value_name = "TENANT")]
        tenant: String,
    },
    /// Change a tenant's name, plan, region, limits or features (operator only)
    Set(SetArgs),
    /// End a tenant's runs and let nothing of it run or change (operator only)
    Suspend(StatusArgs),
    /// Let a suspended tenant, or one that is being taken down, work again (operator only)
    Resume(StatusArgs),
    /// Begin to take a tenant down: after the grace everything of it is erased (operator only)
    Offboard(OffboardArgs),
    /// Erase a tenant that is being taken down, now (operator only)
    Erase(EraseArgs),
    /// List the receipts of erased tenants (operator only)
    Receipts,
    /// Write all of a tenant's data to an archive; without a reason as its owner, with one as the operator
    Export(ExportArgs),
    /// Make a tenant from an archive (operator only)
    Import(ImportArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SetArgs {
    /// Its slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
    /// Its name on screens
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// free, starter, professional or enterprise
    #[arg(long, value_name = "PLAN")]
    plan: Option<String>,
    /// Where its data is meant to be
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// A limit of its own, by its name in a plan; replaces all that were set
    #[arg(long = "limit", value_name = "NAME=NUMBER", value_parser = limit)]
    limits: Vec<(String, u64)>,
    /// Take back all limits of its own
    #[arg(long, conflicts_with = "limits")]
    no_limits: bool,
    /// A feature that is switched on or off; replaces all that were set
    #[arg(long = "feature", value_name = "NAME=on|off", value_parser = switch)]
    features: Vec<(String, bool)>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Its slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct OffboardArgs {
    #[command(flatten)]
    status: StatusArgs,
    /// Time until everything is erased, such as 24h [default: the host's]
    #[arg(long, value_name = "DURATION", value_parser = units::parse_duration)]
    grace: Option<std::time::Duration>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    status: StatusArgs,
    /// The tenant's slug once more: there is no way back
    #[arg(long, value_name = "SLUG")]
    confirm: String,
}

#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// Its slug or id
    #[arg(value_name = "TENANT")]
    tenant: String,
    /// Where to write it; made anew
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// As the operator: why
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    /// The archive
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The new tenant's name in URLs
    #[arg(long, value_name = "SLUG")]
    slug: String,
    /// Who becomes its owner
    #[arg(long, value_name = "ADDRESS")]
    owner: String,
    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    reason: String,
}

fn limit(text: &str) -> Result<(String, u64), String> {
    let (name, number) = text.split_once('=').ok_or("must be NAME=NUMBER")?;
    Ok((name.to_owned(), units::parse_count(number)?))
}

fn switch(text: &str) -> Result<(String, bool), String> {
    match text.split_once('=') {
        Some((name, "on")) => Ok((name.to_owned(), true)),
        Some((name, "off")) => Ok((name.to_owned(), false)),
        _ => Err("must be NAME=on or NAME=off".to_owned()),
    }
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
        TenantCommand::Export(args) => export(context, args).await,
        TenantCommand::Import(args) => import(context, args).await,
        command => operate(context, command).await,
    }
}

/// The address of a tenant, for the operator.
fn address(client: &Client, tenant: &str, rest: &[&str]) -> Outcome<Url> {
    client.url(&[&["v1", "operator", "tenants", tenant], rest].concat())
}

async fn operate(context: &Context, command: TenantCommand) -> Outcome {
    let client = context.client()?;
    let tenant: Tenant = match command {
        TenantCommand::Show { tenant } => {
            let found: Tenant = client.get(&address(&client, &tenant, &[])?).await?;
            return context.output.json_value(&found);
        }
        TenantCommand::Set(args) => {
            let url = address(&client, &args.tenant, &[])?;
            client.send_json(Method::PATCH, &url, &changes(args)).await?
        }
        TenantCommand::Suspend(args) => {
            let url = address(&client, &args.tenant, &["suspend"])?;
            client.send_json(Method::POST, &url, &Reason { reason: args.reason }).await?
        }
        TenantCommand::Resume(args) => {
            let url = address(&client, &args.tenant, &["resume"])?;
            client.send_json(Method::POST, &url, &Reason { reason: args.reason }).await?
        }
        TenantCommand::Offboard(args) => {
            let url = address(&client, &args.status.tenant, &["offboard"])?;
            let grace_s = args.grace.map(|grace| grace.as_secs());
            client.send_json(Method::POST, &url, &Offboard { reason: args.status.reason, grace_s }).await?
        }
        TenantCommand::Erase(args) => {
            let url = address(&client, &args.status.tenant, &["erase"])?;
            let body = Erase { reason: args.status.reason, confirm: args.confirm };
            let receipt: Receipt = client.send_json(Method::POST, &url, &body).await?;
            return context.output.json_value(&receipt);
        }
        _ => {
            let url = client.url(&["v1", "operator", "receipts"])?;
            let receipts: Vec<Receipt> = client.list(&url, MAX_LISTED).await?;
            return context.output.json_value(&receipts);
        }
    };
    context.output.item(&tenant, || {
        let until = tenant.erase_at.as_ref().map(|at| format!(", erased at {at}")).unwrap_or_default();
        format!("{} is {}, plan {}{until}.", tenant.slug, tenant.status, tenant.plan)
    })
}

fn changes(args: SetArgs) -> ChangeTenant {
    let limits = args.limits.into_iter().map(|(name, number)| (name, number.into())).collect();
    ChangeTenant {
        reason: args.reason,
        name: args.name,
        plan: args.plan,
        region: args.region,
        limits: Some(limits).filter(|limits: &serde_json::Map<_, _>| args.no_limits || !limits.is_empty()),
        features: Some(args.features.into_iter().collect())
            .filter(|all: &std::collections::BTreeMap<_, _>| !all.is_empty()),
        ..ChangeTenant::default()
    }
}

async fn export(context: &Context, args: ExportArgs) -> Outcome {
    let client = context.client()?;
    let url = match &args.reason {
        Some(reason) => {
            let mut url = address(&client, &args.tenant, &["export"])?;
            url.query_pairs_mut().append_pair("reason", reason);
            url
        }
        None => client.url(&["v1", &args.tenant, "export"])?,
    };
    let mut answer = client.send(|| Ok(client.request(Method::GET, &url))).await?;
    let failed = |error: &std::io::Error| Failure::local(format!("write {}", args.file.display()), error);
    // Beside its place, so that a broken transfer leaves no half archive.
    let folder = args.file.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(std::path::Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(|error| failed(&error))?;
    let mut written_bytes = 0;
    loop {
        let chunk = answer.chunk().await.map_err(|error| Failure::unreachable(client.host(), &error))?;
        let Some(chunk) = chunk else { break };
        file.write_all(&chunk).map_err(|error| failed(&error))?;
        written_bytes += chunk.len() as u64;
        context.output.progress(written_bytes, None);
    }
    context.output.progress_done();
    file.as_file().sync_all().map_err(|error| failed(&error))?;
    file.persist(&args.file).map_err(|error| failed(&error.error))?;
    context.output.note(&format!("Wrote {} to {}.", units::size(written_bytes), args.file.display()));
    Ok(())
}

async fn import(context: &Context, args: ImportArgs) -> Outcome {
    let client = context.client()?;
    let mut url = client.url(&["v1", "operator", "import"])?;
    url.query_pairs_mut()
        .append_pair("slug", &args.slug)
        .append_pair("owner_email", &args.owner)
        .append_pair("reason", &args.reason);
    let body = FileBody::new(&args.file)?;
    let answer = client.send(|| Ok(client.request(Method::POST, &url).body(body.open()?))).await;
    let made: CreatedTenant = client.envelope(answer?).await?.data;
    if !context.output.json() {
        context.output.note(&format!("Imported {}. Its owner signs in once with:", made.tenant.slug));
    }
    context.output.item(&made, || made.owner_link.clone())
}

async fn create(context: &Context, args: CreateArgs) -> Outcome {
    let client = context.client()?;
    let name = args.name.unwrap_or_else(|| args.slug.clone());
    let body = CreateTenant {
        slug: args.slug,
        name,
        plan: args.plan,
        owner_email: args.owner,
        ..CreateTenant::default()
    };
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
