//! The records, one file for each subject, each with the questions that are asked of it.

mod api_keys;
mod audit;
mod deployments;
mod external_accounts;
mod idempotency;
mod invitations;
mod masking;
mod memberships;
mod modules;
mod quota;
mod receipts;
mod roles;
mod runs;
mod secrets;
mod sessions;
mod storage;
mod tenants;
mod users;

pub use api_keys::*;
pub use audit::*;
pub use deployments::*;
pub use external_accounts::*;
pub use idempotency::*;
pub use invitations::*;
pub use masking::*;
pub use memberships::*;
pub use modules::*;
pub use quota::*;
pub use receipts::*;
pub use roles::*;
pub use runs::*;
pub use secrets::*;
pub use sessions::*;
pub use storage::*;
pub use tenants::*;
pub use users::*;
