//! Idempotency keys by the hash of who used them for what, the answers they got, and how many there are.

use serde::{Deserialize, Serialize};

use crate::ids::TenantId;
use crate::store::{Key, Kind, Prefix, Reader, Record, StoreError, Writer};

/// Whose keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySpace {
    /// For requests above tenants.
    Host,
    /// For requests to one tenant.
    Tenant(TenantId),
}

/// One key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRecord {
    /// When its first request began, in milliseconds since the Unix epoch.
    pub begun_ms: u64,
    /// The process that began it; empty when that one gave up on it.
    pub process: String,
    /// Digest of the request's query and body, once it is known.
    pub digest: Option<String>,
    /// What was answered, once it was.
    pub answer: Option<KeptAnswer>,
}

impl Record for IdempotencyRecord {}

/// An answer; its body is in pieces of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptAnswer {
    /// The status.
    pub status: u16,
    /// The body's media type.
    pub media_type: Option<String>,
    /// Pieces of the body.
    pub pieces: usize,
    /// Bytes of all pieces.
    pub bytes: u64,
    /// False when the body was too large.
    pub kept: bool,
}

/// Keys and bytes of a space.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyUsage {
    /// Keys.
    pub keys: u64,
    /// Bytes of kept answers.
    pub bytes: u64,
}

impl Record for IdempotencyUsage {}

#[derive(Serialize, Deserialize)]
struct Piece {
    data: String,
}

impl Record for Piece {}

#[derive(Serialize, Deserialize)]
struct ByTime {
    name: String,
    begun_ms: u64,
}

impl Record for ByTime {}

fn key(space: &KeySpace, kind: Kind, parts: &[&str]) -> Key {
    match space {
        KeySpace::Host => Key::of_host(kind, parts),
        KeySpace::Tenant(tenant) => Key::of_tenant(tenant, kind, parts),
    }
}

fn piece_key(space: &KeySpace, name: &str, number: usize) -> Key {
    key(space, Kind::IdempotencyPiece, &[name, &format!("{number:06}")])
}

fn time_key(space: &KeySpace, begun_ms: u64, name: &str) -> Key {
    key(space, Kind::IdempotencyByTime, &[&format!("{begun_ms:020}"), name])
}

impl Reader {
    /// The pieces of a kept answer.
    ///
    /// # Errors
    /// When the store fails, or one is missing.
    pub fn idempotency_pieces(
        &self,
        space: &KeySpace,
        name: &str,
        count: usize,
    ) -> Result<Vec<String>, StoreError> {
        let missing = || StoreError::Damaged { what: "a kept answer", source: None };
        let piece = |number| self.get::<Piece>(&piece_key(space, name, number))?.ok_or_else(missing);
        (0..count).map(|number| piece(number).map(|piece| piece.data)).collect()
    }
}

impl Writer {
    /// One key.
    ///
    /// # Errors
    /// When the store fails.
    pub fn idempotency(&self, space: &KeySpace, name: &str) -> Result<Option<IdempotencyRecord>, StoreError> {
        self.get(&key(space, Kind::Idempotency, &[name]))
    }

    /// How many keys there are, and how much they take.
    ///
    /// # Errors
    /// When the store fails.
    pub fn idempotency_usage(&self, space: &KeySpace) -> Result<IdempotencyUsage, StoreError> {
        Ok(self.get(&key(space, Kind::IdempotencyUsage, &[]))?.unwrap_or_default())
    }

    /// The keys begun first: when, and their names.
    ///
    /// # Errors
    /// When the store fails.
    pub fn oldest_idempotency(
        &self,
        space: &KeySpace,
        limit: usize,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let prefix = match space {
            KeySpace::Host => Prefix::of_host(Kind::IdempotencyByTime, &[]),
            KeySpace::Tenant(tenant) => Prefix::of_tenant(tenant, Kind::IdempotencyByTime, &[]),
        };
        let oldest = self.before().first::<ByTime>(&prefix, limit)?;
        Ok(oldest.into_iter().map(|(_, entry)| (entry.begun_ms, entry.name)).collect())
    }

    /// Writes a key, over its older record, which began at the same time.
    ///
    /// # Errors
    /// When it is too large.
    pub fn put_idempotency(
        &mut self,
        space: &KeySpace,
        name: &str,
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError> {
        self.put(key(space, Kind::Idempotency, &[name]), record)
    }

    /// Writes a new key, in place of one whose day is over.
    ///
    /// # Errors
    /// When the store fails.
    pub fn begin_idempotency(
        &mut self,
        space: &KeySpace,
        name: &str,
        record: &IdempotencyRecord,
    ) -> Result<(), StoreError> {
        self.remove_idempotency(space, name)?;
        let by_time = ByTime { name: name.to_owned(), begun_ms: record.begun_ms };
        self.put(time_key(space, record.begun_ms, name), &by_time)?;
        self.count_idempotency(space, |usage| usage.keys += 1)?;
        self.put_idempotency(space, name, record)
    }

    /// Writes a key with its answer.
    ///
    /// # Errors
    /// When the store fails.
    pub fn finish_idempotency(
        &mut self,
        space: &KeySpace,
        name: &str,
        record: &IdempotencyRecord,
        pieces: &[String],
    ) -> Result<(), StoreError> {
        for (number, data) in pieces.iter().enumerate() {
            self.put(piece_key(space, name, number), &Piece { data: data.clone() })?;
        }
        let bytes = record.answer.as_ref().map_or(0, |answer| answer.bytes);
        self.count_idempotency(space, |usage| usage.bytes += bytes)?;
        self.put_idempotency(space, name, record)
    }

    /// Forgets a key and its answer.
    ///
    /// # Errors
    /// When the store fails.
    pub fn remove_idempotency(&mut self, space: &KeySpace, name: &str) -> Result<(), StoreError> {
        let Some(record) = self.idempotency(space, name)? else { return Ok(()) };
        let (pieces, bytes) = record.answer.map_or((0, 0), |answer| (answer.pieces, answer.bytes));
        (0..pieces).for_each(|number| self.remove(piece_key(space, name, number)));
        self.remove(time_key(space, record.begun_ms, name));
        self.remove(key(space, Kind::Idempotency, &[name]));
        self.count_idempotency(space, |usage| {
            usage.keys = usage.keys.saturating_sub(1);
            usage.bytes = usage.bytes.saturating_sub(bytes);
        })
    }

    fn count_idempotency(
        &mut self,
        space: &KeySpace,
        change: impl FnOnce(&mut IdempotencyUsage),
    ) -> Result<(), StoreError> {
        let mut usage = self.idempotency_usage(space)?;
        change(&mut usage);
        self.put(key(space, Kind::IdempotencyUsage, &[]), &usage)
    }
}
