//! Why lines could not be taken or read.

use std::sync::Arc;

use cloister_lines::SearchError;

use crate::store::StoreError;

/// A failure of the log store, or a question it cannot answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LogError {
    /// Writing failed before; no more lines are taken until the host starts again.
    #[error("the log store failed and takes no more lines")]
    StoreFailed(#[source] Arc<StoreError>),
    /// The committer thread ended unexpectedly.
    #[error("the log writer ended unexpectedly")]
    WriterLost,
    /// The host is stopping.
    #[error("the log writer was closed")]
    Closed,
    /// Reading failed.
    #[error("cannot read the log")]
    Read(#[source] Arc<StoreError>),
    /// Lines of an output are damaged, so that its bytes cannot be reproduced.
    #[error("lines {first_seq} to {last_seq} are damaged")]
    Damaged {
        /// First damaged line.
        first_seq: u64,
        /// Last damaged line.
        last_seq: u64,
    },
    /// The cursor is not one of ours, or belongs to the other order.
    #[error("the cursor is not valid for this query")]
    InvalidCursor,
    /// A parameter of a query is wrong.
    #[error("`{name}`: {why}")]
    InvalidParameter {
        /// Which.
        name: &'static str,
        /// What was expected.
        why: String,
    },
    /// There was never such a line.
    #[error("there is no such line")]
    NoSuchLine,
    /// The line was deleted: by retention, or with its run's lines.
    #[error("the line was deleted")]
    LineDeleted,
    /// What was asked for cannot be looked for.
    #[error(transparent)]
    Search(#[from] SearchError),
}

impl LogError {
    /// The stable code of the API.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::StoreFailed(_) | Self::WriterLost | Self::Closed => "log_store_failed",
            Self::Read(_) => "log_read_failed",
            Self::Damaged { .. } => "log_damaged",
            Self::InvalidCursor => "malformed_cursor",
            Self::InvalidParameter { .. } | Self::Search(_) => "invalid_value",
            Self::NoSuchLine => "line_not_found",
            Self::LineDeleted => "line_deleted",
        }
    }
}

impl From<StoreError> for LogError {
    /// A failure to read; the writer wraps its own.
    fn from(error: StoreError) -> Self {
        Self::Read(Arc::new(error))
    }
}
