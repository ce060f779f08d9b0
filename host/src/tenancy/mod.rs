//! Tenants, who belongs to them, and their plans.

mod email;
mod plan;
mod role;
mod status;

pub use email::{Email, InvalidEmail};
pub use plan::PlanName;
pub use role::Role;
pub use status::TenantStatus;
