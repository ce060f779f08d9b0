//! The tenant's directory: read and written only through a capability for it.

mod append;
mod error;
mod path;
mod read;
mod volumes;
mod write;

use std::sync::Arc;

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use self::volumes::Volumes;
use crate::auth::TenantScope;
use crate::store::Store;

pub use error::FilesError;
pub use path::{InvalidPath, MAX_NAME_BYTES, MAX_PATH_BYTES, TenantPath};
pub use read::{Entry, Found, Listing};
pub use write::TEMPORARY_FOLDER;
pub(crate) use write::make_directories;

/// Reads and writes tenants' files. Cheap to clone.
#[derive(Clone)]
pub struct Files {
    store: Store,
    limit_bytes: u64,
    volumes: Arc<Volumes>,
}

impl Files {
    /// Files of at most `limit_bytes` each, in the data directory of a store.
    #[must_use]
    pub fn new(store: Store, limit_bytes: u64) -> Self {
        Self { store, limit_bytes, volumes: Arc::new(Volumes::new()) }
    }

    /// The tenant's directory as a capability: nothing opened through it is outside. Blocks.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open_root(&self, scope: &TenantScope) -> Result<Dir, FilesError> {
        let path = self.store.dir().tenant_files(scope);
        #[expect(clippy::disallowed_methods, reason = "the one home of opening a tenant's directory")]
        Dir::open_ambient_dir(path, ambient_authority())
            .map_err(|source| FilesError::Refused { attempt: "open the tenant's directory", source })
    }
}

async fn blocking<T: Send + 'static>(
    attempt: &'static str,
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, FilesError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(FilesError::Internal(attempt)))
}
