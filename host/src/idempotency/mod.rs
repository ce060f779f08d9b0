//! `Idempotency-Key`: the same request sent twice is done once, and answered twice.
//!
//! A key is known by its principal, tenant, method and path. The first request with it is noted before it is begun and
//! its answer kept for a day, encrypted with a key that needs both the host's secret and the client's key: answers may
//! hold one-time links. A failed request changed nothing, so its key is forgotten and may be used again.
//!
//! The note is not flushed by itself: the store writes in order, so whatever the request makes durable makes the note
//! durable first.

mod answer;
mod keeper;
mod key;

pub use answer::{Answer, MAX_ANSWER_BYTES};
pub use keeper::{Began, Idempotency, Named};
pub use key::{IdempotencyKey, InvalidKey};

use crate::store::StoreError;

/// Why a request with a key is not done.
#[derive(Debug, thiserror::Error)]
pub enum IdempotencyError {
    /// The key was used for another request.
    #[error("the key was used before for a request with another body or query")]
    Reused,
    /// The first request with the key goes on.
    #[error("the first request with this key has not been answered yet")]
    InFlight,
    /// The host stopped, or failed, in the middle of the first request.
    #[error("the first request with this key was cut off, and nothing says how far it got")]
    CutOff,
    /// The answer was too large to be kept.
    #[error("the first request with this key was done, and its answer was too large to be kept")]
    NotKept,
    /// The tenant has as many keys as are kept.
    #[error("as many keys as are kept have been used within a day")]
    Full,
    /// The key is not one.
    #[error(transparent)]
    Key(#[from] InvalidKey),
    /// A kept answer cannot be decrypted.
    #[error("a kept answer is damaged")]
    Damaged,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdempotencyError {
    /// The stable name of the failure.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Reused => "idempotency_key_reused",
            Self::InFlight => "idempotency_in_flight",
            Self::CutOff => "idempotency_cut_off",
            Self::NotKept => "idempotency_not_kept",
            Self::Full => "idempotency_full",
            Self::Key(_) => "idempotency_key_invalid",
            Self::Damaged => "internal",
            Self::Store(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests;
