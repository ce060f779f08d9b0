//! Users, and their e-mail addresses.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::UserId;
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};
use crate::tenancy::Email;

/// One user.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// Their id.
    pub id: UserId,
    /// Their e-mail address.
    pub email: Email,
    /// Their password, as an argon2id PHC string; absent until they set one.
    pub password: Option<String>,
    /// True for the operator of the whole host.
    pub operator: bool,
    /// False while only a tenant's invitation says that the address is theirs: whoever held that link chose the
    /// password. The operator does not build on such an account, but reclaims it.
    #[serde(default = "vouched")]
    pub vouched: bool,
    /// When they were made.
    pub created_at: Timestamp,
}

impl Record for UserRecord {}

/// Accounts older than invitations were all made by the operator.
fn vouched() -> bool {
    true
}

#[derive(Serialize, Deserialize)]
struct EmailRecord {
    user: UserId,
}

impl Record for EmailRecord {}

fn key(id: &UserId) -> Key {
    Key::of_host(Kind::User, &[id.as_str()])
}

fn email_key(email: &Email) -> Key {
    Key::of_host(Kind::UserEmail, &[email.as_str()])
}

impl Reader {
    /// The user with an id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        self.get(&key(id))
    }

    /// The user with an e-mail address.
    ///
    /// # Errors
    /// When the store fails.
    pub fn user_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        match self.get::<EmailRecord>(&email_key(email))? {
            Some(found) => self.user(&found.user),
            None => Ok(None),
        }
    }
}

impl Reader {
    /// All users that `wanted` accepts, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn users(
        &self,
        after: Option<Vec<u8>>,
        limit: usize,
        wanted: impl FnMut(&UserRecord) -> bool,
    ) -> Result<Page<UserRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::of_host(Kind::User, &[]), &query, wanted)
    }
}

impl Writer {
    /// Removes a user.
    pub fn remove_user(&mut self, user: &UserRecord) {
        self.remove(email_key(&user.email));
        self.remove(key(&user.id));
    }

    /// The user with an id, as staged changes leave them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn user(&self, id: &UserId) -> Result<Option<UserRecord>, StoreError> {
        self.get(&key(id))
    }

    /// The user with an e-mail address, as staged changes leave them.
    ///
    /// # Errors
    /// When the store fails.
    pub fn user_by_email(&self, email: &Email) -> Result<Option<UserRecord>, StoreError> {
        match self.get::<EmailRecord>(&email_key(email))? {
            Some(found) => self.user(&found.user),
            None => Ok(None),
        }
    }

    /// Writes a user.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_user(&mut self, user: &UserRecord) -> Result<(), StoreError> {
        self.put(email_key(&user.email), &EmailRecord { user: user.id.clone() })?;
        self.put(key(&user.id), user)
    }
}
