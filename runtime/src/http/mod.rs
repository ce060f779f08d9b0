//! `wasi:http` of 0.2 and 0.3: what guests send goes through [`send`], and a component that serves is called in [`serve`].

mod body;
mod connect;
mod secret;
mod send;
mod serve;
mod trust;

use std::sync::Arc;

use http::{HeaderName, header};
use wasmtime_wasi_http::p2::bindings::http::types::ErrorCode as ErrorCode0_2;
use wasmtime_wasi_http::p3::bindings::http::types::ErrorCode as ErrorCode0_3;
use wasmtime_wasi_http::{
    DEFAULT_FORBIDDEN_HEADERS, Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpCtx,
    WasiHttpHooks,
};

pub use self::secret::{InvalidHeader, SecretHeader};
pub(crate) use self::serve::HttpCall;
pub use self::serve::{HttpAnswer, HttpBody};
pub use self::trust::{InvalidAuthorities, Trust};
use crate::network::GuestNetwork;

/// Bytes of one write to a body that the host holds for a guest.
const BODY_CHUNK_BYTES: usize = 64 << 10;

/// One run's `wasi:http`.
pub(crate) struct GuestHttp {
    pub(crate) context: WasiHttpCtx,
    pub(crate) hooks: Hooks,
}

impl GuestHttp {
    pub(crate) fn new(network: Arc<GuestNetwork>) -> Self {
        Self { context: WasiHttpCtx::new(), hooks: Hooks { network } }
    }
}

/// What of `wasi:http` is ours.
pub(crate) struct Hooks {
    network: Arc<GuestNetwork>,
}

/// Headers that only the host sets: those of the connection itself, and who is asked.
fn is_forbidden(name: &HeaderName) -> bool {
    DEFAULT_FORBIDDEN_HEADERS.contains(name) || *name == header::TE || name.as_str().starts_with("proxy-")
}

type Exchange = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

impl WasiHttpHooks for Hooks {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(is_forbidden)
    }

    fn set_host_header(&mut self) -> bool {
        // The sender does, from the address that it checked.
        false
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Exchange, Error>> + Send> {
        let network = Arc::clone(&self.network);
        Box::new(send::send(network, request, options.unwrap_or_default()))
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p3_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn p2_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode0_2 {
        if error.is_parse_too_large() {
            ErrorCode0_2::HttpResponseHeaderSectionSize(None)
        } else if error.is_incomplete_message() {
            ErrorCode0_2::HttpResponseIncomplete
        } else {
            ErrorCode0_2::HttpProtocolError
        }
    }

    fn p3_error_from_hyper(&mut self, error: &hyper::Error) -> ErrorCode0_3 {
        if error.is_parse_too_large() {
            ErrorCode0_3::HttpResponseHeaderSectionSize(None)
        } else if error.is_incomplete_message() {
            ErrorCode0_3::HttpResponseIncomplete
        } else {
            ErrorCode0_3::HttpProtocolError
        }
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
