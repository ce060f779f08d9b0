//! What changes in a session: its bytes and notes, its owner and connections, how far the owner has seen.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::attachment::{Place, Shown, Wanted};
use super::clients::Clients;
use super::error::ConsoleError;
use super::input::InputQueue;
use super::note::{Mode, Notes};
use super::ring::Ring;
use super::session::{EndReason, Exit, Size, WINDOW_BYTES};
use crate::auth::Caller;
use crate::ids::ClientId;

/// What is written at once.
const PIECE_BYTES: usize = 32 << 10;
/// What is shown at once.
const SHOWN_BYTES: usize = 32 << 10;

/// What changes in a session, behind its lock.
pub(super) struct State {
    pub(super) name: String,
    pub(super) caller: Caller,
    pub(super) ring: Ring,
    pub(super) notes: Notes,
    pub(super) size: Size,
    pub(super) size_changes: u64,
    pub(super) acknowledged: u64,
    pub(super) owner: Option<ClientId>,
    pub(super) owner_changes: u64,
    pub(super) owner_grace: Duration,
    /// Since when no connection of the owner is there; meaningless while one is.
    pub(super) owner_gone: Instant,
    pub(super) attached: HashMap<u64, ClientId>,
    pub(super) attachments: u64,
    /// Since when nobody is attached; meaningless while somebody is.
    pub(super) idle_since: Instant,
    pub(super) clients: Clients,
    pub(super) end_reason: EndReason,
    pub(super) exit: Option<Exit>,
}

/// Whether something can be written.
pub(super) enum Room {
    Now(usize),
    Wait(Option<Instant>),
    Over,
}

impl State {
    pub(super) fn room(&self, beyond_bytes: usize) -> Room {
        if self.exit.is_some() {
            return Room::Over;
        }
        let held = usize::try_from(self.ring.end().saturating_sub(self.acknowledged)).unwrap_or(usize::MAX);
        let room = (WINDOW_BYTES + beyond_bytes).saturating_sub(held);
        if room > 0 {
            return Room::Now(room);
        }
        if self.owner_is_attached() {
            return Room::Wait(None);
        }
        let until = self.owner_gone + self.owner_grace;
        if Instant::now() >= until { Room::Now(usize::MAX) } else { Room::Wait(Some(until)) }
    }

    pub(super) fn write(&mut self, bytes: &mut Bytes) -> Room {
        let room = self.room(0);
        if let Room::Now(room) = room {
            let piece = bytes.split_to(bytes.len().min(room).min(PIECE_BYTES));
            self.show(&piece);
        }
        room
    }

    pub(super) fn show(&mut self, bytes: &[u8]) {
        self.ring.push(bytes);
        self.notes.trim(self.ring.start());
    }

    pub(super) fn mode(&self) -> Mode {
        self.notes.mode_before(self.notes.count())
    }

    pub(super) fn owner_is_attached(&self) -> bool {
        self.owner.as_ref().is_some_and(|owner| self.attached.values().any(|client| client == owner))
    }

    pub(super) fn check_owner(&self, client: &ClientId) -> Result<(), ConsoleError> {
        if self.exit.is_some() {
            return Err(ConsoleError::SessionEnded);
        }
        if self.owner.as_ref() == Some(client) { Ok(()) } else { Err(ConsoleError::NotOwner) }
    }

    pub(super) fn set_owner(&mut self, owner: Option<ClientId>) {
        if self.owner != owner {
            self.owner = owner;
            self.owner_changes += 1;
        }
    }

    pub(super) fn resize(&mut self, size: Size, input: &InputQueue) {
        if self.size != size {
            self.size = size;
            self.size_changes += 1;
            input.resize(size);
        }
    }

    /// Where one begins, whether something before it is gone that was asked for, and what was asked for.
    pub(super) fn place(&self, wanted: &Wanted) -> Result<(Place, bool, u64), ConsoleError> {
        let (start, end) = (self.ring.start(), self.ring.end());
        let Some(offset) = wanted.from else {
            let place = Place { offset: start, notes: self.notes.first_at(start) };
            return Ok((place, start > 0, 0));
        };
        if offset > end || wanted.notes.is_some_and(|notes| notes > self.notes.count()) {
            return Err(ConsoleError::OffsetAhead);
        }
        let from = offset.max(start);
        let notes = wanted.notes.unwrap_or(0).max(self.notes.first_at(from));
        // A note at the place itself may have been told already: then its number says so.
        Ok((Place { offset: from, notes }, from > offset, offset))
    }

    pub(super) fn shown_after(&self, place: &mut Place) -> Option<Shown> {
        let start = self.ring.start();
        if place.offset < start {
            let from = std::mem::replace(&mut place.offset, start);
            return Some(Shown::Gap { from, to: start });
        }
        let note = self.notes.at(place.notes);
        if let Some(note) = note.filter(|note| note.offset <= place.offset) {
            place.notes = note.number + 1;
            return Some(Shown::Note(note.clone()));
        }
        let until = note.map_or(self.ring.end(), |note| note.offset);
        if place.offset < until {
            let limit = usize::try_from(until - place.offset).unwrap_or(usize::MAX).min(SHOWN_BYTES);
            let (offset, bytes) = (place.offset, self.ring.read(place.offset, limit));
            place.offset += bytes.len() as u64;
            return Some(Shown::Bytes { offset, bytes });
        }
        self.exit.map(Shown::Exit)
    }
}
