//! The seam between a session and what runs in it.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;

use super::input::InputReceiver;
use super::note::{Mark, Mode};
use super::session::{Session, SessionEnded, Size};
use crate::auth::{Auth, AuthError, Member, TenantScope};
use crate::ids::{ConsoleSessionId, PrincipalId};

/// Runs in a session: reads what is typed, writes what is shown.
pub trait Program: Send + Sync + 'static {
    /// Starts in a session. The session ends when the future does, with its exit code, if there is one.
    ///
    /// After [`Input::Hangup`](super::Input::Hangup) it has [`HANGUP_GRACE_MS`](super::HANGUP_GRACE_MS) to end what it
    /// runs; then the future is dropped, and must end it so.
    fn start(&self, io: SessionIo) -> BoxFuture<'static, Option<i32>>;
}

/// What a program gets.
pub struct SessionIo {
    /// What comes from people.
    pub input: InputReceiver,
    /// What they are shown.
    pub output: SessionOutput,
    /// Who, where, how large.
    pub context: SessionContext,
}

/// Writes to a session. Cheap to clone.
#[derive(Clone)]
pub struct SessionOutput {
    session: Arc<Session>,
}

impl SessionOutput {
    pub(super) fn new(session: Arc<Session>) -> Self {
        Self { session }
    }

    /// Shows bytes, as soon as there is room: at most [`WINDOW_BYTES`](super::WINDOW_BYTES) that the owner has not
    /// acknowledged, unless nobody has been there for [`OWNER_GRACE_MS`](super::OWNER_GRACE_MS).
    ///
    /// Long ones are written in pieces; a future that is dropped has written some of them, in order.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn write(&self, bytes: Bytes) -> Result<(), SessionEnded> {
        self.session.write(bytes).await
    }

    /// Shows bytes without waiting, for the echo of typed keys: there is [`ECHO_BYTES`](super::ECHO_BYTES) of room for
    /// them beyond the window. False when there is none, or the session has ended; then nothing was written.
    pub fn try_write(&self, bytes: &[u8]) -> bool {
        self.session.try_write(bytes)
    }

    /// Notes that a command begins or ends at the present offset.
    pub fn mark(&self, mark: Mark) {
        self.session.mark(mark);
    }

    /// Tells clients whether keys are edited by the host or go to the guest as they are, from the present offset on.
    pub fn set_mode(&self, mode: Mode) {
        self.session.set_mode(mode);
    }

    /// The bytes written so far, in this session's life.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.session.end_offset()
    }
}

/// What a program knows of its session. Cheap to clone.
#[derive(Clone)]
pub struct SessionContext {
    session: Arc<Session>,
    auth: Auth,
}

impl SessionContext {
    pub(super) fn new(session: Arc<Session>, auth: Auth) -> Self {
        Self { session, auth }
    }

    /// The session.
    #[must_use]
    pub fn session(&self) -> &ConsoleSessionId {
        &self.session.id
    }

    /// Where.
    #[must_use]
    pub fn scope(&self) -> &TenantScope {
        &self.session.scope
    }

    /// Whose it is.
    #[must_use]
    pub fn principal(&self) -> &PrincipalId {
        &self.session.principal
    }

    /// The owner of the session with the rights of this moment, for `authorize`. Ask before each command.
    ///
    /// # Errors
    /// When the sign-in by which the session was last attached to has ended, or the principal left the tenant.
    pub async fn member(&self) -> Result<Member, AuthError> {
        let caller = self.session.caller();
        self.auth.check_alive(&caller).await?;
        self.auth.enter(&caller, self.session.scope.tenant().as_str()).await
    }

    /// How large the owner's terminal is at present.
    #[must_use]
    pub fn size(&self) -> Size {
        self.session.size()
    }
}
