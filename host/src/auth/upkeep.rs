//! Looking after sessions and keys: listing, ending, replacing, and removing what is over.

use std::sync::Arc;

use super::token::LEEWAY_S;
use super::{Auth, AuthError, Caller, OperatorScope, sessions};
use crate::api;
use crate::ids::SessionId;
use crate::store::{SessionRecord, StoreError};

/// Links, keys and invitations that one clean-up looks at.
const CLEANED_AT_ONCE: usize = 10_000;

impl Auth {
    /// The caller's sessions that go on, oldest first.
    ///
    /// # Errors
    /// When an API key asks, or the store fails.
    pub async fn sessions(&self, caller: &Caller) -> Result<Vec<SessionRecord>, AuthError> {
        caller.session()?;
        let (user, now, config) = (caller.user().clone(), self.inner.clock.now(), self.inner.config.clone());
        let sessions = self.inner.store.read::<_, StoreError, _>(move |r| r.sessions_of(&user)).await?;
        Ok(sessions.into_iter().filter(|session| sessions::is_alive(session, now, &config)).collect())
    }

    /// Ends one of the caller's sessions.
    ///
    /// # Errors
    /// [`AuthError::SessionNotFound`], for somebody else's too.
    pub async fn end_one_session(&self, caller: &Caller, id: SessionId) -> Result<(), AuthError> {
        let sessions = self.sessions(caller).await?;
        if !sessions.iter().any(|session| session.id == id) {
            return Err(AuthError::SessionNotFound);
        }
        self.end_session(id).await
    }

    /// Ends all of the caller's sessions, or all but the one that asks.
    ///
    /// # Errors
    /// When an API key asks, or the store fails.
    pub async fn end_all_sessions(&self, caller: &Caller, keep_current: bool) -> Result<(), AuthError> {
        let keep = Some(caller.session()?.clone()).filter(|_| keep_current);
        let (user, now) = (caller.user().clone(), self.inner.clock.now());
        let ended = self
            .inner
            .store
            .write::<_, AuthError, _>(move |writer| sessions::end_others(writer, &user, keep.as_ref(), now))
            .await?;
        self.sessions_ended(&ended);
        Ok(())
    }

    /// The public keys of access tokens.
    #[must_use]
    pub fn jwks(&self) -> api::JsonWebKeySet {
        self.inner.signer.jwks(self.inner.clock.unix_ms() / 1_000)
    }

    /// Signs with a new key from now on. Tokens of the old one stay good until they expire, or with `at_once` no longer.
    ///
    /// # Errors
    /// When the new key cannot be made or kept.
    pub async fn rotate_keys(
        &self,
        _operator: &OperatorScope,
        at_once: bool,
    ) -> Result<api::JsonWebKeySet, AuthError> {
        let inner = Arc::clone(&self.inner);
        let until_s = match at_once {
            true => 0,
            false => inner.clock.unix_ms() / 1_000 + inner.config.access_token_ttl_s + LEEWAY_S,
        };
        let folder = inner.store.dir().keys();
        tokio::task::spawn_blocking(move || inner.signer.rotate(&folder, until_s))
            .await
            .unwrap_or(Err(AuthError::Internal("make a key")))?;
        if at_once {
            self.inner.verified.forget_all();
        }
        tracing::info!(target: "audit", at_once, "signing key rotated");
        Ok(self.jwks())
    }

    /// Removes sessions, links, API keys and invitations whose time is over. The host calls it now and then.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn clean(&self) -> Result<(), AuthError> {
        let mut after = None;
        loop {
            let (clock, config) = (self.inner.clock.clone(), self.inner.config.clone());
            let (gone, next) = self
                .inner
                .store
                .write_soon::<_, AuthError, _>(move |writer| sessions::clean(writer, &clock, &config, after))
                .await?;
            self.sessions_ended(&gone);
            match next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        let now = self.inner.clock.now();
        self.inner
            .store
            .write_soon::<_, AuthError, _>(move |writer| {
                writer.remove_expired_links(now, CLEANED_AT_ONCE)?;
                writer.remove_expired_api_keys(now, CLEANED_AT_ONCE)?;
                Ok(writer.remove_expired_invitations(now, CLEANED_AT_ONCE)?)
            })
            .await
    }
}
