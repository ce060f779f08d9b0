//! Signing in and out, and turning a token into a caller.

use std::net::IpAddr;
use std::sync::Arc;

use super::backoff::Backoff;
use super::caller::Place;
use super::keys::KeyRing;
use super::lookup::Standing;
use super::oidc::Issuers;
use super::password::Passwords;
use super::sessions::{self, Refreshed};
use super::token::{Claims, Signer};
use super::{
    Act, AuthError, Caller, Credential, Decisions, Member, OperatorScope, Permit, Rights, Secret,
    TenantScope, api_keys, links,
};
use crate::api;
use crate::cache::Cache;
use crate::clock::Clock;
use crate::config::{AuthConfig, Plans};
use crate::ids::{PrincipalId, SessionId, TenantId, UserId};
use crate::store::{SessionRecord, Store, StoreError, TenantRecord, UserRecord};
use crate::tenancy::Email;

/// Tokens, sessions and users whose lookups are remembered.
const MAX_REMEMBERED: usize = 50_000;

/// Authentication. Cheap to clone.
#[derive(Clone)]
pub struct Auth {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) config: AuthConfig,
    pub(super) plans: Plans,
    pub(super) signer: Signer,
    pub(super) issuers: Issuers,
    passwords: Passwords,
    backoff: Backoff,
    decisions: Arc<Decisions>,
    // By BLAKE3 of the token: a signature is checked once.
    pub(super) verified: Cache<[u8; 32], Arc<Claims>>,
    pub(super) sessions: Cache<SessionId, Standing>,
    pub(super) places: Cache<UserId, Arc<[Place]>>,
    // By BLAKE3 of the key.
    pub(super) api_keys: Cache<[u8; 32], Arc<api_keys::KnownKey>>,
    // What sessions were last refused for: a tenant of theirs that their token is not good for.
    asked_for: Cache<SessionId, TenantId>,
    // Counts changes that may end what somebody is doing.
    pub(super) changes: tokio::sync::watch::Sender<u64>,
}

/// Where a sign-in comes from, for the list of sessions and against guessing.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The address of the other end of the connection, when it is known.
    pub address: Option<IpAddr>,
    /// What the client calls itself.
    pub agent: String,
}

/// The result of a sign-in.
pub struct SignedIn {
    /// What the client gets.
    pub tokens: api::Tokens,
    /// Lifetime of the refresh token, in seconds.
    pub refresh_ttl_s: u64,
}

