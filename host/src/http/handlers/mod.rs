//! The handlers, by resource.

#![expect(unused_qualifications, reason = "the code that utoipa makes for parameters")]

pub(super) mod audit;
pub(super) mod auth;
pub(super) mod console;
pub(super) mod deployments;
pub(super) mod files;
pub(super) mod host;
pub(super) mod lifecycle;
pub(super) mod logs;
pub(super) mod masking;
pub(super) mod members;
pub(super) mod modules;
pub(super) mod operator;
pub(super) mod roles;
pub(super) mod runs;
pub(super) mod secrets;
pub(super) mod sessions;
pub(super) mod tenants;
pub(super) mod usage;

/// An instant as RFC 3339 with microseconds.
pub(super) fn rfc3339(at: jiff::Timestamp) -> String {
    format!("{at:.6}")
}
