//! Makes tenants and the accounts of those who run them.

use std::collections::BTreeMap;

use super::{Email, PlanName, RoleRef, TenancyError, branding};
use crate::api::Branding;
use crate::audit::Trail;
use crate::auth::{Auth, AuthError, OperatorScope, Secret, TenantScope, reclaim, stage_link};
use crate::clock::Clock;
use crate::config::{Plan, Plans};
use crate::ids::{TenantId, TenantSlug, UserId};
use crate::store::{MembershipRecord, Store, TenantRecord, UserRecord, Writer};

/// Longest name on screens, in characters.
pub const MAX_NAME_CHARACTERS: usize = 100;

/// Notes and switches of one tenant.
const MAX_ENTRIES: usize = 64;
/// Longest name and value of a note, and longest region, in bytes.
const MAX_ENTRY_BYTES: usize = 256;

/// What a new tenant is to be.
#[derive(Debug, Clone)]
pub struct NewTenant {
    /// Its name in URLs.
    pub slug: TenantSlug,
    /// Its name on screens.
    pub name: String,
    /// Its plan.
    pub plan: PlanName,
    /// Who owns it; their account is made when there is none.
    pub owner: Email,
    /// Everything that has a default.
    pub settings: Settings,
}

/// What can be set of a tenant besides its name and plan. What is absent stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// Limits of its own, by the names they have in a plan.
    pub limits: Option<serde_json::Map<String, serde_json::Value>>,
    /// Where its data is meant to be.
    pub region: Option<String>,
    /// What the operator noted.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Features that are switched on or off for it.
    pub features: Option<BTreeMap<String, bool>>,
    /// How it looks.
    pub branding: Option<Branding>,
}

impl Settings {
    /// Writes what is set into a tenant's record, whose plan is the one that its limits are laid over.
    pub(super) fn lay_over(self, tenant: &mut TenantRecord, plans: &Plans) -> Result<(), TenancyError> {
        if let Some(limits) = self.limits {
            tenant.limits = limits;
        }
        plans.with_changes(tenant.plan, &tenant.limits)?;
        if let Some(region) = self.region {
            short("region", &region)?;
            tenant.region = region;
        }
        if let Some(metadata) = self.metadata {
            few("metadata", metadata.len())?;
            metadata.iter().try_for_each(|(key, value)| {
                short("metadata", key).and_then(|()| short("metadata", value))
            })?;
            tenant.metadata = metadata;
        }
        if let Some(features) = self.features {
            few("features", features.len())?;
            features.keys().try_for_each(|name| short("features", name))?;
            tenant.features = features;
        }
        if let Some(branding) = self.branding {
            branding::check(&branding)?;
            tenant.branding = branding;
        }
        Ok(())
    }
}

fn few(field: &'static str, count: usize) -> Result<(), TenancyError> {
    let rule = || format!("has {count} entries and may have {MAX_ENTRIES}");
    if count <= MAX_ENTRIES { Ok(()) } else { Err(TenancyError::SettingInvalid { field, rule: rule() }) }
}

fn short(field: &'static str, text: &str) -> Result<(), TenancyError> {
    if text.len() <= MAX_ENTRY_BYTES && !text.chars().any(char::is_control) {
        return Ok(());
    }
    let rule = format!("must have at most {MAX_ENTRY_BYTES} bytes and no control characters");
    Err(TenancyError::SettingInvalid { field, rule })
}

/// The name on screens, without spaces around it.
pub(super) fn checked_name(name: &str) -> Result<String, TenancyError> {
    let name = name.trim();
    let valid =
        (1..=MAX_NAME_CHARACTERS).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if valid { Ok(name.to_owned()) } else { Err(TenancyError::NameInvalid) }
}

/// A tenant that was just made.
pub struct Provisioned {
    /// The tenant.
    pub tenant: TenantRecord,
    /// Its owner.
    pub owner: UserId,
    /// Signs the owner in once.
    pub link: Secret,
}

/// Makes and lists tenants. Cheap to clone.
#[derive(Clone)]
pub struct Tenancy {
    pub(super) store: Store,
    pub(super) clock: Clock,
    pub(super) auth: Auth,
    pub(super) plans: Plans,
}

