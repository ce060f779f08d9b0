//! Reads on what a handler left unread of a request's body, for a while.
//!
//! A client that still sends when the answer comes would otherwise find its connection reset and never see the answer:
//! the refusal of an upload above all.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};

/// Bytes read on at most.
const LINGER_BYTES: usize = 64 << 20;
/// Time spent on it at most.
const LINGER: Duration = Duration::from_secs(5);

/// A request's body.
pub(super) struct Lingering {
    body: Body,
    ended: bool,
}

impl Lingering {
    pub(super) fn new(body: Body) -> Self {
        Self { body, ended: false }
    }
}

impl HttpBody for Lingering {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        self.ended |= matches!(polled, Poll::Ready(None | Some(Err(_))));
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        if self.ended || self.body.is_end_stream() {
            return;
        }
        let body = std::mem::replace(&mut self.body, Body::empty());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(tokio::time::timeout(LINGER, discard(body)));
        }
    }
}

async fn discard(mut body: Body) {
    let mut left = LINGER_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let read = frame.data_ref().map_or(0, Bytes::len);
        if read > left {
            return;
        }
        left -= read;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::StreamExt;

    use super::*;

    #[tokio::test]
    async fn what_a_handler_leaves_is_read_to_its_end() {
        let pieces = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&pieces);
        let (sent, done) = tokio::sync::oneshot::channel::<()>();
        let all = futures_util::stream::iter(0..100).map(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok::<_, std::io::Error>(Bytes::from_static(b"piece"))
        });
        let last = futures_util::stream::once(async move {
            drop(sent);
            Ok(Bytes::new())
        });
        let mut body = Lingering::new(Body::from_stream(all.chain(last)));
        let _first = body.frame().await;
        drop(body);
        assert!(done.await.is_err());
        assert_eq!(pieces.load(Ordering::SeqCst), 100);
    }
}
