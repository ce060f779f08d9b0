//! One session: what it shows, who is attached, who owns it, and how far the owner has seen.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::attachment::{Attached, Attachment, Place, Role, Shown, Wanted};
use super::clients::{Clients, Taken};
use super::error::ConsoleError;
use super::input::InputQueue;
use super::note::{Mark, Mode, Noted, Notes};
use super::ring::Ring;
use super::state::{Room, State};
use crate::auth::{Caller, TenantScope};
use crate::config::MIN_CONSOLE_HISTORY_BYTES;
use crate::ids::{ClientId, ConsoleSessionId, PrincipalId};

/// Bytes that the owner has not acknowledged, before the program waits.
pub const WINDOW_BYTES: usize = 256 << 10;
/// Room for the echo of typed keys beyond that.
pub const ECHO_BYTES: usize = 16 << 10;
/// Without any connection of the owner for this long, the program waits no more.
pub const OWNER_GRACE_MS: u64 = 30_000;
/// Connections of one session at once.
pub(super) const MAX_ATTACHED: usize = 64;
/// Marks before the place where one begins, told when one attaches.
const MAX_EARLIER_MARKS: usize = 256;

/// How large a terminal is, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Across: 1 to 1,000.
    pub columns: u16,
    /// Down: 1 to 1,000.
    pub lines: u16,
}

impl Size {
    /// What a session has when nobody says.
    pub const DEFAULT: Self = Self { columns: 80, lines: 24 };
    const MAX: u16 = 1_000;

    pub(super) fn checked(self) -> Result<Self, ConsoleError> {
        let fits = |n: u16| (1..=Self::MAX).contains(&n);
        if fits(self.columns) && fits(self.lines) { Ok(self) } else { Err(ConsoleError::SizeInvalid) }
    }
}

/// The session has ended; nobody sees what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Exit {
    /// What its program exited with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Why.
    pub reason: EndReason,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its program did.
    Exited,
    /// Somebody ended it.
    Ended,
    /// Nobody was attached for the plan's `console_idle_s`.
    Idle,
    /// Its principal may no longer use it.
    Revoked,
    /// The host stops.
    Stopping,
}

impl EndReason {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Ended => "ended",
            Self::Idle => "idle",
            Self::Revoked => "revoked",
            Self::Stopping => "stopping",
        }
    }
}

pub(super) struct Session {
    pub(super) id: ConsoleSessionId,
    pub(super) scope: TenantScope,
    pub(super) principal: PrincipalId,
    pub(super) created_at: Timestamp,
    pub(super) input: Arc<InputQueue>,
    state: Mutex<State>,
    /// There may be something to show.
    changed: Notify,
    /// There may be room to write.
    room: Notify,
    /// The last connection has gone.
    left: Notify,
    /// Somebody or something wants it to end.
    pub(super) ending: CancellationToken,
    /// It has ended.
    pub(super) ended: CancellationToken,
}

/// What a session is made of.
pub(super) struct NewSession {
    pub(super) id: ConsoleSessionId,
    pub(super) scope: TenantScope,
    pub(super) caller: Caller,
    pub(super) name: String,
    pub(super) size: Size,
    pub(super) history_bytes: usize,
    /// How long the program waits for an owner who has gone.
    pub(super) owner_grace: Duration,
    pub(super) created_at: Timestamp,
}

/// What others may know of a session.
pub(super) struct Look {
    pub(super) name: String,
    pub(super) size: Size,
    pub(super) attached: usize,
    pub(super) owner_attached: bool,
    pub(super) end_offset: u64,
    pub(super) mode: Mode,
}

impl Session {
    pub(super) fn new(new: NewSession) -> Arc<Self> {
        let now = Instant::now();
        let state = State {
            name: new.name,
            ring: Ring::new(new.history_bytes.max(MIN_CONSOLE_HISTORY_BYTES)),
            notes: Notes::default(),
            size: new.size,
            size_changes: 0,
            acknowledged: 0,
            owner: None,
            owner_changes: 0,
            owner_grace: new.owner_grace,
            owner_gone: now,
            attached: HashMap::new(),
            attachments: 0,
            idle_since: now,
            clients: Clients::default(),
            end_reason: EndReason::Exited,
            exit: None,
            caller: new.caller,
        };
        Arc::new(Self {
            id: new.id,
            scope: new.scope,
            principal: state.caller.principal(),
            created_at: new.created_at,
            input: Arc::default(),
            state: Mutex::new(state),
            changed: Notify::new(),
            room: Notify::new(),
            left: Notify::new(),
            ending: CancellationToken::new(),
            ended: CancellationToken::new(),
        })
    }

