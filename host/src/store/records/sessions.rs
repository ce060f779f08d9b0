//! Sign-in sessions and one-time links. Secrets are kept as hashes only.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::ids::{SessionId, TenantId, UserId};
use crate::store::{Direction, Key, Kind, Page, PageQuery, Prefix, Reader, Record, StoreError, Writer};

/// Sessions of one user that are looked at when all of them end.
pub const MAX_SESSIONS_PER_USER: usize = 1_000;

/// One sign-in, on one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// SHA-256, in hex, of the refresh token that works now.
    pub refresh_hash: String,
    /// The same of the tokens it replaced, newest last. One of these coming back means that it was stolen.
    pub spent_hashes: Vec<String>,
    /// When the session began.
    pub created_at: Timestamp,
    /// When its refresh token was last exchanged.
    pub refreshed_at: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// When it was ended before that.
    pub ended_at: Option<Timestamp>,
    /// What signed in, as it named itself.
    #[serde(default)]
    pub agent: String,
    /// From which address.
    #[serde(default)]
    pub address: Option<std::net::IpAddr>,
    /// The tenant that its last access token is good for.
    #[serde(default)]
    pub tenant: Option<TenantId>,
}

impl Record for SessionRecord {}

/// A link that signs a user in once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRecord {
    /// Who it signs in.
    pub user: UserId,
    /// Until when.
    pub expires_at: Timestamp,
}

impl Record for LinkRecord {}

#[derive(Serialize, Deserialize)]
struct SessionOfUserRecord {
    session: SessionId,
}

impl Record for SessionOfUserRecord {}

fn key(id: &SessionId) -> Key {
    Key::of_host(Kind::Session, &[id.as_str()])
}

fn index_key(user: &UserId, session: &SessionId) -> Key {
    Key::of_host(Kind::SessionOfUser, &[user.as_str(), session.as_str()])
}

fn link_key(hash: &str) -> Key {
    Key::of_host(Kind::Link, &[hash])
}

impl Reader {
    /// The session with an id.
    ///
    /// # Errors
    /// When the store fails.
    pub fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.get(&key(id))
    }

    /// Up to `limit` sessions of all users, after a place in the list; for cleaning up.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sessions(&self, after: Option<Vec<u8>>, limit: usize) -> Result<Page<SessionRecord>, StoreError> {
        let query = PageQuery { limit, after, direction: Direction::Ascending };
        self.page(&Prefix::of_host(Kind::Session, &[]), &query, |_| true)
    }

    /// The sessions of a user that have a record, ended or not, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub fn sessions_of(&self, user: &UserId) -> Result<Vec<SessionRecord>, StoreError> {
        let prefix = Prefix::of_host(Kind::SessionOfUser, &[user.as_str()]);
        let mut sessions = Vec::new();
        for (_, found) in self.first::<SessionOfUserRecord>(&prefix, MAX_SESSIONS_PER_USER)? {
            sessions.extend(self.session(&found.session)?);
        }
        Ok(sessions)
    }
}

impl Writer {
    /// The session with an id, as staged changes leave it.
    ///
    /// # Errors
    /// When the store fails.
    pub fn session(&self, id: &SessionId) -> Result<Option<SessionRecord>, StoreError> {
        self.get(&key(id))
    }

    /// Writes a session.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_session(&mut self, session: &SessionRecord) -> Result<(), StoreError> {
        let index = SessionOfUserRecord { session: session.id.clone() };
        self.put(index_key(&session.user, &session.id), &index)?;
        self.put(key(&session.id), session)
    }

    /// Forgets a session.
    pub fn remove_session(&mut self, session: &SessionRecord) {
        self.remove(index_key(&session.user, &session.id));
        self.remove(key(&session.id));
    }

    /// Writes a one-time link under the hash of its secret.
    ///
    /// # Errors
    /// When the store fails.
    pub fn put_link(&mut self, hash: &str, link: &LinkRecord) -> Result<(), StoreError> {
        self.put(link_key(hash), link)
    }

    /// Takes a one-time link, so that it works only this once.
    ///
    /// # Errors
    /// When the store fails.
    pub fn take_link(&mut self, hash: &str) -> Result<Option<LinkRecord>, StoreError> {
        let found = self.get(&link_key(hash))?;
        if found.is_some() {
            self.remove(link_key(hash));
        }
        Ok(found)
    }

    /// Forgets links that expired, at most `limit` of them looked at.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_expired_links(&mut self, now: Timestamp, limit: usize) -> Result<(), StoreError> {
        for (key, link) in self.before().first::<LinkRecord>(&Prefix::of_host(Kind::Link, &[]), limit)? {
            if link.expires_at <= now {
                self.remove(key);
            }
        }
        Ok(())
    }
}
