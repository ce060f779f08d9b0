//! Calling a component that serves HTTP: one request, one run.

use bytes::Bytes;
use futures_channel::oneshot;
use http::uri::{Authority, Scheme, Uri};
use http::{Request, Response, header};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;
use wasmtime_wasi_http::{Error, WasiBody};

/// A body that passes between a client and a guest.
pub type HttpBody = UnsyncBoxBody<Bytes, std::io::Error>;

/// A request for a guest, and where its answer goes.
pub(crate) struct HttpCall {
    pub(crate) request: Request<WasiBody>,
    pub(crate) answer: oneshot::Sender<wasmtime::Result<Response<WasiBody>>>,
}

/// The answer of a guest that serves.
pub struct HttpAnswer(oneshot::Receiver<wasmtime::Result<Response<WasiBody>>>);

impl HttpAnswer {
    /// Waits for the head of the answer; `None` when the guest gave none. The run goes on while it writes the body.
    pub async fn response(self) -> Option<Response<HttpBody>> {
        let response = self.0.await.ok()?.ok()?;
        Some(response.map(|body| body.map_err(std::io::Error::other).boxed_unsync()))
    }
}

impl HttpCall {
    /// For a request as it came over a connection without TLS.
    pub(crate) fn new<B>(request: Request<B>) -> (Self, HttpAnswer)
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: std::fmt::Display,
    {
        let (answer, answered) = oneshot::channel();
        let (mut parts, body) = request.into_parts();
        let host = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let authority: Option<Authority> = host.and_then(|host| host.parse().ok());
        // Guests are told scheme and authority, which a request line leaves out (RFC 9112, 3.2.1).
        if let (None, Some(authority)) = (parts.uri.authority(), authority) {
            let mut uri = parts.uri.clone().into_parts();
            (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(authority));
            parts.uri = Uri::from_parts(uri).unwrap_or(parts.uri);
        }
        let body = body.map_err(|error| Error::InternalError(Some(error.to_string()))).boxed_unsync();
        (Self { request: Request::from_parts(parts, body), answer }, HttpAnswer(answered))
    }
}