    pub(super) async fn write(&self, mut bytes: Bytes) -> Result<(), SessionEnded> {
        while !bytes.is_empty() {
            let changed = self.room.notified();
            let room = self.state.lock().write(&mut bytes);
            match room {
                Room::Over => return Err(SessionEnded),
                Room::Now(_) => {
                    self.changed.notify_waiters();
                    tokio::task::consume_budget().await;
                }
                Room::Wait(None) => changed.await,
                Room::Wait(Some(until)) => {
                    let _ = tokio::time::timeout_at(until, changed).await;
                }
            }
        }
        Ok(())
    }

    pub(super) fn try_write(&self, bytes: &[u8]) -> bool {
        let mut state = self.state.lock();
        let fits = match state.room(ECHO_BYTES) {
            Room::Now(room) => bytes.len() <= room,
            Room::Wait(_) | Room::Over => false,
        };
        if fits {
            state.show(bytes);
            drop(state);
            self.changed.notify_waiters();
        }
        fits
    }

    pub(super) fn mark(&self, mark: Mark) {
        self.note(|_| Some(Noted::Mark(mark)));
    }

    pub(super) fn set_mode(&self, mode: Mode) {
        self.note(|state| (state.mode() != mode).then_some(Noted::Mode(mode)));
    }

    fn note(&self, make: impl FnOnce(&State) -> Option<Noted>) {
        let mut state = self.state.lock();
        if let Some(noted) = make(&state) {
            let offset = state.ring.end();
            state.notes.push(offset, noted);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    pub(super) fn end_offset(&self) -> u64 {
        self.state.lock().ring.end()
    }

    pub(super) fn size(&self) -> Size {
        self.state.lock().size
    }

    pub(super) fn caller(&self) -> Caller {
        self.state.lock().caller.clone()
    }

    pub(super) fn rename(&self, name: String) {
        self.state.lock().name = name;
    }

    pub(super) fn look(&self) -> Look {
        let state = self.state.lock();
        Look {
            name: state.name.clone(),
            size: state.size,
            attached: state.attached.len(),
            owner_attached: state.owner_is_attached(),
            end_offset: state.ring.end(),
            mode: state.mode(),
        }
    }

    /// Returns when nobody has been attached for so long.
    pub(super) async fn idle_for(&self, bound: Duration) {
        loop {
            match self.idle_since() {
                None => self.left.notified().await,
                Some(since) => {
                    tokio::time::sleep_until(since + bound).await;
                    if self.idle_since().is_some_and(|still| still <= since) {
                        return;
                    }
                }
            }
        }
    }

    fn idle_since(&self) -> Option<Instant> {
        let state = self.state.lock();
        state.attached.is_empty().then_some(state.idle_since)
    }

    /// True when it has ended.
    pub(super) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Asks the program to end; the first reason is told.
    pub(super) fn end(&self, reason: EndReason) {
        let mut state = self.state.lock();
        if state.end_reason == EndReason::Exited && !self.ending.is_cancelled() {
            state.end_reason = reason;
        }
        drop(state);
        self.input.hang_up();
        self.ending.cancel();
    }

    /// The program has ended: whoever is attached reads what is left, and is told.
    pub(super) fn close(&self, exit_code: Option<i32>) -> Exit {
        let mut state = self.state.lock();
        let exit = Exit { exit_code, reason: state.end_reason };
        state.exit = Some(exit);
        drop(state);
        self.ending.cancel();
        self.ended.cancel();
        self.changed.notify_waiters();
        self.room.notify_waiters();
        exit
    }

    /// Attaches a connection. `caller` is given by the session's principal; with none, it can only be looked at.
    pub(super) fn attach(
        self: &Arc<Self>,
        client: &ClientId,
        wanted: &Wanted,
        caller: Option<Caller>,
    ) -> Result<(Attachment, Attached), ConsoleError> {
        let mut state = self.state.lock();
        if state.attached.len() >= MAX_ATTACHED {
            return Err(ConsoleError::TooManyConnections(MAX_ATTACHED));
        }
        let (place, truncated, asked) = state.place(wanted)?;
        let owns = match (wanted.role, &caller) {
            (_, None) | (Role::Viewer, _) => false,
            (Role::Owner, Some(_)) => true,
            (Role::Resume, Some(_)) => state.owner.as_ref() == Some(client),
        };
        if wanted.role == Role::Viewer && state.owner.as_ref() == Some(client) {
            state.set_owner(None);
        }
        let number = state.attachments;
        state.attachments += 1;
        state.attached.insert(number, client.clone());
        if owns {
            state.set_owner(Some(client.clone()));
            // What lies before was shown, or is gone.
            state.acknowledged = place.offset;
            if let Some(size) = wanted.size {
                state.resize(size, &self.input);
            }
        }
        if let Some(caller) = caller {
            // What a sign-in has ended for, a newer one may go on with.
            state.caller = caller;
        }
        let attached = Attached {
            from: place.offset,
            size: state.ring.end(),
            truncated,
            mode: state.notes.mode_before(place.notes),
            you: owns,
            terminal: state.size,
            marks: if wanted.goes_on() {
                Vec::new()
            } else {
                state.notes.before(place.notes, MAX_EARLIER_MARKS).cloned().collect()
            },
        };
        let told = (state.owner_changes, state.size_changes);
        let replayed = state.ring.end();
        drop(state);
        self.room.notify_waiters();
        self.changed.notify_waiters();
        let gap = truncated.then_some((asked, place.offset));
        Ok((Attachment::new(Arc::clone(self), number, client.clone(), place, told, replayed, gap), attached))
    }

    pub(super) fn detach(&self, number: u64) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let Some(client) = state.attached.remove(&number) else { return };
        if state.owner.as_ref() == Some(&client) && !state.owner_is_attached() {
            state.owner_gone = now;
        }
        if state.attached.is_empty() {
            state.idle_since = now;
            self.left.notify_one();
        }
        drop(state);
        self.room.notify_waiters();
    }

    /// What an attached connection is shown next; `None`: it waits.
    pub(super) fn next(&self, client: &ClientId, place: &mut Place, told: &mut (u64, u64)) -> Option<Shown> {
        let state = self.state.lock();
        if told.0 != state.owner_changes {
            told.0 = state.owner_changes;
            let you = state.owner.as_ref() == Some(client);
            return Some(Shown::Owner { client: state.owner.clone(), you });
        }
        if told.1 != state.size_changes {
            told.1 = state.size_changes;
            return Some(Shown::Size(state.size));
        }
        state.shown_after(place)
    }

    /// Wakes when there may be something to show. Make it before the look.
    pub(super) fn changed(&self) -> tokio::sync::futures::Notified<'_> {
        self.changed.notified()
    }

