//! One connection's view of a session: where it is, and what it is shown next.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::note::{Mode, Note};
use super::session::{Exit, Session, Size};
use crate::ids::ClientId;

/// What a connection wants to be to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It types; whoever did so until now looks on.
    #[default]
    Owner,
    /// It looks on.
    Viewer,
    /// What its client is already.
    Resume,
}

/// How a connection attaches.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// As what.
    pub role: Role,
    /// The first byte that it has not seen; the oldest that is kept when absent.
    pub from: Option<u64>,
    /// The marks and modes that it has seen; when absent, those before `from`.
    pub notes: Option<u64>,
    /// How large its terminal is.
    pub size: Option<Size>,
}

impl Wanted {
    /// True when it has seen what was before.
    pub(super) fn goes_on(&self) -> bool {
        self.notes.is_some()
    }
}

/// How a connection was attached.
#[derive(Debug, Clone)]
pub(super) struct Attached {
    /// The offset where its bytes begin.
    pub(super) from: u64,
    /// The offset where they end at present.
    pub(super) size: u64,
    /// Something that was asked for is gone.
    pub(super) truncated: bool,
    /// The mode at `from`.
    pub(super) mode: Mode,
    /// It is the owner.
    pub(super) you: bool,
    pub(super) terminal: Size,
    /// Notes before `from`.
    pub(super) marks: Vec<Note>,
}

/// What was shown so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) offset: u64,
    /// The number of the next note.
    pub(super) notes: u64,
}

/// Something a connection is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Shown {
    Bytes {
        offset: u64,
        bytes: Bytes,
    },
    Note(Note),
    /// These bytes are gone.
    Gap {
        from: u64,
        to: u64,
    },
    /// What was there when it attached is shown.
    ReplayEnd {
        offset: u64,
    },
    Owner {
        client: Option<ClientId>,
        you: bool,
    },
    Size(Size),
    Exit(Exit),
}

/// A connection that is attached to a session, until it is dropped.
pub(super) struct Attachment {
    session: Arc<Session>,
    number: u64,
    client: ClientId,
    place: Place,
    told: (u64, u64),
    gap: Option<(u64, u64)>,
    /// The end of the replay, until it is told.
    replayed: Option<u64>,
    over: bool,
}

impl Attachment {
    pub(super) fn new(
        session: Arc<Session>,
        number: u64,
        client: ClientId,
        place: Place,
        told: (u64, u64),
        replayed: u64,
        gap: Option<(u64, u64)>,
    ) -> Self {
        Self { session, number, client, place, told, gap, replayed: Some(replayed), over: false }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// Tells no end of a replay: it was told before.
    pub(super) fn is_live(&mut self) {
        self.replayed = None;
    }

    /// Tells first who owns the session.
    pub(super) fn tell_owner(&mut self) {
        self.told.0 = u64::MAX;
    }

    /// The next, as soon as there is something; `None` after the exit. Dropping the future loses nothing.
    pub(super) async fn next(&mut self) -> Option<Shown> {
        loop {
            if self.over {
                return None;
            }
            // Apart from the session, so that `self` stays free.
            let session = Arc::clone(&self.session);
            let changed = session.changed();
            if let Some(shown) = self.try_next() {
                return Some(shown);
            }
            changed.await;
        }
    }

    fn try_next(&mut self) -> Option<Shown> {
        if let Some((from, to)) = self.gap.take() {
            return Some(Shown::Gap { from, to });
        }
        if self.replayed.is_some_and(|end| self.place.offset >= end) {
            self.replayed = None;
            return Some(Shown::ReplayEnd { offset: self.place.offset });
        }
        let shown = self.session.next(&self.client, &mut self.place, &mut self.told);
        self.over = matches!(shown, Some(Shown::Exit(_)));
        shown
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        self.session.detach(self.number);
    }
}
