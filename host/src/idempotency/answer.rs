//! Kept answers: compressed, encrypted, in pieces that the store can take.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};

use super::{IdempotencyError, IdempotencyKey};

/// Largest body that is kept, in bytes.
pub const MAX_ANSWER_BYTES: usize = 4 << 20;
/// Bytes of one piece: in base64 they fit into a record.
const PIECE_BYTES: usize = 40 << 10;
const NONCE_BYTES: usize = 12;
/// Names the purpose of the derived key; changes with the format.
const CONTEXT: &str = "cloister 2026-11 kept answer of an idempotency key";

/// What the first request was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body's media type.
    pub media_type: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// What encrypts the answer of one key.
pub(super) struct Cipher {
    cipher: ChaCha20Poly1305,
    /// Bound into what is encrypted, so that one answer cannot stand in for another.
    name: String,
}

impl Cipher {
    /// Needs the host's secret and the client's key.
    pub(super) fn new(secret: &[u8; 32], key: &IdempotencyKey, name: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(CONTEXT);
        hasher.update(secret).update(name.as_bytes()).update(key.as_str().as_bytes());
        let key = Key::from(*hasher.finalize().as_bytes());
        Self { cipher: ChaCha20Poly1305::new(&key), name: name.to_owned() }
    }

    /// The pieces of a body, in base64.
    pub(super) fn seal(&self, body: &[u8]) -> Result<Vec<String>, IdempotencyError> {
        let mut nonce = [0_u8; NONCE_BYTES];
        getrandom::fill(&mut nonce).map_err(|_| IdempotencyError::Damaged)?;
        let packed = lz4_flex::compress_prepend_size(body);
        let payload = Payload { msg: &packed, aad: self.name.as_bytes() };
        let sealed =
            self.cipher.encrypt(&Nonce::from(nonce), payload).map_err(|_| IdempotencyError::Damaged)?;
        let bytes = [&nonce[..], &sealed].concat();
        Ok(bytes.chunks(PIECE_BYTES).map(|piece| STANDARD.encode(piece)).collect())
    }

    /// The body of these pieces.
    pub(super) fn open(&self, pieces: &[String]) -> Result<Vec<u8>, IdempotencyError> {
        let mut bytes = Vec::new();
        for piece in pieces {
            bytes.extend(STANDARD.decode(piece).map_err(|_| IdempotencyError::Damaged)?);
        }
        let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>().ok_or(IdempotencyError::Damaged)?;
        let payload = Payload { msg: sealed, aad: self.name.as_bytes() };
        let packed =
            self.cipher.decrypt(&Nonce::from(*nonce), payload).map_err(|_| IdempotencyError::Damaged)?;
        lz4_flex::decompress_size_prepended(&packed).map_err(|_| IdempotencyError::Damaged)
    }
}
