//! Uploading, listing and removing modules.

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use cloister_runtime::ModuleInfo;
use futures_util::Stream;
use sha2::{Digest, Sha256};

use super::toolchain::Toolchain;
use super::{Registry, RegistryError};
use crate::auth::{Permit, TenantScope, act};
use crate::ids::ModuleDigest;
use crate::inflow::{PourError, pour};
use crate::store::{ModuleRecord, Page, Store, StoreError};

/// Longest name of a module, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// Modules of a tenant that are removed in one step.
const ERASED_AT_ONCE: usize = 100;

/// What became of an upload.
#[derive(Debug, Clone)]
pub struct Uploaded {
    /// The module.
    pub module: ModuleRecord,
    /// False when the tenant had it already.
    pub is_new: bool,
}

/// A file that is removed unless it was moved elsewhere.
struct Temporary {
    path: PathBuf,
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // It may have been moved; what cannot be removed is swept at the next start.
        let _ = fs::remove_file(&self.path);
    }
}

impl Registry {
    /// Takes a module's bytes, checks and compiles them, and keeps them. Nothing is left of a refused upload.
    ///
    /// # Errors
    /// When the body ends early or is too large, the module cannot be used, or the plan's bound is reached.
    pub async fn upload<S, E>(
        &self,
        permit: &Permit<act::ModuleUpload>,
        name: Option<String>,
        body: S,
    ) -> Result<Uploaded, RegistryError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let store = &self.inner.store;
        store.admit()?;
        let plan = permit.limits();
        let limit_bytes = plan.module_bytes;
        let (temporary, digest, size_bytes) = self.receive(body, limit_bytes).await?;
        if let Some(module) = self.find_module(permit.scope(), &digest).await? {
            return Ok(Uploaded { module, is_new: false });
        }
        let name = module_name(name, &digest)?;
        self.room_for_one(permit.scope(), plan.modules).await?;
        let turn = self.compile_turn(permit.scope()).await?;
        let (info, help) = self.examine(&temporary.path, limit_bytes).await?;
        self.inner.toolchain.prepare(&digest, &info, &temporary.path).await?;
        drop(turn);
        let module = ModuleRecord {
            name,
            digest,
            size_bytes,
            info,
            help,
            created_at: self.inner.clock.now(),
            created_by: permit.principal().clone(),
        };
        let placed = self.place(permit.scope(), temporary, module, plan.modules).await;
        self.observe(permit.scope(), plan).await;
        placed
    }

    /// A page of a tenant's modules, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn modules(
        &self,
        permit: &Permit<act::ModuleRead>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<ModuleRecord>, RegistryError> {
        let scope = permit.scope().clone();
        self.inner.store.read(move |reader| Ok(reader.modules(&scope, after, limit)?)).await
    }

    /// One module of a tenant.
    ///
    /// # Errors
    /// [`RegistryError::ModuleNotFound`].
    pub async fn module(
        &self,
        permit: &Permit<act::ModuleRead>,
        digest: &ModuleDigest,
    ) -> Result<ModuleRecord, RegistryError> {
        self.find_module(permit.scope(), digest).await?.ok_or(RegistryError::ModuleNotFound)
    }

    /// Removes a module that no active deployment of the tenant runs. Its file goes with its last tenant.
    ///
    /// # Errors
    /// [`RegistryError::ModuleNotFound`] and [`RegistryError::ModuleInUse`].
    pub async fn delete_module(
        &self,
        permit: &Permit<act::ModuleDelete>,
        digest: &ModuleDigest,
    ) -> Result<(), RegistryError> {
        let _placing = self.inner.placing.lock().await;
        let (scope, wanted) = (permit.scope().clone(), digest.clone());
        let most = permit.limits().deployments;
        let was_last = self
            .inner
            .store
            .write::<_, RegistryError, _>(move |writer| {
                let module = writer.module(&scope, &wanted)?.ok_or(RegistryError::ModuleNotFound)?;
                let users =
                    writer.before().deployments(&scope, None, most, |one| one.active.module == wanted)?;
                if let Some(user) = users.items.into_iter().next() {
                    return Err(RegistryError::ModuleInUse(user.name));
                }
                Ok(writer.remove_module(&scope, &module)?)
            })
            .await?;
        if was_last {
            self.remove_bytes(digest).await?;
        }
        self.observe(permit.scope(), permit.limits()).await;
        Ok(())
    }

    /// Removes all modules of a tenant that is being erased: how many, and of how many the bytes and compiled code went
    /// too, since no other tenant has them.
    pub(crate) async fn erase_modules(&self, scope: &TenantScope) -> Result<(u64, u64), RegistryError> {
        let (mut modules, mut files) = (0, 0);
        loop {
            let _placing = self.inner.placing.lock().await;
            let wanted = scope.clone();
            let step = self.inner.store.write::<_, RegistryError, _>(move |writer| {
                let page = writer.before().modules(&wanted, None, ERASED_AT_ONCE)?;
                let mut gone = Vec::with_capacity(page.items.len());
                for module in &page.items {
                    gone.push((module.digest.clone(), writer.remove_module(&wanted, module)?));
                }
                Ok(gone)
            });
            let gone = step.await?;
            modules += gone.len() as u64;
            if gone.is_empty() {
                return Ok((modules, files));
            }
            for (digest, _) in gone.into_iter().filter(|(_, was_last)| *was_last) {
                files += 1;
                self.remove_bytes(&digest).await?;
            }
        }
    }

    /// Removes what no tenant has any more.
    async fn remove_bytes(&self, digest: &ModuleDigest) -> Result<(), RegistryError> {
        self.inner.toolchain.forget(digest);
        let path = self.inner.store.dir().module(digest);
        blocking("remove a module", move || match fs::remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(RegistryError::io("remove a module")),
        })
        .await
    }

    pub(super) async fn find_module(
        &self,
        scope: &TenantScope,
        digest: &ModuleDigest,
    ) -> Result<Option<ModuleRecord>, RegistryError> {
        let (scope, digest) = (scope.clone(), digest.clone());
        Ok(self.inner.store.read::<_, StoreError, _>(move |reader| reader.module(&scope, &digest)).await?)
    }

    async fn receive<S, E>(
        &self,
        body: S,
        limit_bytes: u64,
    ) -> Result<(Temporary, ModuleDigest, u64), RegistryError>
    where
        S: Stream<Item = Result<Bytes, E>> + Send,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let name = format!("{}.part", self.inner.clock.ulid());
        let path = self.inner.store.dir().uploads().join(name);
        let (temporary, file) = blocking("receive a module", move || create(path)).await?;
        let mut sha256 = Sha256::new();
        let admit = || self.inner.store.admit();
        let hash = |piece: &[u8]| {
            sha256.update(piece);
            Ok(())
        };
        let size_bytes =
            pour(body, file, limit_bytes, hash, admit).await.map_err(|error| refused(error, limit_bytes))?;
        if size_bytes == 0 {
            return Err(RegistryError::ModuleEmpty);
        }
        let digest = hex::encode(sha256.finalize())
            .parse()
            .map_err(|_| RegistryError::Internal("name a module by its digest"))?;
        Ok((temporary, digest, size_bytes))
    }

    /// What a binary is, and the help text it carries.
    async fn examine(
        &self,
        path: &Path,
        limit_bytes: u64,
    ) -> Result<(ModuleInfo, Option<String>), RegistryError> {
        let _turn = self.inner.examined.acquire().await.map_err(|_| RegistryError::Internal("take turns"))?;
        let path = path.to_owned();
        blocking("examine a module", move || {
            let bytes = fs::read(path).map_err(RegistryError::io("read an upload"))?;
            let info = Toolchain::inspect(&bytes, limit_bytes)?;
            Ok((info, cloister_runtime::help_text(&bytes)))
        })
        .await
    }

    /// Moves the file to its place and writes the record; in that order, so that a record always has its file.
    async fn place(
        &self,
        scope: &TenantScope,
        temporary: Temporary,
        module: ModuleRecord,
        most: usize,
    ) -> Result<Uploaded, RegistryError> {
        let _placing = self.inner.placing.lock().await;
        // Looked at before the file is there: nothing would remove the file of a module that is then refused.
        self.room_for_one(scope, most).await?;
        let (store, digest) = (self.inner.store.clone(), module.digest.clone());
        blocking("keep a module", move || put_in_place(&store, &temporary, &digest)).await?;
        let scope = scope.clone();
        self.inner
            .store
            .write(move |writer| {
                if let Some(module) = writer.module(&scope, &module.digest)? {
                    return Ok(Uploaded { module, is_new: false });
                }
                writer.put_module(&scope, &module)?;
                Ok(Uploaded { module, is_new: true })
            })
            .await
    }
}

