//! API keys: made once, recognised by their start, good within what their maker may do.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::secret::{self, Secret};
use super::{Auth, AuthError, Caller, Credential, MAX_PERMISSIONS, Member, Permission, Permit, act};
use crate::ids::KeyId;
use crate::store::{ApiKeyRecord, MAX_API_KEYS_PER_TENANT, Page, StoreError};

/// How every API key begins.
pub(super) const PREFIX: &str = "clo_";
/// Characters of a key that are shown in lists: the prefix and its id, none of the secret.
const SHOWN_CHARACTERS: usize = PREFIX.len() + 26;
/// Longest name of a key, in characters.
const MAX_NAME_CHARACTERS: usize = 100;
/// Between two writes of when a key was last used, in milliseconds.
const LAST_USED_EVERY_MS: u64 = 60_000;

/// What a new key is to be.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// What a person calls it.
    pub name: String,
    /// What it allows.
    pub permissions: Vec<Permission>,
    /// How long it is good, in seconds; the configured time when absent.
    pub ttl_s: Option<u64>,
}

/// A key that was just made.
pub struct MadeKey {
    /// Its record.
    pub record: ApiKeyRecord,
    /// The key itself; shown once.
    pub secret: Secret,
}

/// What is remembered of a key that was used.
pub(super) struct KnownKey {
    record: ApiKeyRecord,
    permissions: Arc<[Permission]>,
    written_ms: AtomicU64,
}

impl Auth {
    /// Makes an API key within the rights of whoever makes it.
    ///
    /// # Errors
    /// When an API key would make it, it goes beyond its maker's rights, or the tenant has too many.
    pub async fn make_key(
        &self,
        member: &Member,
        permit: &Permit<act::KeyWrite>,
        new: NewKey,
    ) -> Result<MadeKey, AuthError> {
        member.caller().session()?;
        permit.may_grant(&new.permissions)?;
        let name = new.name.trim().to_owned();
        if !(1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) {
            return Err(AuthError::KeyInvalid("its name must have 1 to 100 characters"));
        }
        if !(1..=MAX_PERMISSIONS).contains(&new.permissions.len()) {
            return Err(AuthError::KeyInvalid("it must have 1 to 128 permissions"));
        }
        let ttl_s = new.ttl_s.unwrap_or(self.config().api_key_ttl_s);
        if !(60..=self.config().api_key_max_s).contains(&ttl_s) {
            return Err(AuthError::KeyInvalid("its lifetime is out of bounds"));
        }
        let id = KeyId::generate(&self.inner.clock);
        let ulid = id.as_str().trim_start_matches("key_");
        let secret = Secret::generate(&format!("{PREFIX}{ulid}."))?;
        let now = self.inner.clock.now();
        let record = ApiKeyRecord {
            hash: secret::hash(secret.reveal()),
            prefix: secret.reveal().chars().take(SHOWN_CHARACTERS).collect(),
            id,
            tenant: permit.scope().tenant().clone(),
            name,
            permissions: new.permissions,
            created_by: member.caller().user().clone(),
            created_at: now,
            expires_at: now.saturating_add(Duration::from_secs(ttl_s)).unwrap_or(jiff::Timestamp::MAX),
            last_used_at: None,
        };
        let (made, scope) = (record.clone(), permit.scope().clone());
        self.inner
            .store
            .write::<_, AuthError, _>(move |writer| {
                let kept = writer.before().api_keys(&scope, None, MAX_API_KEYS_PER_TENANT)?;
                if kept.items.len() == MAX_API_KEYS_PER_TENANT {
                    return Err(AuthError::TooManyKeys { limit: MAX_API_KEYS_PER_TENANT });
                }
                Ok(writer.put_api_key(&made)?)
            })
            .await?;
        tracing::info!(
            target: "audit", tenant = %permit.scope().tenant(), principal = %permit.principal(), key = %record.id,
            "API key made"
        );
        Ok(MadeKey { record, secret })
    }

    /// A page of a tenant's API keys, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn keys(
        &self,
        permit: &Permit<act::KeyRead>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<ApiKeyRecord>, AuthError> {
        let scope = permit.scope().clone();
        self.inner.store.read(move |reader| Ok(reader.api_keys(&scope, after, limit)?)).await
    }

