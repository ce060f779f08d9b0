//! Accounts at OIDC issuers, and whose they are here.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::ids::UserId;
use crate::store::{Key, Kind, Prefix, Reader, Record, StoreError, Writer};

/// Accounts of one user at issuers.
const MAX_PER_USER: usize = 100;

/// An account at an issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExternalAccountRecord {
    /// Whose it is here.
    pub user: UserId,
    /// The issuer.
    pub issuer: String,
    /// What the issuer calls it.
    pub subject: String,
}

impl Record for ExternalAccountRecord {}

/// Issuers and subjects are any text: a digest of both is of one length and holds no separator.
fn name(issuer: &str, subject: &str) -> String {
    let mut digest = Sha256::new();
    digest.update((issuer.len() as u64).to_le_bytes());
    digest.update(issuer.as_bytes());
    digest.update(subject.as_bytes());
    hex::encode(digest.finalize())
}

fn key(name: &str) -> Key {
    Key::of_host(Kind::ExternalAccount, &["by-name", name])
}

fn user_key(user: &UserId, name: &str) -> Key {
    Key::of_host(Kind::ExternalAccount, &["of-user", user.as_str(), name])
}

impl Reader {
    /// The account of a subject at an issuer.
    ///
    /// # Errors
    /// When the store fails.
    pub fn external_account(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<ExternalAccountRecord>, StoreError> {
        self.get(&key(&name(issuer, subject)))
    }
}

impl Writer {
    /// The account of a subject at an issuer, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn external_account(
        &self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<ExternalAccountRecord>, StoreError> {
        self.get(&key(&name(issuer, subject)))
    }

    /// Writes an account.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_external_account(&mut self, account: &ExternalAccountRecord) -> Result<(), StoreError> {
        let name = name(&account.issuer, &account.subject);
        self.put(user_key(&account.user, &name), account)?;
        self.put(key(&name), account)
    }

    /// Forgets a user's accounts at issuers.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_external_accounts(&mut self, user: &UserId) -> Result<(), StoreError> {
        let prefix = Prefix::of_host(Kind::ExternalAccount, &["of-user", user.as_str()]);
        for (index, account) in self.before().first::<ExternalAccountRecord>(&prefix, MAX_PER_USER)? {
            self.remove(key(&name(&account.issuer, &account.subject)));
            self.remove(index);
        }
        Ok(())
    }
}
