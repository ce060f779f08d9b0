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
use crate::config::{Plan, Plans};
use crate::ids::{CommandName, TenantId};
use crate::store::{DeploymentRecord, ModuleRecord, Store};
use crate::tenancy::PlanName;

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
    plans: Plans,
    toolchain: Toolchain,
    examined: Semaphore,
    turns: Turns,
    resolved: Cache<(TenantId, CommandName), Arc<Resolved>>,
    // Held while a module's file and its records are made or removed together.
    placing: Mutex<()>,
}

impl Registry {
    /// On top of a store and the engine.
    #[must_use]
    pub fn new(store: Store, clock: Clock, plans: Plans, runtime: Arc<Runtime>) -> Self {
        let inner = Inner {
            store,
            clock,
            plans,
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

    /// What a plan allows.
    #[must_use]
    pub fn plan(&self, name: PlanName) -> &Plan {
        self.inner.plans.get(name)
    }
}
