//! Tenants, who belongs to them, and their plans.

mod branding;
mod email;
mod error;
mod external;
mod invitations;
mod lifecycle;
mod members;
mod plan;
mod provision;
mod role;
mod roles;
mod status;

pub use email::{Email, InvalidEmail};
pub use error::TenancyError;
pub use lifecycle::TenantFilter;
pub(crate) use lifecycle::checked_reason;
pub use plan::PlanName;
pub(crate) use provision::vouched_user;
pub use provision::{MAX_NAME_CHARACTERS, NewTenant, Provisioned, Settings, Tenancy};
pub use role::{Role, RoleRef};
pub use status::TenantStatus;
