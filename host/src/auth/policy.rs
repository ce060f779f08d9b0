//! What each role may do, and the one place where that is decided.

use std::marker::PhantomData;
use std::sync::Arc;

use super::{AuthError, Member, Permission, Rights, TenantScope};
use crate::config::Plan;
use crate::ids::PrincipalId;
use crate::tenancy::{PlanName, Role, RoleRef, TenantStatus};

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal, least $role:ident, $effect:ident;)*) => {
        /// Something a member may want to do in their tenant.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Action {
            $($(#[$doc])* $name,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The permission's name.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The least role that may do it.
            fn least_role(self) -> Role {
                match self {
                    $(Self::$name => Role::$role,)*
                }
            }

            /// True when a built-in role allows it.
            #[must_use]
            pub fn is_of(self, role: Role) -> bool {
                let rank = |role: Role| Role::ALL.iter().position(|&other| other == role);
                rank(role) <= rank(self.least_role())
            }

            fn effect(self) -> Effect {
                match self {
                    $(Self::$name => Effect::$effect,)*
                }
            }
        }

        /// The actions as types, for [`Permit`].
        pub mod act {
            $(
                $(#[$doc])*
                #[derive(Debug, Clone, Copy)]
                pub struct $name;

                impl super::Act for $name {
                    const ACTION: super::Action = super::Action::$name;
                }
            )*
        }
    };
}

// The table of roles: each line names the least role that may do it. Roles are ordered by might.
actions! {
    /// Uploads a module.
    ModuleUpload = "module:upload", least Developer, Changes;
    /// Sees modules.
    ModuleRead = "module:read", least Viewer, Reads;
    /// Removes a module.
    ModuleDelete = "module:delete", least Developer, Changes;
    /// Sees commands.
    DeploymentRead = "deployment:read", least Viewer, Reads;
    /// Makes, rolls back and removes commands.
    DeploymentWrite = "deployment:write", least Developer, Changes;
    /// Starts a run.
    RunCreate = "run:create", least Runner, Changes;
    /// Sees runs and their output.
    RunRead = "run:read", least Viewer, Reads;
    /// Feeds a run's standard input, or ends it.
    RunControl = "run:control", least Runner, Changes;
    /// Reads log lines.
    LogRead = "log:read", least Viewer, Reads;
    /// Makes and uses console sessions of one's own.
    ConsoleUse = "console:use", least Runner, Changes;
    /// Sees and ends the console sessions of others.
    ConsoleManage = "console:manage", least Admin, Changes;
    /// Deletes the lines of a run.
    LogDelete = "log:delete", least Admin, Changes;
    /// Reads files.
    FileRead = "file:read", least Viewer, Reads;
    /// Writes and removes files.
    FileWrite = "file:write", least Developer, Changes;
    /// Reads the audit.
    AuditRead = "audit:read", least Admin, Reads;
    /// Sees the names of secrets.
    SecretRead = "secret:read", least Developer, Reads;
    /// Sets and removes secrets.
    SecretWrite = "secret:write", least Developer, Changes;
    /// Sees what is used of the plan.
    UsageRead = "usage:read", least Viewer, Reads;
    /// Sees what is masked.
    MaskingRead = "masking:read", least Developer, Reads;
    /// Changes what is masked.
    MaskingWrite = "masking:write", least Admin, Changes;
    /// Sees the tenant's settings.
    TenantRead = "tenant:read", least Viewer, Reads;
    /// Changes the tenant's name and branding.
    TenantWrite = "tenant:write", least Admin, Changes;
    /// Takes all of the tenant's data away as an archive.
    TenantExport = "tenant:export", least Owner, Reads;
    /// Sees members and invitations.
    MemberRead = "member:read", least Viewer, Reads;
    /// Invites and removes members, and changes their roles, within one's own rights.
    MemberWrite = "member:write", least Admin, Changes;
    /// Sees roles.
    RoleRead = "role:read", least Viewer, Reads;
    /// Makes, changes and removes roles, within one's own rights.
    RoleWrite = "role:write", least Admin, Changes;
    /// Sees API keys, without their secrets.
    KeyRead = "key:read", least Developer, Reads;
    /// Makes API keys within one's own rights, and revokes them.
    KeyWrite = "key:write", least Developer, Changes;
}

#[derive(PartialEq, Eq)]
enum Effect {
    Reads,
    Changes,
}

/// An action as a type.
pub trait Act {
    /// Which.
    const ACTION: Action;
}

/// The proof that a member may do `A` in their tenant. Whatever does it takes one.
///
/// One is no other, and nobody else makes any:
///
/// ```compile_fail,E0308
/// # use cloister_host::auth::{Permit, act};
/// fn turn(permit: Permit<act::LogRead>) -> Permit<act::RunCreate> {
///     permit
/// }
/// ```
///
/// ```compile_fail,E0624
/// # use cloister_host::{auth::{Permit, TenantScope, act}, config::Plan, ids::PrincipalId, tenancy::PlanName};
/// fn forge(scope: TenantScope, by: PrincipalId, plan: Plan) -> Permit<act::RunCreate> {
///     Permit::for_host(scope, by, PlanName::Free, std::sync::Arc::new(plan))
/// }
/// ```
#[derive(Debug)]
pub struct Permit<A> {
    scope: TenantScope,
    principal: PrincipalId,
    plan: PlanName,
    limits: Arc<Plan>,
    rights: Arc<Rights>,
    act: PhantomData<A>,
}

impl<A> Clone for Permit<A> {
    fn clone(&self) -> Self {
        let Self { scope, principal, plan, limits, rights, act } = self;
        Self {
            scope: scope.clone(),
            principal: principal.clone(),
            plan: *plan,
            limits: Arc::clone(limits),
            rights: Arc::clone(rights),
            act: *act,
        }
    }
}

impl<A: Act> Permit<A> {
    /// Where.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.scope
    }

    /// Who.
    #[must_use]
    pub fn principal(&self) -> &PrincipalId {
        &self.principal
    }

    /// The plan of the tenant.
    #[must_use]
    pub fn plan(&self) -> PlanName {
        self.plan
    }

    /// What the tenant's plan allows, with the operator's changes for this tenant.
    #[must_use]
    pub fn limits(&self) -> &Plan {
        &self.limits
    }

    /// Refuses to hand on what the principal does not hold.
    ///
    /// # Errors
    /// [`AuthError::GrantsTooMuch`].
    pub fn may_grant(&self, permissions: &[Permission]) -> Result<(), AuthError> {
        match self.rights.lacks(permissions) {
            Some(lacking) => Err(AuthError::GrantsTooMuch(lacking.to_string())),
            None => Ok(()),
        }
    }

    /// A permit for what the host itself does in a tenant's name: deploying the demo's commands, importing.
    pub(in crate::auth) fn for_host(
        scope: TenantScope,
        principal: PrincipalId,
        plan: PlanName,
        limits: Arc<Plan>,
    ) -> Self {
        let rights = Arc::new(Rights::of(Rights::of_role(Role::Owner)));
        Self { scope, principal, plan, limits, rights, act: PhantomData }
    }
}