impl Tenancy {
    /// On top of a store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, auth: Auth, plans: Plans) -> Self {
        Self { store, clock, auth, plans }
    }

    /// What a tenant's plan allows, with the operator's changes for it.
    #[must_use]
    pub fn plan_of(&self, tenant: &TenantRecord) -> Plan {
        self.plans.of_tenant(tenant.plan, &tenant.limits)
    }

    /// Makes a tenant with its directory, its owner's membership and a link for them, all or nothing.
    ///
    /// # Errors
    /// When the slug is taken or the name does not meet the rule.
    pub async fn create(
        &self,
        _operator: &OperatorScope,
        new: NewTenant,
    ) -> Result<Provisioned, TenancyError> {
        self.provision(new).await
    }

    /// As [`Tenancy::create`], for what the host itself makes: the demo's tenant.
    pub(crate) async fn provision(&self, new: NewTenant) -> Result<Provisioned, TenancyError> {
        let name = checked_name(&new.name)?;
        self.store.admit()?;
        let plans = self.plans.clone();
        let (store, clock, ttl_s) = (self.store.clone(), self.clock.clone(), self.auth.config().link_ttl_s);
        let made = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                if writer.slug_is_taken(&new.slug)? {
                    return Err(TenancyError::SlugTaken(new.slug));
                }
                let id = TenantId::generate(&clock);
                let mut tenant = TenantRecord::new(id, new.slug, name, new.plan, clock.now());
                new.settings.lay_over(&mut tenant, &plans)?;
                // A directory without a record does no harm; a record without a directory would.
                store.dir().provision(&tenant.id)?;
                writer.put_tenant(&tenant)?;
                let owner = vouched_user(writer, &clock, &new.owner)?;
                let membership = MembershipRecord {
                    user: owner.id.clone(),
                    role: RoleRef::OWNER,
                    created_at: clock.now(),
                };
                writer.put_membership(&tenant.id, &membership)?;
                let link = stage_link(writer, &clock, ttl_s, &owner.id)?;
                Ok(Provisioned { tenant, owner: owner.id, link })
            })
            .await?;
        self.auth.memberships_changed();
        Ok(made)
    }

    /// The operator's account, made when it is missing, and whether it still needs a password.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn ensure_operator(&self) -> Result<UserRecord, TenancyError> {
        let email: Email = self
            .auth
            .config()
            .operator_email
            .parse()
            .map_err(|_| AuthError::Internal("read the operator's address"))?;
        let clock = self.clock.clone();
        let user = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let mut user = vouched_user(writer, &clock, &email)?;
                if !user.operator {
                    user.operator = true;
                    writer.put_user(&user)?;
                }
                Ok(user)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(user)
    }

    /// A fresh one-time link for a user.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) async fn link_for(&self, user: &UserId) -> Result<Secret, TenancyError> {
        let (clock, ttl_s, user) = (self.clock.clone(), self.auth.config().link_ttl_s, user.clone());
        self.store
            .write::<_, TenancyError, _>(move |writer| Ok(stage_link(writer, &clock, ttl_s, &user)?))
            .await
    }

    /// A page of the host's accounts that `wanted` accepts, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn users(
        &self,
        _operator: &OperatorScope,
        email_part: Option<String>,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<crate::store::Page<UserRecord>, TenancyError> {
        let part = email_part.map(|part| part.to_lowercase());
        let wanted =
            move |user: &UserRecord| part.as_deref().is_none_or(|part| user.email.as_str().contains(part));
        self.store.read(move |reader| Ok(reader.users(after, limit, wanted)?)).await
    }

    /// A fresh one-time link for an account whose owner cannot sign in. Its password stops working and its sessions end.
    ///
    /// # Errors
    /// [`TenancyError::UserNotFound`].
    pub async fn recover(
        &self,
        _operator: &OperatorScope,
        email: Email,
        reason: &str,
    ) -> Result<Secret, TenancyError> {
        let (clock, ttl_s) = (self.clock.clone(), self.auth.config().link_ttl_s);
        Trail::adds(&format!("{email}: {reason}"));
        let link = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                let mut user = writer.user_by_email(&email)?.ok_or(TenancyError::UserNotFound)?;
                reclaim(writer, &mut user, clock.now())?;
                Ok(stage_link(writer, &clock, ttl_s, &user.id)?)
            })
            .await?;
        self.auth.memberships_changed();
        Ok(link)
    }

    /// Makes the directory of a tenant that lacks it. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn ensure_directory(&self, scope: &TenantScope) -> Result<(), TenancyError> {
        Ok(self.store.dir().provision(scope.tenant())?)
    }
}

/// The account of an address, for what the operator does; made when there is none. One that only a tenant's invitation
/// made is taken from whoever has it first, since that tenant may have invented the address.
pub(crate) fn vouched_user(
    writer: &mut Writer,
    clock: &Clock,
    email: &Email,
) -> Result<UserRecord, TenancyError> {
    let mut user = match writer.user_by_email(email)? {
        Some(user) if user.vouched => return Ok(user),
        Some(user) => user,
        None => new_user(clock, email.clone(), true),
    };
    if !user.vouched {
        reclaim(writer, &mut user, clock.now())?;
    }
    writer.put_user(&user)?;
    Ok(user)
}

pub(super) fn new_user(clock: &Clock, email: Email, vouched: bool) -> UserRecord {
    let (id, created_at) = (UserId::generate(clock), clock.now());
    UserRecord { id, email, password: None, operator: false, vouched, created_at }
}