    /// Revokes an API key: one's own, or anybody's for who holds all that it allows.
    ///
    /// # Errors
    /// [`AuthError::KeyNotFound`] and [`AuthError::GrantsTooMuch`].
    pub async fn revoke_key(
        &self,
        member: &Member,
        permit: &Permit<act::KeyWrite>,
        id: &KeyId,
    ) -> Result<(), AuthError> {
        let (permit, id, by) = (permit.clone(), id.clone(), member.caller().user().clone());
        self.inner
            .store
            .write::<_, AuthError, _>(move |writer| {
                let tenant = permit.scope().tenant();
                let key = writer.api_key(tenant, &id)?.ok_or(AuthError::KeyNotFound)?;
                if key.created_by != by {
                    permit.may_grant(&key.permissions)?;
                }
                writer.remove_api_key(&key);
                tracing::info!(
                    target: "audit", %tenant, principal = %permit.principal(), key = %id, "API key revoked"
                );
                Ok(())
            })
            .await?;
        self.memberships_changed();
        Ok(())
    }

    /// The caller behind an API key.
    pub(super) async fn authenticate_key(&self, key: &str) -> Result<Caller, AuthError> {
        let known = self.known_key(key).await?;
        let now = self.inner.clock.now();
        if known.record.expires_at <= now {
            return Err(AuthError::TokenExpired);
        }
        self.note_use(&known);
        Ok(Caller {
            user: known.record.created_by.clone(),
            credential: Credential::Key(known.record.id.clone(), Arc::clone(&known.permissions)),
            operator: false,
            bound_to: Some(known.record.tenant.clone()),
        })
    }

    async fn known_key(&self, key: &str) -> Result<Arc<KnownKey>, AuthError> {
        let id = key.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.')).map(|(ulid, _)| ulid);
        let id = id.and_then(|ulid| format!("key_{ulid}").parse::<KeyId>().ok());
        let (Some(id), true) = (id, key.len() <= super::token::MAX_TOKEN_BYTES) else {
            return Err(AuthError::TokenInvalid);
        };
        let name = *blake3::hash(key.as_bytes()).as_bytes();
        if let Some(known) = self.inner.api_keys.get(&name) {
            return Ok(known);
        }
        let era = self.inner.api_keys.era();
        let found = self.inner.store.read::<_, StoreError, _>(move |reader| reader.api_key(&id)).await?;
        let record = found.filter(|record| secret::same(&record.hash, &secret::hash(key)));
        let record = record.ok_or(AuthError::TokenInvalid)?;
        let written_ms = record.last_used_at.map_or(0, |at| at.as_millisecond().try_into().unwrap_or(0));
        let permissions = record.permissions.clone().into();
        let known = Arc::new(KnownKey { record, permissions, written_ms: AtomicU64::new(written_ms) });
        self.inner.api_keys.remember(era, name, Arc::clone(&known));
        Ok(known)
    }

    /// Records the use of a key, now and then, and without making its caller wait.
    fn note_use(&self, known: &KnownKey) {
        let now_ms = self.inner.clock.unix_ms();
        let before_ms = known.written_ms.load(Ordering::Relaxed);
        let due = now_ms.saturating_sub(before_ms) >= LAST_USED_EVERY_MS;
        let mine = || {
            known.written_ms.compare_exchange(before_ms, now_ms, Ordering::Relaxed, Ordering::Relaxed).is_ok()
        };
        if !due || !mine() {
            return;
        }
        let (store, now) = (self.inner.store.clone(), self.inner.clock.now());
        let (tenant, id) = (known.record.tenant.clone(), known.record.id.clone());
        tokio::spawn(async move {
            let written = store.write_soon::<_, StoreError, _>(move |writer| {
                let Some(mut key) = writer.api_key(&tenant, &id)? else { return Ok(()) };
                key.last_used_at = Some(now);
                writer.put_api_key(&key)
            });
            if let Err(error) = written.await {
                tracing::warn!(%error, "the use of an API key was not recorded");
            }
        });
    }
}
