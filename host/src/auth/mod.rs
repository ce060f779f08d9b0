//! Who acts, and what they may do.
//!
//! A request's token becomes a [`Caller`]; a caller who names a tenant they belong to becomes a [`Member`] with a
//! [`TenantScope`]; a member who may do something gets a [`Permit`] for it, which the next step demands. Each step
//! happens only here.

mod backoff;
mod caller;
mod error;
mod keys;
mod links;
mod lookup;
mod password;
mod policy;
mod scope;
mod secret;
mod service;
mod sessions;
mod token;

pub use caller::{Caller, Member};
pub use error::AuthError;
pub use links::stage_link;
pub use policy::{Act, Action, Decisions, Permit, act, authorize};
pub use scope::{OperatorScope, TenantScope};
pub use secret::Secret;
pub use service::{Auth, SignedIn};
pub use sessions::MAX_SPENT_TOKENS;
