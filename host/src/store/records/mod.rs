//! The records, one file for each subject, each with the questions that are asked of it.

mod audit;
mod deployments;
mod memberships;
mod modules;
mod runs;
mod sessions;
mod tenants;
mod users;

pub use audit::*;
pub use deployments::*;
pub use memberships::*;
pub use modules::*;
pub use runs::*;
pub use sessions::*;
pub use tenants::*;
pub use users::*;
