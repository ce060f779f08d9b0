//! What a first start makes, and what each start tells the person who started it.

use std::path::{Path, PathBuf};

use tokio_util::io::ReaderStream;

use super::ServeError;
use crate::api::{Access, Deploy, DirectoryGrant, Grants, Limits};
use crate::audit::{Chain, Event};
use crate::auth::{Permit, act};
use crate::http::App;
use crate::ids::{CommandName, UserId};
use crate::registry::{RegistryError, summary};
use crate::store::{StoreError, TenantRecord};
use crate::tenancy::{Email, NewTenant, PlanName, Settings};

const DEMO_SLUG: &str = "demo";
const DEMO_OWNER: &str = "owner@demo.local";
/// Commands of the demo that change files. The others may only read them.
const WRITERS: [&str; 6] = ["cp", "mkdir", "mv", "rm", "tee", "touch"];
/// Files of the demo's folder that are looked at.
const MAX_DEMO_FILES: usize = 1_000;

/// What a person needs to know once the host listens.
#[derive(Debug, Clone)]
pub struct Welcome {
    /// Where the host is.
    pub url: String,
    /// The operator's e-mail address.
    pub operator_email: String,
    /// Signs the operator in once; absent when they have a password.
    pub operator_link: Option<String>,
    /// The demo, when there is one.
    pub demo: Option<DemoWelcome>,
}

/// What a person needs to know about the demo.
#[derive(Debug, Clone)]
pub struct DemoWelcome {
    /// The tenant's name in URLs.
    pub tenant: String,
    /// The owner's e-mail address.
    pub owner_email: String,
    /// Signs the owner in once.
    pub owner_link: String,
    /// Commands that are deployed.
    pub commands: Vec<String>,
}

/// Makes what is missing. A second start finds everything.
pub(super) async fn run(app: &App) -> Result<Welcome, ServeError> {
    let operator = app.tenancy.ensure_operator().await?;
    let operator_link = match operator.password {
        Some(_) => None,
        None => Some(app.link_url(&app.tenancy.link_for(&operator.id).await?)),
    };
    let demo = match &app.config.demo {
        Some(folder) => Some(demo(app, folder).await?),
        None => None,
    };
    Ok(Welcome { url: app.url.clone(), operator_email: operator.email.to_string(), operator_link, demo })
}

/// Makes the demo's tenant, deploys what changed in its folder, and makes a fresh link for its owner.
async fn demo(app: &App, folder: &Path) -> Result<DemoWelcome, ServeError> {
    let files = wasm_files(folder.to_owned()).await?;
    let (tenant, owner) = demo_tenant(app).await?;
    let mut commands = Vec::new();
    for (name, path) in files {
        deploy(app, &tenant, &owner, &name, &path).await?;
        commands.push(name.to_string());
    }
    let link = app.tenancy.link_for(&owner).await?;
    Ok(DemoWelcome {
        tenant: tenant.slug.to_string(),
        owner_email: DEMO_OWNER.to_owned(),
        owner_link: app.link_url(&link),
        commands,
    })
}

async fn demo_tenant(app: &App) -> Result<(TenantRecord, UserId), ServeError> {
    let invalid = |_| ServeError::Stopped("the demo's names are not valid");
    let slug = DEMO_SLUG.parse().map_err(|_| ServeError::Stopped("the demo's names are not valid"))?;
    let owner: Email = DEMO_OWNER.parse().map_err(invalid)?;
    let email = owner.clone();
    let found = app
        .store
        .read::<_, StoreError, _>(move |reader| {
            Ok((reader.tenant_by_slug(&slug)?, reader.user_by_email(&email)?))
        })
        .await?;
    if let (Some(tenant), Some(user)) = found {
        return Ok((tenant, user.id));
    }
    let slug = DEMO_SLUG.parse().map_err(|_| ServeError::Stopped("the demo's names are not valid"))?;
    let new = NewTenant {
        slug,
        name: "Demo".to_owned(),
        // A person who tries the host out is not to be slowed down by a rate.
        plan: PlanName::Enterprise,
        owner,
        settings: Settings::default(),
    };
    let made = app.tenancy.provision(new).await?;
    let event = Event::of_host("tenant:create", DEMO_SLUG);
    app.audit.record(Chain::Tenant(made.tenant.id.clone()), event.clone()).await?;
    app.audit.record(Chain::Host, event).await?;
    Ok((made.tenant, made.owner))
}

async fn deploy(
    app: &App,
    tenant: &TenantRecord,
    owner: &UserId,
    name: &CommandName,
    path: &Path,
) -> Result<(), ServeError> {
    let file = tokio::fs::File::open(path).await.map_err(ServeError::Demo)?;
    let upload: Permit<act::ModuleUpload> = app.auth.permit_for_host(tenant, owner);
    let uploaded =
        app.registry.upload(&upload, Some(format!("{name}.wasm")), ReaderStream::new(file)).await?;
    let read: Permit<act::DeploymentRead> = app.auth.permit_for_host(tenant, owner);
    match app.registry.deployment(&read, name).await {
        Ok((found, _)) if found.active.module == uploaded.module.digest => return Ok(()),
        Ok(_) | Err(RegistryError::DeploymentNotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let access = if WRITERS.contains(&name.as_str()) { Access::ReadWrite } else { Access::ReadOnly };
    let everything = DirectoryGrant { path: "/".to_owned(), guest: "/".to_owned(), access };
    let asked = Deploy {
        module: uploaded.module.digest.to_string(),
        description: summary(uploaded.module.help.as_deref().unwrap_or_default()),
        limits: Limits::default(),
        grants: Grants { directories: vec![everything], ..Grants::default() },
    };
    let write: Permit<act::DeploymentWrite> = app.auth.permit_for_host(tenant, owner);
    app.registry.deploy(&write, name, asked).await?;
    Ok(())
}

/// The commands of a folder, by name; files whose names no command can have are left out.
async fn wasm_files(folder: PathBuf) -> Result<Vec<(CommandName, PathBuf)>, ServeError> {
    let listed = tokio::task::spawn_blocking(move || {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(folder)?.take(MAX_DEMO_FILES) {
            let path = entry?.path();
            let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
            match stem.to_lowercase().parse::<CommandName>() {
                _ if path.extension().is_none_or(|extension| extension != "wasm") => {}
                // `hello.component.wasm` is another shape of `hello`.
                _ if stem.ends_with(".component") => {}
                Ok(name) => files.push((name, path)),
                Err(error) => tracing::warn!(%error, "a file of the demo's folder was left out"),
            }
        }
        files.sort();
        Ok(files)
    });
    listed.await.map_err(|_| ServeError::Stopped("its start was interrupted"))?.map_err(ServeError::Demo)
}
