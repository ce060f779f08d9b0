//! Sessions that outlive the connection, and the streams that show them, as `docs/console.md` lays it out.
//!
//! A session has one [`Program`], which reads what is typed and writes what is shown. What it writes goes to the session's
//! ring, at offsets that never change; each connection reads the ring at its own pace, and only the owner's
//! acknowledgements slow the program. Nothing here knows a transport: `http/handlers/console` has the three.

mod attachment;
mod clients;
mod error;
mod input;
mod note;
mod program;
mod ring;
mod session;

pub use attachment::{Role, Wanted};
pub use error::ConsoleError;
pub use input::{INPUT_BYTES, Input, InputReceiver};
pub use note::{MAX_MARK_LINE_BYTES, Mark, Mode};
pub use program::{Program, SessionContext, SessionIo, SessionOutput};
pub use session::{
    ECHO_BYTES, EndReason, Exit, MIN_HISTORY_BYTES, OWNER_GRACE_MS, SessionEnded, Size, WINDOW_BYTES,
};

/// What a program has to end what it runs, once it was told to.
pub const HANGUP_GRACE_MS: u64 = 5_000;
