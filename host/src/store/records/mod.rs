//! The records, one file for each subject, each with the questions that are asked of it.

mod audit;
mod deployments;
mod idempotency;
mod masking;
mod memberships;
mod modules;
mod quota;
mod runs;
mod secrets;
mod sessions;
mod storage;
mod tenants;
mod users;

pub use audit::*;
pub use deployments::*;
pub use idempotency::*;
pub use masking::*;
pub use memberships::*;
pub use modules::*;
pub use quota::*;
pub use runs::*;
pub use secrets::*;
pub use sessions::*;
pub use storage::*;
pub use tenants::*;
pub use users::*;
