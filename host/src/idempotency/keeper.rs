//! Which keys were used, and what they were answered.

use std::sync::Arc;

use super::answer::Cipher;
use super::{Answer, IdempotencyError, IdempotencyKey, MAX_ANSWER_BYTES};
use crate::auth::{Member, OperatorScope};
use crate::clock::Clock;
use crate::store::{IdempotencyRecord, KeptAnswer, KeySpace, Store, StoreError, Writer};

/// How long a key is kept, in milliseconds.
const KEEP_MS: u64 = 24 * 3_600_000;
/// Keys of one tenant that are kept.
const MAX_KEYS: u64 = 100_000;
/// Answers of one tenant that are kept, in bytes.
const MAX_KEPT_BYTES: u64 = 64 << 20;
/// Old keys that a new one removes.
const PURGE_STEP: usize = 16;
/// Name of the host's secret, in the data directory.
const SECRET: &str = "idempotency.key";

/// Knows the keys. Cheap to clone.
#[derive(Clone)]
pub struct Idempotency {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    clock: Clock,
    secret: [u8; 32],
    /// Names this process: what another began, nobody will finish.
    process: String,
}

/// A key within its space: whose it is, and for what.
#[derive(Clone)]
pub struct Named {
    space: KeySpace,
    key: IdempotencyKey,
    name: String,
}

impl Named {
    /// A member's key for a request to their tenant.
    #[must_use]
    pub fn of_member(member: &Member, method: &str, path: &str, key: IdempotencyKey) -> Self {
        let space = KeySpace::Tenant(member.scope().tenant().clone());
        Self::new(space, member.caller().user().as_str(), method, path, key)
    }

    /// The operator's key for a request above tenants.
    #[must_use]
    pub fn of_operator(operator: &OperatorScope, method: &str, path: &str, key: IdempotencyKey) -> Self {
        Self::new(KeySpace::Host, operator.principal().as_str(), method, path, key)
    }

    fn new(space: KeySpace, principal: &str, method: &str, path: &str, key: IdempotencyKey) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [principal, method, path, key.as_str()] {
            hasher.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
        }
        Self { space, key, name: hasher.finalize().to_hex().to_string() }
    }
}

#[cfg(test)]
impl Named {
    pub(super) fn for_test(principal: &str, key: &str) -> Self {
        Self::new(Self::space_for_test(), principal, "POST", "/v1/a/runs", key.parse().unwrap())
    }

    pub(super) fn space_for_test() -> KeySpace {
        KeySpace::Tenant("ten_01arz3ndektsv4rrffq69g5fav".parse().unwrap())
    }
}

/// What is to be done with a request.
#[derive(Debug)]
pub enum Began {
    /// It is the first: do it, then [`Idempotency::finish`] or [`Idempotency::release`].
    First,
    /// It was done: answer so when the digest is the same.
    Done {
        /// Digest of the first request's query and body.
        digest: String,
        /// Its answer; absent when it was too large to be kept.
        answer: Option<Answer>,
    },
}

impl Idempotency {
    /// Reads or makes the host's secret. Blocks.
    ///
    /// # Errors
    /// When it cannot be read or made.
    pub fn open(store: Store, clock: Clock) -> Result<Self, StoreError> {
        let secret = store.dir().private_key(SECRET)?;
        let process = clock.ulid().to_string();
        Ok(Self { inner: Arc::new(Inner { store, clock, secret, process }) })
    }

