//! Uploaded modules.

use cloister_runtime::ModuleInfo;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::auth::TenantScope;
use crate::ids::{ModuleDigest, PrincipalId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// One tenant's module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModuleRecord {
    /// SHA-256 of its bytes.
    pub digest: ModuleDigest,
    /// What the uploader called it.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// What it is, and what it imports.
    #[serde(flatten)]
    pub info: ModuleInfo,
    /// The help text it carries.
    #[serde(default)]
    pub help: Option<String>,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// Who uploaded it.
    pub created_by: PrincipalId,
}

impl Record for ModuleRecord {}

impl ModuleRecord {
    /// What it is, and what it imports.
    #[must_use]
    pub fn info(&self) -> ModuleInfo {
        self.info.clone()
    }
}

#[derive(Serialize, Deserialize)]
struct ModuleRef {
    digest: ModuleDigest,
}

impl Record for ModuleRef {}

fn key(scope: &TenantScope, digest: &ModuleDigest) -> Key {
    Key::in_tenant(scope, Kind::Module, &[digest.as_str()])
}

fn time_key(scope: &TenantScope, module: &ModuleRecord) -> Key {
    let at = format!("{:015}", module.created_at.as_millisecond().max(0));
    Key::in_tenant(scope, Kind::ModuleByTime, &[&format!("{at}-{}", module.digest)])
}

fn owner_key(scope: &TenantScope, digest: &ModuleDigest) -> Key {
    Key::of_host(Kind::ModuleOwner, &[digest.as_str(), scope.tenant().as_str()])
}

impl Reader {
    /// A tenant's module.
    ///
    /// # Errors
    /// When the store fails.
    pub fn module(
        &self,
        scope: &TenantScope,
        digest: &ModuleDigest,
    ) -> Result<Option<ModuleRecord>, StoreError> {
        self.get(&key(scope, digest))
    }

    /// A tenant's modules, newest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn modules(
        &self,
        scope: &TenantScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<Page<ModuleRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Descending };
        let prefix = Prefix::in_tenant(scope, Kind::ModuleByTime, &[]);
        let refs = self.page::<ModuleRef>(&prefix, &query, |_| true)?;
        let mut items = Vec::with_capacity(refs.items.len());
        for found in &refs.items {
            items.extend(self.module(scope, &found.digest)?);
        }
        Ok(Page { items, next: refs.next })
    }

    /// How many modules a tenant has.
    ///
    /// # Errors
    /// When the store fails.
    pub fn module_count(&self, scope: &TenantScope) -> Result<u64, StoreError> {
        self.count_of(scope, Kind::Module)
    }
}

impl Writer {
    /// A tenant's module, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn module(
        &self,
        scope: &TenantScope,
        digest: &ModuleDigest,
    ) -> Result<Option<ModuleRecord>, StoreError> {
        self.get(&key(scope, digest))
    }

    /// Writes a tenant's module.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_module(&mut self, scope: &TenantScope, module: &ModuleRecord) -> Result<(), StoreError> {
        if !self.contains(&key(scope, &module.digest))? {
            self.counts_one_more(scope, Kind::Module)?;
        }
        let reference = ModuleRef { digest: module.digest.clone() };
        self.put(time_key(scope, module), &reference)?;
        self.put(owner_key(scope, &module.digest), &reference)?;
        self.put(key(scope, &module.digest), module)
    }

    /// Removes a tenant's module. True when no other tenant has it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_module(&mut self, scope: &TenantScope, module: &ModuleRecord) -> Result<bool, StoreError> {
        let owners = Prefix::of_host(Kind::ModuleOwner, &[module.digest.as_str()]);
        let owners = self.before().first::<ModuleRef>(&owners, 2)?;
        if self.contains(&key(scope, &module.digest))? {
            self.counts_one_less(scope, Kind::Module)?;
        }
        self.remove(time_key(scope, module));
        self.remove(owner_key(scope, &module.digest));
        self.remove(key(scope, &module.digest));
        Ok(owners.len() <= 1)
    }
}
