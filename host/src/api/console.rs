//! Console sessions, and what travels between them and their clients: `docs/console.md`.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Body of `POST /v1/{tenant}/console/sessions`.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateConsoleSession {
    /// What people call it: 1 to 100 characters; `console` when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Of the terminal, 1 to 1,000; 80 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<u16>,
    /// Of the terminal, 1 to 1,000; 24 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines: Option<u16>,
}

/// Body of `PATCH /v1/{tenant}/console/sessions/{session}`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeConsoleSession {
    /// What people call it.
    pub name: String,
}

/// One session that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleSession {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whose it is.
    pub created_by: String,
    /// RFC 3339.
    pub created_at: String,
    /// Of its owner's terminal.
    pub columns: u16,
    /// Of its owner's terminal.
    pub lines: u16,
    /// `line` or `raw`.
    pub mode: String,
    /// Bytes written so far.
    pub bytes: u64,
    /// Connections that show it.
    pub attached: usize,
    /// Its owner is connected.
    pub owned: bool,
}

/// Answer of `POST /v1/{tenant}/console/tickets`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConsoleTicket {
    /// For `?ticket=` of one WebSocket.
    pub ticket: String,
    /// How long it is good, in seconds.
    pub expires_in_s: u64,
}

/// Body of `POST /v1/{tenant}/console/sessions/{session}/messages`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsoleMessages {
    /// The client's name.
    pub client: String,
    /// The number of the first `input`; needed when there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// `input`, `signal`, `resize`, `ack` and `take_over`, in order.
    pub messages: Vec<serde_json::Value>,
}

/// Answer of `POST /v1/{tenant}/console/sessions/{session}/messages`.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConsoleAccepted {
    /// The number of the last `input` of this client that was taken; 0 when none was.
    pub seq: u64,
}

/// Answer of `GET /v1/{tenant}/console/events` by long polling.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ConsoleEvents {
    /// The name that the client goes by.
    pub client: String,
    /// What there is to tell; none when `wait` has passed.
    pub events: Vec<serde_json::Value>,
    /// The cursor of the next poll.
    pub next: String,
}

/// One line of a principal's command history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ConsoleHistoryEntry {
    /// What was typed.
    pub line: String,
    /// When; RFC 3339.
    pub at: String,
}