impl Auth {
    /// Reads or makes the signing key, and proves that it signs. Blocks.
    ///
    /// # Errors
    /// When the key cannot be read, made or used.
    pub fn new(
        store: Store,
        clock: Clock,
        config: AuthConfig,
        plans: Plans,
        decisions: Decisions,
    ) -> Result<Self, AuthError> {
        let keys = KeyRing::load_or_create(&store.dir().keys())?;
        let signer = Signer::new(&keys, &config.issuer)?;
        let passwords = Passwords::new(&config)?;
        let issuers = Issuers::new(&config.oidc)?;
        let inner = Inner {
            store,
            clock,
            config,
            plans,
            signer,
            issuers,
            passwords,
            backoff: Backoff::default(),
            decisions: Arc::new(decisions),
            verified: Cache::new(MAX_REMEMBERED),
            sessions: Cache::new(MAX_REMEMBERED),
            places: Cache::new(MAX_REMEMBERED),
            api_keys: Cache::new(MAX_REMEMBERED),
            asked_for: Cache::new(MAX_REMEMBERED),
            changes: tokio::sync::watch::Sender::new(0),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Settings of tokens and sessions.
    #[must_use]
    pub fn config(&self) -> &AuthConfig {
        &self.inner.config
    }

    /// The caller behind an access token or an API key.
    ///
    /// # Errors
    /// When it is not ours or not good now, or its session has ended.
    pub async fn authenticate(&self, token: &str) -> Result<Caller, AuthError> {
        if token.starts_with(api_keys::PREFIX) {
            return self.authenticate_key(token).await;
        }
        let claims = self.claims(token)?;
        match self.standing(&claims.sid, &claims.sub).await? {
            Standing::Over => Err(AuthError::TokenInvalid),
            Standing::Alive { operator } => Ok(Caller {
                user: claims.sub.clone(),
                credential: Credential::Session(claims.sid.clone()),
                operator,
                bound_to: claims.tid.clone(),
            }),
        }
    }

    /// The caller within the tenant they name by slug or id.
    ///
    /// It is looked for among the caller's own tenants only, so that somebody else's cannot be told from none.
    ///
    /// # Errors
    /// [`AuthError::TenantNotFound`]; [`AuthError::TokenOfOtherTenant`] when it is theirs, and their token is for another.
    pub async fn enter(&self, caller: &Caller, named: &str) -> Result<Member, AuthError> {
        let places = self.places(caller.user()).await?;
        let place = places
            .iter()
            .find(|place| place.slug.as_str() == named || place.tenant.as_str() == named)
            .ok_or(AuthError::TenantNotFound)?;
        if caller.tenant() != Some(&place.tenant) {
            return Err(self.refuse_other(caller, place));
        }
        let mut rights = Rights::of(Arc::clone(&place.permissions));
        if let Credential::Key(_, permissions) = caller.credential() {
            rights = rights.within(Arc::clone(permissions));
        }
        Ok(Member {
            caller: caller.clone(),
            scope: TenantScope::mint(place.tenant.clone(), place.slug.clone()),
            role: place.role.clone(),
            rights: Arc::new(rights),
            plan: place.plan,
            limits: Arc::clone(&place.limits),
            status: place.status,
            decisions: Arc::clone(&self.inner.decisions),
        })
    }

    /// Refuses what a token or key is not good for. A client that names no tenant when it refreshes gets a token for this one:
    /// the console in the browser has one sign-in for all of a person's tenants.
    fn refuse_other(&self, caller: &Caller, place: &Place) -> AuthError {
        match caller.credential() {
            Credential::Key(..) => AuthError::TenantNotFound,
            Credential::Session(session) => {
                let asked_for = &self.inner.asked_for;
                asked_for.remember(asked_for.era(), session.clone(), place.tenant.clone());
                AuthError::TokenOfOtherTenant
            }
        }
    }

    /// A permit for what the host itself does in a tenant's name, such as deploying the demo's commands.
    pub(crate) fn permit_for_host<A: Act>(
        &self,
        tenant: &TenantRecord,
        principal: impl Into<PrincipalId>,
    ) -> Permit<A> {
        let scope = TenantScope::mint(tenant.id.clone(), tenant.slug.clone());
        let limits = Arc::new(self.inner.plans.of_tenant(tenant.plan, &tenant.limits));
        Permit::for_host(scope, principal.into(), tenant.plan, limits)
    }

    /// The scope of a tenant for what the operator does to it: through endpoints of their own, with a reason, audited.
    pub(crate) fn scope_for_operator(&self, _operator: &OperatorScope, tenant: &TenantRecord) -> TenantScope {
        self.scope_for_host(tenant)
    }

    /// The scope of a tenant for what the host does by itself: taking it down when its grace has ended.
    pub(crate) fn scope_for_host(&self, tenant: &TenantRecord) -> TenantScope {
        TenantScope::mint(tenant.id.clone(), tenant.slug.clone())
    }

    /// Signs in by password, to a tenant or to the user's first.
    ///
    /// # Errors
    /// When either is wrong, there were too many attempts, or the tenant is not the user's.
    pub async fn sign_in(
        &self,
        email: &str,
        password: String,
        tenant: Option<String>,
        origin: Origin,
    ) -> Result<SignedIn, AuthError> {
        let from = origin.address;
        // What cannot be an account's name costs no hash: it says nothing about which accounts exist.
        let email: Email = email.parse().map_err(|_| AuthError::WrongCredentials)?;
        self.inner.backoff.attempt(&email, from, self.inner.clock.unix_ms())?;
        let wanted = email.clone();
        let user = self.inner.store.read::<_, StoreError, _>(move |r| r.user_by_email(&wanted)).await?;
        let stored = user.as_ref().and_then(|user| user.password.clone());
        let right = self.inner.passwords.verify(stored, password).await?;
        match user {
            Some(user) if right => {
                self.inner.backoff.succeeded(&email, from);
                self.begin_session(user, tenant, origin).await
            }
            _ => Err(AuthError::WrongCredentials),
        }
    }

    /// Signs in by a one-time link, and sets the account's password when one is given.
    ///
    /// # Errors
    /// When the link does not work, or the password does not meet the rule; the link stays good then.
    pub async fn sign_in_by_link(
        &self,
        token: String,
        new_password: Option<String>,
        origin: Origin,
    ) -> Result<SignedIn, AuthError> {
        let hash = match new_password {
            // The rule is checked by hashing, and the link before that, so that strangers cause no hashing.
            Some(password) => {
                self.look_at_link(token.clone()).await?;
                Some(self.inner.passwords.hash(password).await?)
            }
            None => None,
        };
        let clock = self.inner.clock.clone();
        let user = self
            .inner
            .store
            .write::<_, AuthError, _>(move |writer| {
                let id = links::take(writer, &clock, &token)?;
                let mut user = writer.user(&id)?.ok_or(AuthError::LinkInvalid)?;
                let mut ended = Vec::new();
                if let Some(hash) = hash {
                    user.password = Some(hash);
                    writer.put_user(&user)?;
                    ended = sessions::end_others(writer, &user.id, None, clock.now())?;
                }
                Ok((user, ended))
            })
            .await?;
        let (user, ended) = user;
        self.sessions_ended(&ended);
        self.begin_session(user, None, origin).await
    }

    /// Exchanges a refresh token for new tokens, for the named tenant or as [`api::Refresh`] says.
    ///
    /// # Errors
    /// When it does not work; when it was used before, its session is over. When the tenant is not the user's, it stays good.
    pub async fn refresh(&self, token: String, tenant: Option<String>) -> Result<SignedIn, AuthError> {
        let inner = Arc::clone(&self.inner);
        let refreshed = self
            .inner
            .store
            .write::<_, AuthError, _>(move |writer| {
                let Inner { clock, config, asked_for, .. } = &*inner;
                let asked_for = |session: &SessionId| asked_for.get(session);
                sessions::refresh(writer, clock, config, &token, tenant.as_deref(), asked_for)
            })
            .await?;
        match refreshed {
            Refreshed::Renewed(session, refresh) => {
                self.inner.asked_for.forget(&session.id);
                let id = session.user.clone();
                let user = self.inner.store.read::<_, StoreError, _>(move |r| r.user(&id)).await?;
                self.signed_in(user.ok_or(AuthError::RefreshInvalid)?, &session, &refresh).await
            }
            Refreshed::Reused(session) => {
                self.sessions_ended(std::slice::from_ref(&session.id));
                crate::audit::Trail::signs_in(&session.user, &session.id);
                Err(AuthError::RefreshReused)
            }
            Refreshed::Superseded => Err(AuthError::RefreshSuperseded),
            Refreshed::Invalid => Err(AuthError::RefreshInvalid),
        }
    }

    /// Ends the caller's session.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), AuthError> {
        self.end_session(caller.session()?.clone()).await
    }

    /// Ends the session of a refresh token; one that does not work is taken as signed out already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn sign_out_by_refresh_token(&self, token: String) -> Result<(), AuthError> {
        let session = self
            .inner
            .store
            .write_soon::<_, AuthError, _>(move |writer| sessions::holder(writer, &token))
            .await?;
        match session {
            Some(session) => self.end_session(session.id).await,
            None => Ok(()),
        }
    }

