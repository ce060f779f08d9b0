//! Sessions that outlive the connection, and the streams that show them, as `docs/console.md` lays it out.
//!
//! A session has one [`Program`], which reads what is typed and writes what is shown. What it writes goes to the session's
//! ring, at offsets that never change; each connection reads the ring at its own pace, and only the owner's
//! acknowledgements slow the program. Nothing here knows a transport: `http/handlers/console` has the three.

mod attachment;
mod clients;
mod connections;
mod error;
mod event;
mod feed;
mod history;
mod input;
mod message;
mod note;
mod program;
mod registry;
mod ring;
mod session;
mod shell;
mod subscription;
mod tickets;

#[cfg(test)]
mod tests;

pub use attachment::{Role, Wanted};
pub use connections::{MAX_PRINCIPAL_CONNECTIONS, MAX_TENANT_CONNECTIONS, Place, Transport};
pub use error::ConsoleError;
pub use event::{Body, ByteStream, Event};
pub use feed::{Feed, Feeds, Opener, error_event};
pub use history::{History, MAX_HISTORY_LINE_BYTES, MAX_HISTORY_LINES};
pub use input::{INPUT_BYTES, Input, InputReceiver};
pub use message::{Done, Message};
pub use note::{MAX_MARK_LINE_BYTES, Mark, Mode};
pub use program::{Program, SessionContext, SessionIo, SessionOutput};
pub use registry::{Console, ConsoleParts, MAX_PRINCIPAL_SESSIONS, MAX_SESSIONS};
pub use session::{ECHO_BYTES, EndReason, Exit, OWNER_GRACE_MS, SessionEnded, Size, WINDOW_BYTES};
pub use shell::{ShellParts, ShellProgram};
pub use subscription::{Channel, MAX_SUBSCRIPTIONS, Places, Subscription};
pub use tickets::TICKET_TTL_S;

/// What a program has to end what it runs, once it was told to.
pub const HANGUP_GRACE_MS: u64 = 5_000;
/// How long a session that ended by itself can still be attached to, so that nobody misses its last words.
pub const KEPT_AFTER_EXIT_MS: u64 = 30_000;
/// The version of the protocol: a WebSocket's subprotocol.
pub const PROTOCOL: &str = "cloister.console.v1";
/// Between two signs of life on a quiet connection.
pub const HEARTBEAT_S: u64 = 15;
