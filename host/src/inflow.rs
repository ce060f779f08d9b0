//! Pours a request's body into a file, within a bound.

use std::error::Error;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::io::AsyncWriteExt;

/// Bytes between two calls of a pour's `check`.
const CHECK_EVERY_BYTES: u64 = 8 * 1024 * 1024;

/// Why a body did not arrive whole.
#[derive(Debug)]
pub(crate) enum PourError<E> {
    /// It is larger than the bound.
    TooLarge,
    /// It ended early, or came too slowly.
    Body(Box<dyn Error + Send + Sync>),
    /// The file could not be written.
    Io(std::io::Error),
    /// The check failed.
    Check(E),
}

/// Writes all of `body` to `file`, syncs it, and answers its size. Shows each piece to `see` before it is written,
/// and calls `check` every few megabytes; either may refuse.
///
/// # Errors
/// The first failure; what was written until then stays for the caller to remove.
pub(crate) async fn pour<S, T, E>(
    body: S,
    file: std::fs::File,
    limit_bytes: u64,
    mut see: impl FnMut(&[u8]) -> Result<(), E> + Send,
    check: impl Fn() -> Result<(), E> + Send + Sync,
) -> Result<u64, PourError<E>>
where
    S: Stream<Item = Result<Bytes, T>> + Send,
    T: Into<Box<dyn Error + Send + Sync>>,
{
    let mut file = tokio::fs::File::from_std(file);
    let mut body = std::pin::pin!(body);
    let mut size_bytes = 0_u64;
    let mut checked_bytes = 0_u64;
    while let Some(piece) = body.next().await {
        let piece = piece.map_err(|error| PourError::Body(error.into()))?;
        size_bytes += piece.len() as u64;
        if size_bytes > limit_bytes {
            return Err(PourError::TooLarge);
        }
        if size_bytes - checked_bytes >= CHECK_EVERY_BYTES {
            check().map_err(PourError::Check)?;
            checked_bytes = size_bytes;
        }
        see(&piece).map_err(PourError::Check)?;
        file.write_all(&piece).await.map_err(PourError::Io)?;
    }
    file.flush().await.map_err(PourError::Io)?;
    file.sync_all().await.map_err(PourError::Io)?;
    Ok(size_bytes)
}
