//! What each role may do, and the one place where that is decided.

use std::marker::PhantomData;

use super::{AuthError, Member, TenantScope};
use crate::ids::UserId;
use crate::tenancy::{PlanName, Role, TenantStatus};

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
    /// Reads files.
    FileRead = "file:read", least Viewer, Reads;
    /// Writes and removes files.
    FileWrite = "file:write", least Developer, Changes;
    /// Reads the audit.
    AuditRead = "audit:read", least Admin, Reads;
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
#[derive(Debug)]
pub struct Permit<A> {
    scope: TenantScope,
    principal: UserId,
    plan: PlanName,
    act: PhantomData<A>,
}

impl<A> Clone for Permit<A> {
    fn clone(&self) -> Self {
        let Self { scope, principal, plan, act } = self;
        Self { scope: scope.clone(), principal: principal.clone(), plan: *plan, act: *act }
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
    pub fn principal(&self) -> &UserId {
        &self.principal
    }

    /// The plan of the tenant.
    #[must_use]
    pub fn plan(&self) -> PlanName {
        self.plan
    }

    /// A permit for what the host itself does in a tenant's name: deploying the demo's commands.
    pub(in crate::auth) fn for_host(scope: TenantScope, principal: &UserId, plan: PlanName) -> Self {
        Self { scope, principal: principal.clone(), plan, act: PhantomData }
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
    let decision = decide(member.role, member.status, action);
    crate::audit::Trail::decided(action.as_str(), resource);
    member.decisions.count(action, if decision.is_ok() { "allowed" } else { "denied" });
    decision?;
    Ok(Permit {
        scope: member.scope.clone(),
        principal: member.caller.user().clone(),
        plan: member.plan,
        act: PhantomData,
    })
}

fn decide(role: Role, status: TenantStatus, action: Action) -> Result<(), AuthError> {
    if !allows(role, action) {
        return Err(AuthError::Denied { role: role.as_str(), action: action.as_str() });
    }
    let owner_reads = role == Role::Owner && action.effect() == Effect::Reads;
    if status == TenantStatus::Active || owner_reads { Ok(()) } else { Err(AuthError::TenantSuspended) }
}

fn allows(role: Role, action: Action) -> bool {
    let rank = |role: Role| Role::ALL.iter().position(|&other| other == role);
    rank(role) <= rank(action.least_role())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_role_matrix_is_as_reviewed() {
        let mut matrix = String::new();
        for &action in Action::ALL {
            let roles: Vec<_> =
                Role::ALL.into_iter().filter(|&role| allows(role, action)).map(Role::as_str).collect();
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
        file:read: owner admin developer runner viewer
        file:write: owner admin developer
        audit:read: owner admin
        ");
    }

    #[test]
    fn in_a_suspended_tenant_only_the_owner_reads() {
        for role in Role::ALL {
            for &action in Action::ALL {
                let allowed = decide(role, TenantStatus::Suspended, action).is_ok();
                assert_eq!(allowed, role == Role::Owner && action.effect() == Effect::Reads);
            }
        }
    }
}
