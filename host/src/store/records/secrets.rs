//! Tenants' secrets, sealed.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::ids::{PrincipalId, SecretName};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// One secret. What is sealed opens only with the key of the data directory, and only under its tenant and name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRecord {
    /// Its name.
    pub name: SecretName,
    /// Nonce and sealed value, in standard base64.
    pub sealed: String,
    /// When its value was set.
    pub updated_at: Timestamp,
    /// Who set it.
    pub updated_by: PrincipalId,
}

impl Record for SecretRecord {}

fn key(scope: &TenantScope, name: &SecretName) -> Key {
    Key::in_tenant(scope, Kind::Secret, &[name.as_str()])
}

impl Reader {
    /// A secret by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn secret(&self, scope: &TenantScope, name: &SecretName) -> Result<Option<SecretRecord>, StoreError> {
        self.get(&key(scope, name))
    }

    /// A tenant's secrets, by name.
    ///
    /// # Errors
    /// When the store fails.
    pub fn secrets(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<SecretRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::in_tenant(scope, Kind::Secret, &[]), &query, |_| true)
    }
}

impl Writer {
    /// A secret by name, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn secret(&self, scope: &TenantScope, name: &SecretName) -> Result<Option<SecretRecord>, StoreError> {
        self.get(&key(scope, name))
    }

    /// Writes a secret, over an older one.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_secret(&mut self, scope: &TenantScope, record: &SecretRecord) -> Result<(), StoreError> {
        self.put(key(scope, &record.name), record)
    }

    /// Removes a secret, if there is one.
    pub fn remove_secret(&mut self, scope: &TenantScope, name: &SecretName) {
        self.remove(key(scope, name));
    }
}
