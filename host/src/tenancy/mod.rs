//! Tenants, who belongs to them, and their plans.

mod email;
mod plan;
mod provision;
mod role;
mod status;

pub use email::{Email, InvalidEmail};
pub use plan::PlanName;
pub use provision::{MAX_NAME_CHARACTERS, NewTenant, Provisioned, Tenancy, TenancyError};
pub use role::Role;
pub use status::TenantStatus;
