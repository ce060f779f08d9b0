//! Makes tenants and the accounts of those who run them.

use crate::auth::{Auth, AuthError, OperatorScope, Secret, TenantScope, stage_link};
use crate::clock::Clock;
use crate::ids::{TenantId, TenantSlug, UserId};
use crate::store::{MembershipRecord, Store, StoreError, TenantRecord, UserRecord, Writer};

use super::{Email, PlanName, Role, TenantStatus};

/// Longest name on screens, in characters.
pub const MAX_NAME_CHARACTERS: usize = 100;

/// Why a tenant was not made.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// Another tenant has this name in URLs.
    #[error("the slug `{0}` is taken")]
    SlugTaken(TenantSlug),
    /// The name on screens is empty or too long.
    #[error("the name must have 1 to 100 characters")]
    NameInvalid,
    /// The owner's link could not be made.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl TenancyError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SlugTaken(_) => "slug_taken",
            Self::NameInvalid => "name_invalid",
            Self::Auth(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }
}

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
    store: Store,
    clock: Clock,
    auth: Auth,
}

impl Tenancy {
    /// On top of a store.
    #[must_use]
    pub fn new(store: Store, clock: Clock, auth: Auth) -> Self {
        Self { store, clock, auth }
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
        if !(1..=MAX_NAME_CHARACTERS).contains(&new.name.trim().chars().count()) {
            return Err(TenancyError::NameInvalid);
        }
        self.store.admit()?;
        let (store, clock, ttl_s) = (self.store.clone(), self.clock.clone(), self.auth.config().link_ttl_s);
        let made = self
            .store
            .write::<_, TenancyError, _>(move |writer| {
                if writer.slug_is_taken(&new.slug)? {
                    return Err(TenancyError::SlugTaken(new.slug));
                }
                let tenant = TenantRecord {
                    id: TenantId::generate(&clock),
                    slug: new.slug,
                    name: new.name.trim().to_owned(),
                    plan: new.plan,
                    status: TenantStatus::Active,
                    created_at: clock.now(),
                };
                // A directory without a record does no harm; a record without a directory would.
                store.dir().provision(&tenant.id)?;
                writer.put_tenant(&tenant)?;
                let owner = find_or_make_user(writer, &clock, &new.owner, false)?;
                let membership =
                    MembershipRecord { user: owner.id.clone(), role: Role::Owner, created_at: clock.now() };
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
            .write::<_, TenancyError, _>(move |writer| Ok(find_or_make_user(writer, &clock, &email, true)?))
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

    /// A page of all tenants, oldest first.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn list(
        &self,
        _operator: &OperatorScope,
        after: Option<Vec<u8>>,
        limit: usize,
    ) -> Result<crate::store::Page<TenantRecord>, TenancyError> {
        self.store.read(move |reader| Ok(reader.tenants(after, limit)?)).await
    }

    /// Makes the directory of a tenant that lacks it. Blocks.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn ensure_directory(&self, scope: &TenantScope) -> Result<(), TenancyError> {
        Ok(self.store.dir().provision(scope.tenant())?)
    }
}

fn find_or_make_user(
    writer: &mut Writer<'_>,
    clock: &Clock,
    email: &Email,
    operator: bool,
) -> Result<UserRecord, StoreError> {
    let mut user = match writer.user_by_email(email)? {
        Some(user) if user.operator || !operator => return Ok(user),
        Some(user) => user,
        None => UserRecord {
            id: UserId::generate(clock),
            email: email.clone(),
            password: None,
            operator: false,
            created_at: clock.now(),
        },
    };
    user.operator = operator;
    writer.put_user(&user)?;
    Ok(user)
}