impl Registry {
    /// Refuses one more module of a tenant that has as many as its plan allows.
    async fn room_for_one(&self, scope: &TenantScope, most: usize) -> Result<(), RegistryError> {
        let scope = scope.clone();
        let store = &self.inner.store;
        let count = store.read::<_, StoreError, _>(move |reader| reader.module_count(&scope)).await?;
        if count >= most as u64 { Err(RegistryError::TooManyModules { limit: most }) } else { Ok(()) }
    }
}

fn create(path: PathBuf) -> Result<(Temporary, File), RegistryError> {
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(&path);
    let file = file.map_err(RegistryError::io("make a file for an upload"))?;
    Ok((Temporary { path }, file))
}

fn put_in_place(store: &Store, temporary: &Temporary, digest: &ModuleDigest) -> Result<(), RegistryError> {
    let place = store.dir().module(digest);
    if place.exists() {
        return Ok(());
    }
    let folder = place.parent().unwrap_or(&place);
    fs::create_dir_all(folder).map_err(RegistryError::io("make a folder of modules"))?;
    fs::rename(&temporary.path, &place).map_err(RegistryError::io("keep a module"))?;
    // A name is on disk once its folder is.
    for folder in [folder, &store.dir().modules()] {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(RegistryError::io("sync a folder of modules"))?;
    }
    Ok(())
}

fn refused(error: PourError<StoreError>, limit_bytes: u64) -> RegistryError {
    match error {
        PourError::TooLarge => RegistryError::ModuleTooLarge { limit_bytes },
        PourError::Body(source) => RegistryError::BodyIncomplete(source),
        PourError::Io(source) => RegistryError::Io { attempt: "write an upload", source },
        PourError::Check(error) => RegistryError::Store(error),
    }
}

fn module_name(name: Option<String>, digest: &ModuleDigest) -> Result<String, RegistryError> {
    let name = name.filter(|name| !name.trim().is_empty());
    let name = name.unwrap_or_else(|| digest.as_str()[..12].to_owned());
    if name.len() > MAX_NAME_BYTES {
        return Err(RegistryError::TextTooLong { field: "name", limit_bytes: MAX_NAME_BYTES });
    }
    Ok(name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect())
}

async fn blocking<T: Send + 'static>(
    attempt: &'static str,
    work: impl FnOnce() -> Result<T, RegistryError> + Send + 'static,
) -> Result<T, RegistryError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(RegistryError::Internal(attempt)))
}