    /// Takes what a client typed: exactly once. Says the number of the last that was taken.
    pub(super) fn type_in(&self, client: &ClientId, seq: u64, bytes: Bytes) -> Result<u64, ConsoleError> {
        let mut state = self.state.lock();
        if let Taken::Before(last) = state.clients.look(client, seq)? {
            return Ok(last);
        }
        state.check_owner(client)?;
        self.input.push(bytes).map_err(|_| ConsoleError::InputFull { expected: seq })?;
        state.clients.take(client, seq);
        Ok(seq)
    }

    /// The last number that was taken of a client; 0 when none was.
    pub(super) fn last_taken(&self, client: &ClientId) -> u64 {
        self.state.lock().clients.last(client)
    }

    pub(super) fn interrupt(&self, client: &ClientId) -> Result<(), ConsoleError> {
        self.state.lock().check_owner(client)?;
        self.input.interrupt();
        Ok(())
    }

    pub(super) fn resize(&self, client: &ClientId, size: Size) -> Result<(), ConsoleError> {
        let mut state = self.state.lock();
        state.check_owner(client)?;
        state.resize(size.checked()?, &self.input);
        drop(state);
        self.changed.notify_waiters();
        Ok(())
    }

    /// The owner has shown everything before an offset. From others it means nothing.
    pub(super) fn acknowledge(&self, client: &ClientId, offset: u64) -> Result<(), ConsoleError> {
        let mut state = self.state.lock();
        if offset > state.ring.end() {
            return Err(ConsoleError::OffsetAhead);
        }
        if state.owner.as_ref() == Some(client) && offset > state.acknowledged {
            state.acknowledged = offset;
            drop(state);
            self.room.notify_waiters();
        }
        Ok(())
    }

    pub(super) fn take_over(&self, client: &ClientId) {
        let mut state = self.state.lock();
        if state.owner.as_ref() == Some(client) {
            return;
        }
        state.set_owner(Some(client.clone()));
        // Where the new owner is was never told; it catches up within the window.
        state.acknowledged = state.ring.end().saturating_sub(WINDOW_BYTES as u64).max(state.acknowledged);
        if !state.owner_is_attached() {
            state.owner_gone = Instant::now();
        }
        drop(state);
        self.changed.notify_waiters();
        self.room.notify_waiters();
    }
}