    /// Sets or changes the caller's password, and ends their other sessions.
    ///
    /// # Errors
    /// When the current password is wrong, or the new one does not meet the rule.
    pub async fn change_password(
        &self,
        caller: &Caller,
        current: Option<String>,
        new_password: String,
    ) -> Result<(), AuthError> {
        let keep = caller.session()?.clone();
        Passwords::check_rule(&new_password)?;
        let id = caller.user().clone();
        let user = self.inner.store.read::<_, StoreError, _>(move |r| r.user(&id)).await?;
        let user = user.ok_or(AuthError::TokenInvalid)?;
        if user.password.is_some() {
            self.inner.backoff.attempt(&user.email, None, self.inner.clock.unix_ms())?;
            let given = current.unwrap_or_default();
            if !self.inner.passwords.verify(user.password.clone(), given).await? {
                return Err(AuthError::WrongCredentials);
            }
            self.inner.backoff.succeeded(&user.email, None);
        }
        let hash = self.inner.passwords.hash(new_password).await?;
        let now = self.inner.clock.now();
        let ended = self
            .inner
            .store
            .write::<_, AuthError, _>(move |writer| {
                let mut user = writer.user(&user.id)?.ok_or(AuthError::TokenInvalid)?;
                user.password = Some(hash);
                writer.put_user(&user)?;
                sessions::end_others(writer, &user.id, Some(&keep), now)
            })
            .await?;
        self.sessions_ended(&ended);
        Ok(())
    }

    /// Who the caller is, and which tenants they belong to.
    ///
    /// # Errors
    /// When the store fails, or the user is gone.
    pub async fn principal(&self, caller: &Caller) -> Result<api::Principal, AuthError> {
        let id = caller.user().clone();
        let user = self.inner.store.read::<_, StoreError, _>(move |r| r.user(&id)).await?;
        let mut principal = self.describe(&user.ok_or(AuthError::TokenInvalid)?).await?;
        if let (Credential::Key(..), Some(tenant)) = (caller.credential(), caller.tenant()) {
            principal.memberships.retain(|membership| membership.tenant_id == tenant.as_str());
            principal.operator = false;
        }
        principal.id = caller.principal().to_string();
        Ok(principal)
    }

