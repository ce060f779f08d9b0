//! API keys. Their secrets are kept as hashes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::{Permission, TenantScope};
use crate::ids::{KeyId, TenantId, UserId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// API keys that one tenant may have.
pub const MAX_API_KEYS_PER_TENANT: usize = 1_000;

/// One API key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKeyRecord {
    /// Its id.
    pub id: KeyId,
    /// The tenant it is for.
    pub tenant: TenantId,
    /// What a person calls it.
    pub name: String,
    /// SHA-256, in hex, of the whole key.
    pub hash: String,
    /// Its first characters, by which its holder recognises it.
    pub prefix: String,
    /// What it allows, within what its maker may do.
    pub permissions: Vec<Permission>,
    /// Who made it; it goes with their membership.
    pub created_by: UserId,
    /// When.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

impl Record for ApiKeyRecord {}

#[derive(Serialize, Deserialize)]
struct TenantOfKey {
    tenant: TenantId,
}

impl Record for TenantOfKey {}

fn key(tenant: &TenantId, id: &KeyId) -> Key {
    Key::of_tenant(tenant, Kind::ApiKey, &[id.as_str()])
}

fn index_key(id: &KeyId) -> Key {
    Key::of_host(Kind::ApiKeyTenant, &[id.as_str()])
}

impl Reader {
    /// The API key with an id, of whichever tenant.
    ///
    /// # Errors
    /// When the store fails.
    pub fn api_key(&self, id: &KeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        match self.get::<TenantOfKey>(&index_key(id))? {
            Some(found) => self.get(&key(&found.tenant, id)),
            None => Ok(None),
        }
    }

    /// A tenant's API keys, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn api_keys(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<ApiKeyRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::in_tenant(scope, Kind::ApiKey, &[]), &query, |_| true)
    }
}

impl Writer {
    /// A tenant's API key, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn api_key(&self, tenant: &TenantId, id: &KeyId) -> Result<Option<ApiKeyRecord>, StoreError> {
        self.get(&key(tenant, id))
    }

    /// Writes an API key.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_api_key(&mut self, record: &ApiKeyRecord) -> Result<(), StoreError> {
        self.put(index_key(&record.id), &TenantOfKey { tenant: record.tenant.clone() })?;
        self.put(key(&record.tenant, &record.id), record)
    }

    /// Removes an API key.
    pub fn remove_api_key(&mut self, record: &ApiKeyRecord) {
        self.remove(index_key(&record.id));
        self.remove(key(&record.tenant, &record.id));
    }

    /// Removes API keys of all tenants that have expired, at most `limit` of them looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_expired_api_keys(&mut self, now: Timestamp, limit: usize) -> Result<(), StoreError> {
        let index = Prefix::of_host(Kind::ApiKeyTenant, &[]);
        for (entry, found) in self.before().first::<TenantOfKey>(&index, limit)? {
            let Ok(id) = entry.last_part().parse::<KeyId>() else { continue };
            match self.api_key(&found.tenant, &id)? {
                Some(record) if record.expires_at <= now => self.remove_api_key(&record),
                Some(_) => {}
                None => self.remove(entry),
            }
        }
        Ok(())
    }

    /// Removes a tenant's API keys that `unwanted` names; how many.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_api_keys(
        &mut self,
        scope: &TenantScope,
        unwanted: impl Fn(&ApiKeyRecord) -> bool,
    ) -> Result<usize, StoreError> {
        let keys = self.before().api_keys(scope, None, MAX_API_KEYS_PER_TENANT)?;
        let gone: Vec<_> = keys.items.into_iter().filter(unwanted).collect();
        gone.iter().for_each(|key| self.remove_api_key(key));
        Ok(gone.len())
    }
}
