//! What every request looks up: a token's claims, its session's standing, the caller's tenants.

use std::sync::Arc;

use super::caller::Place;
use super::sessions;
use super::token::{self, Claims};
use super::{Auth, AuthError, Permission, Rights};
use crate::config::Plans;
use crate::ids::{SessionId, UserId};
use crate::store::{MembershipRecord, Reader, StoreError, TenantRecord};
use crate::tenancy::RoleRef;

/// What a session's token is worth.
#[derive(Clone, Copy)]
pub(super) enum Standing {
    /// The session goes on.
    Alive {
        /// Its user is the operator.
        operator: bool,
    },
    /// The session has ended.
    Over,
}

impl Auth {
    /// The claims of a token that is good now.
    pub(super) fn claims(&self, token: &str) -> Result<Arc<Claims>, AuthError> {
        if token.len() > token::MAX_TOKEN_BYTES {
            return Err(AuthError::TokenInvalid);
        }
        let now_s = self.inner.clock.unix_ms() / 1_000;
        let name = *blake3::hash(token.as_bytes()).as_bytes();
        if let Some(claims) = self.inner.verified.get(&name) {
            token::check_times(&claims, now_s)?;
            return Ok(claims);
        }
        let era = self.inner.verified.era();
        let claims = Arc::new(self.inner.signer.verify(token, now_s)?);
        self.inner.verified.remember(era, name, Arc::clone(&claims));
        Ok(claims)
    }

    /// Whether a session goes on.
    pub(super) async fn standing(&self, session: &SessionId, user: &UserId) -> Result<Standing, AuthError> {
        if let Some(standing) = self.inner.sessions.get(session) {
            return Ok(standing);
        }
        let era = self.inner.sessions.era();
        let (now, config) = (self.inner.clock.now(), self.inner.config.clone());
        let (id, holder) = (session.clone(), user.clone());
        let standing = self
            .inner
            .store
            .read::<_, StoreError, _>(move |reader| {
                let session = reader.session(&id)?;
                let alive = session.is_some_and(|s| s.user == holder && sessions::is_alive(&s, now, &config));
                let user = reader.user(&holder)?;
                Ok(match user {
                    Some(user) if alive => Standing::Alive { operator: user.operator },
                    _ => Standing::Over,
                })
            })
            .await?;
        self.inner.sessions.remember(era, session.clone(), standing);
        Ok(standing)
    }

    /// The tenants a user belongs to.
    pub(super) async fn places(&self, user: &UserId) -> Result<Arc<[Place]>, AuthError> {
        if let Some(places) = self.inner.places.get(user) {
            return Ok(places);
        }
        let era = self.inner.places.era();
        let (member, plans) = (user.clone(), self.inner.plans.clone());
        let places: Vec<Place> = self
            .inner
            .store
            .read::<_, StoreError, _>(move |reader| {
                let mut places = Vec::new();
                for id in reader.tenants_of(&member)? {
                    let (Some(tenant), Some(membership)) =
                        (reader.tenant(&id)?, reader.membership(&id, &member)?)
                    else {
                        continue;
                    };
                    places.push(place(reader, &plans, tenant, &membership)?);
                }
                Ok(places)
            })
            .await?;
        let places: Arc<[Place]> = places.into();
        self.inner.places.remember(era, user.clone(), Arc::clone(&places));
        Ok(places)
    }
}

fn place(
    reader: &Reader,
    plans: &Plans,
    tenant: TenantRecord,
    membership: &MembershipRecord,
) -> Result<Place, StoreError> {
    let permissions: Arc<[Permission]> = match &membership.role {
        RoleRef::BuiltIn(role) => Rights::of_role(*role),
        // A role cannot be removed while somebody has it; were it gone, it would allow nothing.
        RoleRef::Custom(name) => {
            reader.role(&tenant.id, name)?.map(|role| role.permissions).unwrap_or_default().into()
        }
    };
    Ok(Place {
        limits: Arc::new(plans.of_tenant(tenant.plan, &tenant.limits)),
        tenant: tenant.id,
        slug: tenant.slug,
        name: tenant.name,
        role: membership.role.clone(),
        permissions,
        plan: tenant.plan,
        status: tenant.status,
    })
}
