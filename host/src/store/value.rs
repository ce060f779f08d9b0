//! Values as bytes: a version byte, then JSON.
//!
//! JSON, because it describes itself: a field that is added with a default needs no migration, and a damaged or
//! surprising record can be read by a person. The records are small; what is large or hot (log lines) is not kept so.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::StoreError;

/// The version byte of the mark of a store that was used, which has no other content.
pub(super) const MARK_VERSION: u8 = 1;

/// The largest value, in bytes: sled does not give back the space of larger ones.
pub const MAX_VALUE_BYTES: usize = 64 * 1024;

/// A type that is kept in the store.
pub trait Record: Serialize + DeserializeOwned + Send + 'static {
    /// The shape's version, in the value's first byte. Raise it when old values no longer read as this type.
    const VERSION: u8 = 1;

    /// Reads a value of an older version.
    fn upgrade(_version: u8, _json: &[u8]) -> Option<Self> {
        None
    }
}

pub(super) fn encode<R: Record>(record: &R) -> Result<Vec<u8>, StoreError> {
    let mut bytes = vec![R::VERSION];
    serde_json::to_writer(&mut bytes, record).map_err(StoreError::Encode)?;
    if bytes.len() > MAX_VALUE_BYTES {
        return Err(StoreError::TooLarge { size_bytes: bytes.len(), limit_bytes: MAX_VALUE_BYTES });
    }
    Ok(bytes)
}

pub(super) fn decode<R: Record>(bytes: &[u8]) -> Result<R, StoreError> {
    const WHAT: &str = "a record";
    let Some((&version, json)) = bytes.split_first() else {
        return Err(StoreError::Damaged { what: WHAT, source: None });
    };
    if version == R::VERSION {
        return serde_json::from_slice(json)
            .map_err(|source| StoreError::Damaged { what: WHAT, source: Some(source.into()) });
    }
    R::upgrade(version, json).ok_or(StoreError::Damaged { what: WHAT, source: None })
}
