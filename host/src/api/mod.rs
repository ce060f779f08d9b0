//! The wire types of the HTTP API: what the server sends and the clients read. Data only, no behaviour.

mod audit;
mod auth;
mod console;
mod deployments;
mod envelope;
mod files;
mod logs;
mod masking;
mod members;
mod modules;
mod runs;
mod secrets;
mod tenants;
mod usage;

pub use audit::*;
pub use auth::*;
pub use console::*;
pub use deployments::*;
pub use envelope::*;
pub use files::*;
pub use logs::*;
pub use masking::*;
pub use members::*;
pub use modules::*;
pub use runs::*;
pub use secrets::*;
pub use tenants::*;
pub use usage::*;
