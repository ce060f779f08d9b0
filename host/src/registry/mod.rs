//! Modules and the commands that run them.

mod error;

pub use error::RegistryError;
