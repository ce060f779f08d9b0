//! What every handler can reach.

use std::ops::Deref;
use std::sync::Arc;

use cloister_runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::audit::Audit;
use crate::auth::{Auth, Secret};
use crate::clock::Clock;
use crate::commands::Commands;
use crate::config::Config;
use crate::console::Console;
use crate::files::Files;
use crate::idempotency::Idempotency;
use crate::lifecycle::Lifecycle;
use crate::logs::LogWriter;
use crate::masking::Masking;
use crate::metrics::Metrics;
use crate::quota::Quota;
use crate::registry::Registry;
use crate::secrets::Secrets;
use crate::store::Store;
use crate::tenancy::Tenancy;

/// The parts of a running host. Cheap to clone.
#[derive(Clone)]
pub struct App {
    parts: Arc<Parts>,
}

/// The parts, put together in `server`.
pub struct Parts {
    /// Settings.
    pub config: Config,
    /// The time.
    pub clock: Clock,
    /// Counters and gauges.
    pub metrics: Metrics,
    /// Records.
    pub store: Store,
    /// Who acts.
    pub auth: Auth,
    /// Tenants.
    pub tenancy: Tenancy,
    /// Modules and deployments.
    pub registry: Registry,
    /// Tenants' secrets.
    pub secrets: Secrets,
    /// Tenants' files.
    pub files: Files,
    /// Who did what.
    pub audit: Audit,
    /// Requests that were done once.
    pub idempotency: Idempotency,
    /// Rates and counts.
    pub quota: Quota,
    /// What is masked.
    pub masking: Masking,
    /// The log.
    pub logs: LogWriter,
    /// Runs guests.
    pub runtime: Arc<Runtime>,
    /// Runs.
    pub commands: Commands,
    /// Console sessions.
    pub console: Console,
    /// How tenants are stopped, taken down and moved.
    pub lifecycle: Lifecycle,
    /// How people reach the host, without a slash at the end.
    pub url: String,
    /// Set when the host begins to stop.
    pub stopping: CancellationToken,
}

impl Parts {
    /// True once the host takes no new work.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.is_cancelled()
    }

    /// What a person opens to use a one-time link. The secret is behind `#`, so that it reaches no server's log.
    #[must_use]
    pub fn link_url(&self, link: &Secret) -> String {
        format!("{}/#/link/{}", self.url, link.reveal())
    }

    /// What an invited person opens; the secret is behind `#` here too.
    #[must_use]
    pub fn invitation_url(&self, invitation: &Secret) -> String {
        format!("{}/#/invitation/{}", self.url, invitation.reveal())
    }
}

impl App {
    /// Shares the parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts) }
    }
}

impl Deref for App {
    type Target = Parts;
    fn deref(&self) -> &Parts {
        &self.parts
    }
}
