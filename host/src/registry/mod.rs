//! Modules and the commands that run them.

mod deployments;
mod error;
mod grants;
mod interface;
mod limits;
mod modules;
mod toolchain;
mod turns;

use std::sync::Arc;

use cloister_runtime::Runtime;
use tokio::sync::{Mutex, Semaphore};

use self::toolchain::Toolchain;
pub(crate) use self::turns::CompileTurn;
use self::turns::Turns;
use crate::auth::TenantScope;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::Plan;
use crate::ids::{CommandName, TenantId};
use crate::quota::Quota;
use crate::store::{DeploymentRecord, ModuleRecord, Reader, Store, StoreError};

pub use error::RegistryError;
pub use grants::{
    MAX_DIRECTORY_GRANTS, MAX_ENV_BYTES, MAX_ENV_VARIABLES, MAX_NETWORK_GRANTS, MAX_SECRET_GRANTS, check_env,
};
pub(crate) use interface::summary;
pub use interface::{Flag, Interface};
pub use limits::tighten;
pub use modules::Uploaded;

/// Uploads that are examined at once: each holds a module's bytes in memory.
const MAX_EXAMINED: usize = 2;

/// Commands whose active versions are remembered.
const MAX_REMEMBERED: usize = 20_000;

/// What a run of a command needs: its active version, and the module.
#[derive(Debug)]
pub struct Resolved {
    /// The command.
    pub deployment: DeploymentRecord,
    /// What its active version runs.
    pub module: ModuleRecord,
}

/// Keeps modules and deployments. Cheap to clone.
#[derive(Clone)]
pub struct Registry {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    quota: Quota,
    toolchain: Toolchain,
    examined: Semaphore,
    turns: Turns,
    resolved: Cache<(TenantId, CommandName), Arc<Resolved>>,
    // Held while a module's file and its records are made or removed together.
    placing: Mutex<()>,
}

impl Registry {
    /// On top of a store and the engine; `quota` hears of what fills a plan's bounds.
    #[must_use]
    pub fn new(store: Store, clock: Clock, quota: Quota, runtime: Arc<Runtime>) -> Self {
        let inner = Inner {
            store,
            clock,
            quota,
            toolchain: Toolchain::new(runtime),
            examined: Semaphore::new(MAX_EXAMINED),
            turns: Turns::default(),
            resolved: Cache::new(MAX_REMEMBERED),
            placing: Mutex::new(()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Waits until nothing else of the tenant is compiled.
    ///
    /// # Errors
    /// When too many of the tenant's modules wait already.
    pub(crate) async fn compile_turn(&self, scope: &TenantScope) -> Result<CompileTurn, RegistryError> {
        self.inner.turns.take(scope).await
    }

    /// Modules and commands that a tenant has.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn counts(&self, scope: &TenantScope) -> Result<(u64, u64), StoreError> {
        let scope = scope.clone();
        let counts =
            move |reader: &Reader| Ok((reader.module_count(&scope)?, reader.deployment_count(&scope)?));
        self.inner.store.read(counts).await
    }

    /// Warns of bounds that the tenant's modules or commands near.
    async fn observe(&self, scope: &TenantScope, plan: &Plan) {
        match self.counts(scope).await {
            Ok((modules, deployments)) => {
                self.inner.quota.observe(scope, "modules", modules, plan.modules as u64).await;
                self.inner.quota.observe(scope, "deployments", deployments, plan.deployments as u64).await;
            }
            Err(error) => tracing::error!(%error, "a tenant's modules and commands cannot be counted"),
        }
    }
}
