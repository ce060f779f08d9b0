//! The records, one file for each subject, each with the questions that are asked of it.

mod api_keys;
mod audit;
mod deployments;
mod external_accounts;
mod invitations;
mod memberships;
mod modules;
mod receipts;
mod roles;
mod runs;
mod sessions;
mod tenants;
mod users;

pub use api_keys::*;
pub use audit::*;
pub use deployments::*;
pub use external_accounts::*;
pub use invitations::*;
pub use memberships::*;
pub use modules::*;
pub use receipts::*;
pub use roles::*;
pub use runs::*;
pub use sessions::*;
pub use tenants::*;
pub use users::*;