    /// Call after a change to tenants, memberships or users.
    pub fn memberships_changed(&self) {
        self.inner.places.forget_all();
        self.inner.sessions.forget_all();
        self.inner.api_keys.forget_all();
        self.announce_change();
    }

    /// Call after sessions have ended.
    pub(super) fn sessions_ended(&self, ended: &[SessionId]) {
        if ended.is_empty() {
            return;
        }
        ended.iter().for_each(|session| self.inner.sessions.forget(session));
        self.announce_change();
    }

    /// Lets those who watch over long requests look again.
    fn announce_change(&self) {
        self.inner.changes.send_modify(|changes| *changes += 1);
    }

    async fn look_at_link(&self, token: String) -> Result<(), AuthError> {
        let clock = self.inner.clock.clone();
        let looked = self.inner.store.write_soon::<(), AuthError, _>(move |writer| {
            links::take(writer, &clock, &token)?;
            // Failing leaves the link as it was.
            Err(AuthError::Internal("look at a link"))
        });
        match looked.await {
            Err(AuthError::Internal(_)) => Ok(()),
            other => other,
        }
    }

    /// The PHC string of a new password.
    pub(crate) async fn hash_password(&self, password: String) -> Result<String, AuthError> {
        self.inner.passwords.hash(password).await
    }

    /// Begins a session of a user who has proved who they are, for the named tenant or their first.
    pub(crate) async fn begin_session(
        &self,
        user: UserRecord,
        tenant: Option<String>,
        origin: Origin,
    ) -> Result<SignedIn, AuthError> {
        let (clock, config, id) = (self.inner.clock.clone(), self.inner.config.clone(), user.id.clone());
        let begun = self
            .inner
            .store
            .write::<_, AuthError, _>(move |writer| {
                sessions::begin(writer, &clock, &config, &id, tenant.as_deref(), &origin)
            })
            .await?;
        let sessions::Begun { session, refresh, forgotten } = begun;
        self.sessions_ended(&forgotten);
        crate::audit::Trail::signs_in(&user.id, &session.id);
        self.signed_in(user, &session, &refresh).await
    }

    async fn signed_in(
        &self,
        user: UserRecord,
        session: &SessionRecord,
        refresh: &Secret,
    ) -> Result<SignedIn, AuthError> {
        let now_s = self.inner.clock.unix_ms() / 1_000;
        let left_s = u64::try_from(session.expires_at.as_second()).unwrap_or(0).saturating_sub(now_s);
        let expires_in_s = self.inner.config.access_token_ttl_s.min(left_s);
        let claims = Claims {
            iss: self.inner.signer.issuer().to_owned(),
            aud: self.inner.signer.issuer().to_owned(),
            sub: user.id.clone(),
            tid: session.tenant.clone(),
            sid: session.id.clone(),
            jti: self.inner.clock.ulid().to_string().to_ascii_lowercase(),
            exp: now_s + expires_in_s,
            nbf: now_s,
            iat: now_s,
        };
        let tokens = api::Tokens {
            access_token: self.inner.signer.sign(&claims)?,
            token_type: "Bearer".to_owned(),
            expires_in_s,
            refresh_token: refresh.reveal().to_owned(),
            tenant_id: session.tenant.as_ref().map(TenantId::to_string),
            principal: self.describe(&user).await?,
        };
        Ok(SignedIn { tokens, refresh_ttl_s: self.inner.config.session_idle_s.min(left_s) })
    }

    async fn describe(&self, user: &UserRecord) -> Result<api::Principal, AuthError> {
        let places = self.places(&user.id).await?;
        let memberships = places
            .iter()
            .map(|place| api::Membership {
                tenant_id: place.tenant.to_string(),
                slug: place.slug.to_string(),
                name: place.name.clone(),
                role: place.role.as_str().to_owned(),
                permissions: place.permissions.iter().map(ToString::to_string).collect(),
            })
            .collect();
        Ok(api::Principal {
            id: user.id.to_string(),
            email: user.email.to_string(),
            operator: user.operator,
            has_password: user.password.is_some(),
            memberships,
        })
    }

    pub(super) async fn end_session(&self, id: SessionId) -> Result<(), AuthError> {
        let (now, wanted) = (self.inner.clock.now(), id.clone());
        self.inner
            .store
            .write::<_, AuthError, _>(move |writer| match writer.session(&wanted)? {
                Some(mut session) => sessions::end(writer, &mut session, now),
                None => Ok(()),
            })
            .await?;
        self.sessions_ended(&[id]);
        Ok(())
    }
}