/// Counts decisions.
#[derive(Clone)]
pub struct Decisions {
    counted: prometheus::IntCounterVec,
}

impl Decisions {
    /// Counts into `counted`, whose labels are the action and the result.
    #[must_use]
    pub fn new(counted: prometheus::IntCounterVec) -> Self {
        Self { counted }
    }

    fn count(&self, action: Action, result: &str) {
        self.counted.with_label_values(&[action.as_str(), result]).inc();
    }
}

/// Decides whether a member may do something to a resource of their tenant.
///
/// # Errors
/// When their role does not allow it, or the tenant is suspended.
pub fn authorize<A: Act>(member: &Member, _act: A, resource: &str) -> Result<Permit<A>, AuthError> {
    let action = A::ACTION;
    let decision = decide(&member.role, &member.rights, member.status, action, resource);
    crate::audit::Trail::decided(action.as_str(), resource);
    member.decisions.count(action, if decision.is_ok() { "allowed" } else { "denied" });
    decision?;
    Ok(Permit {
        scope: member.scope.clone(),
        principal: member.caller.principal(),
        plan: member.plan,
        limits: Arc::clone(&member.limits),
        rights: Arc::clone(&member.rights),
        act: PhantomData,
    })
}

impl Member {
    /// Whether they may do something now. Does not count as a decision: see [`authorize`].
    #[must_use]
    pub fn may(&self, action: Action, resource: &str) -> bool {
        decide(&self.role, &self.rights, self.status, action, resource).is_ok()
    }
}

fn decide(
    role: &RoleRef,
    rights: &Rights,
    status: TenantStatus,
    action: Action,
    resource: &str,
) -> Result<(), AuthError> {
    if !rights.allow(action, resource) {
        return Err(AuthError::Denied { role: role.to_string(), action: action.as_str() });
    }
    let owner_reads = *role == RoleRef::OWNER && action.effect() == Effect::Reads;
    if status == TenantStatus::Active || owner_reads { Ok(()) } else { Err(AuthError::TenantSuspended) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_matrix_is_as_reviewed() {
        let mut matrix = String::new();
        for &action in Action::ALL {
            let roles: Vec<_> =
                Role::ALL.into_iter().filter(|&role| action.is_of(role)).map(Role::as_str).collect();
            matrix += &format!("{}: {}\n", action.as_str(), roles.join(" "));
        }
        insta::assert_snapshot!(matrix, @r"
        module:upload: owner admin developer
        module:read: owner admin developer runner viewer
        module:delete: owner admin developer
        deployment:read: owner admin developer runner viewer
        deployment:write: owner admin developer
        run:create: owner admin developer runner
        run:read: owner admin developer runner viewer
        run:control: owner admin developer runner
        log:read: owner admin developer runner viewer
        console:use: owner admin developer runner
        console:manage: owner admin
        log:delete: owner admin
        file:read: owner admin developer runner viewer
        file:write: owner admin developer
        audit:read: owner admin
        secret:read: owner admin developer
        secret:write: owner admin developer
        usage:read: owner admin developer runner viewer
        masking:read: owner admin developer
        masking:write: owner admin
        tenant:read: owner admin developer runner viewer
        tenant:write: owner admin
        tenant:export: owner
        member:read: owner admin developer runner viewer
        member:write: owner admin
        role:read: owner admin developer runner viewer
        role:write: owner admin
        key:read: owner admin developer
        key:write: owner admin developer
        ");
    }

    #[test]
    fn in_a_suspended_tenant_only_the_owner_reads() {
        for role in Role::ALL {
            for &action in Action::ALL {
                let rights = Rights::of(Rights::of_role(role));
                let role_ref = RoleRef::BuiltIn(role);
                let allowed = decide(&role_ref, &rights, TenantStatus::Suspended, action, "x").is_ok();
                assert_eq!(allowed, role == Role::Owner && action.effect() == Effect::Reads);
            }
        }
    }
}
