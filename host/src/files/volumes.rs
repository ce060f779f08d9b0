//! The quota of each tenant's directory: what it takes is known from its first use until the host stops.

use std::collections::HashMap;
use std::sync::Arc;

use cloister_runtime::{Volume, VolumeLimits, VolumeUsage, WalkEnded, walk};
use parking_lot::Mutex;

use super::{Files, FilesError, blocking};
use crate::auth::TenantScope;
use crate::ids::TenantId;
use crate::store::{StorageRecord, StoreError};

/// Most names of a directory that are counted; more than any plan allows.
const MAX_COUNTED_ENTRIES: u64 = 20_000_000;

/// The volumes of the tenants whose directories were used since the start.
pub(super) struct Volumes {
    open: Mutex<HashMap<TenantId, Arc<OpenVolume>>>,
}

struct OpenVolume {
    scope: TenantScope,
    /// None until it is counted; whoever comes meanwhile waits for that.
    volume: Mutex<Option<Volume>>,
}

impl Volumes {
    pub(super) fn new() -> Self {
        Self { open: Mutex::default() }
    }

    fn of(&self, scope: &TenantScope) -> Arc<OpenVolume> {
        let mut open = self.open.lock();
        let volume = open
            .entry(scope.tenant().clone())
            .or_insert_with(|| Arc::new(OpenVolume { scope: scope.clone(), volume: Mutex::new(None) }));
        Arc::clone(volume)
    }
}

impl Files {
    /// The quota of the tenant's directory, with these limits, which hold from now on. Blocks: at the first
    /// use since the start, the directory may have to be counted.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub fn volume(&self, scope: &TenantScope, limits: VolumeLimits) -> Result<Volume, FilesError> {
        let open = self.volumes.of(scope);
        let mut slot = open.volume.lock();
        if let Some(volume) = &*slot {
            if volume.limits() != limits {
                volume.set_limits(limits);
            }
            return Ok(volume.clone());
        }
        let volume = self.open_volume(scope, limits)?;
        *slot = Some(volume.clone());
        Ok(volume)
    }

    fn open_volume(&self, scope: &TenantScope, limits: VolumeLimits) -> Result<Volume, FilesError> {
        let Some(recorded) = self.store.reader_blocking().storage(scope)? else {
            return Ok(Volume::new(limits, self.count(scope)?));
        };
        // From here on the record would lie if the host were killed.
        self.store.write_blocking(|writer| {
            writer.remove_storage(scope);
            Ok::<_, StoreError>(())
        })?;
        self.store.commit_blocking()?;
        let volume = Volume::new(limits, VolumeUsage { bytes: recorded.bytes, entries: recorded.entries });
        self.count_later(scope.clone(), volume.clone());
        Ok(volume)
    }

    fn count(&self, scope: &TenantScope) -> Result<VolumeUsage, FilesError> {
        let counted = walk(self.open_root(scope)?, MAX_COUNTED_ENTRIES)
            .map_err(|source| FilesError::Refused { attempt: "count the tenant's files", source })?;
        Ok(match counted {
            WalkEnded::Complete(usage) | WalkEnded::TooMany(usage) => usage,
        })
    }

    /// Compares the record with the disk, which somebody may have changed while the host was away.
    fn count_later(&self, scope: TenantScope, volume: Volume) {
        let files = self.clone();
        let compare = move || {
            let since = volume.changes();
            let recorded = volume.used();
            match files.count(&scope) {
                Ok(counted) if counted == recorded => {}
                Ok(counted) => {
                    let taken_over = volume.reconcile(counted, since);
                    tracing::warn!(
                        tenant = %scope.tenant(), ?recorded, ?counted, taken_over,
                        "a tenant's directory was changed while the host was away"
                    );
                }
                Err(error) => {
                    tracing::error!(tenant = %scope.tenant(), %error, "a directory was not counted")
                }
            }
        };
        // Where there is no runtime, a test has none.
        match tokio::runtime::Handle::try_current() {
            Ok(handle) => drop(handle.spawn_blocking(compare)),
            Err(_) => compare(),
        }
    }

    /// What a tenant's directory takes, and may take by its plan.
    ///
    /// # Errors
    /// When it cannot be counted.
    pub async fn usage(
        &self,
        scope: &TenantScope,
        limits: VolumeLimits,
    ) -> Result<(VolumeUsage, VolumeLimits), FilesError> {
        let (files, scope) = (self.clone(), scope.clone());
        blocking("count the tenant's files", move || {
            let volume = files.volume(&scope, limits)?;
            Ok((volume.used(), volume.limits()))
        })
        .await
    }

    /// As [`Files::usage`], when it is known at once: the directory was used since the start and is counted.
    #[must_use]
    pub fn known_usage(&self, scope: &TenantScope) -> Option<(VolumeUsage, VolumeLimits)> {
        let open = Arc::clone(self.volumes.open.lock().get(scope.tenant())?);
        let volume = open.volume.try_lock()?;
        volume.as_ref().map(|volume| (volume.used(), volume.limits()))
    }

    /// Holds a directory that was used since the start to these limits at once.
    pub fn hold_to(&self, scope: &TenantScope, limits: VolumeLimits) {
        let open = self.volumes.open.lock().get(scope.tenant()).cloned();
        if let Some(volume) = open.as_ref().and_then(|open| open.volume.lock().clone()) {
            volume.set_limits(limits);
        }
    }

    /// What the directories that were used since the start take together, as far as they are counted.
    #[must_use]
    pub fn used(&self) -> VolumeUsage {
        let open: Vec<Arc<OpenVolume>> = self.volumes.open.lock().values().cloned().collect();
        let mut sum = VolumeUsage::default();
        for open in open {
            // One that is being counted is left out, rather than waited for.
            if let Some(volume) = open.volume.try_lock().as_deref().and_then(Option::as_ref) {
                let used = volume.used();
                sum.bytes += used.bytes;
                sum.entries += used.entries;
            }
        }
        sum
    }

    /// Records what each directory takes. Called when nothing can change them any more. Blocks.
    ///
    /// # Errors
    /// When the store fails.
    pub fn close_blocking(&self) -> Result<(), StoreError> {
        let open: Vec<Arc<OpenVolume>> = self.volumes.open.lock().drain().map(|(_, open)| open).collect();
        for open in open {
            let volume = open.volume.lock();
            let Some(volume) = volume.as_ref().filter(|volume| !volume.doubtful()) else { continue };
            let used = volume.used();
            let record = StorageRecord { bytes: used.bytes, entries: used.entries };
            self.store.write_blocking(|writer| writer.put_storage(&open.scope, &record))?;
        }
        Ok(())
    }
}
