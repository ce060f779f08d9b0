//! Answers every HTTP request with hello: what `wasmtime serve` is measured with beside a run of `hello`.
#![allow(unsafe_code, reason = "the exports of a component, as its bindings generate them")]

use wasip2::exports::http::incoming_handler::Guest;
use wasip2::http::types::{
    ErrorCode, Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam,
};

struct Hello;

impl Guest for Hello {
    fn handle(_: IncomingRequest, answer: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let Ok(body) = response.body() else {
            return ResponseOutparam::set(answer, Err(ErrorCode::InternalError(None)));
        };
        ResponseOutparam::set(answer, Ok(response));
        // A client that went away reads neither the body nor its end.
        if let Ok(stream) = body.write() {
            let _ = stream.blocking_write_and_flush(b"Hello, world!\n");
        }
        let _ = OutgoingBody::finish(body, None);
    }
}

wasip2::http::proxy::export!(Hello);
