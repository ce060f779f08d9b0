//! Watching over requests that last: they end when whoever began them may no longer go on.

use std::time::Duration;

use super::lookup::Standing;
use super::{Act, Action, Auth, AuthError, Caller, Credential, Member};
use crate::store::StoreError;

/// Between two looks at whether a request that lasts may go on, when no change is announced.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// How long something may go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lasts {
    /// As long as the session or key that began it.
    Credential,
    /// As long as the principal may.
    Principal,
}

impl Auth {
    /// Returns when a member may no longer do what they were permitted: their session has ended, their key was revoked,
    /// they left, their role changed so, or the tenant was suspended. For requests that last.
    pub async fn until_revoked<A: Act>(&self, member: Member, _act: A, resource: String) {
        self.watch(member, A::ACTION, resource, Lasts::Credential).await;
    }

    /// As [`Auth::until_revoked`] for what outlives a sign-in: a session that ended does not count, a revoked key does,
    /// since a key is the principal itself.
    pub async fn until_expelled<A: Act>(&self, member: Member, _act: A, resource: String) {
        self.watch(member, A::ACTION, resource, Lasts::Principal).await;
    }

    async fn watch(&self, member: Member, action: Action, resource: String, lasts: Lasts) {
        let mut changes = self.inner.changes.subscribe();
        loop {
            // What ends by itself, such as an API key, is noticed within this time.
            let _ = tokio::time::timeout(LOOK_AGAIN, changes.changed()).await;
            match self.still_may(&member, action, &resource, lasts).await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "could not look whether a request may go on");
                    return;
                }
            }
        }
    }

    /// Refuses a caller whose session has ended, or whose key was revoked or has expired, since they proved who they are.
    ///
    /// # Errors
    /// [`AuthError::TokenInvalid`].
    pub async fn check_alive(&self, caller: &Caller) -> Result<(), AuthError> {
        let alive = match caller.credential() {
            Credential::Session(session) => {
                matches!(self.standing(session, caller.user()).await?, Standing::Alive { .. })
            }
            Credential::Key(key, _) => {
                let (id, now) = (key.clone(), self.inner.clock.now());
                let found = self.inner.store.read::<_, StoreError, _>(move |r| r.api_key(&id)).await?;
                found.is_some_and(|key| key.expires_at > now)
            }
        };
        if alive { Ok(()) } else { Err(AuthError::TokenInvalid) }
    }

    async fn still_may(
        &self,
        member: &Member,
        action: Action,
        resource: &str,
        lasts: Lasts,
    ) -> Result<bool, AuthError> {
        let caller = member.caller();
        if lasts == Lasts::Credential || matches!(caller.credential(), Credential::Key(..)) {
            match self.check_alive(caller).await {
                Ok(()) => {}
                Err(AuthError::TokenInvalid) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        match self.enter(caller, member.scope().tenant().as_str()).await {
            Ok(member) => Ok(member.may(action, resource)),
            Err(AuthError::TenantNotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
