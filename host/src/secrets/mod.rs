//! Tenants' secrets: written by people, read by runs only, sealed at rest.

mod seal;

use std::sync::Arc;

use self::seal::Seal;
use crate::api::SecretText;
use crate::auth::{Permit, act};
use crate::clock::Clock;
use crate::ids::SecretName;
use crate::store::{Page, SecretRecord, Store, StoreError};

/// Secrets of one tenant.
pub const MAX_SECRETS: usize = 100;
/// Longest secret in bytes.
pub const MAX_SECRET_BYTES: usize = 16 << 10;
/// The key's file among the keys of the data directory.
const KEY_FILE: &str = "secrets.key";

/// Why a secret was not kept or given.
#[derive(Debug, thiserror::Error)]
pub enum SecretsError {
    /// No such secret in this tenant.
    #[error("there is no such secret")]
    NotFound,
    /// A command needs a secret that the tenant has not set.
    #[error("the command needs the secret `{0}`, which is not set")]
    Missing(SecretName),
    /// The value is empty, too long, or holds a zero byte.
    #[error("a secret has 1 to {MAX_SECRET_BYTES} bytes, none of them zero")]
    Invalid,
    /// The tenant has as many as it may.
    #[error("the tenant has {MAX_SECRETS} secrets")]
    TooMany,
    /// What is stored does not open: its key was lost, or it was changed.
    #[error("the stored secret `{0}` cannot be opened")]
    Damaged(SecretName),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A step failed that does not fail.
    #[error("could not {0}")]
    Internal(&'static str),
}

impl SecretsError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound => "secret_not_found",
            Self::Missing(_) => "secret_missing",
            Self::Invalid => "invalid_value",
            Self::TooMany => "too_many_secrets",
            Self::Damaged(_) => "secret_damaged",
            Self::Store(error) => error.code(),
            Self::Internal(_) => "internal",
        }
    }
}

/// Keeps secrets. Cheap to clone.
#[derive(Clone)]
pub struct Secrets {
    store: Store,
    clock: Clock,
    seal: Arc<Seal>,
}

impl Secrets {
    /// On top of a store, with the key of its data directory, which is made when it is missing. Blocks.
    ///
    /// # Errors
    /// When the key cannot be read or made.
    pub fn open(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let seal = Arc::new(Seal::new(store.dir().private_key(KEY_FILE)?));
        Ok(Self { store, clock, seal })
    }

    /// Sets a secret, over an older value; true when there was none.
    ///
    /// # Errors
    /// When the value cannot be one, or the tenant has as many as it may.
    pub async fn put(
        &self,
        permit: &Permit<act::SecretWrite>,
        name: SecretName,
        value: &SecretText,
    ) -> Result<(SecretRecord, bool), SecretsError> {
        let value = value.reveal();
        if !(1..=MAX_SECRET_BYTES).contains(&value.len()) || value.contains('\0') {
            return Err(SecretsError::Invalid);
        }
        self.store.admit()?;
        let scope = permit.scope().clone();
        let sealed = self.seal.seal(&scope, &name, value)?;
        let (updated_at, updated_by) = (self.clock.now(), permit.principal().clone());
        let record = SecretRecord { name, sealed, updated_at, updated_by };
        self.store
            .write(move |writer| {
                let is_new = writer.secret(&scope, &record.name)?.is_none();
                if is_new && writer.before().secrets(&scope, None, MAX_SECRETS)?.items.len() >= MAX_SECRETS {
                    return Err(SecretsError::TooMany);
                }
                writer.put_secret(&scope, &record)?;
                Ok((record, is_new))
            })
            .await
    }

    /// A page of a tenant's secrets by name, still sealed.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        permit: &Permit<act::SecretRead>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<SecretRecord>, SecretsError> {
        let scope = permit.scope().clone();
        self.store.read(move |reader| Ok(reader.secrets(&scope, after, limit)?)).await
    }

    /// Removes a secret. Runs that have it keep it; the next one fails at its start.
    ///
    /// # Errors
    /// [`SecretsError::NotFound`].
    pub async fn remove(
        &self,
        permit: &Permit<act::SecretWrite>,
        name: SecretName,
    ) -> Result<(), SecretsError> {
        let scope = permit.scope().clone();
        self.store
            .write(move |writer| {
                writer.secret(&scope, &name)?.ok_or(SecretsError::NotFound)?;
                writer.remove_secret(&scope, &name);
                Ok(())
            })
            .await
    }

    /// The values of these secrets in their order, for a run.
    ///
    /// # Errors
    /// [`SecretsError::Missing`] for the first that is not set.
    pub(crate) async fn reveal(
        &self,
        permit: &Permit<act::RunCreate>,
        names: Vec<SecretName>,
    ) -> Result<Vec<SecretText>, SecretsError> {
        let (scope, seal) = (permit.scope().clone(), Arc::clone(&self.seal));
        self.store
            .read(move |reader| {
                let reveal = |name: SecretName| {
                    let Some(record) = reader.secret(&scope, &name)? else {
                        return Err(SecretsError::Missing(name));
                    };
                    seal.open(&scope, &name, &record.sealed).map(SecretText::from)
                };
                names.into_iter().map(reveal).collect()
            })
            .await
    }
}
