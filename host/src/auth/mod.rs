//! Who acts, and what they may do.
//!
//! A request's token becomes a [`Caller`]; a caller who names a tenant they belong to becomes a [`Member`] with a
//! [`TenantScope`]; a member who may do something gets a [`Permit`] for it, which the next step demands. Each step
//! happens only here.

mod api_keys;
mod backoff;
mod caller;
mod error;
mod keys;
mod links;
mod lookup;
mod oidc;
mod password;
mod permission;
mod policy;
mod scope;
mod secret;
mod service;
mod sessions;
mod token;
mod upkeep;
mod watch;

pub use api_keys::{MadeKey, NewKey};
pub use caller::{Caller, Credential, Member};
pub use error::AuthError;
pub use links::stage_link;
pub use oidc::Identity;
pub use permission::{MAX_PERMISSIONS, Permission, Rights, UnknownPermission};
pub use policy::{Act, Action, Decisions, Permit, act, authorize};
pub use scope::{OperatorScope, TenantScope};
pub use secret::Secret;
pub(crate) use secret::hash as secret_hash;
pub use service::{Auth, Origin, SignedIn};
pub use sessions::MAX_SPENT_TOKENS;
pub(crate) use sessions::reclaim;
