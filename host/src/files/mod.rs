//! The tenant's directory.

mod error;

pub use error::FilesError;
