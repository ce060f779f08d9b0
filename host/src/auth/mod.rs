//! Who acts, and what they may do.

mod scope;

pub use scope::TenantScope;