    /// Notes that a request begins, unless one with this key did before.
    ///
    /// # Errors
    /// When the first goes on, or was cut off, or there are too many keys.
    pub async fn begin(&self, named: &Named) -> Result<Began, IdempotencyError> {
        let (now_ms, process) = (self.inner.clock.unix_ms(), self.inner.process.clone());
        let (space, name) = (named.space.clone(), named.name.clone());
        let found = self
            .inner
            .store
            .write_soon::<_, IdempotencyError, _>(move |writer| {
                purge(writer, &space, now_ms)?;
                let found = writer.idempotency(&space, &name)?;
                if let Some(found) = found.filter(|found| now_ms < found.begun_ms + KEEP_MS) {
                    return Ok(Some(found));
                }
                if writer.idempotency_usage(&space)?.keys >= MAX_KEYS {
                    return Err(IdempotencyError::Full);
                }
                let record = IdempotencyRecord { begun_ms: now_ms, process, digest: None, answer: None };
                writer.begin_idempotency(&space, &name, &record)?;
                Ok(None)
            })
            .await?;
        match found {
            None => Ok(Began::First),
            Some(IdempotencyRecord { digest: Some(digest), answer: Some(kept), .. }) => {
                let answer = self.answer(named, kept).await?;
                Ok(Began::Done { digest, answer })
            }
            Some(record) if record.process == self.inner.process => Err(IdempotencyError::InFlight),
            Some(_) => Err(IdempotencyError::CutOff),
        }
    }

    /// Keeps the answer of a request that was done. It is on disk when this returns.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn finish(
        &self,
        named: &Named,
        digest: String,
        answer: Answer,
    ) -> Result<(), IdempotencyError> {
        let Answer { status, media_type, body } = answer;
        let fits = body.len() <= MAX_ANSWER_BYTES;
        let pieces = if fits { self.cipher(named).seal(&body)? } else { Vec::new() };
        let (space, name) = (named.space.clone(), named.name.clone());
        self.inner
            .store
            .write::<_, IdempotencyError, _>(move |writer| {
                let Some(mut record) = writer.idempotency(&space, &name)? else { return Ok(()) };
                let bytes: u64 = pieces.iter().map(|piece| piece.len() as u64).sum();
                let fits = fits && writer.idempotency_usage(&space)?.bytes + bytes <= MAX_KEPT_BYTES;
                let pieces = if fits { pieces } else { Vec::new() };
                record.digest = Some(digest);
                record.answer = Some(KeptAnswer {
                    status,
                    media_type,
                    pieces: pieces.len(),
                    bytes: if fits { bytes } else { 0 },
                    kept: fits,
                });
                Ok(writer.finish_idempotency(&space, &name, &record, &pieces)?)
            })
            .await
    }

    /// Forgets a key whose request changed nothing.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn release(&self, named: &Named) -> Result<(), IdempotencyError> {
        let (space, name) = (named.space.clone(), named.name.clone());
        self.inner
            .store
            .write_soon::<_, IdempotencyError, _>(move |writer| Ok(writer.remove_idempotency(&space, &name)?))
            .await
    }

    /// Notes that nobody knows how far a request got.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn cut_off(&self, named: &Named) -> Result<(), IdempotencyError> {
        let (space, name) = (named.space.clone(), named.name.clone());
        self.inner
            .store
            .write_soon::<_, IdempotencyError, _>(move |writer| {
                if let Some(mut record) = writer.idempotency(&space, &name)? {
                    record.process = String::new();
                    writer.put_idempotency(&space, &name, &record)?;
                }
                Ok(())
            })
            .await
    }

    fn cipher(&self, named: &Named) -> Cipher {
        Cipher::new(&self.inner.secret, &named.key, &named.name)
    }

    async fn answer(&self, named: &Named, kept: KeptAnswer) -> Result<Option<Answer>, IdempotencyError> {
        if !kept.kept {
            return Ok(None);
        }
        let (space, name, count) = (named.space.clone(), named.name.clone(), kept.pieces);
        let pieces = self
            .inner
            .store
            .read::<_, StoreError, _>(move |reader| reader.idempotency_pieces(&space, &name, count));
        let body = self.cipher(named).open(&pieces.await?)?;
        Ok(Some(Answer { status: kept.status, media_type: kept.media_type, body }))
    }
}

/// Removes some keys whose day is over.
fn purge(writer: &mut Writer, space: &KeySpace, now_ms: u64) -> Result<(), StoreError> {
    for (begun_ms, name) in writer.oldest_idempotency(space, PURGE_STEP)? {
        if now_ms < begun_ms + KEEP_MS {
            break;
        }
        writer.remove_idempotency(space, &name)?;
    }
    Ok(())
}
