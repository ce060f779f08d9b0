//! Polling the library where it must not wait.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

/// The library would have waited for a file, though it was told to stay on the thread.
#[derive(Debug, thiserror::Error)]
#[error("a file operation did not end at once")]
pub(super) struct Waited;

/// What a future gives that is ready at its first poll, as the library's file calls are on the thread.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> Result<T, Waited> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Ok(value),
        Poll::Pending => Err(Waited),
    }
}
