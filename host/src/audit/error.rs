//! What can go wrong with the audit.

use crate::store::StoreError;

/// A failure to record or to read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AuditError {
    /// Records can no longer be written, so nothing may change either.
    #[error("the audit takes no more records")]
    Failed,
    /// Records cannot be read.
    #[error("the audit cannot be read")]
    Read(#[source] std::sync::Arc<StoreError>),
    /// A filter or an order is none.
    #[error("{0}")]
    Invalid(String),
}

impl AuditError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Failed => "audit_failed",
            Self::Read(error) => error.code(),
            Self::Invalid(_) => "invalid_value",
        }
    }
}

impl From<StoreError> for AuditError {
    fn from(error: StoreError) -> Self {
        Self::Read(std::sync::Arc::new(error))
    }
}
