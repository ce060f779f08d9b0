//! Bodies with a bound on their size, and on the silence between two parts of an answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};
use wasmtime_wasi_http::{Error, WasiBody};

/// What is left of a bound.
struct Left {
    bytes: u64,
    bound_bytes: u64,
}

impl Left {
    fn new(bound_bytes: u64) -> Self {
        Self { bytes: bound_bytes, bound_bytes }
    }

    /// Takes a frame off; the bound when it is larger than what is left.
    fn take(&mut self, frame: &Frame<Bytes>) -> Result<(), u64> {
        let bytes = frame.data_ref().map_or(0, |data| data.len() as u64);
        self.bytes = self.bytes.checked_sub(bytes).ok_or(self.bound_bytes)?;
        Ok(())
    }
}

/// What a guest sends.
pub(super) struct RequestBody {
    body: WasiBody,
    left: Left,
}

impl RequestBody {
    pub(super) fn new(body: WasiBody, bound_bytes: u64) -> Self {
        Self { body, left: Left::new(bound_bytes) }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        Poll::Ready(frame.map(|frame| {
            let frame = frame?;
            self.left.take(&frame).map_err(|bound| Error::HttpRequestBodySize(Some(bound)))?;
            Ok(frame)
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// What a guest gets.
pub(super) struct ResponseBody {
    body: Incoming,
    left: Left,
    silence: Duration,
    /// Counts while the guest waits for bytes, and only then.
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl ResponseBody {
    pub(super) fn new(body: Incoming, bound_bytes: u64, silence: Duration) -> Self {
        let timer = Box::pin(tokio::time::sleep(silence));
        Self { body, left: Left::new(bound_bytes), silence, timer, waiting: false }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let this = &mut *self;
        if let Poll::Ready(frame) = Pin::new(&mut this.body).poll_frame(context) {
            this.waiting = false;
            return Poll::Ready(frame.map(|frame| {
                let frame = frame?;
                this.left.take(&frame).map_err(|bound| Error::HttpResponseBodySize(Some(bound)))?;
                Ok(frame)
            }));
        }
        if !this.waiting {
            this.waiting = true;
            let until = Instant::now() + this.silence;
            this.timer.as_mut().reset(until);
        }
        ready!(this.timer.as_mut().poll(context));
        Poll::Ready(Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
