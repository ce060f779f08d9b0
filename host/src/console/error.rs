//! Why something cannot be done with a session.

use crate::auth::AuthError;
use crate::commands::CommandError;
use crate::logs::LogError;
use crate::store::StoreError;

/// A refusal, or a failure.
#[derive(Debug, thiserror::Error)]
pub enum ConsoleError {
    /// No such session of the tenant that the caller may see.
    #[error("there is no such console session")]
    SessionNotFound,
    /// It ended a moment ago.
    #[error("the console session has ended")]
    SessionEnded,
    /// Only the owner may do this.
    #[error("another client owns the session")]
    NotOwner,
    /// The tenant, or the principal, has as many sessions as they may.
    #[error("there are {limit} console sessions, as many as there may be")]
    TooManySessions {
        /// The bound.
        limit: usize,
    },
    /// There are as many connections as there may be.
    #[error("there are {0} connections, as many as there may be")]
    TooManyConnections(usize),
    /// There are as many tickets as there may be.
    #[error("there are {0} tickets that were not used, as many as there may be")]
    TooManyTickets(usize),
    /// The ticket was used, has expired or never existed.
    #[error("the ticket is not valid: it was used before, or it has expired")]
    TicketInvalid,
    /// Input came before the one that precedes it.
    #[error("input is missing in between: {expected} is expected")]
    OutOfOrder {
        /// The number that is expected.
        expected: u64,
    },
    /// What was typed before has not been read yet.
    #[error("the session has not read what was typed before")]
    InputFull {
        /// The number that is expected.
        expected: u64,
    },
    /// The place is behind the last byte: it belongs to another session.
    #[error("the place is beyond what the session has written")]
    OffsetAhead,
    /// A terminal's size is not valid.
    #[error("a terminal has 1 to 1,000 columns and lines")]
    SizeInvalid,
    /// A session's name is not valid.
    #[error("a session's name has 1 to 100 characters, none of them a control character")]
    NameInvalid,
    /// A cursor is not valid.
    #[error("this is not a cursor of these subscriptions")]
    CursorInvalid,
    /// A message or a subscription is not valid.
    #[error("{0}")]
    Malformed(String),
    /// Another part refuses.
    #[error("{detail}")]
    Part {
        /// Its code.
        code: &'static str,
        /// What happened.
        detail: String,
    },
    /// The host takes no new work.
    #[error("the host stops")]
    Stopping,
    /// Who acts may not.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<CommandError> for ConsoleError {
    fn from(error: CommandError) -> Self {
        Self::Part { code: error.code(), detail: error.to_string() }
    }
}

impl From<LogError> for ConsoleError {
    fn from(error: LogError) -> Self {
        Self::Part { code: error.code(), detail: error.to_string() }
    }
}

impl ConsoleError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::SessionNotFound => "console_session_not_found",
            Self::SessionEnded => "console_session_ended",
            Self::NotOwner => "not_owner",
            Self::TooManySessions { .. } => "too_many_console_sessions",
            Self::TooManyConnections(_) => "too_many_connections",
            Self::TooManyTickets(_) => "too_many_tickets",
            Self::TicketInvalid => "ticket_invalid",
            Self::OutOfOrder { .. } => "out_of_order",
            Self::InputFull { .. } => "input_full",
            Self::OffsetAhead | Self::CursorInvalid => "malformed_cursor",
            Self::SizeInvalid | Self::NameInvalid => "invalid_value",
            Self::Malformed(_) => "malformed_message",
            Self::Part { code, .. } => code,
            Self::Stopping => "not_ready",
            Self::Auth(error) => error.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// The number of the input that is expected, for a client that has to send it again.
    #[must_use]
    pub fn expected(&self) -> Option<u64> {
        match self {
            Self::OutOfOrder { expected } | Self::InputFull { expected } => Some(*expected),
            _ => None,
        }
    }
}
