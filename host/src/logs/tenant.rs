//! What is in memory of each tenant's log: lines that wait, how far it is durable, and the last lines for followers.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};

use super::chunk::Chunk;
use super::queue::{Pending, TENANT_QUEUE_BYTES};
use crate::auth::TenantScope;
use crate::ids::TenantId;
use crate::store::{LogChunks, StoreError};

/// Lines kept in memory for the followers of one tenant. Who falls further behind reads the store.
const MAX_RECENT_BYTES: usize = 1024 * 1024;
/// Tenants kept in memory; beyond it, those nobody writes or follows are forgotten and loaded again when needed.
const MAX_RESIDENT_TENANTS: usize = 4096;

/// One tenant's log in memory.
pub(super) struct TenantLog {
    pub(super) scope: TenantScope,
    /// Room in the queue, in bytes: a tenant that floods waits for itself before it waits for others.
    pub(super) room: Arc<Semaphore>,
    pub(super) pending: Mutex<Pending>,
    /// Sequence number of the last durable line; `None` until it was read from the store.
    durable: watch::Sender<Option<u64>>,
    loading: Mutex<()>,
    recent: Mutex<Recent>,
}

#[derive(Default)]
struct Recent {
    chunks: VecDeque<Arc<Chunk>>,
    bytes: usize,
}

impl TenantLog {
    fn new(scope: &TenantScope) -> Self {
        Self {
            scope: scope.clone(),
            room: Arc::new(Semaphore::new(TENANT_QUEUE_BYTES)),
            pending: Mutex::default(),
            durable: watch::Sender::new(None),
            loading: Mutex::default(),
            recent: Mutex::default(),
        }
    }

    /// Sequence number of the last durable line; reads it from the store the first time.
    ///
    /// The committer calls this before it applies anything, so that nobody takes undurable lines for durable ones.
    pub(super) fn durable_seq(&self, chunks: &LogChunks) -> Result<u64, StoreError> {
        if let Some(seq) = *self.durable.borrow() {
            return Ok(seq);
        }
        let _loading = self.loading.lock();
        if let Some(seq) = *self.durable.borrow() {
            return Ok(seq);
        }
        let seq = chunks.state(&self.scope)?.last_seq;
        self.durable.send_replace(Some(seq));
        Ok(seq)
    }

    /// Wakes at every commit of this tenant.
    pub(super) fn subscribe(&self) -> watch::Receiver<Option<u64>> {
        self.durable.subscribe()
    }

    /// True while somebody follows the log.
    pub(super) fn is_followed(&self) -> bool {
        self.durable.receiver_count() > 0
    }

    /// Tells followers of lines that are durable now.
    pub(super) fn publish(&self, chunk: Chunk) {
        let last_seq = chunk.last_seq();
        let mut recent = self.recent.lock();
        if !self.is_followed() {
            *recent = Recent::default();
        } else {
            recent.bytes += chunk.memory_bytes();
            recent.chunks.push_back(Arc::new(chunk));
            while recent.bytes > MAX_RECENT_BYTES
                && recent.chunks.len() > 1
                && let Some(oldest) = recent.chunks.pop_front()
            {
                recent.bytes -= oldest.memory_bytes();
            }
        }
        drop(recent);
        self.durable.send_replace(Some(last_seq));
    }

    /// Forgets the lines in memory: some of them were deleted. Followers read the store.
    pub(super) fn forget_recent(&self) {
        *self.recent.lock() = Recent::default();
    }

    /// The chunk in memory that has this line.
    pub(super) fn recent_at(&self, seq: u64) -> Option<Arc<Chunk>> {
        let recent = self.recent.lock();
        let after = recent.chunks.partition_point(|chunk| chunk.first_seq <= seq);
        let chunk = recent.chunks.get(after.checked_sub(1)?)?;
        (seq <= chunk.last_seq()).then(|| Arc::clone(chunk))
    }
}

/// All tenants in memory.
#[derive(Default)]
pub(super) struct Tenants {
    resident: Mutex<HashMap<TenantId, Arc<TenantLog>>>,
}

impl Tenants {
    /// Forgets a tenant that is being erased.
    pub(super) fn forget(&self, scope: &TenantScope) {
        self.resident.lock().remove(scope.tenant());
    }

    /// The tenant's log; the same for everybody who holds it at the same time.
    pub(super) fn get(&self, scope: &TenantScope) -> Arc<TenantLog> {
        let mut resident = self.resident.lock();
        if let Some(log) = resident.get(scope.tenant()) {
            return Arc::clone(log);
        }
        if resident.len() >= MAX_RESIDENT_TENANTS {
            resident.retain(|_, log| Arc::strong_count(log) > 1);
        }
        let log = Arc::new(TenantLog::new(scope));
        resident.insert(scope.tenant().clone(), Arc::clone(&log));
        log
    }
}
