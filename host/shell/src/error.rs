//! What is wrong with a line.

/// Why a line cannot be run. Columns count characters of the whole line from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// The line ends within a quote, behind a backslash or behind `|`, `&&` or `||`: more is to come.
    #[error("the line is not complete")]
    Incomplete,
    /// Something that other shells know, and this one does not.
    #[error("{what} not supported here (column {column})")]
    Unsupported {
        /// What it is with its verb, such as "for loops are".
        what: &'static str,
        /// Where it begins.
        column: usize,
    },
    /// Something that no shell expects at this place.
    #[error("{token} is not expected here (column {column})")]
    Unexpected {
        /// What was found, quoted, or "the end of the line".
        token: String,
        /// Where it begins.
        column: usize,
    },
    /// More than a line may have.
    #[error("a line has at most {limit} {unit}")]
    TooLong {
        /// How many are allowed.
        limit: usize,
        /// Of what, such as "bytes".
        unit: &'static str,
    },
}

impl SyntaxError {
    /// The error's stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Incomplete => "syntax_incomplete",
            Self::Unsupported { .. } => "syntax_unsupported",
            Self::Unexpected { .. } => "syntax_unexpected",
            Self::TooLong { .. } => "syntax_too_long",
        }
    }
}
