//! Connections that are open, by whose they are: each principal and each tenant may have so many.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio_util::task::task_tracker::{TaskTracker, TaskTrackerToken};

use super::error::ConsoleError;
use crate::ids::{PrincipalId, TenantId};
use crate::metrics::ConsoleStats;

/// Connections of one principal in one tenant.
pub const MAX_PRINCIPAL_CONNECTIONS: usize = 64;
/// Connections of one tenant.
pub const MAX_TENANT_CONNECTIONS: usize = 1_024;

/// Connections and sessions of the whole host.
const MAX_CONNECTIONS: usize = 20_000;

/// By which way a connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// WebSocket.
    WebSocket,
    /// Server-sent events.
    Sse,
    /// Long polling: each poll is a connection.
    Poll,
}

impl Transport {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Sse => "sse",
            Self::Poll => "poll",
        }
    }
}

#[derive(Default)]
pub(super) struct Connections {
    open: Mutex<HashMap<TenantId, HashMap<PrincipalId, usize>>>,
}

/// A place among the connections, given back when dropped.
pub struct Place {
    connections: Arc<Connections>,
    tenant: TenantId,
    principal: PrincipalId,
    transport: Transport,
    stats: ConsoleStats,
    _tracked: TaskTrackerToken,
}

impl Connections {
    pub(super) fn open(
        self: &Arc<Self>,
        tenant: &TenantId,
        principal: PrincipalId,
        transport: Transport,
        stats: &ConsoleStats,
        tracker: &TaskTracker,
    ) -> Result<Place, ConsoleError> {
        let mut open = self.open.lock();
        if tracker.len() >= MAX_CONNECTIONS {
            return Err(ConsoleError::TooManyConnections(MAX_CONNECTIONS));
        }
        let of_tenant = open.entry(tenant.clone()).or_default();
        if of_tenant.values().sum::<usize>() >= MAX_TENANT_CONNECTIONS {
            return Err(ConsoleError::TooManyConnections(MAX_TENANT_CONNECTIONS));
        }
        let count = of_tenant.entry(principal.clone()).or_default();
        if *count >= MAX_PRINCIPAL_CONNECTIONS {
            return Err(ConsoleError::TooManyConnections(MAX_PRINCIPAL_CONNECTIONS));
        }
        *count += 1;
        stats.connected(transport.as_str());
        Ok(Place {
            connections: Arc::clone(self),
            tenant: tenant.clone(),
            principal,
            transport,
            stats: stats.clone(),
            _tracked: tracker.token(),
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stats.disconnected(self.transport.as_str());
        let mut open = self.connections.open.lock();
        let Some(of_tenant) = open.get_mut(&self.tenant) else { return };
        if let Some(count) = of_tenant.get_mut(&self.principal) {
            *count -= 1;
            if *count == 0 {
                of_tenant.remove(&self.principal);
            }
        }
        if of_tenant.is_empty() {
            open.remove(&self.tenant);
        }
    }
}
